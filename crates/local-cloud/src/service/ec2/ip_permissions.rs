//! What a request wants a security group to let in, checked as EC2 checks it.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::fault::Fault;
use crate::state::SecurityGroupRule;
use crate::wire::query::Form;

/// One source that is let in to one range of ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IpPermission {
    pub(super) protocol: String,
    pub(super) from_port: i32,
    pub(super) to_port: i32,
    pub(super) source: String,
    pub(super) description: Option<String>,
}

impl IpPermission {
    /// Whether the rule lets in the same; its description does not matter.
    pub(super) fn is_of(&self, rule: &SecurityGroupRule) -> bool {
        let Self { protocol, from_port, to_port, source, .. } = self;
        (protocol, from_port, to_port, source) == (&rule.protocol, &rule.from_port, &rule.to_port, &rule.source)
    }

    /// As EC2's errors name it.
    pub(super) fn peer(&self) -> String {
        let Self { protocol, from_port, to_port, source, .. } = self;
        match protocol.as_str() {
            "-1" => format!("peer: {source}, ALL, ALLOW"),
            "tcp" | "udp" => format!(
                "peer: {source}, {}, from port: {from_port}, to port: {to_port}, ALLOW",
                protocol.to_ascii_uppercase()
            ),
            other => format!("peer: {source}, protocol: {other}, ALLOW"),
        }
    }
}

/// `IpPermissions.N`, or the same without its list, as older clients write one.
pub(super) fn read(form: &Form<'_>) -> Result<Vec<IpPermission>, Fault> {
    let mut all = Vec::new();
    for permission in form.structures("IpPermissions") {
        let before = all.len();
        for range in permission.structures("IpRanges") {
            all.push(one(&permission, cidr(range.required("CidrIp")?, is_v4)?, description(&range)?)?);
        }
        for range in permission.structures("Ipv6Ranges") {
            all.push(one(&permission, cidr(range.required("CidrIpv6")?, is_v6)?, description(&range)?)?);
        }
        if all.len() == before {
            return Err(malformed("A permission must have a source: IpRanges or Ipv6Ranges"));
        }
    }
    if let Some(source) = form.text("CidrIp") {
        all.push(one(form, cidr(source, is_v4)?, None)?);
    }
    let distinct: BTreeSet<String> = all.iter().map(IpPermission::peer).collect();
    if distinct.len() < all.len() {
        return Err(invalid("The same permission must not appear multiple times"));
    }
    Ok(all)
}

fn one(form: &Form<'_>, source: String, description: Option<String>) -> Result<IpPermission, Fault> {
    let protocol = protocol(form.required("IpProtocol")?)?;
    let (from, to) = (form.parsed::<i32>("FromPort")?, form.parsed::<i32>("ToPort")?);
    let (from_port, to_port) = match (protocol.as_str(), from, to) {
        ("tcp" | "udp", Some(from), Some(to)) => {
            if let Some(port) = [from, to].iter().find(|port| !(0..=65_535).contains(*port)) {
                return Err(invalid(&format!("Invalid value '{port}' for portRange. It must be from 0 to 65535.")));
            }
            if from > to {
                return Err(invalid(&format!("Invalid TCP/UDP port range ({from}:{to})")));
            }
            (from, to)
        }
        ("tcp" | "udp", ..) => {
            return Err(invalid("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange."));
        }
        ("icmp" | "icmpv6", from, to) => {
            let (from, to) = (from.unwrap_or(-1), to.unwrap_or(-1));
            if [from, to].iter().any(|number| !(-1..=255).contains(number)) {
                return Err(malformed("ICMP types and codes are from -1 to 255"));
            }
            (from, to)
        }
        // Ports of other protocols are passed over, as on AWS.
        _ => (-1, -1),
    };
    Ok(IpPermission { protocol, from_port, to_port, source, description })
}

fn protocol(text: &str) -> Result<String, Fault> {
    let name = match text.to_ascii_lowercase().as_str() {
        "tcp" | "6" => "tcp",
        "udp" | "17" => "udp",
        "icmp" | "1" => "icmp",
        "icmpv6" | "58" => "icmpv6",
        "all" | "-1" => "-1",
        other if other.parse::<u8>().is_ok() => text,
        _ => return Err(malformed(&format!("Unsupported IP protocol \"{text}\" - supported: [tcp, udp, icmp]"))),
    };
    Ok(name.to_owned())
}

/// A block in its canonical form: AWS drops the bits behind the prefix.
fn cidr(text: &str, is_of_family: fn(&IpNet) -> bool) -> Result<String, Fault> {
    let block = text.parse().ok().filter(is_of_family);
    let block = block.ok_or_else(|| invalid(&format!("CIDR block {text} is malformed")))?;
    Ok(block.trunc().to_string())
}

fn is_v4(block: &IpNet) -> bool {
    matches!(block, IpNet::V4(_))
}

fn is_v6(block: &IpNet) -> bool {
    matches!(block, IpNet::V6(_))
}

fn description(range: &Form<'_>) -> Result<Option<String>, Fault> {
    range.text("Description").map(checked_description).transpose()
}

/// EC2's rule for the texts that stand beside rules.
pub(super) fn checked_description(text: &str) -> Result<String, Fault> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.len() < 256 && text.chars().all(is_good) {
        return Ok(text.to_owned());
    }
    Err(invalid(
        "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  \
         a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
    ))
}

fn malformed(message: &str) -> Fault {
    Fault::client("InvalidPermission.Malformed", message)
}

fn invalid(message: &str) -> Fault {
    Fault::client("InvalidParameterValue", message)
}

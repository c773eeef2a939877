//! What there is to know about an instance. Every name that is listed also answers: cloud-init walks the whole tree.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::json;

use crate::state::{ACCOUNT, HOME_REGION, Instance};
use crate::vm::machine::{GUEST, mac};

/// An instance's record has no region: it is seen in whichever region it is asked for. The guest is told one.
const REGION: &str = HOME_REGION;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Leaf(String),
    /// Names; those of directories end in a slash.
    Listing(Vec<String>),
}

/// Looks up a path below the version.
pub(super) fn find(
    instance: &Instance,
    elastic_ip: Option<Ipv4Addr>,
    has_user_data: bool,
    path: &str,
) -> Option<Found> {
    let mut leaves = leaves(instance, elastic_ip);
    if has_user_data {
        leaves.insert("user-data".to_owned(), String::new());
    }
    let path = path.trim_end_matches('/');
    if let Some(text) = leaves.remove(path) {
        return Some(Found::Leaf(text));
    }
    let below = if path.is_empty() { String::new() } else { format!("{path}/") };
    let rests = leaves.keys().filter_map(|leaf| leaf.strip_prefix(&below));
    let mut names: Vec<String> = rests
        .map(|rest| match rest.split_once('/') {
            // The names directly below the version are directories without slash, as AWS lists them.
            Some((directory, _)) if path.is_empty() => directory.to_owned(),
            Some((directory, _)) => format!("{directory}/"),
            None => rest.to_owned(),
        })
        .collect();
    names.dedup();
    (!names.is_empty()).then_some(Found::Listing(names))
}

fn leaves(instance: &Instance, elastic_ip: Option<Ipv4Addr>) -> BTreeMap<String, String> {
    let mac = mac(&instance.instance_id);
    let name = host_name(instance.address);
    let public = elastic_ip.unwrap_or(instance.address);
    let interface = format!("meta-data/network/interfaces/macs/{mac}");
    let mut leaves = BTreeMap::new();
    let mut add = |path: &str, text: &str| leaves.insert(path.to_owned(), text.to_owned());
    add("meta-data/ami-id", &instance.image_id);
    add("meta-data/ami-launch-index", "0");
    add("meta-data/hostname", &name);
    add("meta-data/instance-action", "none");
    add("meta-data/instance-id", &instance.instance_id);
    add("meta-data/instance-life-cycle", "on-demand");
    add("meta-data/instance-type", &instance.instance_type);
    add("meta-data/local-hostname", &name);
    add("meta-data/local-ipv4", &GUEST.to_string());
    add("meta-data/mac", &mac);
    add(&format!("{interface}/device-number"), "0");
    add(&format!("{interface}/local-ipv4s"), &GUEST.to_string());
    add(&format!("{interface}/mac"), &mac);
    add("meta-data/placement/availability-zone", &format!("{REGION}a"));
    add("meta-data/placement/region", REGION);
    add("meta-data/public-ipv4", &public.to_string());
    add("meta-data/reservation-id", &format!("r-{}", instance.instance_id.trim_start_matches("i-")));
    add("meta-data/security-groups", &instance.security_groups.join("\n"));
    add("dynamic/instance-identity/document", &identity_document(instance));
    if let Some(profile) = &instance.instance_profile {
        add("meta-data/iam/info", &profile_info(instance, profile));
        // Listed here, answered with fresh credentials by the caller.
        add(&format!("meta-data/iam/security-credentials/{profile}"), "");
    }
    leaves
}

fn host_name(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("ip-{a}-{b}-{c}-{d}.{REGION}.compute.internal")
}

fn identity_document(instance: &Instance) -> String {
    let document = json!({
        "accountId": ACCOUNT,
        "architecture": "x86_64",
        "availabilityZone": format!("{REGION}a"),
        "billingProducts": null,
        "devpayProductCodes": null,
        "marketplaceProductCodes": null,
        "imageId": instance.image_id,
        "instanceId": instance.instance_id,
        "instanceType": instance.instance_type,
        "kernelId": null,
        "pendingTime": instance.launched.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "privateIp": GUEST.to_string(),
        "ramdiskId": null,
        "region": REGION,
        "version": "2017-09-30",
    });
    format!("{document:#}")
}

fn profile_info(instance: &Instance, profile: &str) -> String {
    let info = json!({
        "Code": "Success",
        "LastUpdated": instance.launched.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "InstanceProfileArn": format!("arn:aws:iam::{ACCOUNT}:instance-profile/{profile}"),
        "InstanceProfileId": "AIPALOCALCLOUDPROFIL",
    });
    format!("{info:#}")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::state::{InstanceState, Tags};

    fn instance() -> Instance {
        Instance {
            instance_id: "i-0123456789abcdef0".into(),
            image_id: "ami-0123456789abcdef0".into(),
            instance_type: "t3.micro".into(),
            state: InstanceState::Running,
            state_reason: None,
            launched: Timestamp::UNIX_EPOCH,
            terminated: None,
            address: Ipv4Addr::new(127, 70, 1, 2),
            volume_id: "vol-1".into(),
            volume_gib: 8,
            kms_key: None,
            volume_tags: Tags::new(),
            key_name: None,
            security_groups: vec!["sg-1".into()],
            subnet_id: "subnet-00000000000000000".into(),
            instance_profile: Some("local-instance-profile".into()),
            http_put_response_hop_limit: 1,
            client_token: None,
            request_digest: String::new(),
            agent: false,
            tags: Tags::new(),
        }
    }

    /// Walks the tree as cloud-init does and answers every path with its text.
    fn walk(path: &str, pages: &mut Vec<String>) {
        match find(&instance(), None, false, path).unwrap_or_else(|| panic!("{path} is listed and does not answer")) {
            Found::Leaf(text) => pages.push(format!("{path} = {text}")),
            Found::Listing(names) => {
                let join = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                for name in &names {
                    walk(join(name).trim_end_matches('/'), pages);
                }
            }
        }
    }

    #[test]
    fn everything_that_is_listed_answers() {
        let mut pages = Vec::new();
        walk("", &mut pages);
        insta::assert_snapshot!(pages.join("\n"));
    }

    #[test]
    fn a_directory_is_listed_with_and_without_its_slash() {
        let listing = find(&instance(), None, true, "meta-data/placement/").unwrap();
        assert_eq!(listing, Found::Listing(vec!["availability-zone".into(), "region".into()]));
        assert_eq!(find(&instance(), None, true, "meta-data/placement").unwrap(), listing);
        let top = Found::Listing(vec!["dynamic".into(), "meta-data".into(), "user-data".into()]);
        assert_eq!(find(&instance(), None, true, "").unwrap(), top);
        assert_eq!(find(&instance(), None, true, "meta-data/place"), None);
    }
}

//! The single values of a recipe, each with its rule.

use std::fmt;
use std::str::FromStr;

use super::VolumeKind;

/// Defines texts that follow a rule; the error says what was found and, on a second line, what to write instead.
macro_rules! checked_text {
    ($($(#[$doc:meta])* $visibility:vis $name:ident, $what:literal, $rule:expr, $cure:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility struct $name(String);

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let rule: fn(&str) -> bool = $rule;
                if rule(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(refused(text, $what, $cure))
                }
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    )*};
}

checked_text! {
    /// The name of a service.
    pub ServiceName, "a service name",
        |text| (3..=40).contains(&text.len()) && is_slug(text),
        "use 3 to 40 lower-case letters, digits and single hyphens, and start with a letter";
    pub(super) PackageName, "the name of a cargo package",
        |text| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
        "write the name as it stands in the package's Cargo.toml";
    pub(super) AmiId, "an AMI id",
        |text| is_id(text, "ami-"),
        "write an id such as `ami-00a51cc7a8cd53e3f`";
    pub(super) SsmParameterName, "the name of an SSM parameter",
        |text| text.starts_with('/') && text.len() <= 1011
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c)),
        "write a name such as `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64`";
    pub(super) ProjectPath, "a path inside the project",
        is_project_path,
        "write a relative path without `..`, such as `units/veris-chat.service`";
    pub(super) ImagePath, "an absolute path in the image",
        is_image_path,
        "write an absolute path without `..`, spaces or quotes, such as `/opt/veris-chat/veris-chat`";
    pub(super) FileMode, "a file mode",
        |text| text.len() == 4 && text.starts_with('0') && text.chars().all(|c| ('0'..='7').contains(&c)),
        "write four octal digits in quotes, such as \"0644\"";
    pub(super) DeviceName, "a device name",
        |text| text.strip_prefix("/dev/").is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric())),
        "write the root device of the parent image, such as `/dev/xvda`";
    pub(super) Region, "an AWS region",
        is_region,
        "write a region such as `ap-southeast-2`";
    pub(super) AccountId, "the id of an account",
        |text| text.len() == 12 && text.chars().all(|c| c.is_ascii_digit()),
        "write its twelve digits in quotes, such as \"111122223333\"";
    pub(super) KmsKeyId, "a KMS key of your own",
        is_key,
        "write an alias such as `alias/veris`, a key's id or its ARN; the account's default key is taken without it";
    pub(super) InstanceType, "an instance type",
        |text| text.split_once('.').is_some_and(|(family, size)| is_lower_word(family) && is_lower_word(size)),
        "write a type such as `t3.medium`";
    pub(super) ProfileName, "the name of an instance profile",
        |text| (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)),
        "write the profile's name, not its ARN";
    pub(super) SecurityGroupId, "a security group id",
        |text| is_id(text, "sg-"),
        "write an id such as `sg-0fed3f02e16c4f50e`";
    pub(super) SubnetId, "a subnet id",
        |text| is_id(text, "subnet-"),
        "write an id such as `subnet-0bb1c79de3EXAMPLE` has, in lower-case hexadecimal digits";
    pub(super) KeyPairName, "the name of a key pair",
        |text| (1..=255).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic() || c == ' '),
        "write the key pair's name as EC2 shows it";
    pub(super) BucketName, "the name of an S3 bucket",
        |text| (3..=63).contains(&text.len()) && is_slug(text),
        "use 3 to 63 lower-case letters, digits and single hyphens, and start with a letter";
    pub(super) VariableName, "the name of an environment variable",
        |text| text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
        "use letters, digits and underscores, and do not start with a digit";
    pub(super) VariableValue, "a value that fits on one line of a `.env`",
        |text| !text.chars().any(char::is_control),
        "remove the line breaks and control characters";
}

impl ServiceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version of the GNU C library, such as 2.34.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GlibcVersion {
    /// The 2 of 2.34.
    pub major: u32,
    /// The 34 of 2.34.
    pub minor: u32,
}

impl FromStr for GlibcVersion {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        match parts {
            Some((major, minor)) => Ok(Self { major, minor }),
            None => Err(refused(text, "a glibc version", "write two numbers in quotes, such as \"2.34\"")),
        }
    }
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Parses the version of an image: three numbers, because Image Builder has no pre-releases and AWS orders by them.
pub fn release_version(text: &str) -> Result<semver::Version, String> {
    const LARGEST: u64 = (1 << 30) - 1;
    let cure = "write three numbers such as `1.4.0`, without a pre-release or build part";
    if text.split('.').any(|number| matches!(number, "x" | "X" | "*")) {
        return Err(refused(text, "one version: Image Builder takes wildcards in references only", cure));
    }
    let version =
        semver::Version::parse(text).map_err(|error| format!("`{text}` is not a version ({error})\n{cure}"))?;
    if !version.pre.is_empty() || !version.build.is_empty() {
        return Err(refused(text, "a version of three numbers", cure));
    }
    if [version.major, version.minor, version.patch].iter().any(|number| *number > LARGEST) {
        return Err(refused(text, "a version that Image Builder takes", &format!("write numbers up to {LARGEST}")));
    }
    Ok(version)
}

/// Problem and cure, on a line each.
pub(super) fn refused(text: &str, what: &str, cure: &str) -> String {
    format!("`{}` is not {what}\n{cure}", text.escape_debug())
}

/// A TCP port.
pub(super) struct Port(pub(super) u16);

impl FromStr for Port {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(port) if port > 0 => Ok(Self(port)),
            _ => Err(refused(text, "a port", "write a number from 1 to 65535")),
        }
    }
}

/// Size of a volume in GiB.
pub(super) struct VolumeSize(pub(super) u32);

impl FromStr for VolumeSize {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(gib @ 1..=16_000) => Ok(Self(gib)),
            _ => Err(refused(text, "a size in GiB that a volume can have", "write a number from 1 to 16000")),
        }
    }
}

impl FromStr for VolumeKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "gp3" => Ok(Self::Gp3),
            "gp2" => Ok(Self::Gp2),
            _ => Err(refused(text, "a type of root volume", "write `gp3` or `gp2`")),
        }
    }
}

/// [`semver::Version`] read with [`release_version`].
#[derive(Debug, Clone)]
pub(super) struct ReleaseVersion(pub(super) semver::Version);

impl FromStr for ReleaseVersion {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        release_version(text).map(Self)
    }
}

fn is_slug(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_lower_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_id(text: &str, prefix: &str) -> bool {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    text.strip_prefix(prefix).is_some_and(|id| matches!(id.len(), 8 | 17) && id.chars().all(is_hex))
}

/// Names that begin with `alias/aws/` are AWS's own.
fn is_key(text: &str) -> bool {
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c));
    let is_id = |id: &str| id.len() == 36 && id.chars().all(|c| c.is_ascii_hexdigit() || "mrk-".contains(c));
    if let Some(alias) = text.strip_prefix("alias/") {
        return is_name(alias) && !alias.starts_with("aws/") && text.len() <= 256;
    }
    match text.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, "kms", region, _, resource] => is_region(region) && is_name(resource),
        [id] => is_id(id),
        _ => false,
    }
}

fn is_region(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    words.len() >= 2
        && words.iter().all(|word| word.len() >= 2 && word.chars().all(|c| c.is_ascii_lowercase()))
        && number.parse::<u8>().is_ok()
}

/// `.` components are refused too, so that one file has one spelling.
fn is_project_path(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('/') && is_plain_path(text)
}

fn is_image_path(text: &str) -> bool {
    text.strip_prefix('/').is_some_and(is_plain_path)
}

/// No character here needs quoting in YAML, in a shell or in a unit.
fn is_plain_path(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
    text.split('/').all(|part| !matches!(part, "" | "." | "..") && part.chars().all(is_plain))
}

//! Keys of KMS, as EC2 and Image Builder name them. There is no KMS: nothing is encrypted, and any key that is named exists.

use sha2::{Digest as _, Sha256};

use crate::fault::Fault;
use crate::state::{ACCOUNT, is_region};

/// The alias of the key with which EBS encrypts where nobody names one. AWS manages that key.
const DEFAULT: &str = "alias/aws/ebs";

/// ARN of the key with which EBS encrypts in a region where nobody names one.
pub(crate) fn default_key(region: &str) -> String {
    of_alias(DEFAULT, region, ACCOUNT)
}

/// Whether this is a region's default key.
pub(crate) fn is_default(arn: &str) -> bool {
    region_of(arn).is_some_and(|region| arn == default_key(region))
}

/// The region in a key's ARN.
pub(crate) fn region_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(3)
}

/// ARN of the key that is meant by a key's id or ARN, or an alias or the ARN of an alias; `None` where it is none of these.
pub(crate) fn arn(text: &str, region: &str) -> Option<String> {
    let (region, account, name) = match text.split(':').collect::<Vec<_>>()[..] {
        [name] => (region, ACCOUNT, name),
        ["arn", "aws", "kms", region, account, name] if is_region(region) && is_account(account) => {
            (region, account, name)
        }
        _ => return None,
    };
    if is_alias(name) {
        return Some(of_alias(name, region, account));
    }
    let id = if text == name { name } else { name.strip_prefix("key/")? };
    is_key_id(id).then(|| format!("arn:aws:kms:{region}:{account}:key/{id}"))
}

/// What encrypts a volume that is asked for with these parameters and whose snapshot, if any, has this key.
pub(crate) fn chosen(
    encrypted: Option<bool>,
    key: Option<&str>,
    of_snapshot: Option<&String>,
    region: &str,
) -> Result<Option<String>, Fault> {
    match (encrypted, key) {
        (Some(true), Some(key)) => match arn(key, region) {
            Some(arn) => Ok(Some(arn)),
            None => Err(invalid(key)),
        },
        (_, Some(_)) => {
            let message = "The parameter KmsKeyId requires the parameter Encrypted to be set.";
            Err(Fault::client("InvalidParameterDependency", message))
        }
        // Encryption is never taken away, whatever is asked for.
        (Some(true), None) => Ok(Some(of_snapshot.cloned().unwrap_or_else(|| default_key(region)))),
        (_, None) => Ok(of_snapshot.cloned()),
    }
}

pub(crate) fn invalid(key: &str) -> Fault {
    Fault::client("InvalidParameterValue", format!("Value ({key}) for parameter kmsKeyId is invalid."))
}

/// The key that an alias means: always the same one, and another one in another region.
fn of_alias(alias: &str, region: &str, account: &str) -> String {
    let digits = hex::encode(Sha256::digest(format!("{region} {account} {alias}")));
    let id = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32]].join("-");
    format!("arn:aws:kms:{region}:{account}:key/{id}")
}

fn is_alias(name: &str) -> bool {
    let rest = name.strip_prefix("alias/").unwrap_or_default();
    !rest.is_empty() && rest.len() <= 250 && rest.chars().all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c))
}

/// A UUID, or the id of a key that several regions have.
fn is_key_id(id: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if let Some(digits) = id.strip_prefix("mrk-") {
        return digits.len() == 32 && is_hex(digits);
    }
    id.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && is_hex(&id.replace('-', ""))
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn a_key_has_four_names_and_one_arn() {
        let by_id = arn(ID, "us-east-1").unwrap();
        assert_eq!(by_id, format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/{ID}"));
        assert_eq!(arn(&by_id, "eu-central-1").unwrap(), by_id);
        let mine = arn("alias/veris", "us-east-1").unwrap();
        assert_eq!(arn(&format!("arn:aws:kms:us-east-1:{ACCOUNT}:alias/veris"), "eu-central-1"), Some(mine.clone()));
        assert_eq!(arn(&mine, "us-east-1"), Some(mine.clone()));
        assert_ne!(arn("alias/veris", "eu-central-1").unwrap(), mine);
        assert_eq!(region_of(&mine), Some("us-east-1"));
        assert_eq!(arn("alias/aws/ebs", "us-east-1"), Some(default_key("us-east-1")));
        assert!(is_default(&default_key("us-east-1")) && !is_default(&mine));
        assert!(arn("mrk-1234abcd12ab34cd56ef1234567890ab", "us-east-1").is_some());
        for text in ["", "veris", "alias/", "key/1234", "arn:aws:kms:us-east-1:1:key/x", "arn:aws:s3:::bucket"] {
            assert_eq!(arn(text, "us-east-1"), None, "{text}");
        }
    }

    #[test]
    fn encryption_is_added_and_never_taken_away() {
        let region = "us-east-1";
        let (mine, theirs) = (arn("alias/mine", region).unwrap(), arn("alias/theirs", region).unwrap());
        let key = |encrypted, key, of| chosen(encrypted, key, of, region).unwrap();
        assert_eq!(key(None, None, None), None);
        assert_eq!(key(Some(false), None, None), None);
        assert_eq!(key(Some(true), None, None), Some(default_key(region)));
        assert_eq!(key(Some(true), Some("alias/mine"), None), Some(mine.clone()));
        assert_eq!(key(Some(true), Some("alias/mine"), Some(&theirs)), Some(mine));
        for encrypted in [None, Some(false), Some(true)] {
            assert_eq!(key(encrypted, None, Some(&theirs)), Some(theirs.clone()));
        }
        for encrypted in [None, Some(false)] {
            let refused = chosen(encrypted, Some("alias/mine"), None, region).unwrap_err();
            assert_eq!(refused.code, "InvalidParameterDependency");
        }
        assert_eq!(chosen(Some(true), Some("mine"), None, region).unwrap_err().code, "InvalidParameterValue");
    }
}

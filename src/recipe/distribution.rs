//! Where images go beside the region and the account that bake them.

use super::draft::distinct;
use super::field::{AccountId, Region};
use super::reader::Map;
use super::{EncryptionKey, Volume};

/// Who gets an image beside whoever has baked it. Nothing here changes the image, nor its digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Regions to which each image is copied.
    pub regions: Vec<String>,
    /// Accounts that may launch each image. Never everybody.
    pub accounts: Vec<String>,
}

impl Distribution {
    /// Whether images stay where they are baked.
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty() && self.accounts.is_empty()
    }
}

pub(super) fn read(map: &Map<'_>) -> Distribution {
    let regions = map.optional("regions").map(|field| distinct::<Region>(&field));
    let accounts = map.optional("accounts").map(|field| distinct::<AccountId>(&field));
    if regions.is_none() && accounts.is_none() && map.is_empty() {
        map.refuse("missing-key", "neither `regions` nor `accounts` is given", "name one, or leave `distribution` out");
    }
    Distribution { regions: regions.unwrap_or_default(), accounts: accounts.unwrap_or_default() }
}

/// What AWS would refuse at the end of a bake, when the image is made.
pub(super) fn check(top: &Map<'_>, volume: Option<&Volume>, distribution: &Distribution) {
    let Some((field, key)) = top.optional("distribution").zip(volume.and_then(|volume| volume.encryption.as_ref()))
    else {
        return;
    };
    let refuse = |problem: &str, cure: &str| {
        field.mistakes.add(("contradiction", field.node.span), &field.path, problem.to_owned(), cure);
    };
    match key {
        EncryptionKey::Default if !distribution.accounts.is_empty() => refuse(
            "other accounts cannot launch an image that is encrypted by the account's default key",
            "name a key that they may use as `volume.kms_key_id`",
        ),
        EncryptionKey::Named(key) if !distribution.regions.is_empty() && is_of_one_region(key) => refuse(
            &format!("the key `{key}` is in one region, and the image is copied to others"),
            "name an alias that each of the regions has, such as `alias/veris`",
        ),
        _ => {}
    }
}

/// An alias is looked up where the copy is made, and a multi-Region key has one id everywhere.
fn is_of_one_region(key: &str) -> bool {
    !key.starts_with("alias/") && !key.starts_with("mrk-")
}

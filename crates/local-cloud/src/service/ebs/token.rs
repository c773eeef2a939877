//! Tokens of blocks and pages: what they stand for, sealed, so that nothing has to be remembered of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

/// How long AWS's tokens are good.
const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The right to read a block.
    Block,
    /// The block that a page begins with.
    Page,
}

/// Seals the tokens of one snapshot.
pub(super) struct Sealer<'a> {
    pub(super) secret: &'a str,
    pub(super) snapshot_id: &'a str,
}

/// When tokens end that are made now.
pub(super) fn expiry() -> Timestamp {
    Timestamp::now() + LIFE
}

impl Sealer<'_> {
    pub(super) fn seal(&self, kind: Kind, block: u32, expires: Timestamp) -> String {
        let mut token = expires.as_second().to_be_bytes().to_vec();
        token.extend(block.to_be_bytes());
        let mac = self.mac(kind, &token).finalize().into_bytes();
        token.extend(mac);
        STANDARD.encode(token)
    }

    /// The block that the token was made for; none if it was not made here, not for this, or is too old.
    pub(super) fn open(&self, kind: Kind, token: &str) -> Option<u32> {
        let token = STANDARD.decode(token).ok()?;
        let (said, mac) = token.split_at_checked(12)?;
        self.mac(kind, said).verify_slice(mac).ok()?;
        let (expires, block) = said.split_at(8);
        let expires = i64::from_be_bytes(expires.try_into().ok()?);
        let block = u32::from_be_bytes(block.try_into().ok()?);
        (expires > Timestamp::now().as_second()).then_some(block)
    }

    fn mac(&self, kind: Kind, said: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("a key may have any length");
        mac.update(format!("{kind:?} {} ", self.snapshot_id).as_bytes());
        mac.update(said);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_snapshot_kind_and_time() {
        let sealer = Sealer { secret: "secret", snapshot_id: "snap-1" };
        let token = sealer.seal(Kind::Block, 7, expiry());
        assert_eq!(sealer.open(Kind::Block, &token), Some(7));
        assert_eq!(sealer.open(Kind::Page, &token), None);
        assert_eq!(Sealer { snapshot_id: "snap-2", ..sealer }.open(Kind::Block, &token), None);
        assert_eq!(sealer.open(Kind::Block, &sealer.seal(Kind::Block, 7, Timestamp::UNIX_EPOCH)), None);
        assert_eq!(sealer.open(Kind::Block, "AAAA"), None);
    }
}

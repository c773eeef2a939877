//! Session tokens. A token is its own proof, so that one from before a restart of the control plane still holds, and it
//! names its instance, so that it is worth nothing to another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::credentials::Credentials;

pub(super) fn issue(credentials: &Credentials, instance_id: &str, ttl_seconds: u32) -> String {
    let expires = (Timestamp::now().as_second() + i64::from(ttl_seconds)).to_be_bytes();
    let seal = seal(credentials, instance_id, expires).finalize().into_bytes();
    URL_SAFE.encode([&expires[..], &seal[..]].concat())
}

pub(super) fn is_valid(credentials: &Credentials, instance_id: &str, token: &str) -> bool {
    let Ok(bytes) = URL_SAFE.decode(token) else { return false };
    let Some((expires, found)) = bytes.split_first_chunk::<8>() else { return false };
    let is_ours = seal(credentials, instance_id, *expires).verify_slice(found).is_ok();
    is_ours && i64::from_be_bytes(*expires) > Timestamp::now().as_second()
}

fn seal(credentials: &Credentials, instance_id: &str, expires: [u8; 8]) -> Hmac<Sha256> {
    let mut seal = Hmac::<Sha256>::new_from_slice(credentials.secret_access_key.as_bytes())
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    seal.update(b"metadata token of ");
    seal.update(instance_id.as_bytes());
    seal.update(&expires);
    seal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Credentials {
        Credentials { access_key_id: "AKIA".into(), secret_access_key: "secret".into() }
    }

    #[test]
    fn a_token_holds_for_its_instance_only() {
        let token = issue(&key(), "i-1", 60);
        assert!(is_valid(&key(), "i-1", &token));
        assert!(!is_valid(&key(), "i-2", &token));
        assert!(!is_valid(&key(), "i-1", ""));
        assert!(!is_valid(&key(), "i-1", "AAAA"));
        let other = Credentials { secret_access_key: "other".into(), ..key() };
        assert!(!is_valid(&other, "i-1", &token));
    }

    #[test]
    fn a_token_ends() {
        assert!(!is_valid(&key(), "i-1", &issue(&key(), "i-1", 0)));
    }
}

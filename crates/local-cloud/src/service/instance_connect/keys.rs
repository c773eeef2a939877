//! The keys that were sent, in memory alone: whoever sent one a minute ago sends it again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

/// As on AWS.
const LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// A public key in OpenSSH's form: its type, its bytes, and perhaps a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey(String);

impl PublicKey {
    /// `None` for whatever is not one line with one key of a type that EC2 Instance Connect takes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        const LONGEST: usize = 4096;
        let text = text.trim();
        let mut words = text.split(' ');
        let (kind, bytes) = (words.next()?, STANDARD.decode(words.next()?).ok()?);
        // The bytes begin with the type again, and hold as many numbers as it has.
        let fields = fields(&bytes)?;
        let is_known = match (kind, &fields[..]) {
            ("ssh-ed25519", [named, point]) => *named == kind.as_bytes() && point.len() == 32,
            ("ssh-rsa", [named, _, _]) => *named == kind.as_bytes(),
            _ => false,
        };
        let is_one_line = text.len() <= LONGEST && !text.contains(char::is_control);
        (is_known && is_one_line).then(|| Self(text.to_owned()))
    }
}

/// What a key is made of, each behind its length in four bytes. `None` where it does not end with one of them.
fn fields(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (field, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        fields.push(field);
        bytes = rest;
    }
    Some(fields)
}

/// A key that opens one instance for one user until it expires.
#[derive(Debug)]
pub(super) struct Sent {
    instance_id: String,
    user: String,
    key: PublicKey,
    caller: String,
    request_id: String,
    expires: Timestamp,
}

impl Sent {
    pub(super) fn now(instance_id: String, user: String, key: PublicKey, caller: String, request_id: String) -> Self {
        Self { instance_id, user, key, caller, request_id, expires: Timestamp::now() + LIFETIME }
    }

    /// As the metadata service tells it, but for the signature at the end.
    fn shown(&self) -> String {
        let Self { instance_id, caller, request_id, key: PublicKey(key), expires, .. } = self;
        let expires = expires.as_second();
        format!("#Timestamp={expires}\n#Instance={instance_id}\n#Caller={caller}\n#Request={request_id}\n{key}\n\n")
    }
}

/// Every key that has not expired.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<Vec<Sent>>);

impl Keys {
    pub(super) fn add(&self, sent: Sent) {
        self.unexpired(Timestamp::now()).push(sent);
    }

    /// The keys for a user of an instance; `None` where there is none.
    pub(crate) fn active(&self, instance_id: &str, user: &str) -> Option<String> {
        self.active_at(instance_id, user, Timestamp::now())
    }

    fn active_at(&self, instance_id: &str, user: &str, now: Timestamp) -> Option<String> {
        let keys = self.unexpired(now);
        let own = keys.iter().filter(|sent| sent.instance_id == instance_id && sent.user == user);
        let shown: String = own.map(Sent::shown).collect();
        (!shown.is_empty()).then_some(shown)
    }

    fn unexpired(&self, now: Timestamp) -> MutexGuard<'_, Vec<Sent>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|sent| sent.expires > now);
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGyeNKYvY/0oXTu9VLJVX8ruRQnfvXJ1nEB7dRgKVbHC ada@example";

    #[test]
    fn a_key_opens_one_instance_for_one_user_for_a_minute() {
        let keys = Keys::default();
        let (key, text) = (PublicKey::parse(KEY).unwrap(), String::from);
        keys.add(Sent::now(text("i-1"), text("ec2-user"), key, text("arn"), text("request")));
        let now = Timestamp::now();
        let shown = keys.active_at("i-1", "ec2-user", now + SignedDuration::from_secs(59)).unwrap();
        assert!(shown.ends_with(&format!("#Request=request\n{KEY}\n\n")), "{shown}");
        assert_eq!(keys.active_at("i-1", "root", now), None);
        assert_eq!(keys.active_at("i-2", "ec2-user", now), None);
        assert_eq!(keys.active_at("i-1", "ec2-user", now + LIFETIME), None);
    }

    #[test]
    fn what_is_not_one_key_is_none() {
        let [kind, bytes, _] = KEY.split(' ').collect::<Vec<_>>()[..] else { unreachable!() };
        assert!(PublicKey::parse(&format!("{kind} {bytes}\n")).is_some());
        let two = format!("{KEY}\n{KEY}");
        let other = format!("ssh-rsa {bytes}");
        let half = &KEY[..40];
        let options = format!("command=\"sh\" {KEY}");
        for none in ["", kind, "ssh-ed25519 AAAA", half, &two, &other, &options, "ssh-dss AAAAB3NzaC1kc3M="] {
            assert_eq!(PublicKey::parse(none), None, "{none}");
        }
    }
}

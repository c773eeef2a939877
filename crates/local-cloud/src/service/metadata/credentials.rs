//! Temporary credentials of an instance's role.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::fault::Fault;
use crate::state::Session;
use crate::store::Store;

const LIFETIME: SignedDuration = SignedDuration::from_hours(6);
/// New credentials are made this long before the old ones end; the old ones hold until then.
const RENEWED: SignedDuration = SignedDuration::from_hours(1);

/// The credentials that hold longest, or new ones where they end soon.
pub(super) fn current(store: &Store, instance_id: &str, role: &str) -> Result<Session, Fault> {
    let now = Timestamp::now();
    let newest = store.read(|state| {
        let own = state.sessions.values().filter(|session| session.instance_id == instance_id && session.role == role);
        own.max_by_key(|session| session.expires).cloned()
    });
    if let Some(session) = newest.filter(|session| session.expires.duration_since(now) > RENEWED) {
        return Ok(session);
    }
    let session = Session {
        access_key_id: access_key_id(),
        secret_access_key: crate::credentials::secret(),
        token: STANDARD.encode(rand::random::<[u8; 96]>()),
        role: role.to_owned(),
        instance_id: instance_id.to_owned(),
        expires: now + LIFETIME,
    };
    store.change(|state| {
        state.sessions.retain(|_, session| session.expires > now);
        state.sessions.insert(session.access_key_id.clone(), session.clone());
        Ok(session)
    })
}

/// What `iam/security-credentials/ROLE` answers.
pub(super) fn document(session: &Session) -> serde_json::Value {
    json!({
        "Code": "Success",
        "LastUpdated": seconds(session.expires - LIFETIME),
        "Type": "AWS-HMAC",
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "Token": session.token,
        "Expiration": seconds(session.expires),
    })
}

/// AWS's times have whole seconds.
fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn access_key_id() -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let random: [u8; 16] = rand::random();
    let id: String = random.iter().map(|byte| char::from(digits[usize::from(byte % 32)])).collect();
    format!("ASIA{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_until_they_end_soon() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("state.json")).unwrap();
        let first = current(&store, "i-1", "role").unwrap();
        assert_eq!(current(&store, "i-1", "role").unwrap(), first);
        assert_ne!(current(&store, "i-2", "role").unwrap(), first);
        let age = |state: &mut crate::state::State| {
            state.sessions.get_mut(&first.access_key_id).unwrap().expires = Timestamp::now() + RENEWED / 2;
            Ok(())
        };
        store.change(age).unwrap();
        let second = current(&store, "i-1", "role").unwrap();
        assert_ne!(second, first);
        assert!(store.read(|state| state.sessions.contains_key(&first.access_key_id)), "the old ones still hold");
    }
}

//! Which key a request claims to be signed with.

use hyper::HeaderMap;
use jiff::Timestamp;

use crate::cloud::Cloud;
use crate::service::Caller;
use crate::sigv4::{self, Authorization, Rejection};

/// The key of the claimed signer. The claim holds once the signature was verified with the secret.
pub(super) struct Identity {
    pub(super) secret: String,
    pub(super) caller: Caller,
}

impl Identity {
    pub(super) fn find(cloud: &Cloud, authorization: &Authorization, now: Timestamp) -> Result<Self, Rejection> {
        let key = &authorization.scope.access_key_id;
        if *key == cloud.credentials.access_key_id {
            // An empty token is what some SDKs send for long-lived keys.
            if authorization.token.as_ref().is_some_and(|token| !token.is_empty()) {
                return Err(Rejection::WrongToken);
            }
            return Ok(Self { secret: cloud.credentials.secret_access_key.clone(), caller: Caller::Operator });
        }
        let session = cloud.store.read(|state| state.sessions.get(key).cloned()).ok_or(Rejection::UnknownKey)?;
        if !authorization.token.as_ref().is_some_and(|token| sigv4::same(token, &session.token)) {
            return Err(Rejection::WrongToken);
        }
        if session.expires <= now {
            return Err(Rejection::ExpiredToken);
        }
        let caller = Caller::Instance { instance_id: session.instance_id, role: session.role };
        Ok(Self { secret: session.secret_access_key, caller })
    }
}

pub(super) fn payload_hash(body: &[u8]) -> String {
    sigv4::hash(body)
}

/// S3 signs what the header says about the body; S3's own service then holds the body against it.
pub(super) fn s3_payload_hash(authorization: &Authorization, headers: &HeaderMap) -> String {
    let header = headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    match header {
        Some(hash) => hash.to_owned(),
        None if authorization.is_presigned() => "UNSIGNED-PAYLOAD".to_owned(),
        None => payload_hash(b""),
    }
}

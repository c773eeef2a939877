//! Who may ask: bearer keys, of which the server knows only the hashes, and how often each client may ask.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::str::FromStr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::api_error::ApiError;
use crate::app::AppState;

/// A key that a client must send as `Authorization: Bearer KEY`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ApiKey {
    /// Stands for the key in logs, and separates the sessions of one key from those of others.
    pub id: String,
    sha256: [u8; 32],
}

impl FromStr for ApiKey {
    type Err = &'static str;

    /// Reads `ID:SHA256`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, hash) = text.split_once(':').ok_or(EXPECTED)?;
        let mut sha256 = [0; 32];
        hex::decode_to_slice(hash, &mut sha256).map_err(|_| EXPECTED)?;
        let is_id = |id: &str| {
            (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        if is_id(id) { Ok(Self { id: id.to_owned(), sha256 }) } else { Err(EXPECTED) }
    }
}

const EXPECTED: &str = "a name and the SHA-256 of the key as `NAME:HEX`: printf %s KEY | sha256sum";

impl TryFrom<String> for ApiKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.id)
    }
}

/// The client of a request: the name of its key, or nothing where no keys are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owner(pub(crate) String);

/// Whom the server answers.
#[derive(Debug)]
pub(crate) struct Access {
    keys: Vec<ApiKey>,
    limiter: Option<DefaultKeyedRateLimiter<Client>>,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Client {
    Key(String),
    Address(Option<IpAddr>),
}

impl Access {
    pub(crate) fn new(keys: Vec<ApiKey>, requests_per_minute: Option<NonZeroU32>) -> Self {
        let limiter = requests_per_minute.map(|most| DefaultKeyedRateLimiter::keyed(Quota::per_minute(most)));
        Self { keys, limiter }
    }

    /// Compares with every key, in the same time whatever is sent.
    fn owner(&self, request: &Request) -> Result<Owner, ApiError> {
        if self.keys.is_empty() {
            return Ok(Owner::default());
        }
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key =
            header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, key)) = key else { return Err(ApiError::no_key()) };
        let hash: [u8; 32] = Sha256::digest(key.trim()).into();
        let mut found = None;
        for known in &self.keys {
            if bool::from(known.sha256.ct_eq(&hash)) {
                found = Some(Owner(known.id.clone()));
            }
        }
        found.ok_or_else(ApiError::wrong_key)
    }

    fn admit(&self, owner: &Owner, address: Option<IpAddr>) -> Result<(), ApiError> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let client = if owner.0.is_empty() { Client::Address(address) } else { Client::Key(owner.0.clone()) };
        let answer = limiter.check_key(&client);
        // Clients that are within their limit need not be remembered.
        if limiter.len() > 10_000 {
            limiter.retain_recent();
        }
        answer.map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            ApiError::too_many_requests(wait.as_secs() + 1)
        })
    }
}

/// Lets a request through that may be answered, and notes whose it is.
pub(crate) async fn guard(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let owner = state.access.owner(&request)?;
    state.access.admit(&owner, address)?;
    request.extensions_mut().insert(owner);
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_its_name_and_its_hash() {
        let hash = hex::encode(Sha256::digest("secret"));
        let key: ApiKey = format!("frontend:{hash}").parse().unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(frontend)");
        for wrong in ["secret", "frontend:secret", &format!(":{hash}"), &format!("a b:{hash}"), &format!("a:{hash}00")]
        {
            assert_eq!(wrong.parse::<ApiKey>(), Err(EXPECTED), "{wrong}");
        }
    }

    #[test]
    fn each_client_has_a_limit_of_its_own() {
        let access = Access::new(Vec::new(), NonZeroU32::new(2));
        let (one, two) = (Some("127.0.0.1".parse().unwrap()), Some("127.0.0.2".parse().unwrap()));
        let admitted = |address| access.admit(&Owner::default(), address).is_ok();
        assert_eq!([one, one, one, two].map(admitted), [true, true, false, true]);
        assert!(access.admit(&Owner("key".to_owned()), one).is_ok());
    }
}

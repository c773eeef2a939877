//! Signature Version 4: who signed a request, and whether the signature holds.
//!
//! A request is read in two steps, because the service decides how its path is canonicalised and its body hashed, and the
//! key must be looked up between them: [`Authorization::read`], then [`Authorization::verify`].

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

mod authorization;
mod canonical;
#[cfg(test)]
mod tests;

pub use authorization::{Authorization, Scope};
pub use canonical::Head;

/// How far a request's date may lie from ours.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Why a request was not let in. Each protocol words it in its own way, see [`crate::route`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Nothing was signed.
    Unsigned,
    /// Signed with Signature Version 2, as old clients of S3 presign.
    Version2,
    /// The authorization cannot be understood; says what is missing.
    Incomplete(String),
    UnknownKey,
    /// The session token is missing or not the one of the key.
    WrongToken,
    /// The temporary credentials are over.
    ExpiredToken,
    /// The date is too far from ours, or a presigned URL is over; says how.
    Skewed(String),
    WrongSignature,
}

impl Authorization {
    /// Checks date and signature. `payload_hash` is the hexadecimal SHA-256 of the body, or S3's word for an unsigned one.
    pub fn verify(&self, head: &Head<'_>, secret: &str, payload_hash: &str, now: Timestamp) -> Result<(), Rejection> {
        self.check_date(now)?;
        let canonical = canonical::request(self, head, payload_hash)?;
        let scope = &self.scope;
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{}/{}/{}/aws4_request\n{}",
            self.date_text,
            scope.date,
            scope.region,
            scope.service,
            hex::encode(Sha256::digest(canonical)),
        );
        let key = signing_key(secret, scope);
        // `verify_slice` takes the same time wherever the first difference is.
        mac(&key, text.as_bytes()).verify_slice(&self.signature).map_err(|_| Rejection::WrongSignature)
    }

    fn check_date(&self, now: Timestamp) -> Result<(), Rejection> {
        let text = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
        let (signed, lifetime) = (self.date, self.expires.unwrap_or(SKEW));
        if signed > now + SKEW {
            return Err(Rejection::Skewed(format!(
                "Signature not yet current: {} is still later than {} ({} + 15 min.)",
                text(signed),
                text(now + SKEW),
                text(now)
            )));
        }
        if now > signed.saturating_add(lifetime).unwrap_or(Timestamp::MAX) {
            return Err(Rejection::Skewed(format!(
                "Signature expired: {} is now earlier than {} ({} - {} min.)",
                text(signed),
                text(now - lifetime),
                text(now),
                lifetime.as_mins()
            )));
        }
        Ok(())
    }
}

/// The key that signs one day's requests to one service.
pub fn signing_key(secret: &str, scope: &Scope) -> [u8; 32] {
    let step = |key: &[u8], text: &str| -> [u8; 32] { mac(key, text.as_bytes()).finalize().into_bytes().into() };
    let day = step(format!("AWS4{secret}").as_bytes(), &scope.date);
    let region = step(&day, &scope.region);
    let service = step(&region, &scope.service);
    step(&service, "aws4_request")
}

/// Hexadecimal SHA-256, as signatures want it.
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn same(left: &str, right: &str) -> bool {
    // Comparing keyed hashes hides the lengths as well.
    let key: [u8; 32] = rand::random();
    let expected = mac(&key, left.as_bytes()).finalize().into_bytes();
    mac(&key, right.as_bytes()).verify_slice(&expected).is_ok()
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(text);
    mac
}

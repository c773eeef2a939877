//! DSSE: a text, and signatures over it and its type.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{PublicKey, SigningKey, Statement};

/// The type of what is signed. It is signed as well, so that nothing else can pass for it.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    pub payload_type: String,
    /// Base64.
    pub payload: String,
    pub signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// SHA-256 of the public key. A hint: only the signature counts.
    pub keyid: String,
    /// Base64.
    pub sig: String,
}

impl Envelope {
    /// Signs a statement.
    pub fn seal(statement: &Statement, key: &SigningKey) -> Self {
        let payload = crate::manifest::text(statement).into_bytes();
        let sig = STANDARD.encode(key.sign(&encoded(&payload)));
        let signatures = vec![Signature { keyid: key.id().to_owned(), sig }];
        Self { payload_type: PAYLOAD_TYPE.to_owned(), payload: STANDARD.encode(payload), signatures }
    }

    /// Reads an envelope. Nothing of it is to be believed before it was opened.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("it is no DSSE envelope: {error}"))
    }

    /// The statement, if this key has signed it.
    pub fn open(&self, key: &PublicKey) -> Result<Statement, String> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(format!("what was signed is of the type `{}`, not `{PAYLOAD_TYPE}`", self.payload_type));
        }
        let payload = STANDARD.decode(&self.payload).map_err(|error| format!("its payload is no base64: {error}"))?;
        let signed = encoded(&payload);
        let is_good =
            |signature: &Signature| STANDARD.decode(&signature.sig).is_ok_and(|sig| key.verifies(&signed, &sig));
        if !self.signatures.iter().any(is_good) {
            let ids: Vec<&str> =
                self.signatures.iter().map(|signature| signature.keyid.get(..12).unwrap_or("?")).collect();
            return Err(format!("no signature is by the key {:.12}; it was signed by {}", key.id(), ids.join(", ")));
        }
        serde_json::from_slice(&payload).map_err(|error| format!("what was signed is no statement: {error}"))
    }
}

/// The pre-authentication encoding.
fn encoded(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

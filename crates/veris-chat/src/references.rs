//! Values of `.env` that name a secret instead of holding it, so that no secret is in user data, which everybody may read who may
//! describe the instance.

mod ask;

use std::fmt;

pub(crate) use ask::ask;

/// Where a value is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `ssm:/veris/prod/qdrant-api-key`: a parameter of the Parameter Store.
    Parameter(String),
    /// `secretsmanager:veris/prod`, or `secretsmanager:veris/prod#QDRANT_API_KEY` for one key of a secret that is a JSON object.
    Secret {
        /// Name or ARN.
        id: String,
        /// The key of the object.
        key: Option<String>,
    },
}

/// Why the server cannot have a value that is kept elsewhere.
#[derive(Debug, thiserror::Error)]
#[error("{reference} {problem}")]
pub struct ReferenceError {
    pub(crate) reference: Reference,
    pub(crate) problem: String,
}

impl Reference {
    /// The reference that a value is; a value of any other form stands for itself.
    pub fn of(value: &str) -> Option<Self> {
        if let Some(name) = value.strip_prefix("ssm:").filter(|name| name.starts_with('/')) {
            return Some(Self::Parameter(name.to_owned()));
        }
        let id = value.strip_prefix("secretsmanager:").filter(|id| !id.is_empty())?;
        Some(match id.split_once('#') {
            Some((id, key)) => Self::Secret { id: id.to_owned(), key: Some(key.to_owned()) },
            None => Self::Secret { id: id.to_owned(), key: None },
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "the parameter `{name}`"),
            Self::Secret { id, key: None } => write!(f, "the secret `{id}`"),
            Self::Secret { id, key: Some(key) } => write!(f, "the key `{key}` of the secret `{id}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_form_of_a_reference_is_one() {
        assert_eq!(Reference::of("ssm:/veris/key"), Some(Reference::Parameter("/veris/key".to_owned())));
        let secret = |key: Option<&str>| Reference::Secret { id: "veris/prod".to_owned(), key: key.map(str::to_owned) };
        assert_eq!(Reference::of("secretsmanager:veris/prod"), Some(secret(None)));
        assert_eq!(Reference::of("secretsmanager:veris/prod#KEY"), Some(secret(Some("KEY"))));
        for plain in ["", "ssm:", "ssm:key", "secretsmanager:", "https://ssm:6333", "a ssm:/b"] {
            assert_eq!(Reference::of(plain), None, "{plain}");
        }
    }
}

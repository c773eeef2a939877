//! The `encoding` input. UTF-8 for now; the language's other encodings are recognised to be refused by name.

use std::str::FromStr;

#[derive(Debug, Clone, Copy)]
pub(super) struct Utf8;

#[derive(Debug, thiserror::Error)]
pub(super) enum EncodingError {
    #[error("the encoding `{0}` is not supported by this version, which writes UTF-8")]
    NotYet(String),
    #[error("there is no encoding `{0}`; use utf-8")]
    Unknown(String),
}

impl FromStr for Utf8 {
    type Err = EncodingError;

    fn from_str(text: &str) -> Result<Self, EncodingError> {
        match text.to_ascii_lowercase().as_str() {
            "utf8" | "utf-8" => Ok(Self),
            known if known.starts_with("utf16") || known.starts_with("utf-16") => {
                Err(EncodingError::NotYet(text.into()))
            }
            known if known.starts_with("utf32") || known.starts_with("utf-32") => {
                Err(EncodingError::NotYet(text.into()))
            }
            _ => Err(EncodingError::Unknown(text.into())),
        }
    }
}

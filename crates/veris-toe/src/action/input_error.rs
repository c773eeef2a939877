//! Inputs that do not fit their action, and which of them.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

/// Its `Display` says which entry of a list is meant; the path says it completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// From the inputs to the offending value, or to the key that has no place there.
    pub path: Vec<InputKey>,
    /// The entry of an input list, counted from 0, where the message is about one.
    pub entry: Option<usize>,
    /// What is wrong, without the entry.
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKey {
    Name(String),
    Index(usize),
}

impl InputError {
    /// About the inputs as a whole.
    pub(crate) fn whole(message: &str) -> Self {
        Self { path: Vec::new(), entry: None, message: message.to_owned() }
    }

    pub(super) fn in_entry(mut self, entry: usize) -> Self {
        self.path.insert(0, InputKey::Index(entry));
        self.entry = Some(entry);
        self
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = self.entry {
            write!(f, "entry {}: ", entry + 1)?;
        }
        f.write_str(&self.message)
    }
}

/// The module that the inputs describe.
pub(super) fn read<M: DeserializeOwned>(inputs: &Value) -> Result<M, InputError> {
    serde_path_to_error::deserialize(inputs).map_err(|error| {
        let path = error.path().iter().filter_map(|segment| match segment {
            Segment::Seq { index } => Some(InputKey::Index(*index)),
            Segment::Map { key } => Some(InputKey::Name(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        InputError { path: path.collect(), entry: None, message: error.inner().to_string() }
    })
}

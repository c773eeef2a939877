//! Finds the line and column of a value. The YAML library tells positions only in its errors, so this walks the text
//! once more along a path and fails on purpose at its end.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Location;

#[derive(Clone, Copy)]
pub(super) enum Stop {
    Key(&'static str),
    Index(usize),
}

pub(super) fn locate(text: &str, path: &[Stop]) -> Option<Location> {
    let walked = Walk(path).deserialize(serde_yaml::Deserializer::from_str(text));
    walked.err().as_ref().and_then(location)
}

pub(super) fn location(error: &serde_yaml::Error) -> Option<Location> {
    let location = error.location()?;
    Some(Location { line: location.line(), column: location.column() })
}

struct Walk<'a>(&'a [Stop]);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Scalars fail through the visitor's provided methods, which is what the end of a path needs.
impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end of the path")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let [Stop::Index(index), rest @ ..] = self.0 else {
            return Err(A::Error::custom(&self as &dyn serde::de::Expected));
        };
        for _ in 0..*index {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element_seed(Walk(rest)).map(drop)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let [Stop::Key(wanted), rest @ ..] = self.0 else {
            return Err(A::Error::custom(&self as &dyn serde::de::Expected));
        };
        while let Some(key) = entries.next_key::<String>()? {
            if key == *wanted {
                return entries.next_value_seed(Walk(rest));
            }
            entries.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

//! `s3://bucket/key` and `s3://bucket/prefix/*`.

use std::fmt;
use std::str::FromStr;

/// A bucket and a key in it, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

/// What can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Objects {
    One(Location),
    /// Everything whose key begins with the location's, which ends with `/` or is empty.
    Below(Location),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum NoLocation {
    #[error("`{0}` is no place in S3; write s3://bucket/key")]
    Shape(String),
    #[error("`{0}` is no object in S3; write s3://bucket/key")]
    Object(String),
    #[error("`{0}` does not end with `/*`; write s3://bucket/prefix/* for everything below a prefix")]
    Prefix(String),
    #[error("`{0}` has `.` or `..` between slashes, which a URL cannot name")]
    Dots(String),
}

impl FromStr for Location {
    type Err = NoLocation;

    fn from_str(text: &str) -> Result<Self, NoLocation> {
        let shape = || NoLocation::Shape(text.to_owned());
        let place = text.strip_prefix("s3://").ok_or_else(shape)?;
        let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(is_name) {
            return Err(shape());
        }
        if key.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(NoLocation::Dots(text.to_owned()));
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl FromStr for Objects {
    type Err = NoLocation;

    fn from_str(text: &str) -> Result<Self, NoLocation> {
        let object = || NoLocation::Object(text.to_owned());
        let Location { bucket, key } = text.parse().map_err(|error| match error {
            NoLocation::Shape(_) => object(),
            other => other,
        })?;
        match key.strip_suffix('*') {
            Some(prefix) if prefix.is_empty() || prefix.ends_with('/') => {
                Ok(Self::Below(Location { bucket, key: prefix.to_owned() }))
            }
            Some(_) => Err(NoLocation::Prefix(text.to_owned())),
            None if key.is_empty() => Err(object()),
            None => Ok(Self::One(Location { bucket, key })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_completely() {
        let location = |key: &str| Location { bucket: "veris-local".to_owned(), key: key.to_owned() };
        let object: Objects = "s3://veris-local/a/b c+d".parse().unwrap();
        assert_eq!(object, Objects::One(location("a/b c+d")));
        assert_eq!("s3://veris-local/a/*".parse::<Objects>().unwrap(), Objects::Below(location("a/")));
        assert_eq!("s3://veris-local/*".parse::<Objects>().unwrap(), Objects::Below(location("")));
        for wrong in ["", "s3://", "s3://bucket", "s3://bucket/", "s3:///key", "https://bucket/key", "s3://a@b/c"] {
            assert!(matches!(wrong.parse::<Objects>(), Err(NoLocation::Object(_))), "{wrong}");
        }
        assert!(matches!("s3://bucket/fold*".parse::<Objects>(), Err(NoLocation::Prefix(_))));
        assert!(matches!("s3://bucket/a/../b".parse::<Objects>(), Err(NoLocation::Dots(_))));
    }

    #[test]
    fn a_destination_may_be_a_whole_bucket() {
        let location: Location = "s3://bucket".parse().unwrap();
        assert_eq!(location.to_string(), "s3://bucket/");
        assert!("bucket/key".parse::<Location>().is_err());
    }
}

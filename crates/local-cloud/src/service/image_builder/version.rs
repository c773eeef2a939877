//! Semantic versions, and versions with wildcards.

use std::fmt;

use crate::fault::Fault;

/// The largest number in a version.
const LARGEST: u32 = (1 << 30) - 1;

/// `1.2.3`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub [u32; 3]);

/// `1.2.3`, or with `x` for any number; right of an `x` stands nothing but `x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern([Option<u32>; 3]);

impl Version {
    /// Reads the version of a resource to be made.
    pub(super) fn parse(parameter: &str, text: &str) -> Result<Self, Fault> {
        Pattern::parse(text).and_then(|pattern| pattern.exact()).ok_or_else(|| refused(parameter, text, "1.2.3"))
    }
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let nodes: Vec<Option<u32>> = text
            .split('.')
            .map(|node| match node {
                "x" => Some(None),
                digits if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                    digits.parse().ok().filter(|number| *number <= LARGEST).map(Some)
                }
                _ => None,
            })
            .collect::<Option<_>>()?;
        let pattern: [Option<u32>; 3] = nodes.try_into().ok()?;
        let after_wildcard = pattern.iter().skip_while(|node| node.is_some());
        after_wildcard.clone().all(Option::is_none).then_some(Self(pattern))
    }

    /// Reads the version of a resource to be made, which may leave its last numbers to Image Builder.
    pub(super) fn parse_wanted(parameter: &str, text: &str) -> Result<Self, Fault> {
        Self::parse(text).ok_or_else(|| refused(parameter, text, "1.2.3, 1.2.x, 1.x.x or x.x.x"))
    }

    pub(super) fn exact(&self) -> Option<Version> {
        let [major, minor, patch] = self.0;
        Some(Version([major?, minor?, patch?]))
    }

    pub(super) fn matches(&self, version: Version) -> bool {
        self.0.iter().zip(version.0).all(|(node, number)| node.is_none_or(|node| node == number))
    }

    /// The version that follows those taken: the first `x` grows by one, what stands right of it starts at zero.
    pub(super) fn next(&self, taken: impl Iterator<Item = Version>) -> Version {
        let Some(free) = self.0.iter().position(Option::is_none) else {
            return Version(self.0.map(Option::unwrap_or_default));
        };
        let newest = taken.filter(|version| self.matches(*version)).map(|version| version.0[free]).max();
        let mut next = self.0.map(Option::unwrap_or_default);
        next[free] = match newest {
            Some(number) => number + 1,
            // Nobody calls a first version 0.0.0.
            None => u32::from(free == 0),
        };
        Version(next)
    }
}

impl From<Version> for Pattern {
    fn from(version: Version) -> Self {
        Self(version.0.map(Some))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.0.map(|node| node.map_or_else(|| "x".to_owned(), |number| number.to_string()));
        f.write_str(&nodes.join("."))
    }
}

fn refused(parameter: &str, text: &str, shape: &str) -> Fault {
    Fault::client(
        "InvalidVersionNumberException",
        format!(
            "The value supplied for parameter '{parameter}' is not valid. '{text}' must look like {shape}, with numbers up to {LARGEST}."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_takes_the_next_free_number() {
        let taken = [Version([1, 0, 4]), Version([1, 2, 0]), Version([2, 0, 0])];
        let next = |text: &str| Pattern::parse(text).unwrap().next(taken.into_iter()).to_string();
        assert_eq!(next("1.0.x"), "1.0.5");
        assert_eq!(next("1.x.x"), "1.3.0");
        assert_eq!(next("x.x.x"), "3.0.0");
        assert_eq!(next("4.1.x"), "4.1.0");
        assert_eq!(Pattern::parse("x.x.x").unwrap().next(std::iter::empty()).to_string(), "1.0.0");
        assert_eq!(next("7.7.7"), "7.7.7");
    }

    #[test]
    fn numbers_stand_left_of_wildcards_only() {
        for bad in ["1.x.8", "x.2.x", "1.2", "1.2.3.4", "1..3", "01a.2.3", "1073741824.0.0", "+1.0.0"] {
            assert_eq!(Pattern::parse(bad), None, "{bad}");
        }
    }
}

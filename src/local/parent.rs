//! Which parent image the local cloud boots from: asked for, or remembered from an earlier start.

use anyhow::Result;
use local_cloud::layout::Layout;
use local_cloud::parent_image::{Choice, ChoiceError, Given};

use crate::env_vars::{VERIS_LOCAL_PARENT, VERIS_LOCAL_PARENT_SHA256};
use crate::error::{Failure, internal, user};

/// What is written instead of a path for the image that is built here.
const BUILT_IN: &str = "built-in";

/// What was chosen at an earlier start.
pub fn chosen(layout: &Layout) -> Result<Choice> {
    Ok(Choice::read(&layout.directory)
        .map_err(|error| internal("failed to find out which parent image was chosen").source(error))?)
}

/// What the next start will use, unless its command line says otherwise.
pub fn next(layout: &Layout) -> Result<Choice> {
    asked(None, None)?.map_or_else(|| chosen(layout), Ok)
}

/// What the command line or the environment asks for; `None` where neither says anything.
pub fn asked(parent: Option<&str>, sha256: Option<&str>) -> Result<Option<Choice>> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let parent = parent.map(str::to_owned).or_else(|| variable(VERIS_LOCAL_PARENT));
    let sha256 = sha256.map(str::to_owned).or_else(|| variable(VERIS_LOCAL_PARENT_SHA256));
    Ok(parse(parent.as_deref(), sha256.as_deref())?)
}

fn parse(parent: Option<&str>, sha256: Option<&str>) -> Result<Option<Choice>, Failure> {
    match (parent, sha256) {
        (None, None) => Ok(None),
        (Some(BUILT_IN), _) => Ok(Some(Choice::BuiltIn)),
        (Some(parent), Some(sha256)) => match Given::parse(parent, sha256) {
            Ok(given) => Ok(Some(Choice::Given(given))),
            Err(error @ ChoiceError::Checksum { .. }) => {
                Err(user(error.to_string()).hint(where_the_checksum_is(parent)))
            }
            Err(error) => {
                Err(user(error.to_string()).hint(format!("write `{BUILT_IN}` for the image that is built here")))
            }
        },
        (Some(parent), None) => Err(user(format!("the parent image `{parent}` needs its SHA-256"))
            .hint(format!("add `--sha256 HEX`; {}", where_the_checksum_is(parent)))),
        (None, Some(_)) => Err(user("a SHA-256 says nothing without its parent image")
            .hint(format!("add `--parent PATH` or set {VERIS_LOCAL_PARENT}"))),
    }
}

fn where_the_checksum_is(parent: &str) -> String {
    let name = parent.rsplit('/').next().unwrap_or(parent);
    format!("the file SHA256SUMS beside the image lists it as `HEX  {name}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn an_image_comes_with_its_checksum() {
        assert_eq!(parse(None, None).unwrap(), None);
        assert_eq!(parse(Some("built-in"), None).unwrap(), Some(Choice::BuiltIn));
        let given = parse(Some("https://example.com/al2023.qcow2"), Some(SHA256)).unwrap().unwrap();
        assert_eq!(given.digest(), SHA256);
        for (parent, sha256) in [(Some("/al2023.qcow2"), None), (None, Some(SHA256)), (Some("/a"), Some("12"))] {
            assert!(parse(parent, sha256).is_err());
        }
    }
}

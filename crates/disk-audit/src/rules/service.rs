//! What the image was made for.

use super::{Image, finding, outcome};
use crate::options::{Expected, Owner};
use crate::report::Outcome;
use crate::volume::Kind;

pub(super) fn expected_files(image: &Image<'_>) -> Outcome {
    if image.options.expected.is_empty() {
        return Outcome::NotApplicable("no files were named".to_owned());
    }
    let defects = image.options.expected.iter().flat_map(|expected| {
        let path = expected.path.as_bytes();
        defects(image, expected).into_iter().map(|defect| finding(path, defect))
    });
    outcome(defects)
}

fn defects(image: &Image<'_>, expected: &Expected) -> Vec<String> {
    let Some((path, node)) = image.tree.resolve(expected.path.as_bytes()) else { return vec!["is missing".to_owned()] };
    if node.meta.kind != Kind::File {
        return vec!["is no regular file".to_owned()];
    }
    let mut defects = Vec::new();
    if let Some(sha256) = expected.sha256
        && image.contents.digests.get(path) != Some(&sha256)
    {
        let found = image.contents.digests.get(path).map_or_else(|| "none".to_owned(), ToString::to_string);
        defects.push(format!("has the SHA-256 {found} instead of {sha256}"));
    }
    if let Some(mode) = expected.mode
        && node.meta.mode != mode
    {
        defects.push(format!("has the mode {:04o} instead of {mode:04o}", node.meta.mode));
    }
    let found = Owner { uid: node.meta.uid, gid: node.meta.gid };
    if let Some(owner) = expected.owner
        && found != owner
    {
        defects.push(format!("belongs to {}:{} instead of {}:{}", found.uid, found.gid, owner.uid, owner.gid));
    }
    defects
}

//! What gives access to something else.

use super::{Image, finding, outcome};
use crate::report::Outcome;
use crate::search::Form;
use crate::tree;
use crate::volume::Kind;

pub(super) fn private_keys(image: &Image<'_>) -> Outcome {
    let is_allowed = |path: &[u8]| {
        let allowed = image.options.allowed_keys.iter();
        allowed.filter_map(|allowed| image.tree.resolve(allowed.as_bytes())).any(|(allowed, _)| allowed == path)
    };
    let keys = image.contents.keys.iter().filter(|path| !is_allowed(path));
    outcome(keys.map(|path| finding(path, "has a private key")))
}

const NAMES: &[&str] = &[".env", ".aws", ".netrc", ".pgpass", ".git-credentials"];

pub(super) fn credential_files(image: &Image<'_>) -> Outcome {
    let found = image.tree.all().filter(|(path, node)| {
        let name = tree::name(path);
        // Packages have modules of that name.
        let is_credentials = name == b"credentials" && node.meta.kind == Kind::File && !path.starts_with(b"/usr/");
        is_credentials || NAMES.iter().any(|known| known.as_bytes() == name)
    });
    outcome(found.map(|(path, _)| finding(path, "is a place for credentials")))
}

pub(super) fn build_remains(image: &Image<'_>) -> Outcome {
    let found = image.tree.all().filter(|(path, _)| tree::name(path) == b".git" || path.ends_with(b"/.cargo/registry"));
    outcome(found.map(|(path, _)| finding(path, "is of a build")))
}

pub(super) fn canaries(image: &Image<'_>) -> Outcome {
    let canaries = &image.options.canaries;
    if canaries.is_empty() {
        return Outcome::NotApplicable("no canaries were given".to_owned());
    }
    outcome(image.contents.canaries.iter().map(|(path, number, form)| {
        let written = if *form == Form::Base64 { ", in Base64" } else { "" };
        finding(path, format!("has the canary `{}`{written}", canaries[*number].name()))
    }))
}

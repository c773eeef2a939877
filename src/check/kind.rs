//! What a file is, told by its name, by the recipes that name it, and by the keys at its left edge.

use super::project::{File, Project};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Recipe,
    Component,
    Unit,
    EnvFile,
    /// A file that a recipe puts into the image as it is.
    Configuration,
    /// YAML that is none of these.
    Yaml,
}

const UNITS: [&str; 9] = ["service", "timer", "socket", "path", "mount", "automount", "swap", "target", "slice"];
const RECIPE_KEYS: [&str; 10] = [
    "service",
    "parent",
    "glibc",
    "artifact",
    "units",
    "components",
    "volume",
    "distribution",
    "env_file",
    "environments",
];
const COMPONENT_KEYS: [&str; 2] = ["schemaVersion", "phases"];

/// `None` for what is none of ours.
pub(super) fn of(file: &File, project: &Project) -> Option<Kind> {
    if is_env_file(&file.path) {
        return Some(Kind::EnvFile);
    }
    if project.names_component(file) {
        return Some(Kind::Component);
    }
    if has_extension(&file.path, &UNITS) {
        return Some(Kind::Unit);
    }
    let is_yaml = has_extension(&file.path, &["yaml", "yml"]);
    if project.names_file(file) {
        return Some(if is_yaml { Kind::Yaml } else { Kind::Configuration });
    }
    if !is_yaml {
        return None;
    }
    let has = |keys: &[&str]| keys.iter().filter(|key| has_key(&file.text, key)).count();
    if project.holds_recipe(file) || has(&RECIPE_KEYS) >= 3 {
        return Some(Kind::Recipe);
    }
    let is_component =
        has(&COMPONENT_KEYS) > 0 || file.path.parent().is_some_and(|folder| folder.ends_with("components"));
    Some(if is_component { Kind::Component } else { Kind::Yaml })
}

/// Whether a file of this name can be anything at all, so that others need not be read.
pub(super) fn is_candidate(path: &std::path::Path) -> bool {
    is_env_file(path) || has_extension(path, &UNITS) || has_extension(path, &["yaml", "yml"])
}

fn is_env_file(path: &std::path::Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == ".env" || name.starts_with(".env.") || name.ends_with(".env")
}

fn has_extension(path: &std::path::Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|extension| extensions.iter().any(|known| extension == *known))
}

/// Malformed YAML has keys too.
fn has_key(text: &str, key: &str) -> bool {
    text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
}

//! `*` in the last part of a path.

use std::path::{Path, PathBuf};

use super::{ActionError, tree};

/// The files a path stands for: itself, or every file whose name fits when it holds a `*`. Sorted, never empty.
pub(super) fn files(path: &str) -> Result<Vec<PathBuf>, ActionError> {
    let found = entries(path, Path::is_file)?;
    if found.is_empty() { Err(ActionError::NoMatch { kind: "file", pattern: path.to_owned() }) } else { Ok(found) }
}

/// Like [`files`], for folders. Links to folders do not fit a `*`.
pub(super) fn folders(path: &str) -> Result<Vec<PathBuf>, ActionError> {
    let found = entries(path, |entry| entry.is_dir() && !entry.is_symlink())?;
    if found.is_empty() { Err(ActionError::NoMatch { kind: "folder", pattern: path.to_owned() }) } else { Ok(found) }
}

/// The path itself, or everything whose name fits it and that `wanted` takes. Sorted; may be empty.
pub(super) fn entries(path: &str, wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, ActionError> {
    if Path::new(path).parent().is_some_and(|folder| folder.to_string_lossy().contains('*') && !folder.exists()) {
        return Err(ActionError::WildcardInFolder { pattern: path.to_owned() });
    }
    let Some((folder, pattern)) = split(path) else {
        return Ok(vec![PathBuf::from(path)]);
    };
    let mut found = tree::list(folder)?;
    if !path.contains('/') {
        found = found.iter().map(|path| path.strip_prefix(folder).unwrap_or(path).to_owned()).collect();
    }
    found.retain(|path| wanted(path) && path.file_name().is_some_and(|name| matches(pattern, &name.to_string_lossy())));
    Ok(found)
}

pub(super) fn has_wildcard(path: &str) -> bool {
    split(path).is_some()
}

/// Folder and pattern, when the name holds a `*`.
fn split(path: &str) -> Option<(&Path, &str)> {
    let (folder, name) = path
        .trim_end_matches('/')
        .rsplit_once('/')
        .map_or((".", path), |(folder, name)| if folder.is_empty() { ("/", name) } else { (folder, name) });
    name.contains('*').then_some((Path::new(folder), name))
}

/// Whether a name fits a pattern in which `*` stands for any text. Takes time linear in both for each `*`.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars() {
        assert!(matches("*.log", "app.log"));
        assert!(matches("Sample*", "Sample"));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(!matches("*.log", "app.log.1"));
        assert!(!matches("ab*ba", "aba"));
        assert!(!matches("name", "names"));
    }

    proptest! {
        #[test]
        fn a_name_with_a_part_cut_out_fits(left in "[a-c]{0,6}", cut in "[a-c]{0,6}", right in "[a-c]{0,6}") {
            let (pattern, name) = (format!("{left}*{right}"), format!("{left}{cut}{right}"));
            prop_assert!(matches(&pattern, &name));
        }

        #[test]
        fn no_pattern_panics(pattern in r"[*a-cé]{0,12}", name in r"[a-cé]{0,12}") {
            matches(&pattern, &name);
        }
    }
}

//! What differs between two images: inputs, recipe, parent and crates; in text files, which lines.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use serde::Serialize;
use similar::TextDiff;

use super::{Input, InputKind, Manifest};
use crate::guest_binary::Crate;

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// `binary`, `unit`, `file`, `component`, `crate`, `parent` or `recipe`.
    pub kind: &'static str,
    pub name: String,
    /// Digest, version or value; `None` where there is none.
    pub before: Option<String>,
    pub after: Option<String>,
    /// The lines that differ, as a unified diff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<String>,
    /// The inputs behind `before` and `after`, whose texts may be compared.
    #[serde(skip)]
    inputs: Option<(Input, Input)>,
}

/// Everything that differs, in the order in which people ask for it.
pub fn changes(before: &Manifest, after: &Manifest) -> Vec<Change> {
    let mut found = Vec::new();
    let key = |input: &Input| (input.kind, input.name.clone());
    let of = |manifest: &Manifest| manifest.inputs.iter().map(|it| (key(it), it.clone())).collect();
    pairs(of(before), of(after), |(kind, name), pair: Pair<Input>| {
        let shown = |input: &Input| match &input.mode {
            Some(mode) => format!("{} mode {mode}", input.sha256),
            None => input.sha256.to_string(),
        };
        let values = pair.each(shown);
        let inputs = pair.both().filter(|_| kind != InputKind::Binary);
        found.push(Change { inputs, ..Change::new(kind.as_str(), name, values) });
    });
    pairs(recipe(before), recipe(after), |name, pair| {
        let kind = if name.starts_with("parent") { "parent" } else { "recipe" };
        found.push(Change::new(kind, name.to_owned(), pair.each(String::clone)));
    });
    pairs(crates(before), crates(after), |name, pair| {
        found.push(Change::new("crate", name, pair.each(String::clone)));
    });
    found
}

/// Fills in the lines that differ. `read` answers the content of an input, if it is still to be had.
pub async fn lines(changes: &mut [Change], mut read: impl AsyncFnMut(&Input) -> Result<Option<Vec<u8>>>) -> Result<()> {
    for change in changes {
        let Some((before, after)) = change.inputs.take().filter(|(before, after)| before.sha256 != after.sha256) else {
            continue;
        };
        let (Some(before), Some(after)) = (read(&before).await?, read(&after).await?) else { continue };
        let (Ok(before), Ok(after)) = (String::from_utf8(before), String::from_utf8(after)) else { continue };
        change.lines = Some(TextDiff::from_lines(&before, &after).unified_diff().context_radius(1).to_string());
    }
    Ok(())
}

/// The values of one thing in two manifests, at least one of them.
struct Pair<T>(Option<T>, Option<T>);

impl<T: Clone> Pair<T> {
    fn each(&self, show: impl Fn(&T) -> String) -> (Option<String>, Option<String>) {
        (self.0.as_ref().map(&show), self.1.as_ref().map(&show))
    }

    fn both(&self) -> Option<(T, T)> {
        Some((self.0.clone()?, self.1.clone()?))
    }
}

fn pairs<K: Ord + Clone, T: PartialEq>(
    before: BTreeMap<K, T>,
    mut after: BTreeMap<K, T>,
    mut differs: impl FnMut(K, Pair<T>),
) {
    let mut all: BTreeMap<K, Pair<T>> = BTreeMap::new();
    for (key, value) in before {
        let other = after.remove(&key);
        all.insert(key, Pair(Some(value), other));
    }
    all.extend(after.into_iter().map(|(key, value)| (key, Pair(None, Some(value)))));
    for (key, pair) in all {
        if pair.0 != pair.1 {
            differs(key, pair);
        }
    }
}

fn recipe(manifest: &Manifest) -> BTreeMap<&'static str, String> {
    let (fields, parent) = (&manifest.recipe, &manifest.parent);
    BTreeMap::from([
        ("volume.device", fields.device.clone()),
        ("volume.size_gib", fields.size_gib.to_string()),
        ("volume.type", fields.volume_type.clone()),
        ("volume.encryption", fields.encryption.clone().unwrap_or_else(|| "by the account".to_owned())),
        ("port", fields.port.to_string()),
        ("env_file", fields.env_file.clone()),
        ("parent", format!("{} ({})", parent.image, parent.name)),
    ])
}

/// Several versions of one crate are one line.
fn crates(manifest: &Manifest) -> BTreeMap<String, String> {
    let mut versions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for Crate { name, version, .. } in &manifest.crates {
        versions.entry(name.clone()).or_default().push(version);
    }
    versions.into_iter().map(|(name, versions)| (name, versions.join(", "))).collect()
}

impl Change {
    fn new(kind: &'static str, name: String, (before, after): (Option<String>, Option<String>)) -> Self {
        Self { kind, name, before, after, lines: None, inputs: None }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_digest = matches!(self.kind, "binary" | "unit" | "file" | "component");
        let short = |value: &str| match value.split_once(' ') {
            Some((digest, mode)) if is_digest => format!("{digest:.12} {mode}"),
            None if is_digest => format!("{value:.12}"),
            _ => value.to_owned(),
        };
        write!(f, "{:10} {}: ", self.kind, self.name)?;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => writeln!(f, "{} -> {}", short(before), short(after))?,
            (None, Some(after)) => writeln!(f, "new, {}", short(after))?,
            (Some(before), None) => writeln!(f, "gone, was {}", short(before))?,
            (None, None) => writeln!(f)?,
        }
        for line in self.lines.iter().flat_map(|lines| lines.lines()) {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

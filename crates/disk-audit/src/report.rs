//! What an audit found.

use std::fmt;

use serde::Serialize;

/// The answer to every rule.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The root file system.
    pub file_system: FileSystem,
    /// In the order of the disk; empty where a file system covers the whole of it.
    pub partitions: Vec<Partition>,
    /// Names in the root file system, of whatever kind.
    pub files: u64,
    /// Bytes of files that were read and searched; holes of sparse files are not read.
    pub bytes_read: u64,
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether no rule is broken.
    pub fn is_clean(&self) -> bool {
        !self.checks.iter().any(|check| matches!(check.outcome, Outcome::Fail(_)))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileSystem {
    pub kind: FileSystemKind,
    /// Absent where it has none.
    pub label: Option<String>,
    pub uuid: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileSystemKind {
    Ext4,
    Xfs,
}

impl fmt::Display for FileSystemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "XFS",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its number in the table, from 1.
    pub number: u32,
    pub start: u64,
    pub length: u64,
    /// What it holds, as far as its first bytes tell.
    pub content: &'static str,
}

/// One rule, and whether the image keeps it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub name: &'static str,
    pub looked_at: &'static str,
    /// Why the rule is one.
    pub reason: &'static str,
    /// Who else has it.
    pub source: &'static str,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Pass,
    Fail(Vec<Finding>),
    /// Why there was nothing to look at.
    NotApplicable(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In the image; a byte that is not UTF-8 is shown as U+FFFD.
    pub path: String,
    pub reason: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { name, outcome, .. } in &self.checks {
            match outcome {
                Outcome::Pass => writeln!(f, "✓ {name}")?,
                Outcome::NotApplicable(reason) => writeln!(f, "- {name}: {reason}")?,
                Outcome::Fail(findings) => {
                    writeln!(f, "✗ {name}")?;
                    findings.iter().try_for_each(|Finding { path, reason }| writeln!(f, "    {path}: {reason}"))?;
                }
            }
        }
        let FileSystem { kind, label, uuid } = &self.file_system;
        let label = label.as_ref().map(|label| format!(" `{label}`")).unwrap_or_default();
        let verdict = if self.is_clean() { "clean" } else { "not clean" };
        let (files, bytes) = (self.files, self.bytes_read);
        writeln!(f, "{verdict}: {kind}{label} {uuid}, {files} names, {bytes} bytes read")
    }
}

//! What is compiled into a binary: the crates of Cargo.lock that it uses, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{TARGET, command};
use crate::error::Failure;
use crate::process;

/// A crate in the binary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Crate {
    pub name: String,
    pub version: String,
    /// As its author wrote it, usually an SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    pub origin: Origin,
}

/// Where a crate's sources come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// The project itself.
    Project,
    /// A registry, with the checksum that Cargo.lock has.
    Registry {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checksum: Option<String>,
    },
    /// A repository of git, at a commit.
    Git { url: String },
}

/// The crates that are linked into the binary of `package`. What only runs while it is compiled, build scripts and procedural
/// macros, is not in it.
pub async fn crates(project: &Path, package: &str) -> Result<Vec<Crate>, Failure> {
    let mut cargo = command(project);
    cargo.args(["tree", "--locked", "--package", package, "--edges", "normal,no-proc-macro", "--target", TARGET]);
    cargo.args(["--prefix", "none", "--format", "{p}\t{l}", "--color=never", "--quiet"]);
    let tree = process::run(cargo).await?;
    let lock = fs_err::read_to_string(project.join("Cargo.lock")).unwrap_or_default();
    Ok(read(&String::from_utf8_lossy(&tree), &checksums(&lock)))
}

fn read(tree: &str, checksums: &BTreeMap<(String, String), String>) -> Vec<Crate> {
    let found: BTreeSet<Crate> = tree.lines().filter_map(|line| read_line(line, checksums)).collect();
    found.into_iter().collect()
}

/// `serde v1.0.228`, a place in parentheses behind it where it is no registry's, and the licence behind a tab.
fn read_line(line: &str, checksums: &BTreeMap<(String, String), String>) -> Option<Crate> {
    let (package, license) = line.split_once('\t')?;
    // A crate that was listed already is marked.
    let license = license.trim_end_matches("(*)").trim();
    let mut words = package.splitn(3, ' ');
    let (name, version) = (words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned());
    let place = words.next().unwrap_or_default().trim_end_matches("(*)").trim().trim_matches(['(', ')']);
    let origin = match place {
        "" => Origin::Registry { checksum: checksums.get(&(name.clone(), version.clone())).cloned() },
        url if url.contains("://") => Origin::Git { url: url.to_owned() },
        _ => Origin::Project,
    };
    let license = Some(license.to_owned()).filter(|license| !license.is_empty());
    Some(Crate { name, version, license, origin })
}

/// The checksums of a Cargo.lock by name and version. Cargo writes one `key = "value"` a line.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='))?;
        Some(line.trim().trim_matches('"').to_owned())
    };
    let entry = |block: &str| Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?));
    lock.split("[[package]]").filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_read_once_with_what_the_lock_says_of_them() {
        let tree = "\
chat v0.1.0 (/home/ada/chat)\t
serde v1.0.228\tMIT OR Apache-2.0
tokio v1.48.0 (*)\tMIT
serde v1.0.228\tMIT OR Apache-2.0 (*)
ours v0.3.0 (https://github.com/ada/ours?branch=main#0123abcd)\tApache-2.0
";
        let lock = "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.228\"\nchecksum = \"9a8e\"\ndependencies = [\n \"serde_core\",\n]\n";
        insta::assert_snapshot!(serde_json::to_string_pretty(&read(tree, &checksums(lock))).unwrap(), @r#"
        [
          {
            "name": "chat",
            "version": "0.1.0",
            "origin": "project"
          },
          {
            "name": "ours",
            "version": "0.3.0",
            "license": "Apache-2.0",
            "origin": {
              "git": {
                "url": "https://github.com/ada/ours?branch=main#0123abcd"
              }
            }
          },
          {
            "name": "serde",
            "version": "1.0.228",
            "license": "MIT OR Apache-2.0",
            "origin": {
              "registry": {
                "checksum": "9a8e"
              }
            }
          },
          {
            "name": "tokio",
            "version": "1.48.0",
            "license": "MIT",
            "origin": {
              "registry": {}
            }
          }
        ]
        "#);
    }
}

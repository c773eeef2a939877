//! FEATURES.md says which test proves what; here it has to say the truth.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ACTIONS: [&str; 30] = [
    "AppendFile",
    "Assert",
    "CopyFile",
    "CopyFolder",
    "CreateFile",
    "CreateFolder",
    "CreateSymlink",
    "DeleteFile",
    "DeleteFolder",
    "ExecuteBash",
    "ExecuteBinary",
    "ExecuteDocument",
    "ExecutePowerShell",
    "InstallMSI",
    "ListFiles",
    "MoveFile",
    "MoveFolder",
    "ReadFile",
    "Reboot",
    "S3Download",
    "S3Upload",
    "SetFileEncoding",
    "SetFileOwner",
    "SetFilePermissions",
    "SetFolderOwner",
    "SetFolderPermissions",
    "SetRegistry",
    "UninstallMSI",
    "UpdateOS",
    "WebDownload",
];

/// Cells of the table's rows.
fn rows() -> Vec<Vec<String>> {
    let text = fs::read_to_string(package().join("FEATURES.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let cells = |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).filter(|cells: &Vec<String>| cells[0] != "feature").collect()
}

#[test]
fn every_feature_names_tests_that_exist() {
    let tests = tests();
    let rows = rows();
    assert!(rows.len() > 100, "the table was read");
    for row in rows {
        let [feature, proof] = row.as_slice() else { panic!("{row:?} is no row of two cells") };
        let names: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test proves: {feature}");
        for name in names {
            assert!(tests.contains(name), "there is no test `{name}`, which is to prove: {feature}");
        }
    }
}

#[test]
fn every_action_is_a_feature() {
    let features: Vec<String> = rows().into_iter().map(|row| row[0].clone()).collect();
    for action in ACTIONS {
        let name = format!("`{action}`");
        assert!(features.iter().any(|feature| feature.starts_with(&name)), "{name} is missing");
    }
}

/// Names as `cargo test` shows them.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for root in ["src", "tests/it"] {
        for path in sources(&package().join(root)) {
            let module = path.strip_prefix(package().join(root)).unwrap().with_extension("");
            let module = module.to_str().unwrap().replace('/', "::");
            let text = fs::read_to_string(&path).unwrap();
            let within = if text.contains("mod tests {") { "::tests" } else { "" };
            for part in text.split("#[test]").skip(1) {
                let name = part.split_once("fn ").unwrap().1.split_once('(').unwrap().0;
                tests.insert(format!("{module}{within}::{name}"));
            }
        }
    }
    tests
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

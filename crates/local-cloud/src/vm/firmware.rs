//! The UEFI firmware that the host has for its guests, as the firmware's packages describe it (QEMU's
//! docs/interop/firmware.json). The BIOS needs no search: it is part of every QEMU.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where descriptions lie; those of the system's administrator come first.
const DIRECTORIES: [&str; 3] = ["/etc/qemu/firmware", "/usr/local/share/qemu/firmware", "/usr/share/qemu/firmware"];

/// A firmware in two flash memories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uefi {
    /// The program, which every guest shares.
    pub(crate) code: PathBuf,
    /// What a guest's own memory of settings begins as.
    pub(crate) variables: PathBuf,
}

/// The first firmware that starts any loader: one with Secure Boot would refuse those whose keys it does not know.
pub(crate) fn find() -> Option<Uefi> {
    find_in(&DIRECTORIES.map(Path::new))
}

fn find_in(directories: &[&Path]) -> Option<Uefi> {
    directories.iter().flat_map(|directory| descriptions(directory)).find_map(|text| {
        let description: Description = serde_json::from_slice(&text).ok()?;
        description.uefi().filter(|firmware| firmware.code.is_file() && firmware.variables.is_file())
    })
}

/// In the order of their names, by which packages say what is to be preferred.
fn descriptions(directory: &Path) -> Vec<Vec<u8>> {
    let entries = fs_err::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| fs_err::read(path).ok()).collect()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Description {
    interface_types: Vec<String>,
    mapping: Mapping,
    targets: Vec<Target>,
    features: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Mapping {
    device: String,
    executable: Option<File>,
    nvram_template: Option<File>,
}

#[derive(Debug, Deserialize)]
struct File {
    filename: PathBuf,
    format: String,
}

#[derive(Debug, Deserialize)]
struct Target {
    architecture: String,
    machines: Vec<String>,
}

impl Description {
    fn uefi(self) -> Option<Uefi> {
        const UNWANTED: [&str; 3] = ["requires-smm", "secure-boot", "enrolled-keys"];
        let fits = |target: &Target| {
            target.architecture == "x86_64" && target.machines.iter().any(|machine| machine.starts_with("pc-q35"))
        };
        let is_wanted = self.interface_types.iter().any(|kind| kind == "uefi")
            && self.mapping.device == "flash"
            && self.targets.iter().any(fits)
            && !self.features.iter().any(|feature| UNWANTED.contains(&feature.as_str()));
        let raw = |file: Option<File>| file.filter(|file| file.format == "raw").map(|file| file.filename);
        let (code, variables) = (raw(self.mapping.executable)?, raw(self.mapping.nvram_template)?);
        is_wanted.then_some(Uefi { code, variables })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(directory: &Path, name: &str, features: &str) {
        let file = |kind: &str| directory.join(format!("{name}.{kind}"));
        for kind in ["code", "vars"] {
            fs_err::write(file(kind), "").unwrap();
        }
        let text = format!(
            r#"{{"description": "", "interface-types": ["uefi"], "mapping": {{"device": "flash",
            "executable": {{"filename": {:?}, "format": "raw"}}, "nvram-template": {{"filename": {:?}, "format": "raw"}}}},
            "targets": [{{"architecture": "x86_64", "machines": ["pc-i440fx-*", "pc-q35-*"]}}], "features": [{features}]}}"#,
            file("code"),
            file("vars")
        );
        fs_err::write(directory.join(format!("{name}.json")), text).unwrap();
    }

    #[test]
    fn firmware_that_checks_signatures_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        fs_err::write(directory.path().join("10-broken.json"), "{").unwrap();
        describe(directory.path(), "40-secure", r#""acpi-s3", "secure-boot""#);
        assert_eq!(find_in(&[directory.path()]), None);
        describe(directory.path(), "60-plain", r#""acpi-s3""#);
        let found = find_in(&[Path::new("/no/such/directory"), directory.path()]).unwrap();
        assert_eq!(found.code, directory.path().join("60-plain.code"));
        assert_eq!(found.variables, directory.path().join("60-plain.vars"));
    }
}

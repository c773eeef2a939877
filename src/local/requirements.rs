//! The programs of the host that the local cloud drives.

use std::path::PathBuf;

use local_cloud::layout::Layout;
use local_cloud::parent_image::Choice;

use crate::error::{Failure, internal};

/// A program, and the Debian package that brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    pub program: &'static str,
    pub package: &'static str,
}

const GUESTS: [Requirement; 2] = [
    Requirement { program: "qemu-system-x86_64", package: "qemu-system-x86" },
    Requirement { program: "qemu-img", package: "qemu-utils" },
];

/// Needed only to build the parent image that is built here.
const PARENT: [Requirement; 2] = [
    Requirement { program: "mmdebstrap", package: "mmdebstrap" },
    Requirement { program: "mkfs.ext4", package: "e2fsprogs" },
];

/// What is missing, in the order in which it should be installed.
pub fn missing(layout: &Layout, parent: &Choice) -> Vec<Requirement> {
    let is_built = layout.parents().join(parent.digest()).join("manifest.json").is_file();
    let builds = *parent == Choice::BuiltIn && !is_built;
    let parent = PARENT.into_iter().filter(|_| builds);
    GUESTS.into_iter().chain(parent).filter(|requirement| find(requirement.program).is_none()).collect()
}

/// Fails with the command that installs what is missing.
pub fn check(layout: &Layout, parent: &Choice) -> Result<(), Failure> {
    let missing = missing(layout, parent);
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<_> = missing.iter().map(|requirement| format!("`{}`", requirement.program)).collect();
    Err(internal(format!("the local cloud needs {}, which this machine lacks", programs.join(", ")))
        .hint(cure(&missing)))
}

/// How the user installs what is missing.
pub fn cure(missing: &[Requirement]) -> String {
    if is_debian() {
        let packages: Vec<_> = missing.iter().map(|requirement| requirement.package).collect();
        return format!("sudo apt-get install {}", packages.join(" "));
    }
    let programs: Vec<_> = missing.iter().map(|requirement| requirement.program).collect();
    format!("install with your system's package manager what brings {}", programs.join(", "))
}

/// Whether apt installs packages here: Debian and what derives from it.
pub fn is_debian() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    derives_from_debian(&release) && find("apt-get").is_some()
}

fn derives_from_debian(os_release: &str) -> bool {
    let values =
        os_release.lines().filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")));
    values.flat_map(|value| value.trim_matches('"').split(' ')).any(|id| id == "debian" || id == "ubuntu")
}

/// The program in `PATH`, or where system programs lie that are not in every user's `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|directory| directory.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_with_apt_are_recognised() {
        assert!(derives_from_debian("NAME=\"Debian\"\nID=debian\n"));
        assert!(derives_from_debian("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!derives_from_debian("ID=\"amzn\"\nID_LIKE=\"fedora\"\n"));
    }
}

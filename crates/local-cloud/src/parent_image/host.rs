//! What a build needs from this machine, asked for before anything is begun.

use std::path::{Path, PathBuf};

use super::ParentError;

const MIB: u64 = 1024 * 1024;
/// A chroot of some 400 MiB, the downloaded packages, and the raw disk beside the finished one.
const BUILD_MIB: u64 = 2200;
/// The finished image.
const IMAGE_MIB: u64 = 800;

/// Programs and the Debian packages they come in.
const BUILD: &[(&str, &str)] = &[("mmdebstrap", "mmdebstrap"), ("mkfs.ext4", "e2fsprogs")];
const QEMU: &[(&str, &str)] = &[("qemu-img", "qemu-utils"), ("qemu-system-x86_64", "qemu-system-x86")];

/// How mmdebstrap becomes root in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Root,
    /// A user namespace with subordinate ids.
    Unshare,
}

/// Fails with the cure where the machine cannot build.
pub(super) fn check(cache: &Path, temporary: &Path) -> Result<Mode, ParentError> {
    check_architecture()?;
    let mode = if rustix::process::geteuid().is_root() { Mode::Root } else { Mode::Unshare };
    let unshare: &[(&str, &str)] = if mode == Mode::Unshare { &[("newuidmap", "uidmap")] } else { &[] };
    check_programs(BUILD.iter().chain(QEMU).chain(unshare))?;
    if mode == Mode::Unshare {
        check_subordinate_ids()?;
    }
    check_space(temporary, BUILD_MIB, "TMPDIR")?;
    check_space(cache, IMAGE_MIB, "VERIS_CACHE_DIR")?;
    Ok(mode)
}

/// What an image that is not built here needs.
pub(super) fn check_given() -> Result<(), ParentError> {
    check_architecture()?;
    check_programs(QEMU.iter())
}

fn check_architecture() -> Result<(), ParentError> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(()),
        architecture => Err(ParentError::Architecture { architecture }),
    }
}

fn check_programs<'a>(needed: impl Iterator<Item = &'a (&'static str, &'static str)>) -> Result<(), ParentError> {
    let missing = needed.filter(|(program, _)| find(program).is_none());
    let (programs, mut packages): (Vec<_>, Vec<_>) = missing.copied().unzip();
    if programs.is_empty() {
        return Ok(());
    }
    // mmdebstrap only recommends the keys with which it checks what it downloads.
    if packages.contains(&"mmdebstrap") {
        packages.push("debian-archive-keyring");
    }
    Err(ParentError::Missing { programs, packages })
}

/// Where a program lies. The system directories count also where a user's `PATH` lacks them.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|directory| directory.join(program)).find(|path| path.is_file())
}

fn check_subordinate_ids() -> Result<(), ParentError> {
    let user = std::env::var("USER").unwrap_or_else(|_| rustix::process::getuid().as_raw().to_string());
    let uid = rustix::process::getuid().as_raw().to_string();
    let ranges = fs_err::read_to_string("/etc/subuid").unwrap_or_default();
    let has_range = ranges.lines().filter_map(|line| line.split(':').next()).any(|name| name == user || name == uid);
    if has_range { Ok(()) } else { Err(ParentError::SubordinateIds { user }) }
}

pub(super) fn check_space(path: &Path, needed_mib: u64, variable: &'static str) -> Result<(), ParentError> {
    let Ok(free) = free_bytes(path) else { return Ok(()) };
    let free_mib = free / MIB;
    if free_mib >= needed_mib {
        return Ok(());
    }
    Err(ParentError::Space { path: path.to_owned(), needed_mib, free_mib, variable })
}

/// Bytes that this user may still write below a directory.
pub(crate) fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let space = rustix::fs::statvfs(path)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_space_names_place_and_variable() {
        let error = check_space(Path::new("/"), u64::MAX, "TMPDIR").unwrap_err().to_string();
        assert!(error.contains("below `/`") && error.contains("TMPDIR"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named_with_the_line_that_installs_it() {
        let error = ParentError::Missing { programs: vec!["qemu-img"], packages: vec!["qemu-utils"] };
        assert_eq!(
            error.to_string(),
            "preparing the parent image needs qemu-img, which this machine lacks; \
             on Debian or Ubuntu: sudo apt-get install --yes qemu-utils"
        );
        assert_eq!(find("no-such-program-anywhere"), None);
        assert!(find("sh").is_some());
    }
}

//! What an instance needs in its directory before it is powered on, by the way its parent image boots.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::parent_image::{Boot, Firmware, Parent};
use crate::state::Instance;
use crate::vm::{VmError, firmware, machine};

/// Starts the agent in an image that has none.
const BOOTHOOK: &str = include_str!("boothook.sh");

/// What the machine starts, with the files that it needs for that.
#[derive(Debug)]
pub(super) enum Loading {
    Kernel { kernel: PathBuf, initrd: PathBuf },
    Bios,
    Uefi { code: PathBuf },
}

impl Loading {
    pub(super) fn boot(&self) -> machine::Boot<'_> {
        match self {
            Self::Kernel { kernel, initrd } => machine::Boot::Kernel { kernel, initrd },
            Self::Bios => machine::Boot::Bios,
            Self::Uefi { code } => machine::Boot::Uefi { code },
        }
    }
}

/// Writes what is missing in the instance's directory. `is_parent` says that the instance boots from the parent image as it
/// was given, whose cloud-init may not ask the metadata service yet.
pub(super) fn prepare(
    directory: &Path,
    instance: &Instance,
    parent: &Parent,
    is_parent: bool,
) -> Result<Loading, VmError> {
    let failed = |source| VmError::Io { attempt: "write what the guest needs for its first boot", source };
    let firmware = match &parent.boot {
        Boot::Kernel { kernel, initrd } => {
            return Ok(Loading::Kernel { kernel: kernel.clone(), initrd: initrd.clone() });
        }
        Boot::Loader(firmware) => *firmware,
    };
    // Image Builder starts an agent by user data, too, where an image of EC2's has none.
    let user_data = directory.join("user-data");
    if instance.agent {
        write(&user_data, BOOTHOOK.as_bytes()).map_err(failed)?;
    }
    if is_parent {
        write_cidata(&directory.join("cidata"), &instance.instance_id, &user_data).map_err(failed)?;
    }
    match firmware {
        Firmware::Bios => Ok(Loading::Bios),
        Firmware::Uefi => {
            let found = firmware::find().ok_or(VmError::Firmware)?;
            let variables = directory.join(machine::UEFI_VARIABLES);
            if !variables.exists() {
                fs_err::copy(&found.variables, &variables).map_err(failed)?;
            }
            Ok(Loading::Uefi { code: found.code })
        }
    }
}

/// The files that cloud-init's data source `NoCloud` reads.
fn write_cidata(directory: &Path, instance_id: &str, user_data: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    write(&directory.join("meta-data"), format!("instance-id: {instance_id}\n").as_bytes())?;
    match fs_err::read(user_data) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => write(&directory.join("user-data"), b""),
        read => write(&directory.join("user-data"), &read?),
    }
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(content)
}

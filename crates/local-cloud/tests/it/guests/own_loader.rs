//! A parent image that somebody else made, with its own boot loader and none of our files. Amazon's image for KVM cannot be
//! had here, so a disk that is laid out and configured like it stands for it.

use std::path::{Path, PathBuf};

use local_cloud::parent_image::{Boot, Choice, Firmware, Given, Parent, ParentError};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_image_with_its_own_loader_is_built_upon_and_asks_the_metadata_service() {
    let Some(disk) = stand_in() else { return };
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(&directory);
    let _sweeper = Sweeper(layout.clone());
    let parent = registered(&layout, &disk);
    assert_eq!(parent.boot, Boot::Loader(Firmware::Bios), "both can boot it, and the BIOS needs no package");
    let cloud = cloud(&layout, &parent);
    let _link = tokio::spawn(guest_link::listen(Arc::clone(&cloud)));

    // The parent asks for NoCloud alone, what is made of it for EC2's metadata.
    let image = build(&cloud, directory.path()).await;
    let launched = launch(&cloud.compute, &image, "first").await;
    assert_eq!(text_at(launched.address), "first");
    assert!(!layout.instance(&launched.instance_id).join("cidata").exists());

    cloud.compute.stop(&launched.instance_id).await.unwrap();
    wait(&cloud.compute, &launched.instance_id, InstanceState::Stopped).await;
    assert!(
        cloud.compute.console(&launched.instance_id).contains("reboot: Power down"),
        "it was shut down, not cut off"
    );
}

/// Gives the disk to the local cloud as a user does, by its path and its checksum.
fn registered(layout: &Layout, disk: &Path) -> Parent {
    let path = disk.to_str().unwrap();
    let wrong = Choice::Given(Given::parse(path, &"0".repeat(64)).unwrap());
    let refused = local_cloud::parent_image::ensure(&layout.cache, &wrong, &mut |_| ()).unwrap_err();
    assert!(matches!(refused, ParentError::Mismatch { .. }), "{refused}");

    let right = Choice::Given(Given::parse(path, &sha256(disk)).unwrap());
    let parent = local_cloud::parent_image::ensure(&layout.cache, &right, &mut |line| eprintln!("{line}")).unwrap();
    assert_eq!(parent.digest, sha256(disk));
    parent
}

fn layout(directory: &tempfile::TempDir) -> Layout {
    let directory = directory.path().canonicalize().unwrap();
    Layout { cache: directory.join("cache"), directory }
}

fn sha256(file: &Path) -> String {
    let output = std::process::Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_once(' ').unwrap().0.to_owned()
}

/// The stand-in, made once and cached like a parent image; `None`, with the reason, where this machine lacks a tool for it.
fn stand_in() -> Option<PathBuf> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/guests/stand_in");
    let digest = crate::support::hash(
        &["make.sh", "disk.sh"].map(|name| fs_err::read_to_string(scripts.join(name)).unwrap()).concat().into_bytes(),
    );
    let disk = cache().join("stand-ins").join(&digest).with_extension("qcow2");
    if disk.exists() {
        return Some(disk);
    }
    let needed = [
        "/usr/bin/mmdebstrap",
        "/usr/bin/qemu-img",
        "/usr/bin/grub-mkimage",
        "/usr/lib/grub/i386-pc/boot.img",
        "/usr/lib/grub/x86_64-efi/linux.mod",
        "/usr/bin/mformat",
        "/usr/sbin/sfdisk",
    ];
    if let Some(missing) = needed.iter().find(|path| !Path::new(path).exists()) {
        skipped(&format!(
            "there is no {missing}; on Debian: apt-get install mmdebstrap qemu-utils grub-common grub-pc-bin grub-efi-amd64-bin mtools fdisk"
        ));
        return None;
    }
    eprintln!("making the disk that stands for an image with its own loader");
    fs_err::create_dir_all(disk.parent().unwrap()).unwrap();
    let unnamed = disk.with_extension("new");
    let made = std::process::Command::new("sh").arg(scripts.join("make.sh")).arg(&unnamed).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs_err::rename(unnamed, &disk).unwrap();
    Some(disk)
}

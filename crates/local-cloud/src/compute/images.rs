//! AMIs and the disks below them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Compute, incorrect_state};
use crate::fault::Fault;
use crate::ids;
use crate::state::{ACCOUNT, Image, ImageState, Instance, InstanceState, Snapshot, Source, State, Tags};
use crate::vm::disk;

/// Name, tags and region of the image to be made from a stopped instance's disk.
#[derive(Debug, Clone, Default)]
pub struct NewImage {
    pub region: String,
    pub name: String,
    pub description: String,
    pub tags: Tags,
}

impl Compute {
    /// Makes an available AMI (and its snapshot) from the disk of an instance that is off.
    ///
    /// The disk becomes the image's; the instance goes on with an empty one above it, which costs no copy.
    pub async fn create_image(&self, instance_id: &str, new: NewImage) -> Result<Image, Fault> {
        let _turn = self.turn(instance_id).await;
        let instance = self.instance(instance_id)?;
        if instance.state != InstanceState::Stopped {
            return Err(incorrect_state(&instance, "made an image of; stop it first"));
        }
        self.store.read(|state| check_name(state, &new.region, &new.name))?;
        let image_id = ids::resource("ami");
        let _disks = self.disks.read().await;
        let (from, to) = (self.disk(instance_id), self.layout.image_disk(&image_id));
        let moved = move_disk(&from, &to).await;
        moved.map_err(|error| Fault::internal(format!("failed to keep the disk of {instance_id}: {error}")))?;
        let made = match disk::overlay(&to, &from, instance.volume_gib).await {
            Ok(()) => self.store.change(|state| record(state, &instance, image_id, new)),
            Err(error) => Err(error.fault()),
        };
        if made.is_err()
            && let Err(error) = fs_err::rename(&to, &from)
        {
            tracing::error!(instance_id, %error, "failed to give an instance its disk back");
        }
        made
    }

    /// Forgets an AMI; `with_snapshot` also removes its disk. A copy that was not finished has no disk to leave.
    pub async fn deregister_image(&self, region: &str, image_id: &str, with_snapshot: bool) -> Result<(), Fault> {
        self.store.change(|state| {
            let Some(image) = state.images_mut(region).remove(image_id) else {
                let message = format!("The image id '[{image_id}]' does not exist");
                return Err(Fault::client("InvalidAMIID.NotFound", message));
            };
            if with_snapshot || image.state == ImageState::Pending {
                state.snapshots_mut(region).remove(&image.snapshot_id);
            }
            Ok(())
        })?;
        self.collect_disks().await;
        Ok(())
    }

    /// Removes the disks that no image, no snapshot and no instance needs any more.
    pub async fn collect_disks(&self) {
        let _disks = self.disks.write().await;
        let removed = self.unneeded_disks().and_then(|disks| disks.iter().try_for_each(fs_err::remove_file));
        if let Err(error) = removed {
            // They are found again at the next start.
            tracing::warn!(%error, "failed to remove the disks that nobody needs any more");
        }
    }

    fn unneeded_disks(&self) -> io::Result<Vec<PathBuf>> {
        let directory = self.layout.directory.join("images");
        if !directory.is_dir() {
            return Ok(Vec::new());
        }
        let (images, instances): (BTreeSet<String>, Vec<String>) = self.store.read(|state| {
            let of_snapshots = state.every_snapshot().map(|snapshot| snapshot.image_id.clone());
            let pending = state.every_image().filter(|image| image.state == ImageState::Pending);
            let being_copied = pending.filter_map(|image| Some(image.source.as_ref()?.image_id.clone()));
            let living = state.instances.values().filter(|instance| instance.state != InstanceState::Terminated);
            let images = state.every_image().map(|image| image.image_id.clone());
            let images = images.chain(of_snapshots).chain(being_copied);
            (images.collect(), living.map(|instance| instance.instance_id.clone()).collect())
        });
        let mut needed = BTreeSet::new();
        let tops = images.iter().map(|id| self.layout.image_disk(id)).chain(instances.iter().map(|id| self.disk(id)));
        for top in tops {
            add_with_bases(&mut needed, top)?;
        }
        let found = fs_err::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
        found.filter(|path| path.as_ref().map_or(true, |path| !needed.contains(path))).collect()
    }
}

/// A disk needs every disk below it.
fn add_with_bases(needed: &mut BTreeSet<PathBuf>, disk: PathBuf) -> io::Result<()> {
    let mut next = Some(disk).filter(|disk| disk.exists());
    while let Some(disk) = next {
        if needed.contains(&disk) {
            return Ok(());
        }
        next = disk::base_of(&disk)?;
        needed.insert(disk);
    }
    Ok(())
}

async fn move_disk(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(directory) = to.parent() {
        fs_err::create_dir_all(directory)?;
    }
    // A build's disk is written without waiting; an image must survive the host.
    fs_err::tokio::File::open(from).await?.sync_all().await?;
    fs_err::rename(from, to)
}

/// Each name is given once in a region.
pub(crate) fn check_name(state: &State, region: &str, name: &str) -> Result<(), Fault> {
    match state.images(region).values().find(|image| image.owner == ACCOUNT && image.name == name) {
        None => Ok(()),
        Some(image) => {
            let message = format!("AMI name {name} is already in use by AMI {}", image.image_id);
            Err(Fault::client("InvalidAMIName.Duplicate", message))
        }
    }
}

fn record(state: &mut State, instance: &Instance, image_id: String, new: NewImage) -> Result<Image, Fault> {
    check_name(state, &new.region, &new.name)?;
    let base = state.find_image(&instance.image_id).cloned().ok_or_else(|| {
        Fault::client("InvalidAMIID.NotFound", format!("The image id '[{}]' does not exist", instance.image_id))
    })?;
    let created = Timestamp::now();
    let snapshot = Snapshot {
        snapshot_id: ids::resource("snap"),
        image_id: image_id.clone(),
        volume_gib: instance.volume_gib,
        created,
        description: format!("Created by CreateImage({}) for {image_id}", instance.instance_id),
        tags: new.tags.clone(),
        kms_key: instance.kms_key.clone(),
    };
    let image = Image {
        image_id: image_id.clone(),
        name: new.name,
        description: new.description,
        state: ImageState::Available,
        created,
        snapshot_id: snapshot.snapshot_id.clone(),
        root_device: base.root_device,
        volume_gib: instance.volume_gib,
        owner: ACCOUNT.to_owned(),
        parent: base.parent,
        tags: new.tags,
        source: Some(Source {
            image_id: base.image_id,
            region: new.region.clone(),
            client_token: None,
            request_digest: String::new(),
        }),
        failure: None,
        shared_with: BTreeSet::new(),
        kms_key: instance.kms_key.clone(),
    };
    state.snapshots_mut(&new.region).insert(snapshot.snapshot_id.clone(), snapshot);
    state.images_mut(&new.region).insert(image_id, image.clone());
    Ok(image)
}

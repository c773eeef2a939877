//! Copies of AMIs: each has a disk of its own, which is the same file under another name wherever the file system can do that.

use std::io;
use std::path::{Path, PathBuf};

use super::Compute;
use crate::state::{Image, ImageState};

impl Compute {
    /// The copies that are waiting for their disks.
    pub(crate) fn pending_copies(&self) -> Vec<String> {
        let is_waiting = |image: &&Image| image.state == ImageState::Pending && image.source.is_some();
        self.store.read(|state| state.every_image().filter(is_waiting).map(|image| image.image_id.clone()).collect())
    }

    /// Gives a pending copy its disk. A copy that was deregistered meanwhile leaves none.
    pub(crate) async fn finish_copy(&self, image_id: &str) {
        let disks = self.disks.read().await;
        let Some(image) = self.store.read(|state| state.find_image(image_id).cloned()) else { return };
        let Some(source) = image.source.filter(|_| image.state == ImageState::Pending) else { return };
        let failure = match image.failure {
            Some(failure) => Some(failure),
            None => self.link(&source.image_id, image_id).await.err().map(|error| error.to_string()),
        };
        let ended = self.store.change(|state| {
            if let Some(image) = state.find_image_mut(image_id) {
                image.state = if failure.is_none() { ImageState::Available } else { ImageState::Failed };
                image.failure.clone_from(&failure);
            }
            Ok(())
        });
        match (ended, failure) {
            (Err(fault), _) => tracing::error!(image_id, %fault, "failed to write down the end of a copy"),
            (Ok(()), Some(failure)) => tracing::error!(image_id, failure, "an image was not copied"),
            (Ok(()), None) => tracing::info!(image_id, source = source.image_id, "an image was copied"),
        }
        drop(disks);
        // The source's disk was kept for this copy where the source itself is gone.
        self.collect_disks().await;
    }

    async fn link(&self, source: &str, copy: &str) -> io::Result<()> {
        let (from, to) = (self.layout.image_disk(source), self.layout.image_disk(copy));
        tokio::task::spawn_blocking(move || link(&from, &to)).await.map_err(io::Error::other)?
    }
}

/// The disk of an image never changes, so two images may have one file. A file system without hard links gets another file.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    // Made before the cloud was stopped.
    if to.exists() {
        return Ok(());
    }
    match fs_err::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!(%error, "the disk of an image is copied");
            copy(from, to)?;
        }
        linked => linked?,
    }
    // The name must survive the host as the content does.
    to.parent().map_or(Ok(()), |directory| fs_err::File::open(directory)?.sync_all())
}

/// A copy that was cut off does not have the name of a whole one, and goes with the disks that nobody needs.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let unfinished: PathBuf = to.with_extension("part");
    fs_err::copy(from, &unfinished)?;
    fs_err::File::open(&unfinished)?.sync_all()?;
    fs_err::rename(&unfinished, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_whole_or_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let [from, linked, copied, absent] =
            ["from", "linked", "copied", "absent"].map(|name| directory.path().join(format!("{name}.qcow2")));
        fs_err::write(&from, "disk").unwrap();
        link(&from, &linked).unwrap();
        link(&from, &linked).unwrap();
        copy(&from, &copied).unwrap();
        for disk in [&linked, &copied] {
            assert_eq!(fs_err::read(disk).unwrap(), b"disk");
        }
        assert_eq!(link(&absent, &directory.path().join("copy")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(fs_err::read_dir(directory.path()).unwrap().count(), 3, "nothing unfinished is left");
    }
}

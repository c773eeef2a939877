//! A snapshot's disk as blocks.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::BLOCK_SIZE;
use crate::fault::Fault;
use crate::vm::disk::base_of;
use crate::vm::extents::{self, Extent, Place};

/// The disks that were read last. A snapshot's disk never changes, so what is known of it holds as long as it is there.
#[derive(Debug, Default)]
pub(crate) struct Disks(Mutex<BTreeMap<String, Arc<Disk>>>);

/// How many disks are remembered.
const REMEMBERED: usize = 8;

impl Disks {
    /// The disk of a snapshot that exists, in this file.
    pub(super) async fn open(&self, snapshot_id: &str, path: &Path) -> Result<Arc<Disk>, Fault> {
        if let Some(disk) = self.lock().get(snapshot_id) {
            return Ok(Arc::clone(disk));
        }
        let disk = Arc::new(Disk::open(path).await?);
        let mut disks = self.lock();
        if disks.len() >= REMEMBERED {
            disks.clear();
        }
        disks.insert(snapshot_id.to_owned(), Arc::clone(&disk));
        Ok(disk)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Disk>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is in a disk, and in which files.
#[derive(Debug)]
pub(super) struct Disk {
    /// Itself, and what lies below it.
    files: Vec<PathBuf>,
    extents: Vec<Extent>,
    /// The blocks that hold data, in order.
    pub(super) blocks: Vec<u32>,
}

impl Disk {
    async fn open(path: &Path) -> Result<Self, Fault> {
        let extents = extents::of(path).await.map_err(crate::vm::VmError::fault)?;
        let files = chain(path).map_err(|error| unreadable(path, &error))?;
        let mut blocks = Vec::new();
        for extent in &extents {
            let covered = extent.start / BLOCK_SIZE as u64..extent.end().div_ceil(BLOCK_SIZE as u64);
            let covered = covered.filter_map(|block| u32::try_from(block).ok());
            let last = blocks.last().copied();
            blocks.extend(covered.filter(|block| last.is_none_or(|last| last < *block)));
        }
        Ok(Self { files, extents, blocks })
    }

    /// The bytes of a block.
    pub(super) async fn read(self: Arc<Self>, block: u32) -> Result<Vec<u8>, Fault> {
        let start = u64::from(block) * BLOCK_SIZE as u64;
        let end = start + BLOCK_SIZE as u64;
        let first = self.extents.partition_point(|extent| extent.end() <= start);
        let extents: Vec<_> = self.extents[first..].iter().take_while(|it| it.start < end).copied().collect();
        let path = self.files[0].clone();
        if extents.iter().any(|extent| extent.place == Place::Compressed) {
            return extents::decompress(&path, block, BLOCK_SIZE).await.map_err(crate::vm::VmError::fault);
        }
        let reading = tokio::task::spawn_blocking(move || self.gather(start, &extents));
        let read = reading.await.map_err(io::Error::other).and_then(|read| read);
        read.map_err(|error| unreadable(&path, &error))
    }

    fn gather(&self, start: u64, extents: &[Extent]) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; BLOCK_SIZE];
        let end = start + BLOCK_SIZE as u64;
        for extent in extents {
            let Place::File { depth, offset } = extent.place else { continue };
            let (from, to) = (extent.start.max(start), extent.end().min(end));
            let within = |position: u64| usize::try_from(position - start).unwrap_or(BLOCK_SIZE);
            let missing = || io::Error::new(io::ErrorKind::NotFound, "a disk below it is not known");
            let file = fs_err::File::open(self.files.get(depth).ok_or_else(missing)?)?;
            file.file().read_exact_at(&mut bytes[within(from)..within(to)], offset + (from - extent.start))?;
        }
        Ok(bytes)
    }
}

/// The disk and every disk below it.
fn chain(disk: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = vec![disk.to_owned()];
    while let Some(base) = base_of(&files[files.len() - 1])? {
        files.push(base);
    }
    Ok(files)
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    Fault::internal(format!("failed to read the disk `{}`: {error}", path.display()))
}

//! The disk of a snapshot, read through the EBS direct APIs, as a file: what is read of it is fetched, and nothing else.
//!
//! Whoever reads may block, so it reads in a thread of its own ([`SnapshotDisk::read_with`]). A reader that goes forward is met by what
//! was fetched for it meanwhile; the checksum of each block is compared; what the snapshot does not hold are zeros.

mod fetch;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use self::fetch::Source;
use crate::aws;
use crate::error::{Failure, cloud, internal};
use crate::printer::Stage;

/// The most blocks that are kept: 128 MiB of them, where a block is as long as AWS makes them.
const KEPT: usize = 256;
/// The most blocks that are fetched before they are asked for, and how far a reader may step that still goes forward.
const AHEAD: usize = 16;

/// The blocks of a snapshot.
#[derive(Debug)]
pub struct SnapshotDisk {
    source: Arc<Source>,
    runtime: Handle,
    /// Where in the disk the reader is.
    position: u64,
    /// Blocks that came, and when each was used last.
    kept: BTreeMap<usize, (u64, Bytes)>,
    fetching: BTreeMap<usize, JoinHandle<Result<Bytes, Failure>>>,
    /// The block that was read last, and how many are fetched behind it.
    last: Option<usize>,
    ahead: usize,
    uses: u64,
    shared: Arc<Shared>,
}

/// What the reader's thread and whoever waits for it have in common.
#[derive(Debug, Default)]
struct Shared {
    fetched: AtomicU64,
    is_stopped: AtomicBool,
    /// Why a block did not come: a reader's own error would keep no more than its words.
    failure: Mutex<Option<Failure>>,
}

impl SnapshotDisk {
    /// Lists the blocks of the snapshot.
    pub async fn open(client: &aws_sdk_ebs::Client, snapshot_id: &str) -> Result<Self> {
        let (mut blocks, mut block_size, mut gib) = (Vec::new(), 0, 0);
        let mut pages = client.list_snapshot_blocks().snapshot_id(snapshot_id).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| aws::describe(&format!("list the blocks of {snapshot_id}"), &error))?;
            block_size = page.block_size.unwrap_or(block_size);
            gib = page.volume_size.unwrap_or(gib);
            for block in page.blocks.into_iter().flatten() {
                let index = block.block_index.and_then(|index| u32::try_from(index).ok());
                blocks.extend(index.zip(block.block_token));
            }
        }
        let sizes = u64::try_from(block_size).ok().zip(u64::try_from(gib).ok());
        let (block_size, gib) = sizes
            .filter(|(block_size, gib)| *block_size > 0 && *gib > 0)
            .ok_or_else(|| cloud(format!("EBS lists {snapshot_id} without the sizes of its volume and its blocks")))?;
        blocks.sort_by_key(|(index, _)| *index);
        let snapshot_id = snapshot_id.to_owned();
        Ok(Self {
            source: Arc::new(Source { client: client.clone(), snapshot_id, blocks, block_size, size: gib << 30 }),
            runtime: Handle::current(),
            position: 0,
            kept: BTreeMap::new(),
            fetching: BTreeMap::new(),
            last: None,
            ahead: 0,
            uses: 0,
            shared: Arc::default(),
        })
    }

    /// Bytes that the snapshot holds; the rest of the disk are zeros.
    pub fn held(&self) -> u64 {
        self.source.blocks.len() as u64 * self.source.block_size
    }

    /// Has `read` read the disk in a thread of its own. Meanwhile the stage says what `show` makes of the bytes that came. When
    /// this future is dropped, the next read fails.
    pub async fn read_with<T, E>(
        self,
        stage: &mut Stage,
        show: impl Fn(u64) -> String,
        read: impl FnOnce(Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let (shared, block_size, snapshot_id) =
            (Arc::clone(&self.shared), self.source.block_size, self.source.snapshot_id.clone());
        let stop = Stop(Arc::clone(&shared));
        let mut reading = tokio::task::spawn_blocking(move || read(self));
        let mut shown = String::new();
        let read = loop {
            let now = show(shared.fetched.load(Ordering::Relaxed) * block_size);
            if now != shown {
                stage.update(&now);
                shown = now;
            }
            tokio::select! {
                read = &mut reading => break read,
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
            }
        };
        drop(stop);
        let failed = format!("failed to read the disk of {snapshot_id}");
        let read = read.map_err(|error| internal(failed.clone()).source(error))?;
        read.map_err(|error| {
            let fetching = shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
            fetching.unwrap_or_else(|| cloud(failed).source(error)).into()
        })
    }

    /// The block with this number in the list.
    fn block(&mut self, listed: usize) -> io::Result<Bytes> {
        self.collect()?;
        if self.last != Some(listed) {
            let is_near = self.last.is_some_and(|last| listed.abs_diff(last) <= AHEAD);
            self.ahead = if is_near { (self.ahead * 2).clamp(2, AHEAD) } else { 0 };
            self.last = Some(listed);
        }
        let end = (listed + 1 + self.ahead).min(self.source.blocks.len());
        (listed..end).for_each(|listed| self.fetch(listed));
        if let Some(fetching) = self.fetching.remove(&listed) {
            let came = self.runtime.block_on(fetching);
            self.keep(listed, came)?;
        }
        self.uses += 1;
        let (used, bytes) = self.kept.get_mut(&listed).ok_or_else(|| io::Error::other("a block was not kept"))?;
        *used = self.uses;
        Ok(bytes.clone())
    }

    fn fetch(&mut self, listed: usize) {
        if self.kept.contains_key(&listed) || self.fetching.contains_key(&listed) {
            return;
        }
        let source = Arc::clone(&self.source);
        self.fetching.insert(listed, self.runtime.spawn(async move { source.fetch(listed).await }));
    }

    /// Takes in what has come, and leaves no more than one window under way where the reader went elsewhere.
    fn collect(&mut self) -> io::Result<()> {
        if self.shared.is_stopped.load(Ordering::Relaxed) {
            return Err(io::Error::other("nobody waits for this any more"));
        }
        let ended: Vec<usize> = self.fetching.iter().filter(|(_, it)| it.is_finished()).map(|(it, _)| *it).collect();
        for listed in ended {
            if let Some(fetching) = self.fetching.remove(&listed) {
                let came = self.runtime.block_on(fetching);
                self.keep(listed, came)?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, listed: usize, came: Result<Result<Bytes, Failure>, tokio::task::JoinError>) -> io::Result<()> {
        let bytes = match came.map_err(io::Error::other)? {
            Ok(bytes) => bytes,
            Err(failure) => {
                let error = io::Error::other(failure.to_string());
                self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
                return Err(error);
            }
        };
        self.shared.fetched.fetch_add(1, Ordering::Relaxed);
        if self.kept.len() >= KEPT {
            let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(listed, _)| *listed);
            oldest.and_then(|oldest| self.kept.remove(&oldest));
        }
        self.kept.insert(listed, (self.uses, bytes));
        Ok(())
    }
}

impl Read for SnapshotDisk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (size, block_size) = (self.source.size, self.source.block_size);
        let Some(rest) = size.checked_sub(self.position).filter(|rest| *rest > 0) else { return Ok(0) };
        let (index, within) = (self.position / block_size, self.position % block_size);
        let listed = self.source.blocks.partition_point(|(listed, _)| u64::from(*listed) < index);
        let next = self.source.blocks.get(listed).map_or(u64::MAX, |(listed, _)| u64::from(*listed));
        let zeros = next.saturating_mul(block_size).saturating_sub(self.position);
        let room = if next == index { block_size - within } else { zeros };
        let length = usize::try_from(room.min(rest)).unwrap_or(usize::MAX).min(buffer.len());
        if next == index {
            let from = usize::try_from(within).map_err(io::Error::other)?;
            buffer[..length].copy_from_slice(&self.block(listed)?[from..from + length]);
        } else {
            buffer[..length].fill(0);
        }
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for SnapshotDisk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.source.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Drop for SnapshotDisk {
    fn drop(&mut self) {
        self.fetching.values().for_each(JoinHandle::abort);
    }
}

/// Ends the reader's thread at its next read.
struct Stop(Arc<Shared>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.is_stopped.store(true, Ordering::Relaxed);
    }
}

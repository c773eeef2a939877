//! The bytes of the disk, by position.

use std::cell::RefCell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use crate::AuditError;
use crate::fields::size;

/// A part of the disk, such as a partition. Its positions begin at 0; nothing outside of it can be read.
#[derive(Clone)]
pub(crate) struct Window {
    disk: Rc<RefCell<Pages>>,
    start: u64,
    length: u64,
}

impl Window {
    pub(crate) fn whole(disk: impl Read + Seek + 'static) -> Result<Self, AuditError> {
        let mut disk: Box<dyn ReadSeek> = Box::new(disk);
        let length = disk.seek(SeekFrom::End(0)).map_err(|source| AuditError::Read { offset: 0, length: 0, source })?;
        let disk = Rc::new(RefCell::new(Pages { disk, length, slots: Vec::new() }));
        Ok(Self { disk, start: 0, length })
    }

    /// The part of this part, or nothing where it reaches beyond the end.
    pub(crate) fn part(&self, start: u64, length: u64) -> Option<Self> {
        let end = start.checked_add(length)?;
        (end <= self.length).then(|| Self { disk: Rc::clone(&self.disk), start: self.start + start, length })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Fills `buffer` from `offset`. What lies behind the end is an error, as is a disk that ends early.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), AuditError> {
        let inside = offset.checked_add(buffer.len() as u64).is_some_and(|end| end <= self.length);
        let read =
            if inside { self.disk.borrow_mut().read(self.start + offset, buffer) } else { Err(beyond_the_end()) };
        let offset = self.start.saturating_add(offset);
        read.map_err(|source| AuditError::Read { offset, length: buffer.len(), source })
    }

    pub(crate) fn bytes(&self, offset: u64, length: usize) -> Result<Vec<u8>, AuditError> {
        let mut buffer = vec![0; length];
        self.read(offset, &mut buffer)?;
        Ok(buffer)
    }
}

fn beyond_the_end() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "that is beyond the end")
}

/// `dyn` takes one trait.
trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// Inodes and directories are small and lie together, so small reads are answered from pages, of which each has one slot.
struct Pages {
    disk: Box<dyn ReadSeek>,
    length: u64,
    slots: Vec<Option<(u64, Vec<u8>)>>,
}

const PAGE: u64 = 32 << 10;
const SLOTS: u64 = 512;

impl Pages {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if buffer.len() as u64 >= PAGE {
            self.disk.seek(SeekFrom::Start(offset))?;
            return self.disk.read_exact(buffer);
        }
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            let page = self.page(at / PAGE)?;
            let rest = page.get(size(at % PAGE)..).unwrap_or_default();
            let count = rest.len().min(buffer.len() - done);
            if count == 0 {
                return Err(beyond_the_end());
            }
            buffer[done..done + count].copy_from_slice(&rest[..count]);
            done += count;
        }
        Ok(())
    }

    fn page(&mut self, number: u64) -> io::Result<&[u8]> {
        self.slots.resize(size(SLOTS), None);
        let slot = &mut self.slots[size(number % SLOTS)];
        let page = match slot.take() {
            Some((held, page)) if held == number => page,
            other => {
                let mut page = other.map(|(_, page)| page).unwrap_or_default();
                let start = number * PAGE;
                page.resize(size(PAGE.min(self.length.saturating_sub(start))), 0);
                self.disk.seek(SeekFrom::Start(start))?;
                self.disk.read_exact(&mut page)?;
                page
            }
        };
        Ok(&slot.insert((number, page)).1)
    }
}

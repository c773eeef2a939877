//! Where the blocks of a file lie.

use crate::AuditError;
use crate::disk::Window;
use crate::fields::size;
use crate::volume::{Piece, Sink};

/// Blocks that follow each other in the file and in the file system. All numbers are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub file_offset: u64,
    pub offset: u64,
    pub length: u64,
    /// Space that was reserved and not written reads as zeros, whatever is there.
    pub is_written: bool,
}

/// The runs of one file. They follow each other, as a damaged file system's may not.
pub(crate) struct Runs {
    runs: Vec<Run>,
    most: u64,
}

impl Runs {
    /// `most` is the number of blocks that there are.
    pub(crate) fn new(most: u64) -> Self {
        Self { runs: Vec::new(), most }
    }

    /// Where the next run can begin in the file.
    pub(crate) fn end(&self) -> u64 {
        self.runs.last().map_or(0, |last| last.file_offset + last.length)
    }

    pub(crate) fn push(&mut self, run: Run) -> Result<(), &'static str> {
        if run.length == 0 || run.file_offset < self.end() || run.file_offset.checked_add(run.length).is_none() {
            return Err("its blocks overlap");
        }
        if self.runs.len() as u64 >= self.most {
            return Err("it has more blocks than there are");
        }
        self.runs.push(run);
        Ok(())
    }

    pub(crate) fn count(&self) -> u64 {
        self.runs.len() as u64
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter()
    }

    /// Hands the first `end` bytes of the file to `sink`.
    pub(crate) fn read(&self, window: &Window, end: u64, sink: Sink<'_>) -> Result<(), AuditError> {
        let mut buffer = Vec::new();
        let mut at = 0;
        for run in self.runs.iter().take_while(|run| run.file_offset < end) {
            hole(at, run.file_offset, sink)?;
            let length = run.length.min(end - run.file_offset);
            at = run.file_offset + length;
            if !run.is_written {
                hole(run.file_offset, at, sink)?;
                continue;
            }
            let mut done = 0;
            while done < length {
                let count = BUFFER.min(length - done);
                buffer.resize(size(count), 0);
                window.read(run.offset + done, &mut buffer)?;
                sink(Piece::Data(&buffer))?;
                done += count;
            }
        }
        hole(at, end, sink)
    }
}

/// As much as is read at once.
const BUFFER: u64 = 1 << 20;

fn hole(from: u64, to: u64, sink: Sink<'_>) -> Result<(), AuditError> {
    if from < to { sink(Piece::Hole(to - from)) } else { Ok(()) }
}

//! The targets of links.

use super::inode::{Fork, Inode};
use super::{Metadata, Xfs, extents};
use crate::AuditError;
use crate::fields::be;
use crate::volume::Kind;

const BLOCK: Metadata =
    Metadata { name: "target", magics: &[0x5853_4c4d], checksum: 12, position: 40, uuid: 16, owner: 32 };
const HEADER: usize = 56;
const LONGEST: u64 = 1024;

pub(super) fn read(volume: &Xfs, inode: &Inode) -> Result<Vec<u8>, AuditError> {
    if inode.kind() != Kind::Symlink || inode.size() > LONGEST {
        return Err(inode.damaged("it is no link"));
    }
    if let Fork::Local(target) = inode.fork()? {
        return Ok(target.to_vec());
    }
    let mut target = Vec::new();
    for run in extents::runs(volume, inode)?.iter() {
        // A target has some KiB at the most, with the header of each of its extents.
        if run.length > 65536 {
            return Err(inode.damaged("its target has too many blocks"));
        }
        let bytes = volume.metadata(inode, &[run.offset], run.length, &BLOCK)?;
        let length = be::u32(&bytes, 8) as usize;
        let part = bytes.get(HEADER..).and_then(|rest| rest.get(..length));
        target.extend_from_slice(part.ok_or_else(|| inode.damaged("its target is longer than its blocks"))?);
    }
    if target.len() as u64 == inode.size() { Ok(target) } else { Err(inode.damaged("its target has another length")) }
}

//! Where the root file system lies.

use std::fmt::Write;
use std::io::Cursor;

use insta::assert_snapshot;

use super::images::{FORMATS, Format, MIB, Source, gpt};
use super::stories::{EFI, LINUX};
use crate::{AuditError, FileSystemKind, Options, Partition, Report, audit};

const BIOS_BOOT: &str = "21686148-6449-6E6F-744E-656564454649";

fn examine(disk: Vec<u8>) -> Result<Report, AuditError> {
    let options = Options { allowed_keys: vec!["/etc/service/allowed.pem".to_owned()], ..Options::default() };
    audit(Cursor::new(disk), &options)
}

/// The layout of Amazon Linux 2023, whose root is the first partition, and another one.
#[test]
fn the_root_is_the_partition_with_a_system() {
    let source = Source::clean();
    for format in FORMATS {
        let Some(root) = source.image(format, 24 * MIB) else { continue };
        let Some(disk) = gpt(&[(24, LINUX, &root), (1, BIOS_BOOT, b"\xeb\x63"), (10, EFI, b"")]) else { return };
        let report = examine(disk.clone()).unwrap();
        assert!(report.is_clean(), "{report}");
        let expected = if format == Format::Ext4 { FileSystemKind::Ext4 } else { FileSystemKind::Xfs };
        assert_eq!(report.file_system.kind, expected);
        let places: Vec<_> = report
            .partitions
            .iter()
            .map(|Partition { number, start, length, .. }| (*number, *start, *length))
            .collect();
        let mib = MIB as u64;
        assert_eq!(places, [(1, mib, 24 * mib), (2, 25 * mib, mib), (3, 26 * mib, 10 * mib)]);

        let mut without_first_table = disk;
        without_first_table[512..4096].fill(0);
        let again = examine(without_first_table).unwrap();
        assert_eq!(again.partitions, report.partitions, "the copy at the end of the disk is as good");
    }
}

#[test]
fn an_old_partition_table_is_read() {
    let source = Source::clean();
    let Some(root) = source.image(Format::Ext4, 24 * MIB) else { return };
    let mut disk = vec![0; 25 * MIB];
    disk[MIB..].copy_from_slice(&root);
    disk[446 + 4] = 0x83;
    disk[446 + 8..446 + 12].copy_from_slice(&2048_u32.to_le_bytes());
    disk[446 + 12..446 + 16].copy_from_slice(&(24 * 2048_u32).to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    assert!(examine(disk).unwrap().is_clean());
}

#[test]
fn what_cannot_be_judged_is_said_with_a_cure() {
    let mut told = String::new();
    let mut tell = |name: &str, disk: Vec<u8>| {
        let error = examine(disk).unwrap_err();
        writeln!(told, "{name}: {error}\n  hint: {}", error.hint().unwrap_or_default()).unwrap();
    };
    let (Some(empty), Some(mut used)) =
        (Source::empty().image(Format::Ext4, 8 * MIB), Source::clean().image(Format::Xfs, 24 * MIB))
    else {
        return;
    };
    tell("nothing", Vec::new());
    tell("zeros", vec![0; MIB]);
    tell("no system", empty.clone());
    let Some(disk) = gpt(&[(8, LINUX, &empty), (1, EFI, b"")]) else { return };
    let mut short = disk.clone();
    short.truncate(4 * MIB);
    tell("no system in partitions", disk.clone());
    tell("short", short);
    let mut broken = disk;
    let end = broken.len();
    broken[512 + 40] ^= 1;
    broken[end - 512 + 40] ^= 1;
    tell("both tables damaged", broken);
    let mut journal = Source::clean().image(Format::Ext4, 8 * MIB).unwrap();
    journal[1024 + 0x60] |= 4;
    let checksum = crate::fields::crc32c(!0, &journal[1024..1024 + 0x3fc]);
    journal[1024 + 0x3fc..2048].copy_from_slice(&checksum.to_le_bytes());
    tell("ext4 in use", journal);
    // The only record of a log that nobody has used says that the file system is unmounted.
    let record = used.chunks_exact(512).position(|sector| sector.starts_with(&[0xfe, 0xed, 0xba, 0xbe])).unwrap() * 512;
    used[record + 512 + 9] = 0;
    tell("XFS in use", used.clone());
    used.truncate(16 * MIB);
    tell("XFS cut off", used);
    assert_snapshot!(told);
}

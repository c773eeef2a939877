//! Damaged disks: an error, or what was there; never a panic, never other files.

use std::io::Cursor;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::images::{FORMATS, Format, MIB, Source};
use crate::disk::Window;
use crate::fields::IGNORE_CHECKSUMS;
use crate::tree::Tree;
use crate::{Canary, Options, audit, partitions};

fn options() -> Options {
    Options { canaries: vec![Canary::new("C", *b"any canary").unwrap()], ..Options::default() }
}

/// A system with directories of every form.
fn source() -> Source {
    let source = Source::clean();
    for number in 0..600 {
        source.write(&format!("many/a-rather-long-name-of-file-number-{number}"), number.to_string());
    }
    (0..20).for_each(|number| source.write(&format!("some/a-rather-long-name-{number}"), ""));
    source
}

/// An image, and the names in it.
struct Image {
    format: Format,
    bytes: Vec<u8>,
    names: Vec<String>,
}

static IMAGES: LazyLock<Vec<Image>> = LazyLock::new(|| {
    let source = source();
    let image = |format| {
        let bytes = source.image(format, 16 * MIB)?;
        Some(Image { format, names: names_of(bytes.clone()).unwrap(), bytes })
    };
    FORMATS.into_iter().filter_map(image).collect()
});

/// Where something stands in an image; the rest of it is free.
fn used(image: &[u8]) -> Vec<usize> {
    let sectors = image.chunks_exact(512).enumerate().filter(|(_, sector)| sector.iter().any(|byte| *byte != 0));
    sectors.map(|(number, _)| number * 512).collect()
}

#[test]
fn a_disk_that_ends_early_is_an_error() {
    for Image { format, bytes: image, .. } in IMAGES.iter() {
        for end in (0..image.len()).step_by(4096) {
            let result = audit(Cursor::new(image[..end].to_vec()), &options());
            assert!(result.is_err(), "{format:?} of {end} bytes: {:?}", result.map(|report| report.to_string()));
        }
    }
}

/// As after a copy that stopped, or a snapshot of which blocks are missing.
#[test]
fn a_block_of_zeros_is_an_error_or_changes_no_name() {
    for Image { format, bytes: image, names } in IMAGES.iter() {
        for block in used(image).into_iter().map(|offset| offset / 4096).collect::<std::collections::BTreeSet<_>>() {
            let mut damaged = image.clone();
            damaged[block * 4096..(block + 1) * 4096].fill(0);
            if let Ok(found) = names_of(damaged) {
                assert_eq!(found, *names, "{format:?} without block {block}");
            }
        }
    }
}

fn names_of(image: Vec<u8>) -> Result<Vec<String>, crate::AuditError> {
    let found = partitions::find_root(&Window::whole(Cursor::new(image))?)?;
    let tree = Tree::read(&found.root, &Options::default())?;
    Ok(tree.all().map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect())
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0..512_usize, 1..=255_u8), 1..6)
}

fn damage(image: &[u8], changes: &[(prop::sample::Index, usize, u8)]) -> Vec<u8> {
    let (mut result, used) = (image.to_vec(), used(image));
    for (sector, byte, change) in changes {
        result[sector.get(&used) + byte] ^= change;
    }
    result
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Checksums stand behind every name, so a damaged disk cannot hide one.
    #[test]
    fn damaged_bytes_are_an_error_or_change_no_name(changes in changes()) {
        for Image { format, bytes, names } in IMAGES.iter() {
            if let Ok(found) = names_of(damage(bytes, &changes)) {
                prop_assert_eq!(&found, names, "{:?}", format);
            }
        }
    }

    /// Whoever makes a disk to mislead writes checksums that are right.
    #[test]
    fn no_number_on_a_disk_is_trusted(changes in changes()) {
        IGNORE_CHECKSUMS.set(true);
        for image in IMAGES.iter() {
            let _ = audit(Cursor::new(damage(&image.bytes, &changes)), &options());
        }
        IGNORE_CHECKSUMS.set(false);
    }

    #[test]
    fn no_partition_table_is_too_strange(
        table in prop::collection::vec(any::<u8>(), 2048),
        fields in (any::<u64>(), any::<u64>(), 0..3_u32, 0..300_u32),
    ) {
        IGNORE_CHECKSUMS.set(true);
        let mut disk = vec![0; 64 << 10];
        disk[446..446 + 1024].copy_from_slice(&table[..1024]);
        disk[510..520].copy_from_slice(b"\x55\xaaEFI PART");
        disk[512 + 12] = 92;
        disk[512 + 13..512 + 16].fill(0);
        disk[512 + 24..512 + 32].copy_from_slice(&1_u64.to_le_bytes());
        disk[512 + 72..512 + 80].copy_from_slice(&(if fields.2 == 0 { fields.0 } else { 2 }).to_le_bytes());
        disk[512 + 80..512 + 84].copy_from_slice(&fields.2.to_le_bytes());
        disk[512 + 84..512 + 88].copy_from_slice(&fields.3.to_le_bytes());
        disk[1024..1024 + 1024].copy_from_slice(&table[1024..]);
        disk[1024 + 32..1024 + 40].copy_from_slice(&(fields.1 % 200).to_le_bytes());
        prop_assert!(audit(Cursor::new(disk), &options()).is_err());
        IGNORE_CHECKSUMS.set(false);
    }
}

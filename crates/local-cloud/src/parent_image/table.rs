//! What a disk's first megabyte says about its boot loader: the partition table, in either of its two forms.

use super::manifest::Firmware;

/// How much of a disk is enough to know.
pub(super) const HEAD: usize = 1 << 20;

const SECTOR: usize = 512;

/// The type of the partition that holds the loader's core, as it is on disk.
const BIOS_BOOT: &[u8] = b"Hah!IdontNeedEFI";
/// C12A7328-F81F-11D2-BA4B-00A0C93EC93B, as it is on disk.
const EFI_SYSTEM: &[u8] =
    &[0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];

/// Which firmware starts this disk; `None` where nothing on it can be started. A disk that both can start is started by the
/// BIOS, which every QEMU brings along.
pub(super) fn firmware(head: &[u8]) -> Option<Firmware> {
    let first = head.get(..SECTOR)?;
    if !first.ends_with(&[0x55, 0xaa]) {
        return None;
    }
    let has_boot_code = first[..440].iter().any(|byte| *byte != 0);
    let types = gpt_types(head);
    let mbr_types: Vec<u8> = first[446..510].chunks(16).filter_map(|entry| entry.get(4)).copied().collect();
    let is_gpt = !types.is_empty();
    let for_bios = if is_gpt { types.contains(&BIOS_BOOT) } else { true };
    let for_uefi = if is_gpt { types.contains(&EFI_SYSTEM) } else { mbr_types.contains(&0xef) };
    match (for_bios && has_boot_code, for_uefi) {
        (true, _) => Some(Firmware::Bios),
        (false, true) => Some(Firmware::Uefi),
        // A loader may lie behind the table without a partition of its own.
        (false, false) => has_boot_code.then_some(Firmware::Bios),
    }
}

/// The type of each partition in a GUID partition table; none where there is no such table.
fn gpt_types(head: &[u8]) -> Vec<&[u8]> {
    let Some(header) = head.get(SECTOR..SECTOR + 92).filter(|header| header.starts_with(b"EFI PART")) else {
        return Vec::new();
    };
    let number = |at: usize, length: usize| {
        let bytes = header[at..at + length].iter().rev();
        bytes.fold(0_usize, |sum, byte| sum.saturating_mul(256).saturating_add(usize::from(*byte)))
    };
    let (start, count, size) = (number(72, 8).saturating_mul(SECTOR), number(80, 4), number(84, 4));
    let entries = head.get(start..).unwrap_or_default();
    if size < 128 {
        return Vec::new();
    }
    let used = |kind: &&[u8]| kind.iter().any(|byte| *byte != 0);
    entries.chunks_exact(size).take(count).map(|entry| &entry[..16]).filter(used).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A disk with a GUID partition table of these types.
    fn gpt(boot_code: bool, types: &[&[u8]]) -> Vec<u8> {
        let mut head = vec![0; 34 * SECTOR];
        head[0] = u8::from(boot_code);
        head[450] = 0xee;
        head[510..512].copy_from_slice(&[0x55, 0xaa]);
        head[SECTOR..SECTOR + 8].copy_from_slice(b"EFI PART");
        head[SECTOR + 72] = 2;
        head[SECTOR + 80] = 128;
        head[SECTOR + 84] = 128;
        for (index, kind) in types.iter().enumerate() {
            head[2 * SECTOR + index * 128..][..16].copy_from_slice(kind);
        }
        head
    }

    #[test]
    fn the_partition_table_tells_the_firmware() {
        let root: &[u8] = &[7; 16];
        assert_eq!(firmware(&gpt(true, &[root, BIOS_BOOT, EFI_SYSTEM])), Some(Firmware::Bios), "Amazon Linux 2023");
        assert_eq!(firmware(&gpt(false, &[EFI_SYSTEM, root])), Some(Firmware::Uefi));
        assert_eq!(
            firmware(&gpt(true, &[EFI_SYSTEM, root])),
            Some(Firmware::Uefi),
            "the code only says that it cannot boot"
        );
        assert_eq!(firmware(&gpt(false, &[root])), None);
        assert_eq!(firmware(&[0; SECTOR]), None, "an empty disk");
        assert_eq!(firmware(b"QFI"), None);
    }

    #[test]
    fn a_disk_with_the_older_table_boots_by_bios() {
        let mut head = vec![0; SECTOR];
        head[510..].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(firmware(&head), None);
        head[450] = 0xef;
        assert_eq!(firmware(&head), Some(Firmware::Uefi));
        head[0] = 0xeb;
        assert_eq!(firmware(&head), Some(Firmware::Bios));
    }

    proptest! {
        #[test]
        fn any_disk_is_read(mut head in proptest::collection::vec(any::<u8>(), 0..2048), is_gpt: bool) {
            if let Some(mark) = head.get_mut(510..512) {
                mark.copy_from_slice(&[0x55, 0xaa]);
            }
            if let Some(mark) = head.get_mut(512..520).filter(|_| is_gpt) {
                mark.copy_from_slice(b"EFI PART");
            }
            firmware(&head);
        }
    }
}

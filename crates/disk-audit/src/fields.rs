//! Numbers in the blocks of a file system, and the checksum that both file systems use.

use crc::{Algorithm, Crc, Table};

/// Big-endian, as XFS writes. The caller knows that the bytes are there.
pub(crate) mod be {
    pub(crate) fn u16(bytes: &[u8], at: usize) -> u16 {
        u16::from_be_bytes(std::array::from_fn(|index| bytes[at + index]))
    }

    pub(crate) fn u32(bytes: &[u8], at: usize) -> u32 {
        u32::from_be_bytes(std::array::from_fn(|index| bytes[at + index]))
    }

    pub(crate) fn u64(bytes: &[u8], at: usize) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|index| bytes[at + index]))
    }
}

/// Little-endian, as ext4 and partition tables are. The caller knows that the bytes are there.
pub(crate) mod le {
    pub(crate) fn u16(bytes: &[u8], at: usize) -> u16 {
        u16::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
    }

    pub(crate) fn u32(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
    }

    pub(crate) fn u64(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
    }
}

/// CRC-32C without its final inversion, which ext4 leaves out.
const CRC_32C: Algorithm<u32> = Algorithm {
    width: 32,
    poly: 0x1edc_6f41,
    init: 0xffff_ffff,
    refin: true,
    refout: true,
    xorout: 0,
    check: 0x1cf9_6d7c,
    residue: 0,
};

static CHECKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32C);

/// The checksum of `bytes` that goes on from the checksum of what came before, or from `!0`.
pub(crate) fn crc32c(before: u32, bytes: &[u8]) -> u32 {
    let mut digest = CHECKSUM.digest_with_initial(before.reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

/// A length in memory that was bounded before.
pub(crate) fn size(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// Whether a checksum is right. Fuzzing and some tests go behind it, where damage would not come otherwise.
pub(crate) fn agree(computed: u32, stored: u32) -> bool {
    #[cfg(test)]
    if IGNORE_CHECKSUMS.get() {
        return true;
    }
    cfg!(feature = "ignore-checksums") || computed == stored
}

#[cfg(test)]
thread_local! {
    pub(crate) static IGNORE_CHECKSUMS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Sixteen bytes, as they are written for people.
pub(crate) fn uuid(bytes: &[u8]) -> String {
    let digits = hex::encode(bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    parts.join("-")
}

/// A label that is filled up with zeros.
pub(crate) fn label(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_goes_on_where_another_ended() {
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283, "the check value of CRC-32C");
        assert_eq!(crc32c(crc32c(!0, b"1234"), b"56789"), crc32c(!0, b"123456789"));
    }
}

//! What is read has to be what the image was made of: every name, mode, owner, target and byte.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::images::{FORMATS, Format, MIB, Source, noise};
use crate::disk::Window;
use crate::options::{Digest, Options};
use crate::partitions;
use crate::tree::Tree;
use crate::volume::{Kind, Piece, Volume};

/// What both sides tell of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    kind: Kind,
    mode: u16,
    owner: (u32, u32),
    size: u64,
    /// Of a file the digest, of a link the target.
    content: String,
}

#[test]
fn large_directories_are_read_whole() {
    for format in FORMATS {
        for count in [1, 30, 700, 3000] {
            let source = Source::clean();
            for number in 0..count {
                source.write(&format!("many/a-rather-long-name-of-file-number-{number}"), number.to_string());
            }
            equal(&source, format, 160 * MIB);
        }
    }
}

/// mkfs.xfs forgets the header of a target that does not fit into its inode. What is put there is what `xfs_repair` takes for right.
#[test]
fn long_targets_of_links_are_read() {
    let source = Source::clean();
    source.link("long", &"t".repeat(1000));
    let (Some(mut image), Some(mut check)) = (source.xfs(24 * MIB, &[]), super::images::tool("xfs_repair")) else {
        return;
    };
    let target = image.chunks_exact(4096).position(|block| block.starts_with(&[b't'; 1000])).unwrap() * 4096;
    let is_link = |inode: &[u8]| inode.starts_with(b"IN\xa1\xff") && inode[56..64] == 1000_u64.to_be_bytes();
    let inode = image.chunks_exact(512).position(is_link).unwrap() * 512;
    let mut block = Vec::new();
    block.extend(b"XSLM\0\0\0\0");
    block.extend(1000_u32.to_be_bytes());
    block.extend([0; 4]);
    block.extend(&image[32..48]);
    block.extend(&image[inode + 152..inode + 160]);
    block.extend((target as u64 / 512).to_be_bytes());
    block.extend([0xff; 8]);
    block.extend([b't'; 1000]);
    block.resize(4096, 0);
    let checksum = !crate::fields::crc32c(!0, &block);
    block[12..16].copy_from_slice(&checksum.to_le_bytes());
    image[target..target + 4096].copy_from_slice(&block);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &image).unwrap();
    super::images::run(check.args(["-n", "-f", "-o", "force_geometry"]).arg(file.path()));
    assert_equal(&source, &image);
}

/// The blocks of each directory get between those of the other and of files, so that their maps become trees.
#[test]
fn scattered_directories_are_read_whole() {
    for format in FORMATS {
        let source = Source::clean();
        for number in 0..800 {
            let name = format!("{number:04}-{}", "x".repeat(200));
            source.write(&format!("d/{name}/f"), [7; 5000]);
            source.link(&format!("d/{name}/l"), &"t/".repeat(number % 168 + 1));
        }
        let Some(image) = source.image(format, 100 * MIB) else { return };
        let is_tree = |block: &[u8]| block.starts_with(b"BMA3") || block.starts_with(&[0x0a, 0xf3]);
        assert!(image.chunks_exact(4096).any(is_tree), "no map has become a tree");
        assert_equal(&source, &image);
    }
}

#[test]
fn long_names_and_strange_ones_are_read() {
    for format in FORMATS {
        let source = Source::clean();
        source.write(&"n".repeat(255), "long");
        source.write("ä-ö-ü-€", "not ASCII");
        source.write("...", "three dots");
        for length in [1, 59, 60, 61, 335, 336, 337, 1000, 1023] {
            // mkfs.xfs writes targets that do not fit into an inode without their header.
            if format == Format::Ext4 || length <= 336 {
                source.link(&format!("l{length}"), &"t".repeat(length));
            }
        }
        equal(&source, format, 24 * MIB);
    }
}

#[test]
fn large_files_are_read_whole() {
    for format in FORMATS {
        let source = Source::clean();
        let bytes = noise(20_000_000);
        for size in [0, 1, 4095, 4096, 4097, 1 << 20, (1 << 20) + 1, bytes.len()] {
            source.write(&format!("file-{size}"), &bytes[..size]);
        }
        equal(&source, format, 80 * MIB);
    }
}

/// What newer versions of mkfs.xfs make by default, and what older ones did; blocks and inodes of other sizes.
#[test]
fn every_kind_of_xfs_with_checksums_is_read() {
    let source = Source::clean();
    for number in 0..500 {
        source.write(&format!("many/a-rather-long-name-of-file-number-{number}"), vec![9; number * 10]);
    }
    for options in [
        &["-i", "nrext64=1"][..],
        &["-i", "sparse=0", "-m", "bigtime=0,rmapbt=1,reflink=0"],
        &["-b", "size=1024"],
        &["-b", "size=1024", "-n", "size=4096"],
        &["-s", "size=4096", "-i", "size=2048"],
        &["-d", "agcount=8"],
    ] {
        let Some(image) = source.xfs(128 * MIB, options) else { return };
        assert_equal(&source, &image);
    }
}

/// mke2fs keeps holes; 2000 of them need a map of two levels.
#[test]
fn files_with_holes_are_read_as_zeros() {
    let source = Source::clean();
    source.write("holes", "");
    let file = fs::OpenOptions::new().write(true).open(source.path("holes")).unwrap();
    for number in 0..2000_u64 {
        std::os::unix::fs::FileExt::write_at(&file, &[number.to_le_bytes()[0] | 1; 100], number * 8192).unwrap();
    }
    file.set_len(20_000_000).unwrap();
    equal(&source, Format::Ext4, 64 * MIB);
}

/// Space that is reserved has what stood there before. It is no part of the file, and what follows it is.
#[test]
fn reserved_space_is_no_content() {
    let source = Source::clean();
    source.write("reserved", "");
    let file = fs::OpenOptions::new().write(true).open(source.path("reserved")).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"behind reserved space", 40 * 4096).unwrap();
    let Some(image) = source.ext4(24 * MIB, &["fallocate /reserved 0 39"]) else { return };
    assert_equal(&source, &image);
}

/// `e2fsck -D` makes the index that the kernel makes as a directory grows.
#[test]
fn indexed_directories_are_read_whole() {
    let source = Source::clean();
    for number in 0..3000 {
        source.write(&format!("many/a-rather-long-name-of-file-number-{number}"), "");
    }
    let (Some(image), Some(mut check)) = (source.ext4(80 * MIB, &[]), super::images::tool("e2fsck")) else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), image).unwrap();
    check.args(["-f", "-y", "-D"]).arg(file.path()).output().unwrap();
    assert_equal(&source, &fs::read(file.path()).unwrap());
}

fn equal(source: &Source, format: Format, size: usize) {
    if let Some(image) = source.image(format, size) {
        assert_equal(source, &image);
    }
}

fn assert_equal(source: &Source, image: &[u8]) {
    let mut expected = BTreeMap::new();
    walk(source.root(), source.root(), &mut expected);
    let mut found = read(image);
    found.remove("/lost+found");
    let missing: Vec<_> = expected.keys().filter(|path| !found.contains_key(*path)).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
    for (path, told) in &found {
        assert_eq!(Some(told), expected.get(path), "{path}");
    }
}

/// All that an image tells of its files.
pub(super) fn read(image: &[u8]) -> BTreeMap<String, Told> {
    let found = partitions::find_root(&Window::whole(Cursor::new(image.to_vec())).unwrap()).unwrap();
    let tree = Tree::read(&found.root, &Options::default()).unwrap();
    let told = |(path, node): (&[u8], &crate::tree::Node)| {
        let content = match node.meta.kind {
            Kind::File => digest(&found.root, &node.meta),
            _ => String::from_utf8_lossy(node.target.as_deref().unwrap_or_default()).into_owned(),
        };
        let meta = node.meta;
        let size = if meta.kind == Kind::File { meta.size } else { 0 };
        let told = Told { kind: meta.kind, mode: meta.mode, owner: (meta.uid, meta.gid), size, content };
        (String::from_utf8_lossy(path).into_owned(), told)
    };
    tree.all().map(told).collect()
}

fn digest(volume: &Volume, meta: &crate::volume::Meta) -> String {
    let mut hash = Sha256::new();
    let read = volume.read(meta, &mut |piece| {
        match piece {
            Piece::Data(bytes) => hash.update(bytes),
            Piece::Hole(length) => hash.update(vec![0; usize::try_from(length).unwrap()]),
        }
        Ok(())
    });
    read.unwrap();
    Digest(hash.finalize().into()).to_string()
}

fn walk(root: &Path, path: &Path, expected: &mut BTreeMap<String, Told>) {
    let meta = path.symlink_metadata().unwrap();
    let kind = meta.file_type();
    let (kind, content) = if kind.is_symlink() {
        (Kind::Symlink, fs::read_link(path).unwrap().to_str().unwrap().to_owned())
    } else if kind.is_dir() {
        (Kind::Directory, String::new())
    } else {
        (Kind::File, Digest(Sha256::digest(fs::read(path).unwrap()).into()).to_string())
    };
    let size = if kind == Kind::File { meta.size() } else { 0 };
    let mode = (meta.mode() & 0o7777) as u16;
    let relative = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
    let name = format!("/{}", String::from_utf8_lossy(relative));
    expected.insert(name, Told { kind, mode, owner: (meta.uid(), meta.gid()), size, content });
    if kind == Kind::Directory {
        for entry in fs::read_dir(path).unwrap() {
            walk(root, &entry.unwrap().path(), expected);
        }
    }
}

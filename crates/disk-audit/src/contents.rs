//! What stands in the files: everything is read once, and searched while it streams by.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sha2::{Digest as _, Sha256};

use crate::disk::Window;
use crate::fields::size;
use crate::options::{Digest, Options, Progress, Stage};
use crate::partitions::Found;
use crate::search::{Form, Needles, Search};
use crate::tree::Tree;
use crate::volume::{Kind, Meta, Piece, Volume};
use crate::{AuditError, accounts};

/// Paths lead through no link.
#[derive(Default)]
pub(crate) struct Contents {
    pub bytes_read: u64,
    /// Small files that rules look into.
    pub texts: BTreeMap<Vec<u8>, Vec<u8>>,
    pub homes: Vec<Vec<u8>>,
    /// Files with a private key.
    pub keys: Vec<Vec<u8>>,
    /// Where a canary stands, the number of the canary, and how it is written.
    pub canaries: BTreeSet<(Vec<u8>, usize, Form)>,
    pub digests: BTreeMap<Vec<u8>, Digest>,
}

/// Files whose text a rule looks at.
const TEXTS: &[&str] = &["/etc/passwd", "/etc/shadow", "/etc/machine-id", "/etc/hostname"];
const LONGEST_TEXT: u64 = 4 << 20;
/// Keys are looked for here and in homes; elsewhere are the examples and tests of packages.
const KEY_DIRECTORIES: &[&str] = &["/root", "/home", "/etc"];
const KEYS: &[&str] = &[
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----",
    "-----BEGIN DSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----",
    "PuTTY-User-Key-File-",
];
/// Files that share blocks can have more bytes than the disk; a damaged map of blocks can claim far more.
const MOST_OFTEN: u64 = 16;

pub(crate) fn read(found: &Found, tree: &Tree, options: &Options) -> Result<Contents, AuditError> {
    let mut reader = Reader::new(&found.root, tree, options)?;
    reader.search_names(tree);
    let mut files: Vec<_> = tree.all().filter(|(_, node)| node.meta.kind == Kind::File).collect();
    // Inodes are handed out as the disk is filled: in this order it is read forward, which a disk far away needs.
    files.sort_by_key(|(_, node)| node.meta.inode);
    for (path, node) in &files {
        reader.read(path, &node.meta)?;
    }
    for (partition, window) in &found.others {
        reader.search_partition(&format!("(partition {})", partition.number), window)?;
    }
    Ok(reader.contents)
}

struct Reader<'a> {
    volume: &'a Volume,
    options: &'a Options,
    canaries: Needles,
    keys: Needles,
    /// Prefixes of the paths of files in which keys are looked for.
    key_directories: Vec<Vec<u8>>,
    expected: HashSet<Vec<u8>>,
    /// Files that were read; another name of one of them is not read again.
    seen: HashSet<u64>,
    progress: Progress,
    contents: Contents,
}

impl<'a> Reader<'a> {
    fn new(volume: &'a Volume, tree: &Tree, options: &'a Options) -> Result<Self, AuditError> {
        let mut contents = Contents::default();
        for path in TEXTS {
            if let Some((path, node)) = tree.resolve(path.as_bytes()).filter(|(_, node)| node.meta.kind == Kind::File) {
                contents.texts.insert(path.to_vec(), text(volume, path, &node.meta)?);
            }
        }
        let passwd = tree.resolve(b"/etc/passwd").and_then(|(path, _)| contents.texts.get(path));
        contents.homes = passwd.map(|passwd| accounts::homes(passwd)).unwrap_or_default();
        contents.homes.push(b"/root".to_vec());
        contents.homes.extend(tree.children(b"/home").map(|(path, _)| path.to_vec()));
        contents.homes.sort();
        contents.homes.dedup();
        let all = KEY_DIRECTORIES.iter().map(|path| path.as_bytes()).chain(contents.homes.iter().map(|home| &home[..]));
        let resolved = all.filter_map(|path| tree.resolve(path));
        // The home `/` of accounts without one is not the whole disk, nor is `/bin`, which leads to `/usr/bin`, a home.
        let key_directories = resolved.filter(|(path, _)| !path.starts_with(b"/usr") && path.len() > 1);
        let key_directories = key_directories.map(|(path, _)| [path, b"/"].concat()).collect();
        let expected = options.expected.iter().filter(|expected| expected.sha256.is_some());
        let expected =
            expected.filter_map(|expected| Some(tree.resolve(expected.path.as_bytes())?.0.to_vec())).collect();
        let total = tree.all().filter(|(_, node)| node.meta.kind == Kind::File).map(|(_, node)| node.meta.size);
        let total_bytes = Some(total.fold(0, u64::saturating_add));
        Ok(Self {
            volume,
            options,
            canaries: Needles::canaries(&options.canaries),
            keys: Needles::plain(KEYS),
            key_directories,
            expected,
            seen: HashSet::new(),
            progress: Progress { stage: Stage::Contents, files: 0, bytes: 0, total_bytes },
            contents,
        })
    }

    fn search_names(&mut self, tree: &Tree) {
        for (path, node) in tree.all() {
            for text in [path].into_iter().chain(node.target.as_deref()) {
                let found = &mut self.contents.canaries;
                Search::new(&self.canaries).feed(text, |hit| {
                    found.insert((path.to_vec(), hit.number, hit.form));
                });
            }
        }
    }

    fn read(&mut self, path: &[u8], meta: &Meta) -> Result<(), AuditError> {
        let looks_for_keys = self.key_directories.iter().any(|directory| path.starts_with(directory));
        let mut hash = self.expected.contains(path).then(Sha256::new);
        let is_new = self.seen.insert(meta.inode);
        self.progress.files += 1;
        self.progress.bytes = self.progress.bytes.saturating_add(meta.size);
        self.options.report_progress(self.progress);
        if !is_new && !looks_for_keys && hash.is_none() {
            return Ok(());
        }
        let most = self.volume.length().saturating_mul(MOST_OFTEN);
        let (mut canaries, mut keys) = (Search::new(&self.canaries), Search::new(&self.keys));
        let (mut has_key, mut found) = (false, BTreeSet::new());
        let contents = &mut self.contents;
        self.volume.read(meta, &mut |piece| {
            match piece {
                Piece::Data(bytes) => {
                    contents.bytes_read += bytes.len() as u64;
                    canaries.feed(bytes, |hit| _ = found.insert((hit.number, hit.form)));
                    if looks_for_keys {
                        keys.feed(bytes, |_| has_key = true);
                    }
                    if let Some(hash) = &mut hash {
                        hash.update(bytes);
                    }
                }
                Piece::Hole(length) => {
                    canaries.skip(length);
                    keys.skip(length);
                    if let Some(hash) = &mut hash {
                        contents.bytes_read = contents.bytes_read.saturating_add(length);
                        if contents.bytes_read <= most {
                            zeros(hash, length);
                        }
                    }
                }
            }
            if contents.bytes_read > most { Err(too_many(most)) } else { Ok(()) }
        })?;
        contents.canaries.extend(found.into_iter().map(|(number, form)| (path.to_vec(), number, form)));
        if has_key {
            contents.keys.push(path.to_vec());
        }
        if let Some(hash) = hash {
            contents.digests.insert(path.to_vec(), Digest(hash.finalize().into()));
        }
        Ok(())
    }

    /// What is not read as a file system is searched as it lies.
    fn search_partition(&mut self, name: &str, window: &Window) -> Result<(), AuditError> {
        if self.canaries.is_empty() {
            return Ok(());
        }
        let (mut search, mut buffer) = (Search::new(&self.canaries), Vec::new());
        let found = &mut self.contents.canaries;
        for at in (0..window.length()).step_by(BUFFER) {
            buffer.resize(size((window.length() - at).min(BUFFER as u64)), 0);
            window.read(at, &mut buffer)?;
            search.feed(&buffer, |hit| _ = found.insert((name.as_bytes().to_vec(), hit.number, hit.form)));
        }
        Ok(())
    }
}

const BUFFER: usize = 1 << 20;

fn text(volume: &Volume, path: &[u8], meta: &Meta) -> Result<Vec<u8>, AuditError> {
    if meta.size > LONGEST_TEXT {
        let place = String::from_utf8_lossy(path).into_owned();
        return Err(AuditError::Damaged { file_system: volume.name(), place, defect: "it is too long".to_owned() });
    }
    let mut text = Vec::new();
    volume.read(meta, &mut |piece| {
        match piece {
            Piece::Data(bytes) => text.extend_from_slice(bytes),
            Piece::Hole(length) => text.resize(text.len() + usize::try_from(length).unwrap_or_default(), 0),
        }
        Ok(())
    })?;
    Ok(text)
}

fn zeros(hash: &mut Sha256, mut length: u64) {
    const ZEROS: [u8; 4096] = [0; 4096];
    while length > 0 {
        let count = length.min(ZEROS.len() as u64);
        hash.update(&ZEROS[..size(count)]);
        length -= count;
    }
}

fn too_many(limit: u64) -> AuditError {
    AuditError::TooMany { limit, what: "bytes in its files" }
}

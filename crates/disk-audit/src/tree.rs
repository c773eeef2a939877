//! Every name in the root file system, and questions about them.

use std::collections::{BTreeMap, HashSet};

use crate::AuditError;
use crate::options::{Options, Progress, Stage};
use crate::volume::{Kind, Meta, Volume};

/// Paths are absolute and lead through no link.
pub(crate) struct Tree {
    nodes: BTreeMap<Vec<u8>, Node>,
}

pub(crate) struct Node {
    pub meta: Meta,
    /// Where a link leads.
    pub target: Option<Vec<u8>>,
}

/// A name with its path.
pub(crate) type Found<'a> = (&'a [u8], &'a Node);

/// An image has some hundred thousand names; these would take about a GiB of memory.
const MOST_NAMES: u64 = 4_000_000;
/// Linux opens no longer path.
const LONGEST_PATH: usize = 4096;
/// Linux follows no more links for one path.
const MOST_LINKS: usize = 40;

impl Tree {
    pub(crate) fn read(volume: &Volume, options: &Options) -> Result<Self, AuditError> {
        let root = volume.root()?;
        let mut nodes = BTreeMap::new();
        let mut seen = HashSet::from([root.inode]);
        let mut pending = vec![(Vec::new(), root)];
        nodes.insert(b"/".to_vec(), Node { meta: root, target: None });
        while let Some((directory, meta)) = pending.pop() {
            for (name, meta) in volume.list(&meta)? {
                let path = [&directory[..], b"/", &name].concat();
                if path.len() > LONGEST_PATH || nodes.len() as u64 >= MOST_NAMES {
                    return Err(AuditError::TooMany {
                        limit: MOST_NAMES,
                        what: "names, or one that Linux cannot open",
                    });
                }
                let target = if meta.kind == Kind::Symlink { Some(volume.link(&meta)?) } else { None };
                if meta.kind == Kind::Directory {
                    if !seen.insert(meta.inode) {
                        return Err(two_names(volume, &path));
                    }
                    pending.push((path.clone(), meta));
                }
                nodes.insert(path, Node { meta, target });
            }
            options.report_progress(Progress {
                stage: Stage::Directories,
                files: nodes.len() as u64,
                bytes: 0,
                total_bytes: None,
            });
        }
        Ok(Self { nodes })
    }

    pub(crate) fn count(&self) -> u64 {
        self.nodes.len() as u64
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Found<'_>> {
        self.nodes.iter().map(|(path, node)| (&path[..], node))
    }

    /// What stands at a path itself, be it a link.
    pub(crate) fn entry(&self, path: &[u8]) -> Option<Found<'_>> {
        let (directory, name) = split(path);
        let (directory, _) = self.resolve(directory)?;
        self.nodes.get_key_value(&join(directory, name)).map(|(path, node)| (&path[..], node))
    }

    /// What a path leads to. Links are followed from the image's root, as they would be in it.
    pub(crate) fn resolve(&self, path: &[u8]) -> Option<Found<'_>> {
        let mut rest: Vec<Vec<u8>> = parts(path).rev().collect();
        let mut at: &[u8] = b"/";
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == b".." {
                at = self.nodes.get_key_value(split(at).0).map(|(path, _)| &path[..])?;
                continue;
            }
            let (found, node) = self.nodes.get_key_value(&join(at, &part))?;
            let Some(target) = &node.target else {
                at = found;
                continue;
            };
            links += 1;
            if links > MOST_LINKS || rest.len() > LONGEST_PATH {
                return None;
            }
            if target.starts_with(b"/") {
                at = b"/";
            }
            rest.extend(parts(target).rev());
        }
        self.nodes.get_key_value(at).map(|(path, node)| (&path[..], node))
    }

    /// The names in a directory, be it behind a link.
    pub(crate) fn children(&self, directory: &[u8]) -> impl Iterator<Item = Found<'_>> {
        let prefix = self.prefix(directory);
        let length = prefix.as_ref().map_or(0, Vec::len);
        self.behind(prefix).filter(move |(path, _)| !path[length..].contains(&b'/'))
    }

    /// All names below a directory, be it behind a link.
    pub(crate) fn below(&self, directory: &[u8]) -> impl Iterator<Item = Found<'_>> {
        self.behind(self.prefix(directory))
    }

    fn prefix(&self, directory: &[u8]) -> Option<Vec<u8>> {
        self.resolve(directory).filter(|(_, node)| node.meta.kind == Kind::Directory).map(|(path, _)| join(path, b""))
    }

    fn behind(&self, prefix: Option<Vec<u8>>) -> impl Iterator<Item = Found<'_>> {
        let range = prefix.clone().map(|prefix| self.nodes.range(prefix..));
        range
            .into_iter()
            .flatten()
            .take_while(move |(path, _)| prefix.as_ref().is_some_and(|prefix| path.starts_with(prefix)))
            .map(|(path, node)| (&path[..], node))
            .filter(|(path, _)| *path != b"/")
    }
}

/// The name of a path's last part.
pub(crate) fn name(path: &[u8]) -> &[u8] {
    split(path).1
}

/// A directory and a name in it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        None | Some(0) if path.len() <= 1 => (b"/", b""),
        None => (b"/", path),
        Some(0) => (b"/", &path[1..]),
        Some(at) => (&path[..at], &path[at + 1..]),
    }
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory == b"/" { [b"/", name].concat() } else { [directory, b"/", name].concat() }
}

fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> + '_ {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").map(<[u8]>::to_vec)
}

fn two_names(volume: &Volume, path: &[u8]) -> AuditError {
    AuditError::Damaged {
        file_system: volume.name(),
        place: String::from_utf8_lossy(path).into_owned(),
        defect: "the directory has two names".to_owned(),
    }
}

/// Whether a name fits a pattern in which `*` stands for any text.
pub(crate) fn fits(pattern: &str, name: &[u8]) -> bool {
    let mut parts = pattern.as_bytes().split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let found = (0..=rest.len()).find(|at| rest[*at..].starts_with(part));
        let Some(at) = found else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, Option<&str>)]) -> Tree {
        let node = |kind, target: Option<&str>| Node {
            meta: Meta { kind, mode: 0, uid: 0, gid: 0, size: 0, inode: 0 },
            target: target.map(|target| target.as_bytes().to_vec()),
        };
        let mut nodes = BTreeMap::from([(b"/".to_vec(), node(Kind::Directory, None))]);
        for (path, target) in entries {
            let kind = if target.is_some() { Kind::Symlink } else { Kind::Directory };
            nodes.insert(path.as_bytes().to_vec(), node(kind, *target));
        }
        Tree { nodes }
    }

    fn resolved(tree: &Tree, path: &str) -> Option<String> {
        tree.resolve(path.as_bytes()).map(|(path, _)| String::from_utf8_lossy(path).into_owned())
    }

    #[test]
    fn links_are_followed_inside_the_image() {
        let tree = tree(&[
            ("/a", None),
            ("/a/file", None),
            ("/a/up", Some("../../..")),
            ("/a/absolute", Some("/a/file")),
            ("/b", Some("a")),
            ("/ring", Some("ring")),
            ("/dangling", Some("/none")),
        ]);
        assert_eq!(resolved(&tree, "/b/file").as_deref(), Some("/a/file"));
        assert_eq!(resolved(&tree, "/b/absolute").as_deref(), Some("/a/file"));
        assert_eq!(resolved(&tree, "/a/up/a/./up").as_deref(), Some("/"), "there is nothing above the root");
        assert_eq!(resolved(&tree, "/ring"), None);
        assert_eq!(resolved(&tree, "/dangling"), None);
        assert_eq!(tree.entry(b"/b/absolute").unwrap().0, b"/a/absolute");
    }

    #[test]
    fn a_directory_has_what_stands_in_it_and_not_beside_it() {
        let tree = tree(&[("/a", None), ("/a/b", None), ("/a/b/c", None), ("/a-b", None), ("/l", Some("a"))]);
        let names = |found: Vec<Found<'_>>| {
            found.iter().map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(tree.children(b"/l").collect()), ["/a/b"]);
        assert_eq!(names(tree.below(b"/a").collect()), ["/a/b", "/a/b/c"]);
        assert_eq!(names(tree.children(b"/").collect()), ["/a", "/a-b", "/l"]);
        assert_eq!(tree.children(b"/none").count(), 0);
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, expected) in [
            ("ssh_host_*", "ssh_host_rsa_key", true),
            (".*_history", ".bash_history", true),
            (".*_history", ".bash_history_of_mine", false),
            ("*.lease*", "eth0.leases", true),
            ("*.lease*", "lease", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}

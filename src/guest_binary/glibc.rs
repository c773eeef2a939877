//! Which glibc a binary needs.
//!
//! Every symbol that a binary takes from the C library carries the version in which the symbol got its present meaning. The dynamic loader
//! of an older system refuses to start the binary.

use std::collections::BTreeSet;
use std::path::Path;

use object::read::elf::{ElfFile64, Sym as _};
use object::{Endianness, elf};

use crate::error::{Failure, internal, user};
use crate::recipe::GlibcVersion;

/// How many symbols an error names, the newest first.
const MOST_SHOWN: usize = 8;

/// Refuses a binary that needs a newer glibc than `allowed`.
pub fn check(binary: &Path, allowed: GlibcVersion) -> Result<(), Failure> {
    let bytes = fs_err::read(binary).map_err(|error| internal("failed to read the compiled binary").source(error))?;
    let needs = needs(&bytes).map_err(|error| {
        internal(format!("`{}` is not a Linux binary that can be understood", binary.display())).source(error)
    })?;
    let newer: Vec<_> = needs.iter().filter(|need| need.version > allowed).collect();
    let Some(newest) = newer.iter().map(|need| need.version).max() else { return Ok(()) };
    let mut symbols: Vec<_> =
        newer.iter().rev().take(MOST_SHOWN).map(|need| format!("`{}` ({})", need.symbol, need.version)).collect();
    if newer.len() > MOST_SHOWN {
        symbols.push(format!("{} more", newer.len() - MOST_SHOWN));
    }
    Err(user(format!(
        "the binary `{}` needs glibc {newest}, but the parent image has {allowed}: it uses {}",
        binary.file_name().unwrap_or_default().display(),
        symbols.join(", "),
    ))
    .hint(format!(
        "compile on a system with glibc {allowed} or older, or with `cargo zigbuild --target {}.{allowed}`, or statically for musl",
        super::TARGET
    )))
}

/// A symbol of glibc, and the version it is taken in.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Need {
    version: GlibcVersion,
    symbol: String,
}

fn needs(bytes: &[u8]) -> Result<BTreeSet<Need>, object::Error> {
    let file = ElfFile64::<Endianness>::parse(bytes)?;
    let (endian, sections) = (file.endian(), file.elf_section_table());
    let mut needs = BTreeSet::new();
    let Some(versions) = sections.versions(endian, bytes)? else { return Ok(needs) };
    // A version can be needed without a symbol: the linker notes so that it used a feature of the loader.
    if let Some((mut libraries, link)) = sections.gnu_verneed(endian, bytes)? {
        let strings = sections.strings(endian, bytes, link)?;
        while let Some((_, mut named)) = libraries.next()? {
            while let Some(version) = named.next()? {
                let name = String::from_utf8_lossy(version.name(endian, strings)?).into_owned();
                if let Some(version) = parse(&name) {
                    needs.insert(Need { version, symbol: name });
                }
            }
        }
    }
    let symbols = sections.symbols(endian, bytes, elf::SHT_DYNSYM)?;
    for (index, symbol) in symbols.enumerate() {
        let version = versions.version(versions.version_index(endian, index).index())?;
        let Some(version) = version.and_then(|version| parse(&String::from_utf8_lossy(version.name()))) else {
            continue;
        };
        let name = String::from_utf8_lossy(symbol.name(endian, symbols.strings())?).into_owned();
        // The symbol says more than the bare version does.
        needs.remove(&Need { version, symbol: format!("GLIBC_{version}") });
        needs.insert(Need { version, symbol: name });
    }
    Ok(needs)
}

/// `GLIBC_2.34` and, of the versions that are names, the one that linkers of today write.
fn parse(name: &str) -> Option<GlibcVersion> {
    if name == "GLIBC_ABI_DT_RELR" {
        return Some(GlibcVersion { major: 2, minor: 36 });
    }
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
    Some(GlibcVersion { major: numbers.next()?.parse().ok()?, minor: numbers.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this_program() -> std::path::PathBuf {
        std::env::current_exe().unwrap()
    }

    #[test]
    fn this_program_needs_some_glibc_and_is_accepted_where_it_is_there() {
        let needs = needs(&fs_err::read(this_program()).unwrap()).unwrap();
        let newest = needs.iter().map(|need| need.version).max().unwrap();
        assert!(newest >= GlibcVersion { major: 2, minor: 17 }, "{needs:?}");
        assert!(needs.iter().any(|need| need.symbol == "__libc_start_main"), "{needs:?}");
        check(&this_program(), newest).unwrap();
    }

    #[test]
    fn a_binary_for_a_newer_system_is_refused_with_the_symbols_it_needs() {
        let error = check(&this_program(), GlibcVersion { major: 2, minor: 1 }).unwrap_err().to_string();
        assert!(error.contains("but the parent image has 2.1: it uses"), "{error}");
        assert!(error.contains("` (2.") && error.contains(" more"), "{error}");
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parse("GLIBC_2.4").unwrap() < parse("GLIBC_2.34").unwrap());
        assert_eq!(parse("GLIBC_2.2.5").unwrap(), GlibcVersion { major: 2, minor: 2 });
        assert_eq!(parse("GLIBC_PRIVATE"), None);
        assert_eq!(parse("GCC_3.0"), None);
    }
}

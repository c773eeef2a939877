//! Where a path that does not exist yet will lie.

use std::io;
use std::path::{Path, PathBuf};

/// Absolute and without links, as far as the path exists.
pub(super) fn resolved(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    for ancestor in absolute.ancestors() {
        if let (Ok(real), Ok(below)) = (ancestor.canonicalize(), absolute.strip_prefix(ancestor)) {
            return Ok(if below.as_os_str().is_empty() { real } else { real.join(below) });
        }
    }
    Ok(absolute)
}

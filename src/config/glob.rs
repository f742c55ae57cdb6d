//! Wildcards in paths of files to include. Knows nothing of what is in the files.

use crate::base::glob::matches;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Most files that one pattern may match.
pub const MATCHES_MAX: usize = 10_000;

/// Whether a path holds wildcards.
pub fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The files in `folder` that `pattern` matches, sorted by the octets of their paths. A folder that does not exist
/// matches nothing; wildcards in the name of `folder` itself are none.
pub fn expand(folder: &Path, pattern: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![folder.to_path_buf()];
    let mut components = pattern.components().peekable();
    while let Some(component) = components.next() {
        let last = components.peek().is_none();
        let Component::Normal(segment) = component else {
            for path in &mut found {
                path.push(component);
            }
            continue;
        };
        if !is_pattern(&segment.to_string_lossy()) {
            for path in &mut found {
                path.push(segment);
            }
            found.retain(|path| if last { path.is_file() } else { true });
            continue;
        }
        let mut next = Vec::new();
        for folder in &found {
            matching_entries(folder, segment.as_bytes(), last, &mut next)?;
        }
        found = next;
    }
    found.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    Ok(found)
}

/// Appends the files (`last`) or folders in `folder` whose names match.
fn matching_entries(folder: &Path, pattern: &[u8], last: bool, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = match std::fs::read_dir(shown) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let name = entry?.file_name();
        let hidden = name.as_bytes().starts_with(b".") && !pattern.starts_with(b".");
        if hidden || !matches(pattern, name.as_bytes()) {
            continue;
        }
        let path = folder.join(&name);
        if if last { path.is_file() } else { path.is_dir() } {
            found.push(path);
            if found.len() > MATCHES_MAX {
                return Err(io::Error::other(format!("more than {MATCHES_MAX} files match")));
            }
        }
    }
    Ok(())
}

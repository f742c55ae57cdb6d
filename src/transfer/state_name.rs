//! Names and rights of the files in which something is kept of a zone. Knows nothing of what is kept.

use super::journal::file::sync_folder;
use crate::wire::Name;
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// The mode of folders of state: for the server's user and group.
pub const FOLDER_MODE: u32 = 0o750;
/// The mode of files in them.
pub const FILE_MODE: u32 = 0o640;

/// Longest name without its extension, in octets; file systems take 255.
const FILE_NAME_MAX: usize = 200;

/// Makes a folder of state where there is none, with those that it is in, and makes them last.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
    missing.into_iter().filter(|made| !made.as_os_str().is_empty()).try_for_each(sync_folder)
}

/// A name for the file of a zone with this extension, different for each: letters that every file system takes, others as `%`
/// and two digits.
pub fn file_name(apex: &Name, extension: &str) -> String {
    let mut text = String::new();
    for label in apex.to_lower().labels() {
        for octet in label {
            let _ = match octet {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => write!(text, "{}", char::from(*octet)),
                // Writing into a text cannot fail.
                other => write!(text, "%{other:02x}"),
            };
        }
        text.push('.');
    }
    if text.is_empty() {
        text.push('@');
    }
    if text.len() > FILE_NAME_MAX {
        let whole = digest(&SHA256, apex.to_lower().as_wire());
        text.truncate(FILE_NAME_MAX / 2);
        text.push('~');
        for octet in &whole.as_ref()[..16] {
            let _ = write!(text, "{octet:02x}");
        }
    }
    text.truncate(text.trim_end_matches('.').len());
    text + extension
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::file_name;
    use crate::wire::Name;

    fn name(text: &str) -> Name {
        Name::from_text(text.as_bytes(), None).unwrap()
    }

    #[test]
    fn every_zone_has_a_file_name_of_its_own() {
        assert_eq!(file_name(&Name::root(), ".x"), "@.x");
        assert_eq!(file_name(&name("Www.Example."), ".x"), "www.example.x");
        assert_eq!(file_name(&name("a\\.b.example."), ".x"), "a%2eb.example.x");
        assert_eq!(file_name(&name("\\.\\.\\/etc."), ".x"), "%2e%2e%2fetc.x");
        assert_ne!(file_name(&name("\\@."), ".x"), file_name(&Name::root(), ".x"));
        let long = |first: &str| file_name(&name(&format!("{first}.{}", "\\000\\000\\000.".repeat(60))), ".x");
        assert!(long("a").len() < 150 && long("a") != long("b"));
    }
}

//! The token that requests prove themselves with: one line of a file that only the server's user may read. Knows no routes.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use std::fmt::Write;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Octets of chance in a token that we make.
pub const TOKEN_OCTETS: usize = 32;
/// Characters that a token has at least: an empty or a short one would be guessed.
pub const TOKEN_LEN_MIN: usize = 16;
/// The mode of its file.
const MODE: u32 = 0o600;

/// Reads a token. The error says what is wrong with the file.
pub fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read the token file `{shown}`: {error}"))?;
    let token = text.trim();
    if token.len() < TOKEN_LEN_MIN || token.contains(|c: char| !c.is_ascii_graphic()) {
        return Err(format!(
            "the token file `{shown}` holds no token: at least {TOKEN_LEN_MIN} visible ASCII characters on one line"
        ));
    }
    Ok(token.to_owned())
}

/// Makes the file with a token out of `chance` where there is none; whether it was made.
pub fn make(path: &Path, chance: &[u8; TOKEN_OCTETS]) -> io::Result<bool> {
    if path.exists() {
        return Ok(false);
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        crate::transfer::state_name::create_folder(folder)?;
    }
    let mut token = chance.iter().fold(String::new(), |mut text, octet| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    });
    token.push('\n');
    // Complete under another name first: nobody shall read half a token.
    let new = beside(path);
    let written = write_anew(&new, token.as_bytes()).and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // The error that matters is the first one.
        let _ = std::fs::remove_file(&new);
    }
    written.map(|()| true)
}

/// The whole name with something behind it that nobody would give a file: another one of the operator is never in its place.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".azimuth-new");
    PathBuf::from(name)
}

/// Into a file that was not there: one that was would keep its owner and mode, and whoever has it open could read the token.
fn write_anew(path: &Path, octets: &[u8]) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        // What a crash has left.
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    io::Write::write_all(&mut file, octets)?;
    file.sync_all()
}

/// Whether others than the file's owner and group can read it.
pub fn is_open_to_all(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

/// Whether the value of an `Authorization` header proves the token. Takes as long for a nearly right one as for any other.
#[must_use]
pub fn proves(authorization: &str, token: &str) -> bool {
    let Some((scheme, given)) = authorization.split_once(' ') else { return false };
    scheme.eq_ignore_ascii_case("bearer") && verify_slices_are_equal(given.trim().as_bytes(), token.as_bytes()).is_ok()
}

/// Guesses of tokens are answered this much later each, so that a program gets nowhere.
pub const WRONG_TOKEN_DELAY: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{is_open_to_all, make, proves, read};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/admin.token");
        assert!(read(&path).unwrap_err().contains("cannot read"));
        assert!(make(&path, &[0xab; 32]).unwrap());
        assert_eq!(read(&path).unwrap(), "ab".repeat(32));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!make(&path, &[0xcd; 32]).unwrap());
        assert_eq!(read(&path).unwrap(), "ab".repeat(32), "what is there stays");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(is_open_to_all(&path));
        for text in ["", "short", "two words that are long enough"] {
            std::fs::write(&path, text).unwrap();
            assert!(read(&path).unwrap_err().contains("holds no token"), "{text}");
        }
    }

    #[test]
    fn a_token_is_never_written_into_a_file_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        // Left over, open to all, and in somebody's hands; another is the operator's own.
        let (left, own) = (super::beside(&path), folder.path().join("admin.new"));
        for file in [&left, &own] {
            std::fs::write(file, "mine").unwrap();
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o666)).unwrap();
        }
        let mut held = std::fs::File::open(&left).unwrap();
        assert!(make(&path, &[0xab; 32]).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut seen = String::new();
        std::io::Read::read_to_string(&mut held, &mut seen).unwrap();
        assert_eq!((seen.as_str(), std::fs::read_to_string(own).unwrap().as_str()), ("mine", "mine"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left there");
    }

    #[test]
    fn only_the_whole_token_proves() {
        let token = "0123456789abcdef";
        assert!(proves("Bearer 0123456789abcdef", token) && proves("bearer  0123456789abcdef ", token));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "0123456789abcdef",
            "Basic 0123456789abcdef",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdeF",
        ] {
            assert!(!proves(wrong, token), "{wrong}");
        }
    }
}

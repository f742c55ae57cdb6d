//! Files that take the place of others, with their old contents kept.

use crate::base::UnixTime;
use crate::transfer::journal::file::write_whole;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The mode of new zone files, less the umask.
pub const ZONE_FILE_MODE: u32 = 0o666;

/// The time now as part of a file's name: `20260131T235959Z`.
pub fn timestamp() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    format_time(seconds)
}

fn format_time(seconds: u64) -> String {
    let ((year, month, day), second) = (UnixTime::from_secs(seconds).utc_date(), seconds % 86_400);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// `path` with more behind its name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Puts `text` in the place of what is at `path`, with the same rights; a copy of that is kept as `backup`.
pub fn replace(path: &Path, text: &str, backup: &Path) -> io::Result<()> {
    // Where the path is a link, what it leads to is replaced.
    let path = std::fs::canonicalize(path)?;
    let metadata = std::fs::metadata(&path)?;
    std::fs::copy(&path, backup)?;
    let file = write_whole(&path, text.as_bytes(), ZONE_FILE_MODE)?;
    file.set_permissions(metadata.permissions())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        // Only root can give files away; others own what they write.
        let _ = fchown(&file, Some(metadata.uid()), Some(metadata.gid()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::format_time;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(format_time(951_782_399), "20000228T235959Z");
        assert_eq!(format_time(951_782_400), "20000229T000000Z");
    }
}

//! Files of states, each read once for all who look at it at the same time. Knows no targets.

use crate::probe::file::states::States;
use crate::probe::workers::Workers;
use dashmap::DashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

/// Larger files are not read, in octets.
const FILE_LEN_MAX: u64 = 16 * 1024 * 1024;

/// A file is not looked at again within this time: what its targets see is at most so old.
const LOOKS_APART: Duration = Duration::from_millis(100);

/// A file that was written within this time is read again although its times and size are the same: clocks of file
/// systems are coarse.
const WRITTEN_JUST_NOW: Duration = Duration::from_secs(3);

/// Reads files. Look-ups of host names have threads of their own, so that neither hangs with the other.
static READERS: Workers = Workers::new("azimuth-file", 8);

/// All files that somebody looks at.
static FILES: LazyLock<DashMap<PathBuf, Weak<StateFile>>> = LazyLock::new(DashMap::new);

/// One file.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    last: Arc<Mutex<Look>>,
    /// A thread looks at it now.
    is_busy: Arc<AtomicBool>,
    turn: tokio::sync::Mutex<()>,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The states that were last read without trouble.
    pub states: Option<Arc<States>>,
    /// Why the file could not be read now.
    pub trouble: Option<Arc<str>>,
    /// When what was last read without trouble had been written, though not later than it was first seen; if there is
    /// nothing, when it was first looked for.
    pub written: SystemTime,
}

/// The latest look at a file.
#[derive(Clone, Debug)]
struct Look {
    reading: Reading,
    at: Option<Instant>,
    stamp: Option<Stamp>,
}

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    len: u64,
    inode: u64,
}

impl StateFile {
    /// The file at this path, the same for all who ask.
    pub fn of(path: &Path) -> Arc<Self> {
        let mut entry = FILES.entry(path.to_owned()).or_default();
        if let Some(file) = entry.upgrade() {
            return file;
        }
        let reading = Reading { states: None, trouble: None, written: SystemTime::now() };
        let file = Arc::new(Self {
            path: path.to_owned(),
            last: Arc::new(Mutex::new(Look { reading, at: None, stamp: None })),
            is_busy: Arc::default(),
            turn: tokio::sync::Mutex::default(),
        });
        *entry = Arc::downgrade(&file);
        drop(entry);
        FILES.retain(|_, file| file.strong_count() > 0);
        file
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds, read again where it may have changed.
    pub async fn read(&self) -> Reading {
        let _turn = self.turn.lock().await;
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if last.at.is_some_and(|at| at.elapsed() < LOOKS_APART) {
            return last.reading;
        }
        let troubled = |trouble: String| Reading { trouble: Some(trouble.into()), ..last.reading.clone() };
        if self.is_busy.load(Ordering::Relaxed) {
            return troubled(format!("`{}` is still being read; does its file system hang?", self.path.display()));
        }
        let not_read = |error: io::Error| troubled(format!("`{}` cannot be read: {error}", self.path.display()));
        let worker = match READERS.worker().await {
            Ok(worker) => worker,
            Err(error) => return not_read(error),
        };
        // Who holds the turn is the only one to set it.
        self.is_busy.store(true, Ordering::Relaxed);
        let is_over = IsOver(Arc::clone(&self.is_busy));
        let (path, shared, before) = (self.path.clone(), Arc::clone(&self.last), last.clone());
        let looking = worker.run(move || {
            let look = look_at(&path, before);
            let reading = look.reading.clone();
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = look;
            drop(is_over);
            reading
        });
        looking.await.unwrap_or_else(not_read)
    }
}

/// Ends a look when it is dropped, also by a panic.
struct IsOver(Arc<AtomicBool>);

impl Drop for IsOver {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn look_at(path: &Path, last: Look) -> Look {
    let at = Some(Instant::now());
    match read(path, &last) {
        Ok(None) => Look { at, ..last },
        Ok(Some((states, stamp))) => {
            // A time in the future (a clock is wrong, or somebody has set it) would never be long ago.
            let written = match last.stamp {
                Some(known) if known == stamp => last.reading.written,
                _ => stamp.modified.min(SystemTime::now()),
            };
            let reading = Reading { states: Some(Arc::new(states)), trouble: None, written };
            Look { reading, at, stamp: Some(stamp) }
        }
        Err(trouble) => {
            let reading = Reading { trouble: Some(trouble.into()), ..last.reading };
            Look { reading, at, stamp: None }
        }
    }
}

/// Reads the file; `None` where it is still what it was.
fn read(path: &Path, last: &Look) -> Result<Option<(States, Stamp)>, String> {
    let trouble = |error: io::Error| format!("`{}` cannot be read: {error}", path.display());
    // Opening a pipe would wait for somebody to write, and it may have taken the place of a file at any time.
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let file = opened.map_err(trouble)?;
    let stamp = stamp(&file).map_err(trouble)?;
    let age = SystemTime::now().duration_since(stamp.modified).unwrap_or_default();
    if last.stamp == Some(stamp) && age > WRITTEN_JUST_NOW {
        return Ok(None);
    }
    if stamp.len > FILE_LEN_MAX {
        return Err(format!("`{}` is larger than {} MiB", path.display(), FILE_LEN_MAX >> 20));
    }
    let mut text = String::new();
    file.take(FILE_LEN_MAX + 1).read_to_string(&mut text).map_err(trouble)?;
    match States::parse(&text) {
        Ok(states) => Ok(Some((states, stamp))),
        Err((line, why)) => Err(format!("`{}`, line {line}: {why}", path.display())),
    }
}

/// A device or a pipe is none: reading one may have no end.
fn stamp(file: &File) -> io::Result<Stamp> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    Ok(Stamp { modified: metadata.modified()?, len: metadata.len(), inode: metadata.ino() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]

    use super::*;
    use std::fs::FileTimes;

    fn nothing(written: SystemTime) -> Look {
        Look { reading: Reading { states: None, trouble: None, written }, at: None, stamp: None }
    }

    #[test]
    fn a_file_from_the_future_was_written_when_it_was_first_seen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let now = SystemTime::now();
        let day = Duration::from_secs(86_400);
        let date = |modified| file.as_file().set_times(FileTimes::new().set_modified(modified)).unwrap();
        date(now + day);
        let mut look = look_at(file.path(), nothing(now));
        assert!(look.reading.trouble.is_none() && look.reading.written < now + day / 2);
        let long_ago = now - day;
        look.reading.written = long_ago;
        look = look_at(file.path(), look);
        assert_eq!(look.reading.written, long_ago, "it is still the same version");
        date(now + 2 * day);
        look = look_at(file.path(), look);
        assert!(look.reading.written >= now, "somebody has touched it");
        date(long_ago);
        assert_eq!(look_at(file.path(), look).reading.written, long_ago);
    }
}

//! Files of states, each read once for all who look at it at the same time. Knows no targets.

use crate::probe::file::states::States;
use dashmap::DashMap;
use std::fs::File;
use std::io::{self, Read};
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
    /// When what was last read without trouble had been written; if there is nothing, when it was first looked for.
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
        if self.is_busy.swap(true, Ordering::Relaxed) {
            let trouble = format!("`{}` is still being read; does its file system hang?", self.path.display());
            return Reading { trouble: Some(trouble.into()), ..last.reading };
        }
        let (path, shared, is_busy) = (self.path.clone(), Arc::clone(&self.last), Arc::clone(&self.is_busy));
        let kept = last.reading.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let look = look_at(&path, last);
            let reading = look.reading.clone();
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = look;
            is_busy.store(false, Ordering::Relaxed);
            reading
        });
        match looking.await {
            Ok(reading) => reading,
            Err(_panicked) => {
                self.is_busy.store(false, Ordering::Relaxed);
                let trouble = "reading the file panicked; please report this".into();
                Reading { trouble: Some(trouble), ..kept }
            }
        }
    }
}

fn look_at(path: &Path, last: Look) -> Look {
    let at = Some(Instant::now());
    match read(path, &last) {
        Ok(None) => Look { at, ..last },
        Ok(Some((states, stamp))) => {
            let reading = Reading { states: Some(Arc::new(states)), trouble: None, written: stamp.modified };
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
    let stamp = stamp(path).map_err(trouble)?;
    let age = SystemTime::now().duration_since(stamp.modified).unwrap_or_default();
    if last.stamp == Some(stamp) && age > WRITTEN_JUST_NOW {
        return Ok(None);
    }
    if stamp.len > FILE_LEN_MAX {
        return Err(format!("`{}` is larger than {} MiB", path.display(), FILE_LEN_MAX >> 20));
    }
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(FILE_LEN_MAX + 1).read_to_string(&mut text));
    read.map_err(trouble)?;
    match States::parse(&text) {
        Ok(states) => Ok(Some((states, stamp))),
        Err((line, why)) => Err(format!("`{}`, line {line}: {why}", path.display())),
    }
}

/// A device or a pipe is none: opening one may wait forever.
fn stamp(path: &Path) -> io::Result<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    Ok(Stamp { modified: metadata.modified()?, len: metadata.len(), inode: metadata.ino() })
}

//! One journal on disk. Whatever was appended is there after any crash; whatever was being appended is there as a whole or
//! not at all. Knows no zones.
//!
//! *Invariant:* one frame is written and synced before the next one begins, so that only the last frame can be torn.
//! Whoever works on the file holds its lock meanwhile and has looked that the path still leads to it: the command line
//! may have put it aside.

use super::format::{Frame, Header, decode_body, encode_frame, frame_at, has_frame_behind};
use super::{Step, fold::Folded};
use crate::base::checksum;
use crate::transfer::state_name::FILE_MODE;
use crate::wire::Name;
use crate::zone::Record;
use std::collections::HashSet;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A journal is condensed when it is longer than this, and than twice what was left the last time; in octets.
const CONDENSE_LEN_MIN: u64 = 4 << 20;
/// What is kept of the last steps as they were, for secondaries: at most so many octets, about, and so many steps.
const KEPT_LEN_MAX: usize = 1 << 20;
const KEPT_STEPS_MAX: usize = 1_000;
/// How long the command line may hold the lock of a journal before an update fails.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// How often the lock is asked for meanwhile.
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// Why a journal cannot be read or written.
#[derive(Debug)]
pub enum JournalError {
    /// The system refused something.
    Io {
        /// The file.
        path: PathBuf,
        /// What was to be done with it.
        action: &'static str,
        /// Why not.
        error: io::Error,
    },
    /// It does not begin as a journal of this zone does.
    Foreign {
        /// The file.
        path: PathBuf,
        /// The zone.
        apex: Name,
    },
    /// There is damage in its middle.
    Damaged {
        /// The file.
        path: PathBuf,
        /// The zone.
        apex: Name,
        /// Where, in octets from its start.
        at: usize,
    },
    /// Somebody put it aside or another one in its place.
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// A change does not begin where the last one ended.
    Gap {
        /// The file.
        path: PathBuf,
        /// The serial that its last change led to.
        last: u32,
        /// The serial of the zone that the change was made of.
        from: u32,
    },
}

impl JournalError {
    fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { path: path.to_path_buf(), action, error }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Io { .. } => "free some room, or give the server's user the right to write there".into(),
            Self::Foreign { apex, .. } | Self::Damaged { apex, .. } => format!(
                "put back a copy of the file, or give up its changes with `azimuth zone discard-journal {apex}`, which keeps \
                 the file under another name"
            ),
            Self::Replaced { .. } => "reload the server".into(),
            Self::Gap { .. } => "restart the server, which makes the zone anew from its file and the journal".into(),
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, action, error } => write!(f, "cannot {action} the journal `{}`: {error}", path.display()),
            Self::Foreign { path, apex } => {
                write!(f, "`{}` is no journal of zone `{apex}`, or its first octets are damaged", path.display())
            }
            Self::Damaged { path, at, .. } => {
                write!(f, "the journal `{}` is damaged at octet {at}, and changes follow behind", path.display())
            }
            Self::Replaced { path } => write!(f, "the journal `{}` was put aside or replaced", path.display()),
            Self::Gap { path, last, from } => {
                write!(f, "the journal `{}` leads to serial {last}, but the zone has {from}", path.display())
            }
        }
    }
}

impl std::error::Error for JournalError {}

/// What stands in a journal.
#[derive(Debug)]
pub struct Contents {
    /// What it builds on.
    pub header: Header,
    /// Every change, oldest first.
    pub steps: Vec<Step>,
    /// Octets of header and whole frames.
    pub len: usize,
    /// Octets of a torn frame behind them.
    pub torn: usize,
}

impl Contents {
    /// What `octets`, which were read from `path`, say about zone `apex`.
    pub fn parse(octets: &[u8], path: &Path, apex: &Name) -> Result<Self, JournalError> {
        let foreign = || JournalError::Foreign { path: path.to_path_buf(), apex: apex.clone() };
        let (header, header_len) = Header::decode(octets).ok_or_else(foreign)?;
        if header.apex != *apex {
            return Err(foreign());
        }
        let damaged = |at| JournalError::Damaged { path: path.to_path_buf(), apex: apex.clone(), at };
        let (mut steps, mut at) = (Vec::new(), header_len);
        loop {
            match frame_at(octets, at) {
                Frame::End => break,
                Frame::Whole(body, next) => {
                    steps.extend(decode_body(body, apex).ok_or_else(|| damaged(at))?);
                    at = next;
                }
                Frame::Damaged if has_frame_behind(octets, at) => return Err(damaged(at)),
                Frame::Damaged => break,
            }
        }
        Ok(Self { header, steps, len: at, torn: octets.len() - at })
    }

    /// Reads a journal without changing anything; `None` when there is none.
    pub fn read(path: &Path, apex: &Name) -> Result<Option<Self>, JournalError> {
        let octets = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(JournalError::io(path, "read"))?,
        };
        Self::parse(&octets, path, apex).map(Some)
    }

    /// All changes as one.
    #[must_use]
    pub fn folded(&self) -> Folded {
        let mut folded = Folded::default();
        self.steps.iter().for_each(|step| folded.push(step));
        folded
    }

    /// The serial that the last change led to.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.steps.last().map_or(self.header.base_serial, |last| last.delta.to)
    }
}

/// Which file a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(u64, u64);

impl Identity {
    /// That of what is at `path` now; `None` when nothing is.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }

    fn of(metadata: &std::fs::Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

/// An open journal that is appended to.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    header: Header,
    /// Where the last whole frame ends.
    len: u64,
    /// The serial that its last change led to.
    serial: u32,
    /// Octets of a write that failed may stand behind.
    torn: bool,
    /// The RRsets whose first state it holds, by [`rrset_key`].
    touched: HashSet<u64>,
    condense_at: u64,
}

impl Journal {
    /// Opens what is at `path` and cuts off a torn end; `None` when there is nothing.
    pub fn open(path: &Path, apex: &Name) -> Result<Option<(Self, Contents)>, JournalError> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(JournalError::io(path, "open"))?,
        };
        let _locked = Locked::new(&file).map_err(JournalError::io(path, "lock"))?;
        let mut octets = Vec::new();
        file.read_to_end(&mut octets).map_err(JournalError::io(path, "read"))?;
        let contents = Contents::parse(&octets, path, apex)?;
        let len = contents.len as u64;
        if contents.torn > 0 {
            file.set_len(len).and_then(|()| file.sync_data()).map_err(JournalError::io(path, "mend the end of"))?;
        }
        drop(_locked);
        let mut touched = HashSet::new();
        for step in &contents.steps {
            touched.extend(step.delta.removed.iter().chain(&step.delta.added).chain(&step.kept).map(rrset_key));
        }
        let journal = Self {
            file,
            path: path.to_path_buf(),
            header: contents.header.clone(),
            len,
            serial: contents.serial(),
            torn: false,
            touched,
            condense_at: CONDENSE_LEN_MIN.max(len),
        };
        Ok(Some((journal, contents)))
    }

    /// Makes a journal with its first changes. It is at `path` as a whole or not at all.
    pub fn create(path: &Path, header: Header, steps: &[Step]) -> Result<Self, JournalError> {
        let mut touched = HashSet::new();
        let frame = encode_frame(&with_first_states(steps, &mut touched), &header.apex);
        let octets = [header.encode(), frame].concat();
        let file = write_whole(path, &octets, FILE_MODE).map_err(|error| {
            // It may be there already, though nobody knows for how long.
            let _ = std::fs::remove_file(path);
            JournalError::Io { path: path.to_path_buf(), action: "create", error }
        })?;
        let len = octets.len() as u64;
        let condense_at = CONDENSE_LEN_MIN.max(2 * len);
        let serial = steps.last().map_or(header.base_serial, |step| step.delta.to);
        Ok(Self { file, path: path.to_path_buf(), header, len, serial, torn: false, touched, condense_at })
    }

    /// Appends changes, the first of which is one of the zone that the last change here led to, and returns when they are on
    /// disk. After an error none of them is.
    pub fn append(&mut self, steps: &[Step]) -> Result<(), JournalError> {
        let mut last = self.serial;
        for Step { delta, .. } in steps {
            if delta.from != last {
                return Err(JournalError::Gap { path: self.path.clone(), last, from: delta.from });
            }
            last = delta.to;
        }
        let _locked = Locked::new(&self.file).map_err(JournalError::io(&self.path, "lock"))?;
        self.check_place()?;
        if self.torn {
            self.file.set_len(self.len).map_err(JournalError::io(&self.path, "mend the end of"))?;
            self.torn = false;
        }
        let mut touched = HashSet::new();
        let frame = {
            let mut known = Touched { before: &self.touched, new: &mut touched };
            encode_frame(&known.first_states(steps), &self.header.apex)
        };
        let written = self.file.write_all_at(&frame, self.len).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What cannot be cut off now is overwritten or cut off by the next change, or at the next start.
            self.torn = self.file.set_len(self.len).and_then(|()| self.file.sync_data()).is_err();
            return Err(JournalError::Io { path: self.path.clone(), action: "write to", error });
        }
        self.len += frame.len() as u64;
        self.serial = last;
        self.touched.extend(touched);
        Ok(())
    }

    /// Whether the path still leads to this file.
    fn check_place(&self) -> Result<(), JournalError> {
        if Identity::at(&self.path) == Some(self.identity()?) {
            Ok(())
        } else {
            Err(JournalError::Replaced { path: self.path.clone() })
        }
    }

    /// The serial that its last change led to.
    #[must_use]
    pub const fn serial(&self) -> u32 {
        self.serial
    }

    /// Which file it is.
    pub fn identity(&self) -> Result<Identity, JournalError> {
        let metadata = self.file.metadata().map_err(JournalError::io(&self.path, "look at"))?;
        Ok(Identity::of(&metadata))
    }

    /// What it builds on.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Octets.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in it, which is never so.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it ought to be condensed.
    #[must_use]
    pub const fn wants_condensing(&self) -> bool {
        self.len > self.condense_at
    }

    /// Octets of a shorter journal for the part up to `len`, which is written by nobody any more: all but the last changes as
    /// one.
    pub fn condensed(path: &Path, apex: &Name, len: u64) -> Result<Vec<u8>, JournalError> {
        let mut octets = std::fs::read(path).map_err(JournalError::io(path, "read"))?;
        octets.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        let contents = Contents::parse(&octets, path, apex)?;
        let (mut kept, mut kept_len) = (0, 0);
        for step in contents.steps.iter().rev().take(KEPT_STEPS_MAX) {
            kept_len += encode_frame(std::slice::from_ref(step), apex).len();
            if kept_len > KEPT_LEN_MAX {
                break;
            }
            kept += 1;
        }
        let (old, last) = contents.steps.split_at(contents.steps.len() - kept);
        let mut out = contents.header.encode();
        if let Some(newest) = old.last() {
            let mut folded = Folded::default();
            old.iter().for_each(|step| folded.push(step));
            let step = folded.into_step(contents.header.base_serial, newest.delta.to);
            out.extend(encode_frame(&[step], apex));
        }
        for step in last {
            out.extend(encode_frame(std::slice::from_ref(step), apex));
        }
        Ok(out)
    }

    /// Puts `octets` in the place of the first `len` octets; what was appended since follows them.
    pub fn replace_start(&mut self, mut octets: Vec<u8>, len: u64) -> Result<(), JournalError> {
        let _locked = Locked::new(&self.file).map_err(JournalError::io(&self.path, "lock"))?;
        self.check_place()?;
        let Some(since) = self.len.checked_sub(len) else {
            return Err(JournalError::Replaced { path: self.path.clone() });
        };
        let mut since = vec![0; usize::try_from(since).unwrap_or_default()];
        self.file.read_exact_at(&mut since, len).map_err(JournalError::io(&self.path, "read"))?;
        octets.extend(since);
        let file = write_whole(&self.path, &octets, FILE_MODE).map_err(JournalError::io(&self.path, "condense"))?;
        drop(_locked);
        self.file = file;
        self.len = octets.len() as u64;
        self.torn = false;
        self.condense_at = CONDENSE_LEN_MIN.max(2 * self.len);
        Ok(())
    }

    /// Gives up condensing until it has doubled.
    pub const fn postpone_condensing(&mut self) {
        self.condense_at = 2 * self.len;
    }
}

/// Tells an RRset from others, the same in every process.
fn rrset_key(record: &Record) -> u64 {
    let mut octets = record.owner.as_wire().to_ascii_lowercase();
    octets.extend_from_slice(&record.rtype.to_be_bytes());
    checksum(&octets)
}

/// Which RRsets a journal knows, and which it learns with a frame.
struct Touched<'j> {
    before: &'j HashSet<u64>,
    new: &'j mut HashSet<u64>,
}

impl Touched<'_> {
    /// The steps with what they keep of RRsets that are touched for the first time only.
    fn first_states(&mut self, steps: &[Step]) -> Vec<Step> {
        let mut stripped = Vec::with_capacity(steps.len());
        for step in steps {
            let is_known = |key: &u64| self.before.contains(key) || self.new.contains(key);
            let kept = step.kept.iter().filter(|record| !is_known(&rrset_key(record))).cloned().collect();
            stripped.push(Step { delta: step.delta.clone(), kept });
            let all = step.delta.removed.iter().chain(&step.delta.added).chain(&step.kept);
            self.new.extend(all.map(rrset_key));
        }
        stripped
    }
}

fn with_first_states(steps: &[Step], touched: &mut HashSet<u64>) -> Vec<Step> {
    Touched { before: &HashSet::new(), new: touched }.first_states(steps)
}

/// Writes a file beside `path` with this mode, less the umask, syncs it, and gives it that name.
pub fn write_whole(path: &Path, octets: &[u8], mode: u32) -> io::Result<File> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let write = || -> io::Result<File> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(mode).open(&new)?;
        file.write_all_at(octets, 0)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        Ok(file)
    };
    let written = write();
    if written.is_err() {
        // Half a file is of no use, and takes room.
        let _ = std::fs::remove_file(&new);
    }
    let file = written?;
    sync_folder(path)?;
    Ok(file)
}

/// Makes the names in the folder of `path` last.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// The lock of a file, held while this exists.
pub struct Locked(File);

impl Locked {
    /// Waits for the lock, but not for long.
    pub fn new(file: &File) -> io::Result<Self> {
        let ours = file.try_clone()?;
        let mut waited = Duration::ZERO;
        loop {
            match ours.try_lock() {
                Ok(()) => return Ok(Self(ours)),
                Err(TryLockError::WouldBlock) if waited < LOCK_PATIENCE => {
                    std::thread::sleep(LOCK_RETRY);
                    waited += LOCK_RETRY;
                }
                Err(TryLockError::WouldBlock) => return Err(io::Error::other("another process holds its lock")),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // It goes with the last handle at the latest.
        let _ = self.0.unlock();
    }
}

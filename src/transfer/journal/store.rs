//! The journals of all zones: where they lie, and what of a zone shall be live with its journal at start and reload.

use super::Step;
use super::file::{Contents, Identity, Journal, JournalError, Locked};
use super::format::Header;
use crate::base::Diagnostic;
use crate::transfer::state_name::{FILE_MODE, create_folder, file_name};
use crate::transfer::update::semantics::balanced_conflict;
use crate::wire::Name;
use crate::zone::{BalancedOwner, Change, Zone};
use std::collections::HashMap;
use std::fmt::Display;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The folder of journals in the state folder.
const FOLDER: &str = "journals";
/// Held by the server that uses the folder; says which process that is.
const LOCK_FILE: &str = ".lock";
/// How often a server asks for that lock, and how long it waits in between.
const CLAIM_TRIES: usize = 5;
const CLAIM_RETRY: Duration = Duration::from_millis(20);
/// What the names of journals end in.
const ENDING: &str = ".journal";

/// The journals of all zones. Cheap to copy.
#[derive(Clone)]
pub struct Journals {
    shared: Arc<Shared>,
}

struct Shared {
    state_dir: PathBuf,
    folder: PathBuf,
    /// Kept open for its lock.
    lock: Mutex<Option<File>>,
    zones: Mutex<HashMap<Name, Arc<Mutex<State>>>>,
}

/// What is known of one zone's journal.
struct State {
    path: PathBuf,
    /// The zone as its files have it, on which the journal builds. While a reload is under way that may yet be refused, also
    /// what was before, in front of it.
    bases: Vec<Arc<Zone>>,
    journal: Option<Journal>,
    /// What the path led to when it was looked at last.
    seen: Option<Identity>,
    is_condensing: bool,
}

/// What of a zone shall be live.
pub enum Settled {
    /// What its files say.
    Files,
    /// What is live already.
    AsItIs,
    /// Its files with all changes of its journal.
    Replayed(Arc<Zone>, Vec<Step>),
    /// Files and journal do not fit together: what is live already, or nothing.
    Apart(Diagnostic),
}

/// A panic while a lock is held leaves nothing half-done that the next holder could stumble over.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journals {
    /// Those in `state_dir`. Touches nothing yet.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        let (state_dir, folder) = (state_dir.to_path_buf(), state_dir.join(FOLDER));
        Self { shared: Arc::new(Shared { state_dir, folder, lock: Mutex::default(), zones: Mutex::default() }) }
    }

    /// The folder that they lie in with all else that must survive a restart.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.shared.state_dir
    }

    /// Where the journal of a zone is, if it has one.
    #[must_use]
    pub fn path(&self, apex: &Name) -> PathBuf {
        self.shared.folder.join(file_name(apex, ENDING))
    }

    /// Whether a zone has a journal.
    #[must_use]
    pub fn has(&self, apex: &Name) -> bool {
        Identity::at(&self.path(apex)).is_some()
    }

    /// Makes the folder this server's own.
    fn claim(&self) -> Result<(), Diagnostic> {
        let mut held = lock(&self.shared.lock);
        if held.is_some() {
            return Ok(());
        }
        let folder = &self.shared.folder;
        let failed = |error: &std::io::Error| {
            Diagnostic::error(format!("cannot use the folder of journals `{}`: {error}", folder.display())).hint(
                "give the server's user the right to write in `[server] state_dir`, or choose another folder there",
            )
        };
        create_folder(folder).map_err(|error| failed(&error))?;
        let path = folder.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(path)
            .map_err(|error| failed(&error))?;
        // The command line may hold it for a moment, to see whether anybody does.
        let mut tries = 0;
        while let Err(error) = file.try_lock() {
            match error {
                TryLockError::Error(error) => return Err(failed(&error)),
                TryLockError::WouldBlock if tries < CLAIM_TRIES => {
                    tries += 1;
                    std::thread::sleep(CLAIM_RETRY);
                }
                TryLockError::WouldBlock => {
                    let process = owner_of(&mut file);
                    let process = process.map_or_else(|| "another process".into(), |id| format!("process {id}"));
                    let message = format!("{process} uses the journals in `{}` already", folder.display());
                    return Err(Diagnostic::error(message).hint(
                        "stop that server, or give this one a folder of its own with `[server] state_dir` or `--state-dir`",
                    ));
                }
            }
        }
        let named = file.set_len(0).and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        named.map_err(|error| failed(&error))?;
        *held = Some(file);
        Ok(())
    }

    /// The process that uses the folder, if any does.
    #[must_use]
    pub fn owner(&self) -> Option<u32> {
        let mut file = File::open(self.shared.folder.join(LOCK_FILE)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => owner_of(&mut file),
            _ => None,
        }
    }

    /// Decides what of a zone shall be live; `base` is what its files say, with the names in `balanced` laid over, `live` what
    /// is live. No update runs meanwhile.
    pub fn settle(
        &self,
        (base, balanced): (&Arc<Zone>, &[BalancedOwner]),
        live: Option<&Arc<Zone>>,
        takes_updates: bool,
    ) -> Result<Settled, Diagnostic> {
        let path = self.path(base.apex());
        let mut zones = lock(&self.shared.zones);
        let known = zones.get(base.apex()).cloned();
        if known.is_none() && !takes_updates && Identity::at(&path).is_none() {
            return Ok(Settled::Files);
        }
        self.claim()?;
        let state = known.unwrap_or_else(|| {
            let state = State { path, bases: Vec::new(), journal: None, seen: None, is_condensing: false };
            let state = Arc::new(Mutex::new(state));
            zones.insert(base.apex().clone(), Arc::clone(&state));
            state
        });
        drop(zones);
        let mut state = lock(&state);
        state.settle(base, balanced, live)
    }

    /// Whether a journal is not where it was left, or one lies there that is not in use, so that a reload has something to do though no file changed.
    #[must_use]
    pub fn were_moved(&self) -> bool {
        let states: Vec<_> = lock(&self.shared.zones).values().cloned().collect();
        states.iter().any(|state| {
            let state = lock(state);
            let now = Identity::at(&state.path);
            // One that could not be used may have been mended where it lies.
            state.seen != now || (state.journal.is_none() && now.is_some())
        })
    }

    /// Writes changes of a zone, whose data before them is `before`, and returns when they are on disk. After an error none
    /// of them is.
    pub fn append(&self, before: &Arc<Zone>, steps: &[Step]) -> Result<(), JournalError> {
        let state = lock(&self.shared.zones).get(before.apex()).cloned();
        let Some(state) = state else {
            return Err(JournalError::Replaced { path: self.path(before.apex()) });
        };
        let mut state = lock(&state);
        if let Some(journal) = &mut state.journal {
            return journal.append(steps);
        }
        // What is live must be what the files say: else its journal was put aside a moment ago.
        if !state.has_base(before) || Identity::at(&state.path).is_some() {
            return Err(JournalError::Replaced { path: state.path.clone() });
        }
        let header =
            Header { apex: before.apex().clone(), base_hash: before.content_hash(), base_serial: before.serial() };
        state.journal = Some(Journal::create(&state.path, header, steps)?);
        state.seen = Identity::at(&state.path);
        Ok(())
    }

    /// What condenses the journal of a zone, if it has grown long and nobody does it yet. On whatever thread: it takes its
    /// time, but updates wait for a small part of it only.
    #[must_use]
    pub fn condensing(&self, apex: &Name) -> Option<Condensing> {
        let shared = lock(&self.shared.zones).get(apex).cloned()?;
        let (path, len, identity) = {
            let mut state = lock(&shared);
            let journal =
                state.journal.as_ref().filter(|journal| journal.wants_condensing() && !state.is_condensing)?;
            let (len, identity) = (journal.len(), journal.identity().ok()?);
            state.is_condensing = true;
            (state.path.clone(), len, identity)
        };
        Some(Condensing { state: shared, apex: apex.clone(), path, len, identity })
    }

    /// Octets in the journal of each zone that takes updates.
    #[must_use]
    pub fn lens(&self) -> Vec<(Name, u64)> {
        let states: Vec<_> =
            lock(&self.shared.zones).iter().map(|(apex, state)| (apex.clone(), Arc::clone(state))).collect();
        let len = |state: &Arc<Mutex<State>>| lock(state).journal.as_ref().map_or(0, Journal::len);
        states.into_iter().map(|(apex, state)| (apex, len(&state))).collect()
    }

    /// What `check` says of a zone's journal, without touching anything.
    #[must_use]
    pub fn check(&self, base: &Zone, balanced: &[BalancedOwner]) -> Option<Diagnostic> {
        let path = self.path(base.apex());
        match Contents::read(&path, base.apex()) {
            Ok(contents) => {
                let contents = contents?;
                if contents.header.base_hash != base.content_hash() {
                    return Some(apart(base, &path));
                }
                replay(base, balanced, &contents.steps, &path).err()
            }
            // Whoever checks need not have the rights of the server.
            Err(JournalError::Io { .. }) => None,
            Err(error) => Some(broken(&error)),
        }
    }

    /// Takes the lock of a zone's journal for the command line and returns what stands in it; `None` when there is none.
    pub fn hold(&self, apex: &Name) -> Result<Option<Held>, JournalError> {
        let path = self.path(apex);
        let io = |action: &'static str| {
            let path = path.clone();
            move |error| JournalError::Io { path, action, error }
        };
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(io("open"))?,
        };
        let locked = Locked::new(&file).map_err(io("lock"))?;
        let mut octets = Vec::new();
        file.read_to_end(&mut octets).map_err(io("read"))?;
        Ok(Some(Held { path, octets, _locked: locked }))
    }
}

/// A journal that is to be condensed, up to the change that is its last now.
pub struct Condensing {
    state: Arc<Mutex<State>>,
    apex: Name,
    path: PathBuf,
    len: u64,
    identity: Identity,
}

impl Condensing {
    /// Does it, unless the journal is put aside or replaced meanwhile.
    pub fn run(self) -> Result<(), JournalError> {
        let condensed = Journal::condensed(&self.path, &self.apex, self.len);
        let mut state = lock(&self.state);
        let Some(journal) = &mut state.journal else { return Ok(()) };
        if journal.identity()? != self.identity {
            return Ok(());
        }
        let done = condensed.and_then(|octets| journal.replace_start(octets, self.len));
        if done.is_err() {
            journal.postpone_condensing();
        } else {
            state.seen = Identity::at(&self.path);
        }
        done
    }
}

impl Drop for Condensing {
    fn drop(&mut self) {
        lock(&self.state).is_condensing = false;
    }
}

/// A journal that nobody else writes to.
pub struct Held {
    /// Where it is.
    pub path: PathBuf,
    /// Its octets.
    pub octets: Vec<u8>,
    _locked: Locked,
}

impl Held {
    /// Gives it another name, which ends in `suffix`, so that it is no journal any more; returns that name.
    pub fn put_aside(&self, suffix: &str) -> std::io::Result<PathBuf> {
        let mut aside = self.path.clone().into_os_string();
        aside.push(suffix);
        let aside = PathBuf::from(aside);
        std::fs::rename(&self.path, &aside)?;
        super::file::sync_folder(&aside)?;
        Ok(aside)
    }
}

impl State {
    fn has_base(&self, zone: &Arc<Zone>) -> bool {
        self.bases.iter().any(|base| Arc::ptr_eq(base, zone))
    }

    fn set_base(&mut self, base: &Arc<Zone>, live: Option<&Arc<Zone>>) {
        self.bases.retain(|old| live.is_some_and(|live| Arc::ptr_eq(old, live) && !Arc::ptr_eq(old, base)));
        self.bases.push(Arc::clone(base));
    }

    fn settle(
        &mut self,
        base: &Arc<Zone>,
        balanced: &[BalancedOwner],
        live: Option<&Arc<Zone>>,
    ) -> Result<Settled, Diagnostic> {
        let seen = Identity::at(&self.path);
        let is_ours = self.journal.is_some() && seen == self.seen;
        if let Some(journal) = self.journal.as_ref().filter(|_| is_ours) {
            if journal.header().base_hash != base.content_hash() {
                return Ok(Settled::Apart(apart(base, &self.path)));
            }
            if self.has_base(base) && live.is_some() {
                return Ok(Settled::AsItIs);
            }
        }
        // One that is not where it was left is written to no more, whatever is there now.
        let ours = self.journal.take();
        let lost = ours.as_ref().filter(|_| !is_ours).map(Journal::serial);
        let opened = Journal::open(&self.path, base.apex());
        self.seen = seen;
        let (journal, contents) = match opened {
            Err(error) => return Ok(Settled::Apart(broken(&error))),
            Ok(Some(opened)) => opened,
            Ok(None) => {
                if let Some(old) = lost {
                    tracing::warn!(
                        zone = %base.apex(), old_serial = old, serial = base.serial(),
                        "the journal `{}` is gone, and with it what updates have changed: the zone is what its file says",
                        self.path.display()
                    );
                }
                self.set_base(base, live);
                return Ok(Settled::Files);
            }
        };
        if contents.torn > 0 {
            tracing::warn!(
                zone = %base.apex(), octets = contents.torn,
                "the last change in the journal was not completely written, and nobody was told that it was made: cut off"
            );
        }
        if contents.header.base_hash != base.content_hash() {
            // Updates are refused until then: what is live, if anything, is not what this journal leads to.
            return Ok(Settled::Apart(apart(base, &self.path)));
        }
        match replay(base, balanced, &contents.steps, &self.path) {
            Ok(zone) => {
                self.journal = Some(journal);
                self.bases = vec![Arc::clone(base)];
                Ok(Settled::Replayed(Arc::new(zone), contents.steps))
            }
            Err(why) => {
                // What is live is still what it leads to.
                self.journal = ours.filter(|_| is_ours);
                Ok(Settled::Apart(why))
            }
        }
    }
}

/// The zone after all changes of its journal at `path`.
fn replay(base: &Zone, balanced: &[BalancedOwner], steps: &[Step], path: &Path) -> Result<Zone, Diagnostic> {
    let apart = |why: &dyn Display| {
        let message = format!("the journal `{}` does not fit its zone: {why}", path.display());
        Diagnostic::error(message).hint(remedies(base.apex()))
    };
    let changes: Vec<Change> = steps.iter().flat_map(Step::changes).collect();
    let zone = base.edited(&changes).map_err(|error| apart(&error))?;
    // Names may be balanced that were not when the updates were checked.
    match balanced_conflict(base, &zone, balanced) {
        None => Ok(zone),
        Some((owner, why)) => {
            let hint = format!(
                "have no pool answer for `{}`, or take away by an update what stands in its way; `azimuth zone \
                 discard-journal {}` gives up all that updates changed",
                owner.owner,
                base.apex()
            );
            Err(apart(&why).hint(hint))
        }
    }
}

/// The files changed after the journal was begun.
fn apart(base: &Zone, path: &Path) -> Diagnostic {
    let apex = base.apex();
    let file = base.files().next().map_or_else(String::new, |file| format!(" `{}`", file.display()));
    let message = format!(
        "the zone file{file} of `{apex}` was edited, but updates have changed the zone since: they are in the journal `{}`",
        path.display()
    );
    Diagnostic::error(message).hint(remedies(apex))
}

fn remedies(apex: &Name) -> String {
    format!(
        "`azimuth zone merge {apex}` brings both together; `azimuth zone discard-journal {apex}` gives up what updates changed"
    )
}

fn broken(error: &JournalError) -> Diagnostic {
    Diagnostic::error(error.to_string()).hint(error.remedy())
}

/// The process that wrote its number into a lock file.
fn owner_of(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

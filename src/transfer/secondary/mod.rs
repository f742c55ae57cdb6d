//! Zones that come from other servers: each is compared with its primaries (RFC 1034, section 4.3.5), brought up to date
//! by transfers (RFC 5936, RFC 1995), kept in the state folder, and taken from service when it expires.
//!
//! [`schedule`] says when, `poll` and `fetch` ask, `incoming` understands what comes, `overlay` makes a zone of it, `keep`
//! keeps it, and a `follower` for each zone puts these together. Nothing here damages what is served: a new version goes
//! live when all of it has come and was checked.

mod failure;
mod fetch;
mod follower;
mod incoming;
mod jobs;
mod keep;
mod notified;
mod overlay;
mod poll;
mod question;
pub mod resolve;
pub mod schedule;
mod state_file;
pub mod status;
#[cfg(test)]
mod tests;

use self::fetch::Patience;
use self::follower::Follower;
use self::jobs::Jobs;
use super::LiveZones;
use super::spec::{Settings, TransferSpec};
use super::tsig::Keys;
use crate::wire::Name;
use status::ZoneStatus;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;

/// Questions for SOA records at a time.
const POLLS_MAX: usize = 256;
/// How long primaries may take.
const PATIENCE: Patience = Patience { silence_max: Duration::from_secs(30), transfer_max: Duration::from_secs(3600) };

/// All secondary zones, and the thread that follows their primaries.
pub struct Secondaries {
    handle: SecondariesHandle,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

/// The way to the secondary zones, from anywhere.
#[derive(Clone)]
pub struct SecondariesHandle {
    shared: Arc<Shared>,
    runtime: Handle,
}

/// What all followers share.
struct Shared {
    zones: LiveZones,
    state_dir: PathBuf,
    keys: RwLock<Arc<Keys>>,
    followers: Mutex<HashMap<Name, Following>>,
    polls: Semaphore,
    jobs: Jobs,
    patience: Patience,
}

/// A follower and its task.
struct Following {
    follower: Arc<Follower>,
    task: AbortHandle,
}

impl Secondaries {
    /// Starts the thread. No zone is followed until [`SecondariesHandle::follow`].
    pub fn start(zones: LiveZones, state_dir: &Path) -> io::Result<Self> {
        Self::start_with(zones, state_dir, PATIENCE)
    }

    fn start_with(zones: LiveZones, state_dir: &Path, patience: Patience) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared {
            zones,
            state_dir: state_dir.to_path_buf(),
            keys: RwLock::default(),
            followers: Mutex::default(),
            polls: Semaphore::new(POLLS_MAX),
            jobs: Jobs::default(),
            patience,
        });
        let handle = SecondariesHandle { shared, runtime: runtime.handle().clone() };
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let thread =
            std::thread::Builder::new().name("secondary".into()).spawn(move || runtime.block_on(stopped.notified()))?;
        Ok(Self { handle, stop, thread: Some(thread) })
    }

    /// The way to them.
    #[must_use]
    pub const fn handle(&self) -> &SecondariesHandle {
        &self.handle
    }

    /// Ends, and writes what waits to be written.
    pub fn stop(mut self) {
        self.end();
        // Taken out, since they hold what they are in.
        for following in std::mem::take(&mut *lock(&self.handle.shared.followers)).into_values() {
            following.follower.flush();
        }
    }

    fn end(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

impl Drop for Secondaries {
    fn drop(&mut self) {
        self.end();
    }
}

impl SecondariesHandle {
    /// Follows all live zones that are secondary ones now, and no others; with these keys from now on. To be called when a
    /// configuration has gone live.
    pub fn follow(&self, configured: &TransferSpec) {
        let keys = Settings::new(configured).keys;
        *self.shared.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        let mut followers = lock(&self.shared.followers);
        let mut before = std::mem::take(&mut *followers);
        for live in self.shared.zones.all() {
            let transfers = live.transfers();
            let Some(spec) = transfers.role.secondary() else { continue };
            let apex = spec.zone.apex.clone();
            if let Some(following) = before.remove(&apex) {
                if following.follower.is_of(&live) {
                    following.follower.configured();
                    followers.insert(apex, following);
                    continue;
                }
                following.task.abort();
            }
            let follower = Arc::new(Follower::new(live, &self.shared, spec));
            let task = self.runtime.spawn(Arc::clone(&follower).run()).abort_handle();
            followers.insert(apex, Following { follower, task });
        }
        before.into_values().for_each(|following| following.task.abort());
    }

    /// What is known of each secondary zone, by name.
    #[must_use]
    pub fn status(&self) -> Vec<ZoneStatus> {
        let followers = lock(&self.shared.followers);
        let mut all: Vec<_> = followers.values().map(|following| following.follower.status()).collect();
        all.sort_by(|a, b| a.apex.cmp(&b.apex));
        all
    }

    fn follower(&self, apex: &Name) -> Option<Arc<Follower>> {
        lock(&self.shared.followers).get(apex).map(|following| Arc::clone(&following.follower))
    }
}

impl Shared {
    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A panic while a lock is held leaves nothing half-done that the next holder could stumble over.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A message with its length in front, as TCP carries it (RFC 1035, section 4.2.2).
fn framed(message: &[u8]) -> Vec<u8> {
    // Questions are short.
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

/// A number that nobody can foresee.
fn random() -> io::Result<u64> {
    let mut octets = [0; 8];
    getrandom::fill(&mut octets).map_err(io::Error::other)?;
    Ok(u64::from_ne_bytes(octets))
}

/// Seconds since 1970.
fn unix_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

//! The targets of aliases, looked up in the background: each again when its TTL is over. What was good last stays while no
//! resolver answers. Knows no zones: who is asked whether a target is ours, and who is told, comes from outside.

mod lookup;
#[cfg(test)]
mod tests;

pub use lookup::{Found, LookupError};

use crate::base::Family;
use crate::snapshot::aliases::ALIAS_TTL_MIN;
use crate::snapshot::{AliasAnswers, AliasFamily};
use crate::wire::rtype;
use crate::zone::AliasTarget;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{io, thread};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::{AbortHandle, LocalSet};
use tokio::time::{Instant, sleep_until};

/// Longest time that what a resolver said is kept, in seconds, whatever its TTL; the shortest is [`ALIAS_TTL_MIN`].
pub const TTL_MAX: u32 = 3_600;
/// Targets that are being looked up at a time.
const LOOKUPS_MAX: usize = 32;
/// How long after a failure it is tried again at first; twice as long after each further one.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest of these times.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether a target is still in our own zones.
const OURS_INTERVAL: Duration = Duration::from_secs(5);

/// What the resolver is told to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AliasSpec {
    /// Names to look up, each once.
    pub targets: Vec<Arc<AliasTarget>>,
    /// Whom to ask, in this order.
    pub resolvers: Vec<SocketAddr>,
}

/// Whether our own zones say what addresses a target has.
pub type IsOurs = Box<dyn Fn(&AliasTarget) -> bool>;
/// Who is told what is known.
pub type Tell = Box<dyn Fn(Vec<(Arc<AliasTarget>, AliasAnswers)>)>;

/// What is counted.
#[derive(Debug, Default)]
pub struct AliasCounters {
    /// Look-ups that a resolver answered, both families counted.
    pub answered: AtomicU64,
    /// Look-ups that no resolver answered.
    pub failed: AtomicU64,
    /// Targets whose last look-up failed.
    pub failing: AtomicU64,
}

/// Looks targets up on a thread of its own; ends when dropped.
pub struct AliasResolver {
    specs: watch::Sender<AliasSpec>,
    counters: Arc<AliasCounters>,
    thread: Option<thread::JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
}

impl AliasResolver {
    /// Starts the thread, which makes `is_ours` and `tell` itself.
    pub fn start(spec: AliasSpec, connect: impl FnOnce() -> (IsOurs, Tell) + Send + 'static) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (specs, changes) = watch::channel(spec);
        let (stop, stopped) = oneshot::channel();
        let counters = Arc::<AliasCounters>::default();
        let counted = Arc::clone(&counters);
        let run = move || {
            let (is_ours, tell) = connect();
            let shared = Shared { is_ours, tell, counters: counted, lookups: Semaphore::new(LOOKUPS_MAX), changes };
            let local = LocalSet::new();
            local.block_on(&runtime, async move {
                tokio::select! {
                    () = manage(std::rc::Rc::new(shared)) => {}
                    // An error means that whoever could stop it has gone.
                    _ = stopped => {}
                }
            });
        };
        let thread = thread::Builder::new().name("alias".to_owned()).spawn(run)?;
        Ok(Self { specs, counters, thread: Some(thread), stop: Some(stop) })
    }

    /// What to do from now on. What is known of targets that stay is kept.
    pub fn configure(&self, spec: AliasSpec) {
        self.specs.send_replace(spec);
    }

    /// [`Self::configure`], to be called later and from anywhere.
    pub fn configurer(&self) -> impl FnOnce(AliasSpec) + Send + use<> {
        let specs = self.specs.clone();
        move |spec| _ = specs.send_replace(spec)
    }

    /// What is counted.
    #[must_use]
    pub const fn counters(&self) -> &Arc<AliasCounters> {
        &self.counters
    }
}

impl Drop for AliasResolver {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that it has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the tasks share.
struct Shared {
    is_ours: IsOurs,
    tell: Tell,
    counters: Arc<AliasCounters>,
    lookups: Semaphore,
    changes: watch::Receiver<AliasSpec>,
}

/// Keeps one task for each target.
async fn manage(shared: std::rc::Rc<Shared>) {
    let mut changes = shared.changes.clone();
    let mut tasks: HashMap<Arc<AliasTarget>, AbortHandle> = HashMap::new();
    loop {
        let targets = changes.borrow_and_update().targets.clone();
        tasks.retain(|target, task| {
            let stays = targets.contains(target);
            if !stays {
                task.abort();
            }
            stays
        });
        for target in targets {
            tasks.entry(Arc::clone(&target)).or_insert_with(|| {
                tokio::task::spawn_local(
                    Task::new(Arc::clone(&shared.counters), target).run(std::rc::Rc::clone(&shared)),
                )
                .abort_handle()
            });
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// The life of one target.
struct Task {
    target: Arc<AliasTarget>,
    known: AliasAnswers,
    failures: u32,
    counters: Arc<AliasCounters>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.set_failures(0);
    }
}

impl Task {
    fn new(counters: Arc<AliasCounters>, target: Arc<AliasTarget>) -> Self {
        Self { target, known: AliasAnswers::default(), failures: 0, counters }
    }

    async fn run(mut self, shared: std::rc::Rc<Shared>) {
        let mut changes = shared.changes.clone();
        let mut due = Instant::now();
        loop {
            let wake = if (shared.is_ours)(&self.target) {
                self.set_failures(0);
                due = Instant::now();
                due + OURS_INTERVAL
            } else {
                if due <= Instant::now() {
                    let resolvers = changes.borrow_and_update().resolvers.clone();
                    due = Instant::now() + self.look_up(&shared, &resolvers).await;
                }
                due
            };
            tokio::select! {
                () = sleep_until(wake) => {}
                changed = changes.changed() => match changed {
                    // Other resolvers may know more.
                    Ok(()) if self.failures > 0 => due = Instant::now(),
                    Ok(()) => {
                        // A new configuration may not know yet what is known here.
                        self.tell(&shared);
                    }
                    Err(_) => return,
                },
            }
        }
    }

    fn tell(&self, shared: &Shared) {
        if self.known != AliasAnswers::default() {
            (shared.tell)(vec![(Arc::clone(&self.target), self.known.clone())]);
        }
    }

    /// Looks both families up; says when to do it again.
    async fn look_up(&mut self, shared: &Shared, resolvers: &[SocketAddr]) -> Duration {
        let Ok(_turn) = shared.lookups.acquire().await else { return RETRY_MAX };
        let name = &self.target.name;
        let (ipv4, ipv6) = tokio::join!(ask(resolvers, name, rtype::A), ask(resolvers, name, rtype::AAAA));
        let (now, mut ttl, mut failure) = (now(), TTL_MAX, None);
        for (family, found) in Family::BOTH.into_iter().zip([ipv4, ipv6]) {
            match found {
                Ok(found) => {
                    let kept = found.ttl.clamp(ALIAS_TTL_MIN, TTL_MAX);
                    ttl = ttl.min(kept);
                    self.known.0[family.index()] = AliasFamily::known(family, &found.addresses, now.wrapping_add(kept));
                    self.counters.answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    self.counters.failed.fetch_add(1, Ordering::Relaxed);
                    failure = Some(error);
                }
            }
        }
        self.judge(failure.as_ref());
        self.tell(shared);
        match self.failures {
            // A little before it is over.
            0 => Duration::from_secs(u64::from(ttl)) * 9 / 10,
            failures => (RETRY_FIRST * 2_u32.saturating_pow(failures.min(10) - 1)).min(RETRY_MAX),
        }
    }

    /// Counts failures in a row, and says when they begin and end.
    fn judge(&mut self, failure: Option<&LookupError>) {
        let target = &self.target.name;
        match failure {
            Some(error) if self.failures == 0 => {
                tracing::warn!(%target, %error, "the target of an alias cannot be looked up; what is known of it, if anything, stays in use");
                self.set_failures(1);
            }
            Some(error) => {
                tracing::debug!(%target, %error, "the target of an alias still cannot be looked up");
                self.set_failures(self.failures.saturating_add(1));
            }
            None if self.failures > 0 => {
                tracing::info!(%target, "the target of an alias can be looked up again");
                self.set_failures(0);
            }
            None => {}
        }
    }

    fn set_failures(&mut self, failures: u32) {
        match (self.failures > 0, failures > 0) {
            (false, true) => _ = self.counters.failing.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = self.counters.failing.fetch_sub(1, Ordering::Relaxed),
            _ => {}
        }
        self.failures = failures;
    }
}

/// Asks one resolver after the other, until one answers.
async fn ask(resolvers: &[SocketAddr], name: &crate::wire::Name, qtype: u16) -> Result<Found, LookupError> {
    let mut last = LookupError::NoResolvers;
    for &resolver in resolvers {
        match lookup::look_up(resolver, name, qtype).await {
            Ok(found) => return Ok(found),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Seconds since 1970, as they count round in 32 bits.
fn now() -> u32 {
    // A clock before 1970 is wrong by more than any TTL.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as u32)
}

/// The resolvers in the text of `/etc/resolv.conf`, in its order (resolv.conf(5)).
#[must_use]
pub fn system_resolvers(text: &str) -> Vec<SocketAddr> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let addresses = lines.filter_map(|rest| {
        let word = rest.starts_with([' ', '\t']).then(|| rest.split_whitespace().next()).flatten()?;
        // A zone such as `%eth0` belongs to the number of an interface, which is not ours to know.
        word.parse().ok().map(|address| SocketAddr::new(address, crate::transfer::spec::DNS_PORT))
    });
    addresses.collect()
}

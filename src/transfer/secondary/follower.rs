//! One secondary zone: waits for what its schedule or a primary says, compares, transfers, makes the new version live and
//! keeps it.

use super::failure::Failure;
use super::fetch::{Fetch, Fetched, soa_of};
use super::jobs::Work;
use super::keep::{Keep, file_time};
use super::overlay::{self, Inactive};
use super::poll::Poll;
use super::schedule::{Action, Bounds, Schedule, Timers};
use super::status::{State, ZoneStatus};
use super::{Shared, lock, random};
use crate::base::UnixTime;
use crate::transfer::reload::delta_between;
use crate::transfer::serial::is_newer;
use crate::transfer::spec::{PrimarySpec, SecondarySpec};
use crate::transfer::tsig::Key;
use crate::transfer::{Delta, LiveZone};
use crate::zone::{Record, Zone};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Most records of a zone for which it is found out what a transfer of the whole has changed.
const COMPARED_RECORDS_MAX: usize = 500_000;

/// How long after a zone could not be taken from service that is tried again.
const EXPIRY_RETRY: Duration = Duration::from_secs(1);

/// Follows the primaries of one zone.
pub struct Follower {
    live: Arc<LiveZone>,
    shared: Arc<Shared>,
    keep: Keep,
    clock: Clock,
    inbox: Mutex<Inbox>,
    woken: Notify,
    status: Mutex<ZoneStatus>,
}

/// What has happened and was not looked at yet.
#[derive(Default)]
struct Inbox {
    /// A primary, by its number, has told of a change and perhaps of its serial.
    notified: Option<(usize, Option<u32>)>,
    /// The configuration of the zone may have changed.
    configured: bool,
}

/// What one task knows between two steps.
struct Progress {
    schedule: Schedule,
    /// The number of the primary that is asked first.
    first: usize,
    primaries: Vec<PrimarySpec>,
    inactive: Inactive,
    /// The kind of the last failure, until a success.
    failing: Option<usize>,
}

impl Follower {
    /// Of a zone that is live. Nothing happens until [`Follower::run`].
    pub fn new(live: Arc<LiveZone>, shared: &Arc<Shared>, spec: &SecondarySpec) -> Self {
        let apex = &spec.zone.apex;
        Self {
            live,
            shared: Arc::clone(shared),
            keep: Keep::new(&shared.state_dir, apex),
            clock: Clock::anchored(),
            inbox: Mutex::default(),
            woken: Notify::new(),
            status: Mutex::new(ZoneStatus::new(apex.clone())),
        }
    }

    /// Whether it follows for this zone.
    pub fn is_of(&self, live: &Arc<LiveZone>) -> bool {
        Arc::ptr_eq(&self.live, live)
    }

    /// The configuration of the zone may have changed.
    pub fn configured(&self) {
        lock(&self.inbox).configured = true;
        self.woken.notify_one();
    }

    /// A primary, by its number, has told of a change and perhaps of its serial. Any number of these are one.
    pub fn notified(&self, primary: usize, serial: Option<u32>) {
        {
            let mut inbox = lock(&self.inbox);
            // The newest counts; one without a serial may be of any.
            let is_told = |known: Option<u32>| match (known, serial) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(known), Some(serial)) => is_newer(known, serial),
            };
            if !inbox.notified.is_some_and(|(_, known)| is_told(known)) {
                inbox.notified = Some((primary, serial));
            }
        }
        self.woken.notify_one();
    }

    /// Writes what waits to be written.
    pub fn flush(&self) {
        if let Err(error) = self.keep.flush(&self.live.zone(), Instant::now()) {
            self.cannot_keep(&error);
        }
    }

    /// What is known of the zone.
    pub fn status(&self) -> ZoneStatus {
        ZoneStatus { serial: self.live.zone().serial(), ..lock(&self.status).clone() }
    }

    /// Follows the primaries until the zone is no secondary one any more.
    pub async fn run(self: Arc<Self>) {
        let Some(spec) = self.spec() else { return };
        let mut progress = self.begin(&spec).await;
        while let Some(spec) = self.spec() {
            self.take_inbox(&spec, &mut progress);
            let action = progress.schedule.action(self.clock.now());
            self.show(&spec, &progress);
            match action {
                Action::Wait(until) => self.wait(until).await,
                Action::Expire => {
                    self.expire(&spec, &mut progress, self.live.zone()).await;
                }
                Action::Check => self.check(&spec, &mut progress).await,
            }
        }
    }

    fn spec(&self) -> Option<SecondarySpec> {
        self.live.transfers().role.secondary().cloned()
    }

    async fn begin(self: &Arc<Self>, spec: &SecondarySpec) -> Progress {
        let (zone, now) = (self.live.zone(), self.clock.now());
        let kept = self.keep.last_good();
        let timers = soa_of(&zone).and_then(|soa| Timers::of(&soa, Bounds::of(spec)));
        let good = timers.map(|timers| (kept.unwrap_or(now).min(now), timers));
        if good.is_some() && kept.is_none() {
            let me = Arc::clone(self);
            let stored = self.shared.jobs.run(Work::Write, move || me.keep.store(&zone, &[], Instant::now())).await;
            self.note_kept(stored.flatten());
        }
        let mut progress = Progress {
            schedule: Schedule::new(now, good),
            first: 0,
            primaries: spec.primaries.clone(),
            inactive: Inactive::None,
            failing: None,
        };
        self.look_at_overlay(spec, &mut progress);
        progress
    }

    fn take_inbox(&self, spec: &SecondarySpec, progress: &mut Progress) {
        let Inbox { notified, configured } = std::mem::take(&mut *lock(&self.inbox));
        let (zone, now) = (self.live.zone(), self.clock.now());
        if configured {
            if let Some(timers) = soa_of(&zone).and_then(|soa| Timers::of(&soa, Bounds::of(spec))) {
                progress.schedule.set_timers(now, timers);
            }
            if progress.primaries != spec.primaries {
                (progress.first, progress.primaries) = (0, spec.primaries.clone());
                progress.schedule.hurry(now);
            }
            if progress.failing.is_some() {
                progress.schedule.hurry(now);
            }
            self.look_at_overlay(spec, progress);
        }
        let Some((primary, serial)) = notified else { return };
        let is_known = serial.is_some_and(|serial| zone.is_available() && !is_newer(serial, zone.serial()));
        if !is_known {
            lock(&self.status).notified += 1;
            progress.first = primary;
            progress.schedule.hurry(now);
        }
    }

    /// Waits until then, or until something happens; writes meanwhile what waits to be written.
    async fn wait(self: &Arc<Self>, until: UnixTime) {
        let due = self.keep.due();
        let write = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(self.clock.until(until)) => {}
            () = self.woken.notified() => {}
            () = write => {
                let me = Arc::clone(self);
                let written = self.shared.jobs.run(Work::Write, move || me.keep.flush(&me.live.zone(), Instant::now())).await;
                self.note_kept(written.flatten());
            }
        }
    }

    /// Takes `old` from service; returns whether no other version has come in its place meanwhile.
    async fn expire(self: &Arc<Self>, spec: &SecondarySpec, progress: &mut Progress, old: Arc<Zone>) -> bool {
        let (me, current) = (Arc::clone(self), spec.clone());
        let apex = spec.zone.apex.clone();
        let expired = self.shared.jobs.run(Work::Expiry, move || {
            me.live.change(|writer| {
                let (is_current, is_old) = (me.is_current(&current), Arc::ptr_eq(writer.zone(), &old));
                if is_current && is_old && old.is_available() {
                    writer.commit(Arc::new(Zone::unavailable(current.zone.apex.clone())), None);
                }
                is_old || !is_current
            })
        });
        match expired.await {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => {
                tracing::error!(zone = %apex, %error, "the zone has expired and cannot be taken from service");
                tokio::time::sleep(EXPIRY_RETRY).await;
                return true;
            }
        }
        progress.schedule.expired();
        lock(&self.status).state = State::Expired;
        tracing::error!(
            zone = %apex,
            "the zone has expired: no primary could be compared with for as long as its SOA record allows; it is answered \
             with SERVFAIL until one can"
        );
        true
    }

    /// Compares with the primaries, one after the other, until one can be compared with.
    async fn check(self: &Arc<Self>, spec: &SecondarySpec, progress: &mut Progress) {
        // Without chance zones that were loaded together are refreshed together: no harm.
        let random = random().unwrap_or(0);
        let (first, count) = (progress.first, spec.primaries.len().max(1));
        for number in (0..count).map(|n| (first + n) % count) {
            let Some(primary) = spec.primaries.get(number) else { break };
            match self.compare_or_expire(spec, primary, progress).await {
                Ok(soa) => {
                    progress.first = number;
                    let now = self.clock.now();
                    if let Some(timers) = Timers::of(&soa, Bounds::of(spec)) {
                        progress.schedule.succeeded(now, timers, random);
                    }
                    if progress.failing.take().is_some() {
                        tracing::info!(zone = %spec.zone.apex, primary = %primary.address, "the primary can be compared with");
                    }
                    if let Err(error) = self.keep.confirm(file_time()) {
                        tracing::debug!(zone = %spec.zone.apex, %error, "the kept zone cannot be marked as good");
                    }
                    self.look_at_overlay(spec, progress);
                    return;
                }
                Err(Failure::Outdated) => return,
                Err(failure) => self.note_failure(spec, primary, &failure, progress),
            }
        }
        progress.schedule.failed(self.clock.now(), random);
    }

    fn note_failure(&self, spec: &SecondarySpec, primary: &PrimarySpec, failure: &Failure, progress: &mut Progress) {
        let kind = failure.kind();
        lock(&self.status).failures[kind] += 1;
        let (zone, primary) = (&spec.zone.apex, primary.address);
        if progress.failing.replace(kind) == Some(kind) {
            // What goes on is said once.
            tracing::debug!(%zone, %primary, %failure, "still cannot follow the primary");
        } else {
            tracing::warn!(%zone, %primary, %failure, "cannot follow the primary");
        }
    }

    /// As [`Follower::compare`], and takes the zone from service when it expires before that has ended.
    async fn compare_or_expire(
        self: &Arc<Self>,
        spec: &SecondarySpec,
        primary: &PrimarySpec,
        progress: &mut Progress,
    ) -> Result<Record, Failure> {
        let (mut comparing, ours) = (std::pin::pin!(self.compare(spec, primary)), self.live.zone());
        let mut is_ours = true;
        loop {
            let expires = progress.schedule.expires().filter(|_| is_ours);
            let expiry = async {
                match expires {
                    Some(expires) => tokio::time::sleep(self.clock.until(expires)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                compared = &mut comparing => {
                    // Being up to date is worth nothing when what is so was taken away.
                    return compared.and_then(|soa| if self.live.zone().is_available() { Ok(soa) } else { Err(Failure::Outdated) });
                }
                () = expiry => is_ours = self.expire(spec, progress, Arc::clone(&ours)).await,
            }
        }
    }

    /// Compares with one primary and, where it has a newer version, takes that over; returns the SOA record that both have.
    async fn compare(self: &Arc<Self>, spec: &SecondarySpec, primary: &PrimarySpec) -> Result<Record, Failure> {
        let keys = self.shared.keys();
        let key = match &primary.key {
            Some(name) => Some(keys.get(name).cloned().ok_or_else(|| Failure::NoKey(name.clone()))?),
            None => None,
        };
        let soa = {
            // It is never closed.
            let _place =
                self.shared.polls.acquire().await.map_err(|error| Failure::Internal(std::io::Error::other(error)))?;
            Poll { address: primary.address, apex: &spec.zone.apex, key: key.as_ref() }.soa().await?
        };
        let ours = self.live.zone();
        if let Some(theirs) = soa.soa_serial().filter(|_| ours.is_available()) {
            if theirs == ours.serial() {
                lock(&self.status).up_to_date += 1;
                return Ok(soa);
            }
            check_newer(theirs, &ours)?;
        }
        let (me, spec, primary) = (Arc::clone(self), spec.clone(), primary.clone());
        let transferred = self.shared.jobs.run(Work::Transfer, move || me.transfer(&spec, &primary, key.as_ref()));
        transferred.await.map_err(Failure::Internal)?
    }

    /// Takes over what the primary has. Blocks.
    fn transfer(&self, spec: &SecondarySpec, primary: &PrimarySpec, key: Option<&Arc<Key>>) -> Result<Record, Failure> {
        let (ours, begun) = (self.live.zone(), Instant::now());
        let known = ours.is_available().then_some(&*ours);
        let fetch = Fetch { address: primary.address, key, spec, patience: self.shared.patience };
        let Fetched::Zone { zone, mut deltas, len, ignored } = fetch.run(known)? else {
            lock(&self.status).up_to_date += 1;
            return soa_of(&ours).ok_or(Failure::Answer("the primary has no zone data"));
        };
        if known.is_some() {
            check_newer(zone.serial(), &ours)?;
        }
        let (zone, incremental) = (Arc::new(zone), !deltas.is_empty());
        if !incremental && zone.record_count().max(ours.record_count()) <= COMPARED_RECORDS_MAX {
            deltas.extend(delta_between(&ours, &zone));
        }
        self.go_live(spec, &ours, &zone, deltas.clone())?;
        self.note_transfer(incremental);
        let (apex, kind) = (&spec.zone.apex, if incremental { "IXFR" } else { "AXFR" });
        tracing::info!(
            zone = %apex, primary = %primary.address, kind, serial = zone.serial(), records = zone.record_count(),
            octets = len, milliseconds = begun.elapsed().as_millis() as u64, "zone transferred"
        );
        if ignored > 0 {
            tracing::warn!(zone = %apex, primary = %primary.address, records = ignored, "records outside of the zone were passed over");
        }
        self.note_kept(self.keep.store(&zone, &deltas, Instant::now()));
        soa_of(&zone).ok_or(Failure::Answer("the transferred zone has no SOA record"))
    }

    /// Makes a new version live, unless what it was made from has changed meanwhile.
    fn go_live(
        &self,
        spec: &SecondarySpec,
        ours: &Arc<Zone>,
        zone: &Arc<Zone>,
        deltas: Vec<Delta>,
    ) -> Result<(), Failure> {
        self.live.change(|writer| {
            // One that has expired meanwhile was taken away, not changed.
            let is_ours = Arc::ptr_eq(writer.zone(), ours) || !writer.zone().is_available();
            if !self.is_current(spec) || !is_ours {
                return Err(Failure::Outdated);
            }
            writer.commit_all(Arc::clone(zone), deltas);
            Ok(())
        })
    }

    /// Whether the zone is still live and configured like that. Stays true while the right to write is held.
    fn is_current(&self, spec: &SecondarySpec) -> bool {
        let live = self.shared.zones.get(&spec.zone.apex);
        live.is_some_and(|live| self.is_of(&live)) && self.live.transfers().role.secondary() == Some(spec)
    }

    fn look_at_overlay(&self, spec: &SecondarySpec, progress: &mut Progress) {
        let found = overlay::inactive(&spec.zone, &self.live.zone());
        if progress.inactive == found {
            return;
        }
        let zone = &spec.zone.apex;
        match &found {
            Inactive::None => tracing::info!(%zone, "all balanced names of the zone are answered again"),
            Inactive::Signed => tracing::error!(
                %zone,
                "the zone is signed by its primary, and a balanced answer without a signature would be taken for a forgery: \
                 its balanced names are not answered; remove them, or have the zone unsigned"
            ),
            Inactive::Covered(names) => tracing::error!(
                %zone, ?names,
                "these balanced names lie at or below a zone cut, or below a DNAME, that the primary has put there: they are \
                 not answered; remove them, or the cut"
            ),
        }
        lock(&self.status).inactive_names = found.count(&spec.zone);
        progress.inactive = found;
    }

    fn show(&self, _spec: &SecondarySpec, progress: &Progress) {
        let mut status = lock(&self.status);
        (status.last_good, status.expires) = (progress.schedule.last_good(), progress.schedule.expires());
        if progress.schedule.last_good().is_some() {
            status.state = State::Serving;
        }
    }

    fn note_transfer(&self, incremental: bool) {
        let mut status = lock(&self.status);
        status.state = State::Serving;
        let count = if incremental { &mut status.incremental } else { &mut status.whole };
        *count += 1;
    }

    fn note_kept(&self, kept: std::io::Result<()>) {
        if let Err(error) = kept {
            self.cannot_keep(&error);
        }
    }

    fn cannot_keep(&self, error: &std::io::Error) {
        let zone = self.live.zone();
        tracing::error!(
            zone = %zone.apex(), %error,
            "the zone cannot be kept in `state_dir`: after a restart it must come from its primary again"
        );
    }
}

fn check_newer(theirs: u32, ours: &Zone) -> Result<(), Failure> {
    if is_newer(theirs, ours.serial()) { Ok(()) } else { Err(Failure::Older { theirs, ours: ours.serial() }) }
}

/// Wall-clock time that never goes back while a zone is followed.
struct Clock {
    anchor: Instant,
    anchored_at: UnixTime,
}

impl Clock {
    fn anchored() -> Self {
        Self { anchor: Instant::now(), anchored_at: file_time() }
    }

    fn now(&self) -> UnixTime {
        self.anchored_at + self.anchor.elapsed()
    }

    fn until(&self, time: UnixTime) -> Duration {
        time.since(self.now())
    }
}

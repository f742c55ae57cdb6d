//! Zones as they are now. Whoever changes one asks it for the right to write, one at a time; a reload of the configuration
//! pauses all of them, so that no change falls between what it read and what it publishes.

use super::history::{Delta, History, LedBy};
use super::spec::ZoneTransfers;
use crate::wire::Name;
use crate::zone::Zone;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

/// Makes a zone live and returns when it is.
type Publish = Box<dyn Fn(Arc<Zone>) + Send + Sync>;
/// Told of each zone that has a new serial.
type Changed = Box<dyn Fn(&Arc<LiveZone>) + Send + Sync>;

/// All zones by apex. Cheap to copy.
#[derive(Clone, Default)]
pub struct LiveZones {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    zones: RwLock<HashMap<Name, Arc<LiveZone>>>,
    gate: Gate,
    publish: OnceLock<Publish>,
    changed: OnceLock<Changed>,
}

/// A panic while a lock is held leaves nothing half-done that the next holder could stumble over.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LiveZones {
    /// Says how zones are made live. Changes that come before are only remembered.
    pub fn publish_with(&self, publish: impl Fn(Arc<Zone>) + Send + Sync + 'static) {
        // Whoever comes second is not heard: there is one publisher.
        let _ = self.shared.publish.set(Box::new(publish));
    }

    /// Says who is told of zones with a new serial.
    pub fn tell(&self, changed: impl Fn(&Arc<LiveZone>) + Send + Sync + 'static) {
        // Whoever comes second is not heard: one part sends all messages.
        let _ = self.shared.changed.set(Box::new(changed));
    }

    /// The zone with this apex.
    #[must_use]
    pub fn get(&self, apex: &Name) -> Option<Arc<LiveZone>> {
        self.shared.zones.read().unwrap_or_else(PoisonError::into_inner).get(apex).cloned()
    }

    /// All zones, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<LiveZone>> {
        self.shared.zones.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Waits for the changes that are being made; further ones wait until the pause is dropped.
    #[must_use]
    pub fn pause(&self) -> Pause {
        self.shared.gate.close();
        Pause { zones: self.clone(), next: Vec::new(), before: Vec::new() }
    }
}

/// A zone as it is now.
pub struct LiveZone {
    shared: Arc<Shared>,
    transfers: RwLock<Arc<ZoneTransfers>>,
    state: Mutex<State>,
    /// Held by whoever changes the zone.
    writing: Mutex<()>,
}

struct State {
    zone: Arc<Zone>,
    history: History,
}

impl LiveZone {
    /// Its data.
    #[must_use]
    pub fn zone(&self) -> Arc<Zone> {
        Arc::clone(&lock(&self.state).zone)
    }

    /// Its data and how it came to be, which belong together.
    #[must_use]
    pub fn with_history(&self) -> (Arc<Zone>, History) {
        let state = lock(&self.state);
        (Arc::clone(&state.zone), state.history.clone())
    }

    /// What is configured of it.
    #[must_use]
    pub fn transfers(&self) -> Arc<ZoneTransfers> {
        Arc::clone(&self.transfers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets `change` write, alone. Waits for others, and for reloads of the configuration: never call it where waiting
    /// stops anything else.
    pub fn change<R>(self: &Arc<Self>, change: impl FnOnce(&mut Writer<'_>) -> R) -> R {
        let _passed = self.shared.gate.pass();
        let _alone = lock(&self.writing);
        change(&mut Writer { live: self, zone: self.zone() })
    }

    fn set(self: &Arc<Self>, zone: Arc<Zone>, led_by: LedBy) {
        let mut state = lock(&self.state);
        state.history.follow(led_by);
        state.zone = zone;
    }
}

/// The right to change a zone.
pub struct Writer<'z> {
    live: &'z Arc<LiveZone>,
    zone: Arc<Zone>,
}

impl Writer<'_> {
    /// The zone as it is.
    #[must_use]
    pub const fn zone(&self) -> &Arc<Zone> {
        &self.zone
    }

    /// What is configured of it.
    #[must_use]
    pub fn transfers(&self) -> Arc<ZoneTransfers> {
        self.live.transfers()
    }

    /// Makes `zone` live, and returns when queries are answered from it. Without a `delta` the history begins anew.
    pub fn commit(&mut self, zone: Arc<Zone>, delta: Option<Delta>) {
        self.commit_all(zone, delta.into_iter().collect());
    }

    /// As [`Writer::commit`], for a zone that several changes have led to, one behind the other.
    pub fn commit_all(&mut self, zone: Arc<Zone>, deltas: Vec<Delta>) {
        let is_new = zone.serial() != self.zone.serial();
        self.zone = Arc::clone(&zone);
        self.live.set(Arc::clone(&zone), LedBy::Deltas(deltas));
        if let Some(publish) = self.live.shared.publish.get() {
            publish(zone);
        }
        if is_new && let Some(changed) = self.live.shared.changed.get() {
            changed(self.live);
        }
    }
}

/// No zone changes while this exists; a reload decides meanwhile what shall be live.
pub struct Pause {
    zones: LiveZones,
    next: Vec<Next>,
    before: Vec<Box<dyn FnOnce() + Send>>,
}

struct Next {
    zone: Arc<Zone>,
    led_by: LedBy,
    transfers: Arc<ZoneTransfers>,
}

impl Pause {
    /// The zone with this apex as it is now.
    #[must_use]
    pub fn live(&self, apex: &Name) -> Option<Arc<LiveZone>> {
        self.zones.get(apex)
    }

    /// Says what of a zone shall be live next; `delta` leads there from what is live now.
    pub fn set(&mut self, zone: Arc<Zone>, delta: Option<Delta>, transfers: Arc<ZoneTransfers>) {
        self.set_led(zone, delta.into_iter().collect(), transfers);
    }

    /// As [`Pause::set`], for a zone that several changes have led to, one behind the other.
    pub fn set_led(&mut self, zone: Arc<Zone>, deltas: Vec<Delta>, transfers: Arc<ZoneTransfers>) {
        self.next.push(Next { zone, led_by: LedBy::Deltas(deltas), transfers });
    }

    /// As [`Pause::set`], for a zone with the same records as the one that is live.
    pub fn set_same(&mut self, zone: Arc<Zone>, transfers: Arc<ZoneTransfers>) {
        self.next.push(Next { zone, led_by: LedBy::Nothing, transfers });
    }

    /// Does something before what was set is published, when nothing can be refused any more.
    pub fn before(&mut self, job: impl FnOnce() + Send + 'static) {
        self.before.push(Box::new(job));
    }

    /// What was set is about to be published.
    pub fn prepare(&mut self) {
        for job in std::mem::take(&mut self.before) {
            job();
        }
    }

    /// Takes what was set, which is live by now; zones that were not set are forgotten.
    pub fn adopt(mut self) {
        self.prepare();
        let mut changed = Vec::new();
        {
            let mut zones = self.zones.shared.zones.write().unwrap_or_else(PoisonError::into_inner);
            let mut old = std::mem::take(&mut *zones);
            for Next { zone, led_by, transfers } in std::mem::take(&mut self.next) {
                let apex = zone.apex().clone();
                let live = match old.remove(&apex) {
                    Some(live) => {
                        if !Arc::ptr_eq(&live.zone(), &zone) {
                            changed.extend((live.zone().serial() != zone.serial()).then(|| Arc::clone(&live)));
                            live.set(zone, led_by);
                        }
                        *live.transfers.write().unwrap_or_else(PoisonError::into_inner) = transfers;
                        live
                    }
                    None => {
                        let mut history = History::default();
                        history.follow(led_by);
                        let live = Arc::new(LiveZone {
                            shared: Arc::clone(&self.zones.shared),
                            transfers: RwLock::new(transfers),
                            state: Mutex::new(State { zone, history }),
                            writing: Mutex::new(()),
                        });
                        changed.push(Arc::clone(&live));
                        live
                    }
                };
                zones.insert(apex, live);
            }
        }
        if let Some(tell) = self.zones.shared.changed.get() {
            changed.iter().for_each(tell);
        }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.zones.shared.gate.open();
    }
}

/// Lets any number of changes through, or one reload.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    moved: Condvar,
}

#[derive(Default)]
struct GateState {
    inside: usize,
    closed: bool,
}

impl Gate {
    fn pass(&self) -> Passed<'_> {
        let open = self.moved.wait_while(lock(&self.state), |state| state.closed);
        open.unwrap_or_else(PoisonError::into_inner).inside += 1;
        Passed(self)
    }

    fn close(&self) {
        let open = self.moved.wait_while(lock(&self.state), |state| state.closed);
        let mut state = open.unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        drop(self.moved.wait_while(state, |state| state.inside > 0));
    }

    fn open(&self) {
        lock(&self.state).closed = false;
        self.moved.notify_all();
    }
}

/// A change that is being made.
struct Passed<'g>(&'g Gate);

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).inside -= 1;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::LiveZones;
    use crate::transfer::{Delta, ZoneTransfers};
    use crate::wire::{Name, rtype};
    use crate::zone::{Change, Record, Zone, ZoneSpec};
    use std::sync::{Arc, Mutex, mpsc};

    fn name(text: &str) -> Name {
        Name::from_text(text.as_bytes(), None).unwrap()
    }

    fn soa(serial: u32) -> Record {
        let numbers = [serial, 60, 60, 60, 60].map(u32::to_be_bytes).concat();
        Record { owner: name("example."), rtype: rtype::SOA, ttl: 60, data: [&[0, 0], &numbers[..]].concat().into() }
    }

    fn zone(serial: u32) -> Arc<Zone> {
        let spec = ZoneSpec { apex: name("example."), file: "none".into(), span: None, balanced: Vec::new() };
        Arc::new(Zone::from_records(&spec, [soa(serial)]).unwrap())
    }

    fn zones() -> LiveZones {
        let zones = LiveZones::default();
        let mut pause = zones.pause();
        pause.set(zone(1), None, Arc::new(ZoneTransfers::default()));
        pause.adopt();
        zones
    }

    #[test]
    fn a_change_is_published_remembered_and_told() {
        let zones = zones();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (published, told) = (Arc::clone(&seen), Arc::clone(&seen));
        zones.publish_with(move |zone| published.lock().unwrap().push(format!("live {}", zone.serial())));
        zones.tell(move |live| told.lock().unwrap().push(format!("told {}", live.zone().serial())));
        let live = zones.get(&name("EXAMPLE.")).unwrap();
        live.change(|writer| {
            let edited = writer.zone().edited(&[Change::Remove(soa(1)), Change::Add(soa(2))]).unwrap();
            let delta = Delta { from: 1, to: 2, removed: vec![soa(1)], added: vec![soa(2)] };
            writer.commit(Arc::new(edited), Some(delta));
            assert_eq!(writer.zone().serial(), 2);
        });
        assert_eq!(*seen.lock().unwrap(), ["live 2", "told 2"]);
        let (zone, history) = live.with_history();
        assert_eq!((zone.serial(), history.since(1).unwrap().len()), (2, 1));
        live.change(|writer| writer.commit(self::zone(9), None));
        assert!(live.with_history().1.since(1).is_none());
    }

    #[test]
    fn a_change_waits_for_a_reload() {
        let zones = zones();
        let live = zones.get(&name("example.")).unwrap();
        let mut pause = zones.pause();
        let (done, is_done) = mpsc::channel();
        let writer = std::thread::spawn(move || {
            live.change(|writer| done.send(writer.zone().serial()).unwrap());
        });
        pause.set(zone(5), None, Arc::new(ZoneTransfers::default()));
        assert_eq!(is_done.try_recv(), Err(mpsc::TryRecvError::Empty));
        pause.adopt();
        assert_eq!(is_done.recv().unwrap(), 5, "it sees what the reload made live");
        writer.join().unwrap();
        // One that is dropped changes nothing, and a zone that is not set goes.
        drop(zones.pause());
        assert_eq!(zones.all().len(), 1);
        zones.pause().adopt();
        assert!(zones.all().is_empty());
    }
}

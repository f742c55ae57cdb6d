//! All targets: from the results of single addresses to the states of targets, with the rule for a blind checker. Knows
//! no clock, no sockets and no resolver.
//!
//! A target is one address and port, or a host name with as many addresses as it resolves to; each address has a machine
//! of its own. *Invariant:* while the checker seems blind no target changes its status, except by a probe that passes.

mod notes;

use crate::base::UnixTime;
use crate::health::blindness::{Blindness, Evidence, Passing, Streak, Suspicion, pace};
use crate::health::machine::Last;
use crate::health::{
    Change, Endpoint, Event, Factor, Machine, Observation, Pace, Status, TargetKey, TargetState, Timing,
};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One probed address of one target; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressId(u64);

/// All targets.
#[derive(Debug, Default)]
pub struct Fleet {
    targets: HashMap<TargetKey, Target>,
    addresses: HashMap<AddressId, Address>,
    next_id: u64,
    hold: Duration,
    stretch: Factor,
    /// The addresses that are up and passed their last probe, by the network.
    passing: Passing,
    /// The latest start of a probe that passed, by the network.
    sighted: UnixTime,
    blindness: Option<Blindness>,
    /// How many addresses have a held state.
    held: usize,
}

#[derive(Debug)]
struct Target {
    timing: Timing,
    is_local: bool,
    regions: Vec<Arc<str>>,
    addresses: Vec<AddressId>,
    /// A host name that never had an address, and a reason.
    is_unresolved: bool,
    state: TargetState,
}

#[derive(Debug)]
struct Address {
    key: TargetKey,
    socket: SocketAddr,
    machine: Machine,
    pace: Pace,
    /// It is watched without the network, which says nothing of what the checker sees.
    is_local: bool,
    streak: Option<Streak>,
    /// When its latest probe that passed started.
    passed: UnixTime,
    /// While the checker seems blind: the machine as it was before, whose status counts.
    held: Option<Machine>,
    /// What its last probe that passed warned of.
    warning: Option<Arc<str>>,
}

impl Address {
    fn is_passing(&self) -> bool {
        !self.is_local && self.machine.status() == Status::Up && self.machine.last() == Last::Passed
    }

    fn status(&self) -> Status {
        self.held.as_ref().unwrap_or(&self.machine).status()
    }

    fn is_wavering(&self) -> bool {
        // A held status that differs from what was observed may change at any time.
        self.machine.is_wavering() || self.status() != self.machine.status()
    }

    /// No verdict yet, but one is to be expected.
    fn is_pending(&self) -> bool {
        self.status() == Status::Unknown && self.machine.last() != Last::LocalError
    }
}

/// Takes an address from those that pass, before it changes.
fn uncount(passing: &mut Passing, address: &Address) {
    if address.is_passing() {
        passing.remove(&address.machine);
    }
}

/// Counts an address among those that pass, if it does, after it has changed.
fn recount(passing: &mut Passing, address: &Address) {
    if address.is_passing() {
        passing.add(&address.machine);
    }
}

impl Fleet {
    /// No targets. `hold`: how long states are held at most while the checker seems blind; zero switches that off.
    #[must_use]
    pub fn new(hold: Duration) -> Self {
        Self { hold, ..Self::default() }
    }

    /// Changes how long states are held, from the next time on.
    pub fn set_hold(&mut self, hold: Duration) {
        self.hold = hold;
    }

    /// Multiplies all intervals, from the next start of each probe on.
    pub fn set_stretch(&mut self, stretch: Factor) {
        self.stretch = stretch;
    }

    /// Adds a target without addresses; one that is there already goes on with other regions and timing, its counters
    /// untouched.
    pub fn insert(&mut self, key: TargetKey, regions: Vec<Arc<str>>, timing: Timing) {
        let target = self.targets.entry(key).or_insert_with(|| Target {
            timing,
            is_local: false,
            regions: Vec::new(),
            addresses: Vec::new(),
            is_unresolved: false,
            state: TargetState::default(),
        });
        target.regions = regions;
        if target.timing == timing {
            return;
        }
        target.timing = timing;
        for id in &target.addresses {
            if let Some(address) = self.addresses.get_mut(id) {
                uncount(&mut self.passing, address);
                address.machine.set_timing(timing);
                recount(&mut self.passing, address);
                address.pace.lose_phase();
                if let Some(held) = &mut address.held {
                    held.set_timing(timing);
                }
            }
        }
    }

    /// Says whether a target is watched without the network, as by a file on this machine: see
    /// [`crate::health::blindness`]. It is not until this is called.
    pub fn set_local(&mut self, key: &TargetKey, is_local: bool) {
        let Some(target) = self.targets.get_mut(key) else { return };
        if std::mem::replace(&mut target.is_local, is_local) == is_local {
            return;
        }
        for id in &target.addresses {
            let Some(address) = self.addresses.get_mut(id) else { continue };
            uncount(&mut self.passing, address);
            address.is_local = is_local;
            recount(&mut self.passing, address);
            address.streak = None;
            self.held -= usize::from(address.held.take().is_some());
        }
    }

    /// Removes a target with its addresses.
    pub fn remove(&mut self, key: &TargetKey, events: &mut Vec<Event>) {
        let addresses = self.targets.remove(key).map(|target| target.addresses).unwrap_or_default();
        for id in addresses {
            self.forget(id);
        }
        self.end_hold_if_done(events);
    }

    /// Adds an address to a target. While the checker seems blind, its state is held too.
    pub fn add_address(&mut self, key: &TargetKey, socket: SocketAddr) -> Option<AddressId> {
        let target = self.targets.get_mut(key)?;
        let id = AddressId(self.next_id);
        let machine = Machine::new(target.timing);
        let is_local = target.is_local;
        let is_blind = !is_local && self.blindness.is_some_and(|blindness| !blindness.sees_again);
        let held = is_blind.then(|| machine.clone());
        self.held += usize::from(is_blind);
        let address = Address {
            key: key.clone(),
            socket,
            machine,
            pace: Pace::new(self.next_id),
            is_local,
            streak: None,
            passed: UnixTime::default(),
            held,
            warning: None,
        };
        self.next_id += 1;
        target.addresses.push(id);
        self.addresses.insert(id, address);
        Some(id)
    }

    /// Takes an address from its target, whose status stays until others have results if none is left that has one.
    pub fn remove_address(&mut self, id: AddressId, now: UnixTime, events: &mut Vec<Event>) {
        let Some(key) = self.forget(id) else { return };
        if let Some(target) = self.targets.get_mut(&key) {
            target.addresses.retain(|other| *other != id);
        }
        self.refresh(&key, now, events);
        self.end_hold_if_done(events);
    }

    fn forget(&mut self, id: AddressId) -> Option<TargetKey> {
        let address = self.addresses.remove(&id)?;
        uncount(&mut self.passing, &address);
        self.held -= usize::from(address.held.is_some());
        Some(address.key)
    }

    /// The monitor of a target now asks something else: its status stays until its first result, which decides alone.
    pub fn start_over(&mut self, key: &TargetKey, now: UnixTime, events: &mut Vec<Event>) {
        for id in self.address_ids(key) {
            let Some(address) = self.addresses.get_mut(&id) else { continue };
            uncount(&mut self.passing, address);
            self.held -= usize::from(address.held.is_some());
            if let Some(held) = address.held.take() {
                address.machine = held;
            }
            address.streak = None;
            address.machine.start_over();
        }
        self.refresh(key, now, events);
        self.end_hold_if_done(events);
    }

    /// A target takes over the status of another that it replaces (its monitor's port has changed), until its own first
    /// result.
    pub fn inherit(&mut self, key: &TargetKey, from: &TargetKey, now: UnixTime, events: &mut Vec<Event>) {
        let Some(old) = self.targets.get(from) else { return };
        let state = TargetState { wavering: false, count: 0, ..old.state.clone() };
        let status = state.status;
        let machine = old.addresses.first().and_then(|id| self.addresses.get(id)).map(|address| {
            let mut machine = address.held.as_ref().unwrap_or(&address.machine).clone();
            machine.start_over();
            machine
        });
        let Some(target) = self.targets.get_mut(key) else { return };
        if let (Endpoint::Socket(_), Some(mut machine), Some(id)) = (&key.endpoint, machine, target.addresses.first())
            && let Some(address) = self.addresses.get_mut(id)
        {
            machine.set_timing(target.timing);
            address.held = address.held.is_some().then(|| machine.clone());
            address.machine = machine;
        }
        target.state = state;
        if status != Status::Unknown {
            let change = Change { key: key.clone(), state: target.state.clone() };
            events.push(Event::Changed { change, from: Status::Unknown });
        }
        self.refresh(key, now, events);
    }

    /// A host name could not be resolved. Its last good addresses stay; one that never had any has failed.
    pub fn unresolved(&mut self, key: &TargetKey, reason: Arc<str>, now: UnixTime, events: &mut Vec<Event>) {
        let Some(target) = self.targets.get_mut(key) else { return };
        if target.addresses.is_empty() {
            target.is_unresolved = true;
            target.state.last_error = reason;
            self.refresh(key, now, events);
        }
    }

    /// Takes the result of a probe that started at `started`.
    pub fn observe(
        &mut self,
        id: AddressId,
        seen: Observation,
        started: UnixTime,
        now: UnixTime,
        events: &mut Vec<Event>,
    ) {
        let Some(address) = self.addresses.get_mut(&id) else { return };
        let key = address.key.clone();
        uncount(&mut self.passing, address);
        let starts_failing = match &seen {
            Observation::Passed { .. } => {
                if !address.is_local {
                    self.sighted = self.sighted.max(started);
                }
                address.passed = address.passed.max(started);
                address.streak = None;
                if let Some(before) = address.held.take() {
                    self.held -= 1;
                    address.machine = before;
                }
                false
            }
            Observation::Failed { .. } => {
                if address.held.is_some() && self.blindness.is_some_and(|blindness| blindness.sees_again) {
                    address.held = None;
                    self.held -= 1;
                }
                let starts = !address.is_local && address.streak.is_none() && address.machine.status() == Status::Up;
                if starts {
                    address.streak = Some(Streak { began: now, before: address.machine.clone() });
                }
                starts
            }
            Observation::LocalError { .. } => false,
        };
        let is_sight = !address.is_local && matches!(seen, Observation::Passed { .. });
        address.machine.observe(&seen);
        recount(&mut self.passing, address);
        self.note(&key, seen, id, now);
        if is_sight {
            self.see_again(&key, events);
        }
        if starts_failing {
            self.suspect(id, now, events);
        }
        self.refresh(&key, now, events);
        self.end_hold_if_done(events);
    }

    /// Holds all states if every address that was up has started failing, this one as the last.
    fn suspect(&mut self, last: AddressId, now: UnixTime, events: &mut Vec<Event>) {
        if self.blindness.is_some() || self.hold.is_zero() {
            return;
        }
        if self.addresses.get(&last).is_none_or(|last| !self.passing.has_none_like(&last.machine)) {
            return;
        }
        let concerned = self.addresses.values().filter(|address| {
            !address.is_local
                && (address.streak.is_some() || address.machine.status() == Status::Up)
                && self.passing.has_none_like(&address.machine)
        });
        let pace = concerned.map(|address| pace(&address.machine)).max().unwrap_or_default();
        let mut suspicion = Suspicion::new(now, self.sighted, pace, self.stretch);
        let mut suspects = Vec::new();
        for (id, address) in self.addresses.iter().filter(|(_, address)| !address.is_local) {
            let evidence = Evidence {
                machine: &address.machine,
                streak: address.streak.as_ref(),
                passed: address.passed,
                regions: self.targets.get(&address.key).map_or(&[], |target| &target.regions),
            };
            if suspicion.add(evidence) {
                suspects.push(*id);
            }
        }
        if !suspicion.is_founded() {
            return;
        }
        let until = now + self.hold;
        events.push(Event::Blind { addresses: suspicion.addresses(), until });
        self.blindness = Some(Blindness { until, sees_again: false });
        self.held = 0;
        for address in self.addresses.values_mut().filter(|address| !address.is_local) {
            address.held = Some(address.machine.clone());
            self.held += 1;
        }
        for id in suspects {
            let Some(address) = self.addresses.get_mut(&id) else { continue };
            address.held = address.streak.as_ref().map(|streak| streak.before.clone());
        }
        self.refresh_all(now, events);
    }

    fn see_again(&mut self, key: &TargetKey, events: &mut Vec<Event>) {
        if let Some(blindness) = &mut self.blindness
            && !blindness.sees_again
        {
            blindness.sees_again = true;
            events.push(Event::SeesAgain { key: key.clone() });
        }
    }

    fn end_hold_if_done(&mut self, events: &mut Vec<Event>) {
        if self.blindness.is_some() && self.held == 0 {
            self.blindness = None;
            events.push(Event::HoldEnded { expired: false });
        }
    }

    /// Ends a hold whose time is over; to be called at [`Fleet::deadline`].
    pub fn tick(&mut self, now: UnixTime, events: &mut Vec<Event>) {
        if self.blindness.is_none_or(|blindness| now < blindness.until) {
            return;
        }
        self.blindness = None;
        self.held = 0;
        for address in self.addresses.values_mut() {
            address.held = None;
        }
        events.push(Event::HoldEnded { expired: true });
        self.refresh_all(now, events);
    }

    fn refresh_all(&mut self, now: UnixTime, events: &mut Vec<Event>) {
        let mut keys: Vec<TargetKey> = self.targets.keys().cloned().collect();
        keys.sort_unstable();
        for key in keys {
            self.refresh(&key, now, events);
        }
    }

    /// Makes the state of a target of the states of its addresses.
    fn refresh(&mut self, key: &TargetKey, now: UnixTime, events: &mut Vec<Event>) {
        let Some(target) = self.targets.get_mut(key) else { return };
        let addresses = || target.addresses.iter().filter_map(|id| self.addresses.get(id));
        let with = |status| addresses().filter(move |address| address.status() == status);
        let status = if with(Status::Up).next().is_some() {
            Status::Up
        } else if target.addresses.is_empty() && target.is_unresolved {
            Status::Down
        } else if target.addresses.is_empty() || addresses().any(Address::is_pending) {
            target.state.status
        } else if with(Status::Down).next().is_some() {
            Status::Down
        } else {
            target.state.status
        };
        // An up target falls with the last of its up addresses, a down one rises with the first.
        let (wavering, count) = match status {
            Status::Up => (
                with(Status::Up).next().is_some() && with(Status::Up).all(Address::is_wavering),
                with(Status::Up).map(|address| address.machine.count()).min(),
            ),
            Status::Down => (
                with(Status::Down).any(Address::is_wavering),
                with(Status::Down).map(|address| address.machine.count()).max(),
            ),
            Status::Unknown => (false, None),
        };
        let from = target.state.status;
        let is_change = from != status || target.state.wavering != wavering;
        if from != status {
            target.state.since = now;
        }
        target.state.status = status;
        target.state.wavering = wavering;
        target.state.count = count.unwrap_or(0);
        if is_change {
            let change = Change { key: key.clone(), state: target.state.clone() };
            events.push(Event::Changed { change, from });
        }
    }

    /// When the next probe of an address starts, after one that started at `started` and ended at `ended`.
    pub fn next_start(&mut self, id: AddressId, started: UnixTime, ended: UnixTime) -> Option<UnixTime> {
        let address = self.addresses.get_mut(&id)?;
        Some(address.pace.next_start(&address.machine, started, ended, self.stretch))
    }

    /// Where within a time of this length the address starts its first probe.
    #[must_use]
    pub fn first_offset(&self, id: AddressId, within: Duration) -> Duration {
        self.addresses.get(&id).map_or(Duration::ZERO, |address| address.pace.offset(within))
    }

    /// What is known of a target.
    #[must_use]
    pub fn state(&self, key: &TargetKey) -> Option<&TargetState> {
        self.targets.get(key).map(|target| &target.state)
    }

    /// Whether a target has had its first round: each of its addresses was probed, or it has none and that is known.
    #[must_use]
    pub fn has_been_probed(&self, key: &TargetKey) -> bool {
        self.targets.get(key).is_none_or(|target| {
            let mut addresses = target.addresses.iter().filter_map(|id| self.addresses.get(id)).peekable();
            match addresses.peek() {
                None => target.is_unresolved,
                Some(_) => addresses.all(|address| address.machine.last() != Last::Nothing),
            }
        })
    }

    /// The addresses of a target.
    #[must_use]
    pub fn address_ids(&self, key: &TargetKey) -> Vec<AddressId> {
        self.targets.get(key).map(|target| target.addresses.clone()).unwrap_or_default()
    }

    /// Whether states are held because the checker is probably blind.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        self.blindness.is_some()
    }

    /// When [`Fleet::tick`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<UnixTime> {
        self.blindness.map(|blindness| blindness.until)
    }
}

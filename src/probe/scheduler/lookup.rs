//! Host names among the targets: looked up again and again, each of their addresses probed. Knows no monitors.

use crate::base::UnixTime;
use crate::health::{Endpoint, TargetKey};
use crate::probe::metrics::count;
use crate::probe::resolve::RESOLVE_INTERVAL_MIN;
use crate::probe::scheduler::plan::spread_of;
use crate::probe::scheduler::{Address, Job, Scheduler};
use std::net::SocketAddr;

impl Scheduler {
    pub(super) fn start_lookup(&mut self, key: TargetKey) {
        let Endpoint::Host(host, port) = &key.endpoint else { return };
        let Some(target) = self.targets.get_mut(&key) else { return };
        target.lookup = Some(self.flights.start_lookup(key.clone(), host.to_string(), *port));
    }

    /// Probes new addresses, forgets those that are gone; a failed look-up changes nothing for a host that had any.
    pub(super) fn land_lookup(&mut self, key: &TargetKey, found: Result<Vec<SocketAddr>, String>) {
        let now = self.clock.now();
        let Some(target) = self.targets.get_mut(key) else { return };
        target.lookup = None;
        let interval = target.monitor.timing.interval.max(RESOLVE_INTERVAL_MIN);
        match found {
            Ok(found) => {
                target.is_unresolved = false;
                self.take_addresses(key, &found, now);
            }
            Err(reason) => {
                count(&self.metrics.resolve_failures);
                if !std::mem::replace(&mut target.is_unresolved, true) {
                    tracing::warn!(
                        monitor = %key.monitor,
                        target = %key.endpoint,
                        cause = reason,
                        "host name not resolved; its last addresses stay"
                    );
                }
                self.fleet.unresolved(key, reason.into(), now, &mut self.events);
            }
        }
        self.reporter.show(key, &self.fleet);
        self.note_first_round(key);
        self.due.insert((now + interval, Job::Resolve(key.clone())));
    }

    fn take_addresses(&mut self, key: &TargetKey, found: &[SocketAddr], now: UnixTime) {
        let mut known = Vec::new();
        for id in self.fleet.address_ids(key) {
            let Some(address) = self.addresses.get(&id) else { continue };
            if found.contains(&address.socket) {
                known.push(address.socket);
            } else {
                self.forget_address(id);
                self.fleet.remove_address(id, now, &mut self.events);
            }
        }
        let spread = spread_of(found.len(), RESOLVE_INTERVAL_MIN);
        for socket in found.iter().filter(|socket| !known.contains(socket)) {
            let Some(id) = self.fleet.add_address(key, *socket) else { return };
            let address = Address::new(key.clone(), *socket, now);
            self.addresses.insert(id, address);
            self.plan_probe(id, now + self.fleet.first_offset(id, spread));
        }
    }
}

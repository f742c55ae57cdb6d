//! Who is connected: limits in all and a client, and whose connection makes room when all places are taken.

use crate::base::prefix::cut_address;
use dashmap::DashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Limits of TCP service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Connections at a time, in all.
    pub connections: usize,
    /// Connections at a time from one client address (IPv6: one /64).
    pub connections_per_client: usize,
    /// A connection without a complete query for this long is closed.
    pub idle_timeout: Duration,
}

/// What the stream thread counts of its connections.
#[derive(Debug, Default)]
pub struct StreamCounters {
    open: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    shed: AtomicU64,
}

impl StreamCounters {
    /// Connections now.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections that were served.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections that were closed at once, because their client had too many.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Connections that were closed to make room for others.
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.shed.load(Ordering::Relaxed)
    }
}

/// Octets of an IPv6 address that stand for one client, in bits.
const CLIENT_BITS_IPV6: u8 = 64;

/// Who is connected. When all places are taken the connection whose last query is longest ago makes room, so that those
/// who connect and say nothing cannot keep others out; a client that has all of its own places is refused another.
pub struct Table {
    limits: StreamLimits,
    counters: Arc<StreamCounters>,
    by_client: DashMap<IpAddr, Vec<Arc<Seat>>>,
    started: Instant,
}

/// What the table knows of one connection.
struct Seat {
    /// Milliseconds from the table's start to the last complete query, or to the beginning of the connection.
    active: AtomicU64,
    /// Told to leave.
    leave: Notify,
}

/// A place in the table, given back when dropped.
pub struct Place {
    table: Rc<Table>,
    client: IpAddr,
    seat: Arc<Seat>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(limits: StreamLimits, counters: Arc<StreamCounters>) -> Self {
        Self { limits, counters, by_client: DashMap::new(), started: Instant::now() }
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &StreamLimits {
        &self.limits
    }

    /// A place for a connection from `address`; `None` when that client has its share.
    #[must_use]
    pub fn admit(self: &Rc<Self>, address: IpAddr) -> Option<Place> {
        let client = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(_) => cut_address(address, CLIENT_BITS_IPV6),
        };
        let has = self.by_client.get(&client).map_or(0, |seats| seats.len());
        if has >= self.limits.connections_per_client {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        if self.counters.open() >= self.limits.connections as u64 {
            self.shed_longest_idle();
        }
        let seat = Arc::new(Seat { active: AtomicU64::new(self.now()), leave: Notify::new() });
        self.by_client.entry(client).or_default().push(Arc::clone(&seat));
        self.counters.open.fetch_add(1, Ordering::Relaxed);
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        Some(Place { table: Rc::clone(self), client, seat })
    }

    fn shed_longest_idle(&self) {
        let seats = self.by_client.iter().flat_map(|entry| {
            let client = *entry.key();
            entry.iter().map(|seat| (client, Arc::clone(seat))).collect::<Vec<_>>()
        });
        if let Some((client, seat)) = seats.min_by_key(|(_, seat)| seat.active.load(Ordering::Relaxed)) {
            seat.leave.notify_one();
            self.remove(client, &seat);
            self.counters.shed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes a seat out of the table, if it is still there.
    fn remove(&self, client: IpAddr, seat: &Arc<Seat>) {
        let mut found = false;
        self.by_client.remove_if_mut(&client, |_, seats| {
            if let Some(at) = seats.iter().position(|other| Arc::ptr_eq(other, seat)) {
                seats.swap_remove(at);
                found = true;
            }
            seats.is_empty()
        });
        if found {
            self.counters.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Place {
    /// Remembers that a complete query has just come.
    pub fn active(&self) {
        self.seat.active.store(self.table.now(), Ordering::Relaxed);
    }

    /// Ends when the connection shall make room for another.
    pub async fn told_to_leave(&self) {
        self.seat.leave.notified().await;
    }

    /// The limits of the table.
    #[must_use]
    pub fn limits(&self) -> StreamLimits {
        *self.table.limits()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.remove(self.client, &self.seat);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Place, StreamCounters, StreamLimits, Table};
    use std::future::Future;
    use std::rc::Rc;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::task::{Context, Waker};
    use std::time::Duration;

    fn table(connections: usize, connections_per_client: usize) -> Rc<Table> {
        let limits = StreamLimits { connections, connections_per_client, idle_timeout: Duration::from_secs(1) };
        Rc::new(Table::new(limits, Arc::new(StreamCounters::default())))
    }

    fn told_to_leave(place: &Place) -> bool {
        let leaving = std::pin::pin!(place.told_to_leave());
        leaving.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_client_has_its_share_and_others_theirs() {
        let table = table(100, 2);
        let admit = |address: &str| table.admit(address.parse().unwrap());
        let places = [admit("192.0.2.1").unwrap(), admit("192.0.2.1").unwrap()];
        assert!(admit("192.0.2.1").is_none());
        assert!(admit("192.0.2.2").is_some());
        drop(places);
        assert!(admit("192.0.2.1").is_some(), "places are given back");
        let _one_network = [admit("2001:db8::1").unwrap(), admit("2001:db8::ffff:0:0:1").unwrap()];
        assert!(admit("2001:db8:0:0:1::").is_none(), "an IPv6 client is a /64");
        assert!(admit("2001:db8:0:1::").is_some());
        assert_eq!((table.counters.open(), table.counters.refused()), (2, 2));
    }

    #[test]
    fn when_all_places_are_taken_the_longest_idle_makes_room() {
        let table = table(3, 3);
        let admit = |last: u8, active: u64| {
            let place = table.admit([192, 0, 2, last].into()).unwrap();
            place.seat.active.store(active, Ordering::Relaxed);
            place
        };
        let places = [admit(1, 30), admit(1, 10), admit(2, 20)];
        let fourth = admit(3, 40);
        assert_eq!(places.each_ref().map(told_to_leave), [false, true, false]);
        assert_eq!((table.counters.open(), table.counters.shed(), table.counters.accepted()), (3, 1, 4));
        drop(places);
        assert_eq!(table.counters.open(), 1, "who was told to leave is not counted twice");
        drop(fourth);
        assert!(table.by_client.is_empty());
    }
}

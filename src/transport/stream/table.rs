//! Who is connected: limits in all and a client, and whose connection makes room when all places are taken.

use crate::base::prefix::cut_address;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore};

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

/// Who is connected. When all places are taken the connection whose last answer is longest ago makes room, so that those
/// who connect and say nothing cannot keep others out; a client that has all of its own places is refused another. A
/// place is taken until its connection has ended, also when it was told to.
pub struct Table {
    limits: StreamLimits,
    counters: Arc<StreamCounters>,
    by_client: RefCell<HashMap<IpAddr, usize>>,
    free: Arc<Semaphore>,
    /// One at a time waits for a place: with several, one would take the place that another made free.
    door: Mutex<()>,
    /// Those who were not told to leave, by the turn of their last answer (or of their beginning): longest idle first.
    by_turn: RefCell<BTreeMap<u64, Arc<Notify>>>,
    turns: Cell<u64>,
}

/// One of the places of a client, given back when dropped.
struct Share {
    table: Rc<Table>,
    client: IpAddr,
}

/// A place in the table, given back when dropped.
pub struct Place {
    share: Share,
    turn: Cell<u64>,
    leave: Arc<Notify>,
    _seat: OwnedSemaphorePermit,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(limits: StreamLimits, counters: Arc<StreamCounters>) -> Self {
        let free = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
        let (by_client, by_turn) = (RefCell::default(), RefCell::default());
        Self { limits, counters, by_client, free, door: Mutex::default(), by_turn, turns: Cell::new(0) }
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &StreamLimits {
        &self.limits
    }

    /// A place for a connection from `address`; `None` when that client has its share. When all places are taken this
    /// waits until the connection that is told to leave has ended.
    pub async fn admit(self: &Rc<Self>, address: IpAddr) -> Option<Place> {
        let share = self.share(address)?;
        let door = self.door.lock().await;
        let free = Arc::clone(&self.free);
        let seat = match Arc::clone(&free).try_acquire_owned() {
            Ok(seat) => seat,
            Err(_) => {
                self.shed_longest_idle();
                free.acquire_owned().await.ok()?
            }
        };
        drop(door);
        let (turn, leave) = (self.next_turn(), Arc::<Notify>::default());
        self.by_turn.borrow_mut().insert(turn, Arc::clone(&leave));
        self.counters.open.fetch_add(1, Ordering::Relaxed);
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        Some(Place { share, turn: Cell::new(turn), leave, _seat: seat })
    }

    fn share(self: &Rc<Self>, address: IpAddr) -> Option<Share> {
        let client = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(_) => cut_address(address, CLIENT_BITS_IPV6),
        };
        let mut by_client = self.by_client.borrow_mut();
        let has = by_client.get(&client).copied().unwrap_or(0);
        if has >= self.limits.connections_per_client {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        by_client.insert(client, has + 1);
        Some(Share { table: Rc::clone(self), client })
    }

    fn shed_longest_idle(&self) {
        if let Some((_, leave)) = self.by_turn.borrow_mut().pop_first() {
            leave.notify_one();
            self.counters.shed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn next_turn(&self) -> u64 {
        self.turns.replace(self.turns.get() + 1)
    }
}

impl Place {
    /// Remembers that a query has just been answered.
    pub fn active(&self) {
        let table = &self.share.table;
        let mut by_turn = table.by_turn.borrow_mut();
        // Who was told to leave is in no order any more.
        if let Some(leave) = by_turn.remove(&self.turn.get()) {
            self.turn.set(table.next_turn());
            by_turn.insert(self.turn.get(), leave);
        }
    }

    /// Ends when the connection shall make room for another.
    pub async fn told_to_leave(&self) {
        self.leave.notified().await;
    }

    /// The limits of the table.
    #[must_use]
    pub fn limits(&self) -> StreamLimits {
        *self.share.table.limits()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let table = &self.share.table;
        table.by_turn.borrow_mut().remove(&self.turn.get());
        table.counters.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut by_client = self.table.by_client.borrow_mut();
        if let Some(has) = by_client.get_mut(&self.client) {
            *has -= 1;
            if *has == 0 {
                by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Place, StreamCounters, StreamLimits, Table};
    use std::future::Future;
    use std::net::IpAddr;
    use std::pin::{Pin, pin};
    use std::rc::Rc;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    fn table(connections: usize, connections_per_client: usize) -> Rc<Table> {
        let limits = StreamLimits { connections, connections_per_client, idle_timeout: Duration::from_secs(1) };
        Rc::new(Table::new(limits, Arc::new(StreamCounters::default())))
    }

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Admits without waiting.
    fn admit(table: &Rc<Table>, address: &str) -> Option<Place> {
        let address: IpAddr = address.parse().unwrap();
        match poll(pin!(table.admit(address))) {
            Poll::Ready(place) => place,
            Poll::Pending => panic!("there is no place for {address}"),
        }
    }

    fn told_to_leave(place: &Place) -> bool {
        poll(pin!(place.told_to_leave())).is_ready()
    }

    #[test]
    fn a_client_has_its_share_and_others_theirs() {
        let table = table(100, 2);
        let admit = |address| admit(&table, address);
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
        let [first, second, third] =
            ["192.0.2.1", "192.0.2.1", "192.0.2.2"].map(|client| admit(&table, client).unwrap());
        first.active();
        let mut fourth = pin!(table.admit([192, 0, 2, 3].into()));
        let mut fifth = pin!(table.admit([192, 0, 2, 4].into()));
        assert!(poll(fourth.as_mut()).is_pending(), "its place is not free before the other has ended");
        assert!(poll(fifth.as_mut()).is_pending());
        assert_eq!([&first, &second, &third].map(told_to_leave), [false, true, false]);
        // What it still answers while it leaves gives it no place back.
        second.active();
        assert_eq!((table.counters.open(), table.counters.shed(), table.counters.accepted()), (3, 1, 3));
        drop(second);
        let Poll::Ready(Some(fourth)) = poll(fourth.as_mut()) else { panic!("the place is free") };
        assert!(poll(fifth.as_mut()).is_pending());
        assert_eq!([&first, &third, &fourth].map(told_to_leave), [false, true, false]);
        drop(third);
        let Poll::Ready(Some(fifth)) = poll(fifth.as_mut()) else { panic!("the place is free") };
        assert_eq!((table.counters.open(), table.counters.shed(), table.counters.accepted()), (3, 2, 5));
        drop((first, fourth, fifth));
        assert_eq!((table.counters.open(), table.free.available_permits()), (0, 3));
        assert!(table.by_client.borrow().is_empty() && table.by_turn.borrow().is_empty());
    }

    #[test]
    fn who_is_told_to_leave_counts_as_one_of_its_client_until_the_end() {
        let table = table(1, 1);
        let first = admit(&table, "192.0.2.1").unwrap();
        let mut other = pin!(table.admit([192, 0, 2, 2].into()));
        assert!(poll(other.as_mut()).is_pending() && told_to_leave(&first));
        assert!(admit(&table, "192.0.2.1").is_none());
        drop(first);
        assert!(matches!(poll(other.as_mut()), Poll::Ready(Some(_))));
    }
}

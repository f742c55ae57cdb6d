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

/// How many connections that were never answered may be there, as a share of all places, before each further one makes one
/// of their own leave and nobody else: one in so many. Fewer would be turned out before their first query has arrived.
const SILENT_SHARE: usize = 8;

/// What a connection is doing, in the order in which they make room for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doing {
    /// It was never answered.
    Silent,
    /// It began a query and does not end it, or does not read what it is sent.
    Stalled,
    /// It was answered, and can ask again.
    Served,
}

/// Who is connected. When all places are taken one of them makes room: those who connect and say nothing, who send half a
/// query or do not read their answers come first, then the one whose last answer is longest ago, so that none of these can keep
/// others out. A client that has all of its own places is refused another. A place is taken until its connection has
/// ended, also when it was told to.
pub struct Table {
    limits: StreamLimits,
    counters: Arc<StreamCounters>,
    by_client: RefCell<HashMap<IpAddr, usize>>,
    free: Arc<Semaphore>,
    /// One at a time waits for a place: with several, one would take the place that another made free.
    door: Mutex<()>,
    /// Those who were not told to leave, by what they do and the turn of their last answer (or of their beginning).
    by_rank: RefCell<BTreeMap<Rank, Arc<Notify>>>,
    /// How many of them are silent.
    silent: Cell<usize>,
    turns: Cell<u64>,
}

/// In which order connections make room: by what they do, then the longest without an answer.
type Rank = (Doing, u64);

/// One of the places of a client, given back when dropped.
struct Share {
    table: Rc<Table>,
    client: IpAddr,
}

/// A place in the table, given back when dropped.
pub struct Place {
    share: Share,
    rank: Cell<Rank>,
    leave: Arc<Notify>,
    _seat: OwnedSemaphorePermit,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(limits: StreamLimits, counters: Arc<StreamCounters>) -> Self {
        let free = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
        let (by_client, by_rank) = (RefCell::default(), RefCell::default());
        let (silent, turns) = (Cell::new(0), Cell::new(0));
        Self { limits, counters, by_client, free, door: Mutex::default(), by_rank, silent, turns }
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &StreamLimits {
        &self.limits
    }

    /// A place for a connection from `address`; `None` when that client has its share, unless it is `exempt` from having one.
    /// When all places are taken this waits until the connection that is told to leave has ended.
    pub async fn admit(self: &Rc<Self>, address: IpAddr, exempt: bool) -> Option<Place> {
        let share = self.share(address, exempt)?;
        let door = self.door.lock().await;
        let free = Arc::clone(&self.free);
        let seat = match Arc::clone(&free).try_acquire_owned() {
            Ok(seat) => seat,
            Err(_) => {
                self.shed();
                free.acquire_owned().await.ok()?
            }
        };
        drop(door);
        let (rank, leave) = ((Doing::Silent, self.next_turn()), Arc::<Notify>::default());
        self.enter(rank, Arc::clone(&leave));
        self.counters.open.fetch_add(1, Ordering::Relaxed);
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        Some(Place { share, rank: Cell::new(rank), leave, _seat: seat })
    }

    fn share(self: &Rc<Self>, address: IpAddr, exempt: bool) -> Option<Share> {
        let client = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(_) => cut_address(address, CLIENT_BITS_IPV6),
        };
        let mut by_client = self.by_client.borrow_mut();
        let has = by_client.get(&client).copied().unwrap_or(0);
        if has >= self.limits.connections_per_client && !exempt {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        by_client.insert(client, has + 1);
        Some(Share { table: Rc::clone(self), client })
    }

    /// Tells one connection to leave.
    fn shed(&self) {
        let allowed_silent = self.limits.connections / SILENT_SHARE;
        let of_silent = self.silent.get() > allowed_silent;
        let first = |after: Rank| self.by_rank.borrow().range(after..).next().map(|(rank, _)| *rank);
        // While the silent ones are few they have the time that a first query takes, unless there is nobody else.
        let chosen = if of_silent { None } else { first((Doing::Stalled, 0)) };
        if let Some(leave) = chosen.or_else(|| first((Doing::Silent, 0))).and_then(|rank| self.quit(rank)) {
            leave.notify_one();
            self.counters.shed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn enter(&self, rank: Rank, leave: Arc<Notify>) {
        self.silent.set(self.silent.get() + usize::from(rank.0 == Doing::Silent));
        self.by_rank.borrow_mut().insert(rank, leave);
    }

    fn quit(&self, rank: Rank) -> Option<Arc<Notify>> {
        let leave = self.by_rank.borrow_mut().remove(&rank)?;
        self.silent.set(self.silent.get() - usize::from(rank.0 == Doing::Silent));
        Some(leave)
    }

    fn next_turn(&self) -> u64 {
        self.turns.replace(self.turns.get() + 1)
    }
}

impl Place {
    /// Remembers that a query has just been answered, and its answer taken.
    pub fn active(&self) {
        self.moves_to((Doing::Served, self.share.table.next_turn()));
    }

    /// Remembers that the client has sent something that was no whole query. One that was never answered stays silent.
    pub fn stalled(&self) {
        let (doing, turn) = self.rank.get();
        if doing == Doing::Served {
            self.moves_to((Doing::Stalled, turn));
        }
    }

    /// Remembers that an answer is about to be written, which the client may or may not read.
    pub fn writing(&self) {
        self.moves_to((Doing::Stalled, self.share.table.next_turn()));
    }

    fn moves_to(&self, rank: Rank) {
        let table = &self.share.table;
        // Who was told to leave is in no order any more.
        if let Some(leave) = table.quit(self.rank.get()) {
            self.rank.set(rank);
            table.enter(rank, leave);
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
        table.quit(self.rank.get());
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
        match poll(pin!(table.admit(address, false))) {
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
        // All were answered, the first one last.
        for place in [&second, &third, &first] {
            place.active();
        }
        let mut fourth = pin!(table.admit([192, 0, 2, 3].into(), false));
        let mut fifth = pin!(table.admit([192, 0, 2, 4].into(), false));
        assert!(poll(fourth.as_mut()).is_pending(), "its place is not free before the other has ended");
        assert!(poll(fifth.as_mut()).is_pending());
        assert_eq!([&first, &second, &third].map(told_to_leave), [false, true, false]);
        // What it still answers while it leaves gives it no place back.
        second.active();
        assert_eq!((table.counters.open(), table.counters.shed(), table.counters.accepted()), (3, 1, 3));
        drop(second);
        let Poll::Ready(Some(fourth)) = poll(fourth.as_mut()) else { panic!("the place is free") };
        fourth.active();
        assert!(poll(fifth.as_mut()).is_pending());
        assert_eq!([&first, &third, &fourth].map(told_to_leave), [false, true, false]);
        drop(third);
        let Poll::Ready(Some(fifth)) = poll(fifth.as_mut()) else { panic!("the place is free") };
        assert_eq!((table.counters.open(), table.counters.shed(), table.counters.accepted()), (3, 2, 5));
        drop((first, fourth, fifth));
        assert_eq!((table.counters.open(), table.free.available_permits()), (0, 3));
        assert!(table.by_client.borrow().is_empty() && table.by_rank.borrow().is_empty());
    }

    /// Admits one more to a table whose places are all taken; the answer is which of `places` was told to leave.
    fn makes_room(table: &Rc<Table>, places: &[&Place]) -> Vec<bool> {
        let mut another = pin!(table.admit([198, 51, 100, 1].into(), false));
        assert!(poll(another.as_mut()).is_pending());
        places.iter().map(|place| told_to_leave(place)).collect()
    }

    #[test]
    fn who_is_slow_makes_room_before_who_is_answered() {
        let of = |table: &Rc<Table>| {
            ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(|client| admit(table, client).unwrap())
        };
        let table = table(4, 4);
        let places = of(&table);
        let [idle, deaf, half, silent] = &places;
        for place in [half, deaf, idle] {
            place.active();
        }
        deaf.writing();
        half.stalled();
        // The longest idle of all has been answered longer ago than any of the others came.
        let all = [idle, deaf, half, silent];
        assert_eq!(makes_room(&table, &all), [false, false, false, true]);
        assert_eq!(makes_room(&table, &all), [false, false, true, false]);
        assert_eq!(makes_room(&table, &all), [false, true, false, false]);
        assert_eq!(makes_room(&table, &all), [true, false, false, false]);
        drop(places);
        // Who goes on is one of those who are answered again.
        let places = of(&table);
        let [first, second, third, fourth] = &places;
        for place in [first, second, third, fourth] {
            place.writing();
            place.active();
        }
        first.stalled();
        first.writing();
        first.active();
        assert_eq!(makes_room(&table, &[first, second, third, fourth]), [false, true, false, false]);
    }

    #[test]
    fn a_silent_one_that_sends_half_a_query_is_still_silent_and_one_with_a_whole_query_is_not() {
        let table = table(3, 3);
        let [half, whole, deaf] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|client| admit(&table, client).unwrap());
        deaf.writing();
        whole.writing();
        half.stalled();
        let all = [&half, &whole, &deaf];
        assert_eq!(makes_room(&table, &all), [true, false, false]);
        assert_eq!(makes_room(&table, &all), [false, false, true], "it waits for its client the longest");
    }

    #[test]
    fn a_few_who_have_just_come_have_time_for_their_first_query() {
        let table = table(2 * super::SILENT_SHARE, 100);
        let new = || admit(&table, "192.0.2.1").unwrap();
        let served: Vec<Place> = (0..2 * super::SILENT_SHARE - 2).map(|_| new()).collect();
        served.iter().for_each(Place::active);
        let [first, second] = [new(), new()];
        let all: Vec<&Place> = [&first, &second].into_iter().chain(&served).collect();
        let gone = |told: Vec<bool>| told.into_iter().position(|told| told);
        // Two are not too many: the longest idle goes.
        assert_eq!(gone(makes_room(&table, &all)), Some(2));
        drop(served);
        let third = new();
        let served: Vec<Place> = (0..2 * super::SILENT_SHARE - 3).map(|_| new()).collect();
        served.iter().for_each(Place::active);
        // Three are: the first of them goes, and then they are two again.
        let all: Vec<&Place> = [&first, &second, &third].into_iter().chain(&served).collect();
        assert_eq!(gone(makes_room(&table, &all)), Some(0));
        assert_eq!(gone(makes_room(&table, &all)), Some(3));
    }

    #[test]
    fn the_exempt_have_no_share() {
        let table = table(100, 1);
        let first = admit(&table, "127.0.0.1");
        assert!(first.is_some() && admit(&table, "127.0.0.1").is_none());
        let second = poll(pin!(table.admit([127, 0, 0, 1].into(), true)));
        assert!(matches!(second, Poll::Ready(Some(_))));
    }

    #[test]
    fn who_is_told_to_leave_counts_as_one_of_its_client_until_the_end() {
        let table = table(1, 1);
        let first = admit(&table, "192.0.2.1").unwrap();
        let mut other = pin!(table.admit([192, 0, 2, 2].into(), false));
        assert!(poll(other.as_mut()).is_pending() && told_to_leave(&first));
        assert!(admit(&table, "192.0.2.1").is_none());
        drop(first);
        assert!(matches!(poll(other.as_mut()), Poll::Ready(Some(_))));
    }
}

//! The answering path must not touch the heap: every allocation and every free is counted to prove it.

#![expect(clippy::unwrap_used, reason = "test code")]

use azimuth::answer::{Guard, Moment, Outcome, Request, Responder, TransportProfile};
use azimuth::base::{Sources, UnixTime};
use azimuth::geo::Locator;
use azimuth::snapshot::{Inputs, Publisher};
use azimuth::steering::control::operator::{Action, OperatorTable, Order};
use azimuth::transport::{Listeners, Service, StreamLimits};
use azimuth::wire::Name;
use azimuth::zone::{Zone, ZoneSet};
use azimuth::{config, wire};
use std::net::{IpAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counting::{of_all_threads, of_this_thread};

mod counting {
    //! A global allocator that counts, in each thread and in all.
    #![expect(unsafe_code, reason = "an allocator cannot be written without; every call is handed on unchanged")]

    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    static OF_ALL: AtomicU64 = AtomicU64::new(0);

    thread_local! {
        static OF_THIS: Cell<u64> = const { Cell::new(0) };
    }

    struct Counting;

    fn count() {
        OF_ALL.fetch_add(1, Ordering::Relaxed);
        OF_THIS.with(|calls| calls.set(calls.get() + 1));
    }

    // SAFETY: every method hands its arguments on to the system's allocator and returns what that returns; counting
    // allocates nothing, since both counters are constants at start and need no destructor.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            count();
            // SAFETY: the caller keeps the contract of this very method.
            unsafe { System.alloc(layout) }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            count();
            // SAFETY: as above.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            count();
            // SAFETY: as above.
            unsafe { System.realloc(block, layout, new_size) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            count();
            // SAFETY: as above.
            unsafe { System.dealloc(block, layout) }
        }
    }

    /// Allocations and frees of this thread while `work` ran.
    pub fn of_this_thread(work: impl FnOnce()) -> u64 {
        let before = OF_THIS.with(Cell::get);
        work();
        OF_THIS.with(Cell::get) - before
    }

    /// Allocations and frees of every thread while `work` ran.
    pub fn of_all_threads(work: impl FnOnce()) -> u64 {
        let before = OF_ALL.load(Ordering::SeqCst);
        work();
        OF_ALL.load(Ordering::SeqCst) - before
    }
}

/// One test at a time, since allocations of all threads are counted.
static TURN: Mutex<()> = Mutex::new(());

const CONFIGURATION: &str = r#"
[server]
listen = ["127.0.0.1:0"]
nsid = "fra1"
version = "Azimuth"
rate_limit = { responses_per_second = 20 }
cookies = { require_above = 600 }
[region.us-east]
coordinates = [39.04, -77.49]
[region.eu-west]
coordinates = [53.35, -6.26]
[pool.web]
members = [
  { region = "us-east", address = "192.0.2.10" },
  { region = "us-east", address = "2001:db8:1::10" },
  { region = "eu-west", address = "198.51.100.10", weight = 2 },
  { region = "eu-west", address = "198.51.100.11" },
  { region = "eu-west", address = "2001:db8:2::10" },
]
[pool.idle]
members = [
  { region = "us-east", address = "192.0.2.20" },
  { region = "eu-west", address = "198.51.100.20" },
]
[pool.names]
members = [
  { region = "us-east", cname = "www.example.test." },
  { region = "eu-west", cname = "alias.example.test." },
]
[policy.turns]
order = "closest"
spread = "round-robin"
[policy.hashed]
order = "closest"
spread = "hash"
[policy.tied]
tie_band = 50.0
region_spread = "hash"
spread = "weighted-round-robin"
[policy.evenly]
order = "any"
region_weights = { us-east = 3 }
[policy.drained]
percentage_drain = true
shed = { low = 0.7, high = 0.9 }
spread = "two-choices"
[policy.elsewhere]
regions = ["us-east"]
fallback = "hashed"
[zone."example.test"]
file = "example.test.zone"
balance.tied = { pool = "web", policy = "tied" }
balance.evenly = { pool = "web", policy = "evenly" }
balance.drained = { pool = "web", policy = "drained" }
balance.elsewhere = { pool = "idle", policy = "elsewhere" }
balance.geo = { pool = "web" }
balance.turns = { pool = "web", policy = "turns" }
balance.hashed = { pool = "web", policy = "hashed" }
balance.named = { pool = "names" }
balance."*.shop" = { pool = "web", region_names = true }
alias.inside = "geo.example.test."
alias.outside = "lb.example.net."
[zone."nsec.test"]
file = "nsec.test.zone"
[zone."nsec3.test"]
file = "nsec3.test.zone"
[[network]]
prefix = "203.0.113.0/24"
region = "eu-west"
[[network]]
prefix = "198.18.0.0/15"
coordinates = [40.0, -80.0]
"#;

/// A signed zone for each way to deny; the signatures are none, which nobody here notices.
const SIGNED: [(&str, &str); 2] = [
    (
        "nsec.test",
        "@ NSEC *.w SOA NS RRSIG NSEC
*.w NSEC alias A RRSIG NSEC
alias NSEC ns1 CNAME RRSIG NSEC
ns1 NSEC sub A RRSIG NSEC
sub NSEC @ NS RRSIG NSEC
@ RRSIG NSEC 13 2 60 20300101000000 20200101000000 1 nsec.test. AAAA
ns1 RRSIG NSEC 13 3 60 20300101000000 20200101000000 1 nsec.test. AAAA
",
    ),
    (
        "nsec3.test",
        "@ NSEC3PARAM 1 0 5 aabb
5mtrei3ntimf7nh5fj0se09jnb5sa6v2 NSEC3 1 1 5 aabb 95mtrei3ntimf7nh5fj0se09jnb5sa6v A RRSIG
95mtrei3ntimf7nh5fj0se09jnb5sa6v NSEC3 1 1 5 aabb 5mtrei3ntimf7nh5fj0se09jnb5sa6v2 A RRSIG
11cindfblrnpl0a4rchp287mkhkf0ia1 NSEC3 1 1 5 aabb 5mtrei3ntimf7nh5fj0se09jnb5sa6v2 NS SOA RRSIG
",
    ),
];

const SIGNED_RECORDS: &str = "$TTL 60
@ SOA ns1 h 1 2 3 4 30
@ NS ns1
ns1 A 192.0.2.1
*.w A 192.0.2.2
alias CNAME a.w
sub NS ns.elsewhere.
@ RRSIG SOA 13 2 60 20300101000000 20200101000000 1 test. AAAA
@ RRSIG NS 13 2 60 20300101000000 20200101000000 1 test. AAAA
ns1 RRSIG A 13 3 60 20300101000000 20200101000000 1 test. AAAA
*.w RRSIG A 13 3 60 20300101000000 20200101000000 1 test. AAAA
alias RRSIG CNAME 13 3 60 20300101000000 20200101000000 1 test. AAAA
";

const ZONE: &str = r#"$ORIGIN example.test.
$TTL 3600
@	SOA	ns1 host 1 7200 3600 1209600 300
@	NS	ns1
@	NS	ns.example.net.
@	MX	10 www
@	MX	20 www
ns1	A	192.0.2.53
www	A	192.0.2.80
www	AAAA	2001:db8::80
*.wild	A	192.0.2.81
geo	HTTPS	1 . alpn=h2,h3
svc	HTTPS	1 www alpn=h2
alias	CNAME	chain
chain	CNAME	www
away	CNAME	www.example.net.
loop	CNAME	pool
pool	CNAME	loop
old	DNAME	wild
_sip._tcp	SRV	1 1 5060 www
sub	NS	ns.sub
sub	NS	ns.other
ns.sub	A	192.0.2.54
other	NS	ns.other
ns.other	AAAA	2001:db8::55
big	TXT	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
big	TXT	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
big	TXT	"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
"#;

/// The configuration above as the publisher takes it.
fn inputs() -> Inputs {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("azimuth.toml"), CONFIGURATION).unwrap();
    std::fs::write(folder.path().join("example.test.zone"), ZONE).unwrap();
    for (apex, records) in SIGNED {
        let file = folder.path().join(format!("{apex}.zone"));
        std::fs::write(file, format!("{SIGNED_RECORDS}{records}")).unwrap();
    }
    let mut sources = Sources::default();
    let (config, mistakes) = config::load(&folder.path().join("azimuth.toml"), &mut sources);
    let shown: Vec<String> = mistakes.iter().map(|mistake| mistake.one_line(&sources)).collect();
    let Some(config) = config else { panic!("{shown:#?}") };
    let load = |spec| {
        let (zone, mistakes) = Zone::load(spec, None, &mut sources);
        let Some(zone) = zone else { panic!("{mistakes:#?}") };
        zone
    };
    let zones = config.zones.iter().map(|zone| &zone.spec).map(load).collect();
    Inputs {
        settings: config.settings,
        zones: Arc::new(ZoneSet::new(zones)),
        locator: Arc::new(Locator::build(&config.geo).unwrap()),
        regions: config.regions,
        member_targets: config.pools.iter().map(|pool| vec![Vec::new(); pool.members.len()]).collect(),
        pools: config.pools,
        policies: config.policies,
        owners: config.zones.iter().map(|zone| zone.spec.balanced.as_slice().into()).collect(),
        aliases: config.zones.iter().map(|zone| zone.aliases.clone()).collect(),
        balances: config.zones.into_iter().map(|zone| zone.balances).collect(),
        workers: 1,
    }
}

/// A publisher of the configuration above, in which half of one region's clients are handed on, and a region of one pool is out.
fn publisher() -> Publisher {
    let publisher = Publisher::start(inputs());
    let mut orders = OperatorTable::default();
    for (pattern, percent) in [("region/us-east", 50), ("pool/idle/us-east", 100)] {
        let order = Order {
            pattern: pattern.parse().unwrap(),
            action: Action::Drain { percent },
            since: UnixTime::from_secs(1),
            until: None,
            reason: "".into(),
            by: "".into(),
        };
        orders.say(order).unwrap();
    }
    publisher.operate(Arc::new(orders));
    publisher
}

/// A query with an OPT record that says `size` and holds `options`, or without one.
fn query(name: &str, rtype: u16, opt: Option<(u16, &[u8])>) -> Vec<u8> {
    let mut octets = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(opt.is_some())];
    octets.extend(Name::from_text(name.as_bytes(), None).unwrap().as_wire());
    octets.extend(rtype.to_be_bytes());
    octets.extend([0, 1]);
    if let Some((size, options)) = opt {
        octets.extend([0, 0, 41]);
        octets.extend(size.to_be_bytes());
        octets.extend([0, 0, 0, 0]);
        octets.extend((options.len() as u16).to_be_bytes());
        octets.extend(options);
    }
    octets
}

/// NSID, TCP keepalive and a client cookie.
const COOKIE: &[u8] = b"\x00\x03\x00\x00\x00\x0b\x00\x00\x00\x0a\x00\x08\x01\x02\x03\x04\x05\x06\x07\x08";
/// A server cookie of long ago.
const OLD_COOKIE: &[u8] = b"\x00\x0a\x00\x18\x01\x02\x03\x04\x05\x06\x07\x08\x01\x00\x00\x00\x00\x00\x00\x00abcdefgh";

/// Queries of every kind: their names tell what each is for.
fn mixed_queries() -> Vec<Vec<u8>> {
    use wire::rtype::{A, AAAA, ANY, AXFR, CNAME, DS, HTTPS, MX, NS, SOA, SRV};
    let (plain, subnet): (&[u8], &[u8]) = (b"", b"\x00\x08\x00\x07\x00\x01\x18\x00\xcb\x00\x71");
    let subnet_v6: &[u8] = b"\x00\x08\x00\x0b\x00\x02\x38\x00\x20\x01\x0d\xb8\x00\x01\x02";
    let bad_subnet: &[u8] = b"\x00\x08\x00\x07\x00\x01\x18\x07\xcb\x00\x71";
    let mut queries = Vec::new();
    for (name, rtypes) in [
        ("www.example.test.", &[A, AAAA, SOA, ANY, DS][..]),
        ("example.test.", &[SOA, NS, MX, ANY, DS, AXFR]),
        ("_sip._tcp.example.test.", &[SRV, A]),
        ("any.thing.wild.example.test.", &[A, AAAA]),
        ("wild.example.test.", &[A]),
        ("nowhere.example.test.", &[A]),
        ("x.sub.example.test.", &[A, DS]),
        ("sub.example.test.", &[NS, DS]),
        ("alias.example.test.", &[A, CNAME, MX]),
        ("away.example.test.", &[A]),
        ("loop.example.test.", &[A]),
        ("a.old.example.test.", &[A, CNAME]),
        ("geo.example.test.", &[A, AAAA, MX, ANY, HTTPS]),
        ("svc.example.test.", &[HTTPS]),
        ("inside.example.test.", &[A, AAAA, ANY]),
        ("outside.example.test.", &[A, MX]),
        ("turns.example.test.", &[A, AAAA]),
        ("hashed.example.test.", &[A, AAAA]),
        ("tied.example.test.", &[A, AAAA]),
        ("evenly.example.test.", &[A, AAAA]),
        ("drained.example.test.", &[A, AAAA]),
        ("elsewhere.example.test.", &[A, AAAA]),
        ("named.example.test.", &[A, AAAA, MX, CNAME, ANY]),
        ("a.shop.example.test.", &[A, SOA]),
        ("big.example.test.", &[16]),
        ("www.example.net.", &[A]),
        (".", &[NS]),
    ] {
        for &rtype in rtypes {
            for opt in [
                None,
                Some((1232, plain)),
                Some((4096, subnet)),
                Some((0, subnet_v6)),
                Some((512, bad_subnet)),
                Some((1232, COOKIE)),
                Some((1232, OLD_COOKIE)),
            ] {
                queries.push(query(name, rtype, opt));
            }
        }
    }
    queries.extend(signed_queries());
    let mut version = query("version.bind.", 16, None);
    let class_at = version.len() - 1;
    version[class_at] = 3;
    let mut only_a_cookie = query(".", 0, Some((1232, COOKIE)));
    only_a_cookie.drain(12..17);
    only_a_cookie[5] = 0;
    queries.extend([version, only_a_cookie]);
    let whole = query("www.example.test.", A, None);
    queries.extend([5, 12, 17, 33].map(|len| whole[..len].to_vec()));
    let mut response = whole.clone();
    response[2] |= 0x80;
    let mut update = whole.clone();
    update[2] |= 0x28;
    let trailing = [&whole[..], b"x"].concat();
    queries.extend([response, update, trailing]);
    queries
}

/// Queries with DO for everything that a signed zone proves.
fn signed_queries() -> Vec<Vec<u8>> {
    use wire::rtype::{A, AAAA, ANY, DS, NS, NSEC, RRSIG, SOA};
    let mut queries = Vec::new();
    for apex in ["nsec.test.", "nsec3.test."] {
        for below in ["", "ns1.", "absent.", "a.b.absent.", "x.w.", "w.", "alias.", "sub.", "x.sub."] {
            for rtype in [A, AAAA, ANY, DS, NS, NSEC, RRSIG, SOA] {
                let mut octets = query(&format!("{below}{apex}"), rtype, Some((1232, b"")));
                let flags_at = octets.len() - 4;
                octets[flags_at] = 0x80;
                queries.push(octets);
            }
        }
    }
    queries
}

#[test]
fn a_hundred_thousand_mixed_answers_neither_allocate_nor_free() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let publisher = publisher();
    let store = publisher.store();
    let mut responder = Responder::new(0).guarded(Arc::new(Guard::new(4096, [7; 32])));
    let queries = mixed_queries();
    let sources: [IpAddr; 3] = [[203, 0, 113, 9].into(), [198, 18, 0, 1].into(), "2001:db8::1".parse().unwrap()];
    let mut out = vec![0; 65_535];
    let mut lens = vec![0; queries.len()];
    let (mut random, mut left) = (1_u64, 100_000_u32);
    // The first look at the store makes this thread known to it.
    drop(store.load());
    let calls = of_this_thread(|| {
        while left > 0 {
            let snapshot = store.load();
            for (octets, len) in queries.iter().zip(&mut lens) {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let profile = if random >> 63 == 0 { &TransportProfile::DATAGRAM } else { &TransportProfile::STREAM };
                let now = Moment { unix_seconds: 1_700_000_000 - left, milliseconds: u64::from(1_000_000 - left) / 4 };
                let source = sources[(random >> 40) as usize % sources.len()];
                let request = Request { octets, source, profile, random, now };
                if let Outcome::Reply { len: written } = responder.respond(&snapshot, request, &mut out) {
                    *len = written;
                }
                left = left.saturating_sub(1);
            }
        }
    });
    assert_eq!(calls, 0);
    let tally = responder.counters().tally();
    let mut rcodes: Vec<u16> = tally.responses().map(|(rcode, _)| rcode.0).collect();
    rcodes.sort_unstable();
    assert_eq!(rcodes, [0, 1, 2, 3, 4, 5, 23], "the mix has every kind of answer");
    assert!(tally.limited > 0 && tally.slipped > 0 && tally.cookies_missing > 0 && tally.cookies_invalid > 0);
    assert!(tally.truncated > 0 && tally.referrals > 0 && tally.client_subnet > 0 && tally.dropped() > 0);
    assert_eq!(lens.iter().filter(|&&len| len == 0).count(), 2, "what is too short and what is a response");
    publisher.stop();
}

#[test]
fn udp_workers_neither_allocate_nor_free_once_they_run() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap();
    let address = listeners.addresses()[0];
    let publisher = publisher();
    let limits = StreamLimits { connections: 1, connections_per_client: 1, idle_timeout: Duration::from_secs(1) };
    let service = Service::start(listeners, publisher.store(), limits, None).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let queries: Vec<Vec<u8>> =
        mixed_queries().into_iter().filter(|query| query.len() > 11 && query[2] < 0x80).collect();
    let mut reply = vec![0; 65_535];
    let mut ask_all = || {
        for query in &queries {
            client.send(query).unwrap();
            let len = client.recv(&mut reply).unwrap();
            assert!(len >= 12 && reply[..2] == query[..2]);
        }
    };
    // The first round makes the worker known to the store, and the runtime of the streams settle.
    ask_all();
    // Other threads of this program may do something once, but not each time.
    let calls = (0..10).map(|_| of_all_threads(&mut ask_all)).min();
    assert_eq!(calls, Some(0));
    service.stop();
    publisher.stop();
}

#[test]
fn the_counter_counts() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || drop(std::hint::black_box(Box::new(1_u8)));
    assert_eq!(of_this_thread(work), 2);
    assert!(of_all_threads(|| std::thread::spawn(work).join().unwrap()) > 2);
    assert_eq!(of_this_thread(|| ()), 0);
}

#[test]
fn the_last_reader_of_an_old_snapshot_frees_nothing() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let publisher = publisher();
    let store = publisher.store();
    let held = store.load();
    let old = held.generation;
    publisher.replace(inputs());
    assert!(store.load().generation > old);
    assert_eq!(of_this_thread(|| drop(held)), 0, "a worker freed a snapshot");
    publisher.stop();
}

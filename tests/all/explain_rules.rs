//! Each rule that moves regions or members is told of by explanations, in the words of its own row.

use azimuth::admin::explain::{self as told, Explanation, Question, explain};
use azimuth::base::UnixTime;
use azimuth::boot::{Loaded, Overrides, load};
use azimuth::health::{Change, Load, Report, Status, Subject, TargetState, Word};
use azimuth::snapshot::{Publisher, PublisherHandle};
use azimuth::steering::control::operator::{Action, OperatorTable, Order};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CONFIG: &str = r#"
[admin]
listen = ""
[region.near]
coordinates = [53.35, -6.26]
[region.far]
coordinates = [39.04, -77.49]
[monitor.web]
type = "tcp"
port = 80
[monitor.repair]
type = "tcp"
port = 81
[monitor.disk]
type = "tcp"
port = 82
[feed.load]
type = "json"
url = "http://{address}:9100/load.json"
pointer = "/load"
[pool.web]
POOL
members = [
    { region = "near", address = "192.0.2.1" },
    { region = "near", address = "192.0.2.2" },
    { region = "far", address = "203.0.113.1" },
]
[policy.web]
POLICY
[zone."example.test"]
file = "zone"
balance.www = { pool = "web", policy = "web" }
"#;

const ZONE: &str = "$TTL 300\n@ IN SOA ns host 1 7200 900 1209600 300\n@ NS ns\nns A 192.0.2.53\n";

/// What happens before somebody asks why.
#[derive(Clone)]
enum Event {
    /// All members of a region, by the monitor `web`.
    Web(&'static str, Status),
    /// All members, by this monitor.
    Monitor(&'static str, Status, &'static str),
    Region(&'static str, Report),
    Member(&'static str, Report),
    Order(&'static str, Action),
}

/// A running publisher and its configuration.
struct Running {
    loaded: Loaded,
    publisher: Publisher,
    orders: OperatorTable,
}

impl Running {
    fn start(pool: &str, policy: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = CONFIG.replace("POOL", pool).replace("POLICY", policy);
        std::fs::write(folder.path().join("azimuth.toml"), config).unwrap();
        std::fs::write(folder.path().join("zone"), ZONE).unwrap();
        let (loaded, report) = load(&folder.path().join("azimuth.toml"), &Overrides::default(), None);
        assert!(!report.has_errors(), "{:?}", report.diagnostics);
        let loaded = loaded.unwrap();
        let publisher = Publisher::start(loaded.inputs.clone());
        let mut running = Self { loaded, publisher, orders: OperatorTable::default() };
        for region in ["near", "far"] {
            running.happens(&Event::Web(region, Status::Up));
        }
        running
    }

    fn probed(&self, monitor: &str, region: Option<&str>, status: Status, error: &str) {
        let inputs = &self.loaded.inputs;
        let members = inputs.pools[0].members.iter().zip(&inputs.member_targets[0]);
        let of_region = members
            .filter(|(member, _)| region.is_none_or(|name| *inputs.regions[member.region.index()].name == *name));
        let state = TargetState {
            status,
            since: UnixTime::from_secs(1),
            last_error: error.into(),
            warning: if error.is_empty() { "the certificate ends soon".into() } else { "".into() },
            ..TargetState::default()
        };
        let changes = of_region.flat_map(|(_, keys)| keys).filter(|key| *key.monitor == *monitor);
        self.handle().changed(changes.map(|key| Change { key: key.clone(), state: state.clone() }).collect());
    }

    fn handle(&self) -> PublisherHandle {
        self.publisher.handle()
    }

    fn happens(&mut self, event: &Event) {
        match *event {
            Event::Web(region, status) => self.probed("web", Some(region), status, "refused"),
            Event::Monitor(monitor, status, error) => self.probed(monitor, None, status, error),
            Event::Region(name, report) => self.handle().reported(vec![(Subject::Region(name.into()), report)]),
            Event::Member(target, report) => {
                let subject = Subject::Member { pool: "web".into(), target: target.into() };
                self.handle().reported(vec![(subject, report)]);
            }
            Event::Order(pattern, action) => {
                let (pattern, since) = (pattern.parse().unwrap(), UnixTime::default());
                let order = Order { pattern, action, since, until: None, reason: "why".into(), by: "who".into() };
                self.orders.say(order).unwrap();
                self.handle().operate(Arc::new(self.orders.clone()));
            }
        }
        self.handle().flush();
    }

    fn explained(&self) -> Explanation {
        explain(&self.handle(), &Question::parse("www.example.test", "A", "193.0.6.0/24").unwrap())
    }
}

/// What moves by itself is waited for so long: shares take a step each second.
const PATIENCE: Duration = Duration::from_secs(120);

/// The region that is nearest to the client, after all that has happened, once it is told of as wanted.
fn near(pool: &str, policy: &str, events: &[Event], is_wanted: impl Fn(&told::Region) -> bool) -> told::Region {
    let mut running = Running::start(pool, policy);
    events.iter().for_each(|event| running.happens(event));
    let begun = Instant::now();
    let region = loop {
        let regions = running.explained().steering.unwrap().regions;
        let region = regions.into_iter().find(|region| region.name == "near").unwrap();
        if is_wanted(&region) || begun.elapsed() > PATIENCE {
            break region;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    running.publisher.stop();
    region
}

fn tells(notes: &[String], words: &str) -> bool {
    notes.iter().any(|note| note.contains(words))
}

fn says(word: Word) -> Report {
    Report { word: Some(word), is_fresh: true, ..Report::default() }
}

fn uses(utilisation: f64) -> Report {
    let load = Load { utilisation: Some(utilisation), ..Load::default() };
    Report { load, is_fresh: true, ..Report::default() }
}

const MONITOR: &str = "monitor = \"web\"\n";

/// Pool keys, policy keys, what happens, and what a note of the region says.
type Row = (&'static str, &'static str, Vec<Event>, &'static str);

#[test]
fn what_moves_a_region_is_told_in_its_notes() {
    use Event::{Order, Region, Web};
    let back = || vec![Web("near", Status::Down), Web("near", Status::Up)];
    let rows: Vec<Row> = vec![
        ("", "shed = { low = 0.1, high = 0.2 }", vec![Region("near", uses(0.9))], "of client subnets: it uses"),
        ("warm_up = \"10m\"\nwarm_up_after = \"0s\"", "", back(), "warming up: takes 10 % of its client subnets"),
        (
            "warm_up = \"10m\"\nwarm_up_after = \"0s\"\nprobation = 0.02\nfeed = \"load\"",
            "",
            back(),
            "on probation: takes 2 % of its client subnets until its first good report",
        ),
        (
            "",
            "percentage_drain = true",
            vec![Order("region/near", Action::Drain { percent: 30 })],
            "it is being drained",
        ),
        ("failover_delay = \"10m\"", "", vec![Web("near", Status::Down)], "has failed, and is left in"),
        ("failback_delay = \"1h\"", "", back(), "held back while another region is healthy: comes back in"),
        ("failback = \"manual\"", "", back(), "waits for `azimuth failback`"),
        ("", "", vec![Order("pool/web/near", Action::ForceDown)], "forced down by an operator (`pool/web/near`): why"),
        ("", "", vec![Region("near", says(Word::Maint))], "its feed says `maint`"),
        ("", "", vec![Web("near", Status::Down)], "not healthy enough"),
        (
            "warm_up = \"10m\"\nwarm_up_after = \"0s\"",
            "",
            [back(), vec![Web("far", Status::Down)]].concat(),
            "warming up, and takes all of its client subnets: no other region has room; ends in",
        ),
    ];
    for (pool, policy, events, words) in rows {
        let is_wanted = |region: &told::Region| tells(&region.notes, words);
        let region = near(&format!("{MONITOR}{pool}"), policy, &events, is_wanted);
        assert!(is_wanted(&region), "{pool} {policy}: {words:?} in {:?}", region.notes);
    }
}

#[test]
fn a_region_that_waits_is_not_told_of_as_down() {
    use Event::{Order, Web};
    let pool = format!("{MONITOR}failback = \"manual\"");
    let region = near(&pool, "", &[Web("near", Status::Down), Web("near", Status::Up)], |_| true);
    assert_eq!(region.verdict, "passed over: held back while another region is healthy");
    assert!(tells(&region.notes, "waits for `azimuth failback`") && region.members.iter().all(|of| of.status == "up"));
    // What an operator has taken out is not told of as unhealthy.
    let region = near(MONITOR, "", &[Order("region/near", Action::Drain { percent: 100 })], |_| true);
    assert!(tells(&region.notes, "draining by an operator") && !tells(&region.notes, "healthy"), "{:?}", region.notes);
    // None of several equals is healthy enough, and some of them are up.
    let half = Event::Member("192.0.2.1", says(Word::Down));
    let events = [half, Web("far", Status::Down)];
    let region = near(&format!("{MONITOR}feed = \"load\""), "order = \"any\"\nmin_healthy = 0.9", &events, |_| true);
    assert!(!region.verdict.contains("nothing up"), "{}", region.verdict);
}

#[test]
fn every_spread_is_told_by_its_word_with_how_it_picks() {
    let by_chance = "members by chance, by the shares above";
    for (spread, pick) in [
        ("weighted", by_chance),
        ("random", by_chance),
        ("round-robin", "members in turn"),
        ("weighted-round-robin", "members in turn"),
        ("hash", "member by a hash of 193.0.6.0/24"),
        ("all", ""),
        ("least-connections", by_chance),
        ("weighted-least-connections", by_chance),
        ("least-bandwidth", by_chance),
        ("least-packets", by_chance),
        ("two-choices", by_chance),
        ("least-response-time", by_chance),
    ] {
        let running = Running::start(MONITOR, &format!("spread = \"{spread}\""));
        let steering = running.explained().steering.unwrap();
        running.publisher.stop();
        assert_eq!(steering.spread, spread);
        assert!(steering.verdict.starts_with("near; ") && steering.verdict.ends_with(pick), "{}", steering.verdict);
        assert!(steering.regions[0].members.iter().any(|member| member.share.is_some()), "{spread}");
    }
}

#[test]
fn what_moves_a_member_is_told_in_its_notes() {
    use Event::{Member, Order};
    let halved = Report { weight_percent: Some(50), is_fresh: true, ..Report::default() };
    let rows: Vec<Row> = vec![
        (
            "limits = { utilisation = 0.8 }\nfeed = \"load\"",
            "",
            vec![Member("192.0.2.1", uses(0.9))],
            "beyond its limit of `utilisation`: 0.9 of at most 0.8",
        ),
        (
            "feed = \"load\"",
            "spread = \"two-choices\"",
            vec![Member("192.0.2.1", uses(0.9)), Member("192.0.2.2", uses(0.1))],
            "times as often as by its weight alone: it follows reports",
        ),
        ("feed = \"load\"", "", vec![Member("192.0.2.1", halved)], "its feed says 50 % of its weight"),
        ("feed = \"load\"", "", vec![Member("192.0.2.1", halved)], "weighs 0.50 now, 1 as configured"),
        ("feed = \"load\"", "", vec![Member("192.0.2.1", says(Word::Drain))], "its feed says `drain`"),
        ("", "", vec![Order("pool/web/near/192.0.2.1", Action::ForceUp)], "forced up by an operator"),
    ];
    for (pool, policy, events, words) in rows {
        let is_wanted = |region: &told::Region| tells(&region.members[0].notes, words);
        let region = near(&format!("{MONITOR}{pool}"), policy, &events, is_wanted);
        let notes = &region.members[0].notes;
        assert!(tells(notes, words), "{pool} {policy}: {words:?} in {notes:?}");
    }
}

#[test]
fn monitors_say_whether_they_count_against_their_member() {
    let pool = "monitor = [\"web\", \"repair\", \"disk\"]\ninverted = \"repair\"\nwatch_only = \"disk\"";
    let shown = |events: &[Event]| {
        let member = near(pool, "", events, |_| true).members.remove(0);
        let monitors = member.monitors.into_iter();
        (member.status, monitors.map(|of| (of.monitor, of.against, of.inverted, of.watch_only)).collect::<Vec<_>>())
    };
    let expected = |repair: bool| {
        vec![
            ("web".to_owned(), false, false, false),
            ("repair".to_owned(), repair, true, false),
            ("disk".to_owned(), true, false, true),
        ]
    };
    use Event::Monitor;
    let disk = || Monitor("disk", Status::Down, "full");
    assert_eq!(shown(&[disk(), Monitor("repair", Status::Down, "refused")]), ("up".to_owned(), expected(false)));
    assert_eq!(shown(&[disk(), Monitor("repair", Status::Up, "")]), ("down".to_owned(), expected(true)));
    let members = near(pool, "", &[Monitor("repair", Status::Up, "")], |_| true).members;
    assert_eq!(members[0].monitors[1].warning.as_deref(), Some("the certificate ends soon"));
}

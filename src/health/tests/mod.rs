//! Tests of this room, by subject.
#![expect(clippy::unwrap_used, reason = "test code")]

mod blindness;
mod fleet;
mod machine;
mod pace;
mod stretch;

use crate::base::UnixTime;
use crate::health::{AddressId, Change, Endpoint, Event, Fleet, Observation, Status, TargetKey, Timing};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The defaults: every 5 s, 2 s to answer, 3 down, 2 up, retried after 200 ms.
const TIMING: Timing = Timing {
    interval: Duration::from_secs(5),
    timeout: Duration::from_secs(2),
    fall: 3,
    rise: 2,
    retry_interval: Duration::from_millis(200),
};

fn passed() -> Observation {
    Observation::passed(Duration::from_millis(3))
}

fn failed() -> Observation {
    Observation::Failed { reason: "connection refused".into() }
}

fn local_error() -> Observation {
    Observation::LocalError { reason: "no route".into() }
}

/// `+` passed, `-` failed, `?` no result.
fn seen(sign: char) -> Observation {
    match sign {
        '+' => passed(),
        '-' => failed(),
        '?' => local_error(),
        other => panic!("{other} is no observation"),
    }
}

fn at_millis(millis: u64) -> UnixTime {
    UnixTime::from_secs(1_000_000) + Duration::from_millis(millis)
}

fn socket(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 80))
}

fn key(last: u8) -> TargetKey {
    TargetKey { monitor: "web".into(), endpoint: Endpoint::Socket(socket(last)) }
}

/// A fleet with a hand on it: time goes on by itself, and events are kept.
struct Bench {
    fleet: Fleet,
    events: Vec<Event>,
    now_millis: u64,
}

impl Bench {
    fn new(hold: Duration) -> Self {
        Self { fleet: Fleet::new(hold), events: Vec::new(), now_millis: 0 }
    }

    fn now(&self) -> UnixTime {
        at_millis(self.now_millis)
    }

    fn wait(&mut self, millis: u64) -> &mut Self {
        self.now_millis += millis;
        let now = self.now();
        self.fleet.tick(now, &mut self.events);
        self
    }

    fn add(&mut self, key: &TargetKey, region: &str) -> AddressId {
        self.add_timed(key, region, TIMING)
    }

    fn add_timed(&mut self, key: &TargetKey, region: &str, timing: Timing) -> AddressId {
        self.fleet.insert(key.clone(), vec![region.into()], timing);
        match key.endpoint {
            Endpoint::Socket(socket) => self.fleet.add_address(key, socket).unwrap(),
            Endpoint::Host(..) => panic!("a host has no address yet"),
        }
    }

    /// Observations of probes that take no time, a millisecond apart.
    fn see(&mut self, id: AddressId, signs: &str) -> &mut Self {
        for sign in signs.chars() {
            self.now_millis += 1;
            let now = self.now();
            self.fleet.observe(id, seen(sign), now, now, &mut self.events);
        }
        self
    }

    /// A probe that passed and has more to tell.
    fn see_passed(&mut self, id: AddressId, warning: Option<&str>, captured: Option<&str>) -> &mut Self {
        self.now_millis += 1;
        let now = self.now();
        let (warning, captured) = (warning.map(Into::into), captured.map(Into::into));
        let seen = Observation::Passed { latency: Duration::from_millis(3), warning, captured };
        self.fleet.observe(id, seen, now, now, &mut self.events);
        self
    }

    fn status(&self, key: &TargetKey) -> Status {
        self.fleet.state(key).unwrap().status
    }

    fn statuses(&self, keys: &[TargetKey]) -> Vec<Status> {
        keys.iter().map(|key| self.status(key)).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The changes of status since the last look: `up -> down` and so on.
    fn changes(&mut self) -> Vec<String> {
        let changed = |event| match event {
            Event::Changed { change: Change { key, state }, from } if from != state.status => {
                Some(format!("{} {from} -> {}", key.endpoint, state.status))
            }
            _ => None,
        };
        self.events().into_iter().filter_map(changed).collect()
    }
}

fn reason(text: &str) -> Arc<str> {
    text.into()
}

//! Tests of the room as a whole.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod feeder;
mod haproxy;
mod hostile;
mod ledger;
mod plan;
mod servers;

use super::plan::{Address, Who};
use super::spec::{AgentCheck, Feed, FeedKind, JsonValue, Measure, Page, Scaled, Template};
use crate::base::UnixTime;
use crate::health::Subject;
use std::net::SocketAddr;
use std::time::Duration;

/// Never to be reached unless something is broken.
const PATIENCE: Duration = Duration::from_secs(120);

fn seconds(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn member(target: &str) -> Subject {
    Subject::Member { pool: "web".into(), target: target.into() }
}

fn region(name: &str) -> Subject {
    Subject::Region(name.into())
}

fn feed(name: &str, kind: FeedKind) -> Feed {
    Feed {
        name: name.into(),
        kind,
        interval: Duration::from_millis(100),
        timeout: PATIENCE,
        stale_after: Duration::from_secs(15),
    }
}

fn agent(name: &str) -> Feed {
    feed(name, FeedKind::AgentCheck(AgentCheck { port: Some(9999), send: None }))
}

fn page(url: &str) -> Page {
    Page { url: Template::from(url), headers: Vec::new(), ca_file: None }
}

fn json(url: &str) -> FeedKind {
    let scaled = Scaled { measure: Measure::Utilisation, scale: 1.0 };
    FeedKind::Json(JsonValue {
        page: page(url),
        number: Some(("/load".into(), scaled)),
        word: Some("/state".into()),
        weight: None,
    })
}

/// A member that is asked there.
fn who(target: &str, address: SocketAddr) -> Who {
    Who {
        subject: member(target),
        address: Some(Address::Socket(address)),
        name: None,
        region: "eu".into(),
        has_capacity: false,
        target: None,
    }
}

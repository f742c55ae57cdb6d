//! Who is to be asked for what: feeds with the regions and members that use them, put together so that one page is got once
//! for all of whom it speaks. Pure.

use super::spec::{AgentCheck, Feed, FeedKind, HaproxyStats, Header, JsonValue, Metric, Placeholder, Template};
use super::{haproxy_stats, json, prometheus};
use crate::health::{Endpoint, Subject, TargetKey};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The whole work of the feeder.
#[derive(Clone, Debug, Default)]
pub struct FeedPlan {
    /// What is asked, each source once.
    pub asks: Vec<Ask>,
    /// Who uses which feed, the feeds of each in configured order, and whether it has a capacity.
    pub uses: Vec<(Subject, Arc<Feed>, bool)>,
    /// The asks by what tells them apart.
    known: HashMap<AskKey, usize>,
}

/// What an ask is known by, across reloads too.
pub type AskKey = (Arc<str>, Source);

/// One source of reports, and of whom it speaks.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// How it is asked.
    pub feed: Arc<Feed>,
    /// Where.
    pub source: Source,
    /// Of whom, each with what is read of the answer.
    pub picks: Vec<(Subject, Pick)>,
}

impl Ask {
    /// What it is known by.
    #[must_use]
    pub fn key(&self) -> AskKey {
        (Arc::clone(&self.feed.name), self.source.clone())
    }
}

/// Where reports come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An agent, and what is sent to it.
    Agent(Endpoint, Option<String>),
    /// A page's URL.
    Page(String),
    /// A health check.
    Check(TargetKey),
}

/// What is read of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Pick {
    /// All of it.
    Whole,
    /// A row.
    Row(haproxy_stats::Wanted),
    /// Places in a document.
    Places(json::Wanted),
    /// A metric.
    Metric(prometheus::Wanted),
}

/// A region or member that uses a feed.
#[derive(Clone, Debug)]
pub struct Who {
    /// Who is reported of.
    pub subject: Subject,
    /// Where it is asked; `None`: a region without a `feed_address`.
    pub address: Option<Address>,
    /// What it is called there: `feed_name`.
    pub name: Option<Arc<str>>,
    /// Its region, or itself.
    pub region: Arc<str>,
    /// It has a configured capacity, which its connections are measured against, rather than limits that a feed reports.
    pub has_capacity: bool,
    /// What is checked, for feeds that read headers of health checks.
    pub target: Option<TargetKey>,
}

/// Where a region or member is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// At the feed's port.
    Ip(IpAddr),
    /// At this port, for agents.
    Socket(SocketAddr),
    /// By a host name.
    Host(Arc<str>),
}

impl FeedPlan {
    /// Adds a region or member that uses a feed. False: the feed needs something that it lacks, see [`lacks`].
    pub fn add(&mut self, feed: &Arc<Feed>, who: &Who) -> bool {
        let Some((source, pick)) = resolve(&feed.kind, who) else { return false };
        let key = (Arc::clone(&feed.name), source);
        let at = *self.known.entry(key).or_insert_with_key(|(_, source)| {
            self.asks.push(Ask { feed: Arc::clone(feed), source: source.clone(), picks: Vec::new() });
            self.asks.len() - 1
        });
        self.asks[at].picks.push((who.subject.clone(), pick));
        self.uses.push((who.subject.clone(), Arc::clone(feed), who.has_capacity));
        true
    }
}

/// Something that a feed needs to know of who uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `feed_address`.
    Address,
    /// `feed_name`.
    Name,
    /// A port: of the feed or in the `feed_address`.
    Port,
}

/// What a feed needs to know and is not told, first thing first. The name of a region stands for its `feed_name`.
#[must_use]
pub fn lacks(kind: &FeedKind, has_address: bool, has_port: bool, has_name: bool) -> Option<Need> {
    let needed: Vec<Placeholder> = templates(kind).flat_map(Template::placeholders).collect();
    let is_agent = matches!(kind, FeedKind::AgentCheck(_));
    let feed_has_port = matches!(kind, FeedKind::AgentCheck(AgentCheck { port: Some(_), .. }));
    let names_row = matches!(kind, FeedKind::HaproxyStats(HaproxyStats { server: None, .. }));
    if !has_address && (is_agent || needed.contains(&Placeholder::Address)) {
        Some(Need::Address)
    } else if is_agent && !has_port && !feed_has_port {
        Some(Need::Port)
    } else if !has_name && (names_row || needed.contains(&Placeholder::Name)) {
        Some(Need::Name)
    } else {
        None
    }
}

/// All texts with places in them.
fn templates(kind: &FeedKind) -> impl Iterator<Item = &Template> {
    let own: Vec<&Template> = match kind {
        FeedKind::AgentCheck(agent) => agent.send.iter().collect(),
        FeedKind::HaproxyStats(stats) => [&stats.backend].into_iter().chain(&stats.server).collect(),
        FeedKind::Json(value) => {
            value.number.iter().map(|(pointer, _)| pointer).chain(&value.word).chain(&value.weight).collect()
        }
        FeedKind::Prometheus(metric) => metric.labels.iter().map(|(_, value)| value).collect(),
        FeedKind::Header(_) => Vec::new(),
    };
    kind.page().map(|page| &page.url).into_iter().chain(own)
}

fn resolve(kind: &FeedKind, who: &Who) -> Option<(Source, Pick)> {
    let plain = |template: &Template| fill(template, who, str::to_owned);
    let pointer = |template: &Template| fill(template, who, |text| text.replace('~', "~0").replace('/', "~1"));
    let page = |page: &super::spec::Page| Some(Source::Page(fill_url(&page.url, who)?));
    Some(match kind {
        FeedKind::AgentCheck(AgentCheck { port, send }) => {
            let endpoint = match who.address.as_ref()? {
                Address::Socket(socket) => Endpoint::Socket(*socket),
                Address::Ip(address) => Endpoint::Socket(SocketAddr::new(*address, (*port)?)),
                Address::Host(host) => Endpoint::Host(Arc::clone(host), (*port)?),
            };
            let send = match send {
                Some(send) => Some(plain(send)?),
                None => None,
            };
            (Source::Agent(endpoint, send), Pick::Whole)
        }
        FeedKind::HaproxyStats(stats) => {
            let server = match (&stats.server, &who.subject) {
                (Some(server), _) => plain(server)?,
                (None, Subject::Region(_)) => "BACKEND".to_owned(),
                (None, Subject::Member { .. }) => who.name.as_ref()?.to_string(),
            };
            let wanted = haproxy_stats::Wanted {
                backend: plain(&stats.backend)?,
                server,
                full_weight: stats.full_weight,
                measures: stats.measures.clone(),
                by_limit: !who.has_capacity,
            };
            (page(&stats.page)?, Pick::Row(wanted))
        }
        FeedKind::Json(JsonValue { page: document, number, word, weight }) => {
            let optional = |template: &Option<Template>| match template {
                Some(template) => pointer(template).map(Some),
                None => Some(None),
            };
            let number = match number {
                Some((template, scaled)) => Some((pointer(template)?, *scaled)),
                None => None,
            };
            let wanted = json::Wanted { number, word: optional(word)?, weight: optional(weight)? };
            (page(document)?, Pick::Places(wanted))
        }
        FeedKind::Prometheus(Metric { page: metrics, name, labels, rate, scaled }) => {
            let labels = labels.iter().map(|(name, value)| Some((name.clone(), plain(value)?)));
            let labels = labels.collect::<Option<Vec<_>>>()?;
            let wanted = prometheus::Wanted { name: name.clone(), labels, rate: *rate, scaled: *scaled };
            (page(metrics)?, Pick::Metric(wanted))
        }
        FeedKind::Header(Header { .. }) => (Source::Check(who.target.clone()?), Pick::Whole),
    })
}

/// A text with its places filled; `None` where one of them is not known.
fn fill(template: &Template, who: &Who, escape: impl Fn(&str) -> String) -> Option<String> {
    template
        .placeholders()
        .all(|place| value(place, who).is_some())
        .then(|| template.fill(|place| escape(&value(place, who).unwrap_or_default())))
}

/// As [`fill`], as parts of a URL: addresses of IPv6 in brackets, names percent-encoded.
fn fill_url(url: &Template, who: &Who) -> Option<String> {
    url.placeholders().all(|place| value(place, who).is_some()).then(|| {
        url.fill(|place| {
            let text = value(place, who).unwrap_or_default();
            match place {
                Placeholder::Address if text.contains(':') => format!("[{text}]"),
                Placeholder::Address => text,
                Placeholder::Name | Placeholder::Region => percent_encoded(&text),
            }
        })
    })
}

fn percent_encoded(text: &str) -> String {
    let octet = |octet: u8| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(octet).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(octet).collect()
}

fn value(place: Placeholder, who: &Who) -> Option<String> {
    match place {
        // The port of an address is for agents; a URL has its own.
        Placeholder::Address => who.address.as_ref().map(|address| match address {
            Address::Ip(address) => address.to_string(),
            Address::Socket(socket) => socket.ip().to_string(),
            Address::Host(host) => host.to_string(),
        }),
        Placeholder::Name => match (&who.name, &who.subject) {
            (Some(name), _) => Some(name.to_string()),
            (None, Subject::Region(region)) => Some(region.to_string()),
            (None, Subject::Member { .. }) => None,
        },
        Placeholder::Region => Some(who.region.to_string()),
    }
}

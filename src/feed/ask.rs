//! Asks one source, and reads its answer for all of whom it speaks; reading alone is pure. Knows no schedule.

use super::plan::{Ask, Pick, Source};
use super::reading::Reading;
use super::spec::FeedKind;
use super::{agent_check, haproxy_stats, header, json, page, prometheus};
use crate::base::Trouble;
use crate::base::UnixTime;
use crate::health::Captured;
use reqwest::Client;

/// What a source says: for each of its picks, in their order.
pub type Answers = Vec<Result<Reading, Trouble>>;

/// Asks a source over the network; `client` is there for sources that are pages.
pub async fn ask(ask: &Ask, client: Option<Client>) -> Answers {
    match &ask.source {
        Source::Agent(endpoint, send) => match agent_check::ask(endpoint, send.as_deref(), ask.feed.timeout).await {
            Ok(line) => read(&line, ask),
            Err(trouble) => vec![Err(trouble); ask.picks.len()],
        },
        Source::Page(url) => {
            let Some((client, wanted)) = client.zip(ask.feed.kind.page()) else { return Vec::new() };
            match page::get(&client, url, &wanted.headers, ask.feed.timeout).await {
                Ok(body) => read(&body.octets, ask),
                Err(trouble) => vec![Err(trouble); ask.picks.len()],
            }
        }
        Source::Check(_) => Vec::new(),
    }
}

/// Reads what an agent or a page has answered: a line without its end, or the whole page.
#[must_use]
pub fn read(octets: &[u8], ask: &Ask) -> Answers {
    match &ask.source {
        Source::Agent(..) => vec![agent_check::parse(octets).map_err(Trouble::Failed); ask.picks.len()],
        Source::Page(_) => of_page(octets, ask),
        Source::Check(_) => Vec::new(),
    }
}

/// Reads the header that a health check has captured, and says of when it is; nothing for feeds that read none.
#[must_use]
pub fn of_check(captured: Option<Captured>, ask: &Ask) -> Option<(Answers, UnixTime)> {
    let FeedKind::Header(wanted) = &ask.feed.kind else { return None };
    let (answer, at) = match captured {
        Some(Captured { value, at }) => (header::read(&value, wanted.scaled).map_err(Trouble::Failed), at),
        None => {
            let why = format!("no health check of monitor `{}` has brought the header yet", wanted.monitor);
            (Err(Trouble::Failed(why)), UnixTime::default())
        }
    };
    Some((vec![answer; ask.picks.len()], at))
}

fn of_page(octets: &[u8], ask: &Ask) -> Answers {
    let picks = || ask.picks.iter().map(|(_, pick)| pick);
    let all = |why: String| vec![Err(Trouble::Failed(why)); ask.picks.len()];
    let answers: Vec<Result<Reading, String>> = match &ask.feed.kind {
        FeedKind::HaproxyStats(_) => match haproxy_stats::Page::parse(octets) {
            Ok(page) => picks()
                .filter_map(|pick| if let Pick::Row(wanted) = pick { Some(page.read(wanted)) } else { None })
                .collect(),
            Err(why) => return all(why),
        },
        FeedKind::Json(_) => match json::parse(octets) {
            Ok(document) => picks()
                .filter_map(
                    |pick| if let Pick::Places(wanted) = pick { Some(json::read(&document, wanted)) } else { None },
                )
                .collect(),
            Err(why) => return all(why),
        },
        FeedKind::Prometheus(_) => {
            let wanted = picks().filter_map(|pick| if let Pick::Metric(wanted) = pick { Some(wanted) } else { None });
            prometheus::read(octets, &wanted.collect::<Vec<_>>())
        }
        FeedKind::AgentCheck(_) | FeedKind::Header(_) => Vec::new(),
    };
    answers.into_iter().map(|answer| answer.map_err(Trouble::Failed)).collect()
}

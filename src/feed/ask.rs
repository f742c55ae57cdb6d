//! Asks one source, and reads its answer for all of whom it speaks. Knows no schedule.

use super::plan::{Ask, Pick, Source};
use super::reading::Reading;
use super::spec::FeedKind;
use super::trouble::Trouble;
use super::{agent_check, haproxy_stats, header, json, page, prometheus};
use crate::base::UnixTime;
use crate::health::Captured;
use reqwest::Client;

/// What a source says: for each of its picks, in their order.
pub type Answers = Vec<Result<Reading, Trouble>>;

/// Asks a source over the network; `client` is there for sources that are pages.
pub async fn ask(ask: &Ask, client: Option<Client>) -> Answers {
    match &ask.source {
        Source::Agent(endpoint, send) => {
            let line = agent_check::ask(endpoint, send.as_deref(), ask.feed.timeout).await;
            let reading = line.and_then(|line| agent_check::parse(&line).map_err(Trouble::Failed));
            vec![reading; ask.picks.len()]
        }
        Source::Page(url) => {
            let Some((client, wanted)) = client.zip(ask.feed.kind.page()) else { return Vec::new() };
            match page::get(&client, url, &wanted.headers, ask.feed.timeout).await {
                Ok(body) => of_page(&body.octets, ask),
                Err(trouble) => vec![Err(trouble); ask.picks.len()],
            }
        }
        Source::Check(_) => Vec::new(),
    }
}

/// Reads a captured header.
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

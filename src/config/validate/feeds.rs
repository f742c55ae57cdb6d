//! Feeds: their monitors, who uses which, and whether each is told what it needs. Knows no pages and no agents.

use super::names::Names;
use super::region_id;
use crate::base::{Diagnostic, MonitorId, PoolId, Span};
use crate::config::report::Report;
use crate::config::spec::{AskedTable, Definition, FeedTable, PoolTable, RegionFeeds, Spec};
use crate::config::tree::Spanned;
use crate::config::{FeedUse, FeedUser, keys};
use crate::feed::plan::{Need, lacks};
use crate::feed::spec::{Feed, FeedKind};
use crate::probe::spec::{Monitor, MonitorKind};
use crate::steering::spec::{MemberTarget, Pool, ProbeAddress};

/// Who uses which feeds, regions first, in configured order. `feeds` are the names of feeds, and `pools` what was built of
/// the tables.
pub fn uses(spec: &Spec, pools: &[Pool], feeds: &Names, monitors: &Names, report: &mut Report) -> Vec<FeedUse> {
    let tables = Tables { spec, feeds, monitors };
    for table in &spec.feeds {
        tables.check_monitor(table, report);
    }
    let mut uses = Vec::new();
    for (index, region) in spec.region_feeds.iter().enumerate() {
        uses.extend(tables.of_region(index, region, report));
    }
    for (index, (definition, pool)) in spec.pools.iter().zip(pools).enumerate() {
        let id = PoolId(u32::try_from(index).unwrap_or(u32::MAX));
        uses.extend(tables.of_pool(id, definition, pool, report));
    }
    uses
}

struct Tables<'a> {
    spec: &'a Spec,
    feeds: &'a Names,
    monitors: &'a Names,
}

impl Tables<'_> {
    /// The monitor that a feed reads must be there, and must capture a header.
    fn check_monitor(&self, table: &Definition<FeedTable>, report: &mut Report) {
        let Some(name) = &table.table.monitor else { return };
        let Some(index) = self.monitors.find(name, report) else { return };
        let Some(monitor) = self.spec.monitors.get(index) else { return };
        if monitor.table.as_ref().is_some_and(|monitor| !captures_header(monitor)) {
            let message = format!("monitor `{}` captures no header, so that the feed never reports", name.value);
            let diagnostic = Diagnostic::warning(message).at(name.span, "").at(monitor.defined.name.span, "");
            let example = "capture_header = \"endpoint-load-metrics\"";
            report.push(diagnostic.hint(format!("add for example `{example}` to the monitor")));
        }
    }

    /// The feeds that `names` stand for; none of one that has mistakes of its own.
    fn found(&self, names: &[Spanned<String>], report: &mut Report) -> Vec<(usize, Span, &Feed)> {
        let of = |name: &Spanned<String>| {
            let index = self.feeds.find(name, report)?;
            Some((index, name.span, self.spec.feeds.get(index)?.table.feed.as_ref()?))
        };
        names.iter().filter_map(of).collect()
    }

    /// The index of a feed among those without mistakes.
    fn id(&self, index: usize) -> usize {
        self.spec.feeds.iter().take(index).filter(|feed| feed.table.feed.is_some()).count()
    }

    fn of_region(&self, index: usize, region: &RegionFeeds, report: &mut Report) -> Option<FeedUse> {
        let found = self.found(&region.feeds, report);
        check_used(region.feeds.is_empty(), &region.asked, "region", report);
        for &(_, place, feed) in &found {
            if matches!(feed.kind, FeedKind::Header(_)) {
                let message = format!("feed `{}` reads health checks, and a region as a whole has none", feed.name);
                report.push(Diagnostic::error(message).at(place, "").hint("name it under `feed` of a pool instead"));
                continue;
            }
            // The name of a region stands for the one that it lacks.
            let lacking = lacks(&feed.kind, region.asked.address.is_some(), has_port(&region.asked), true);
            if let Some(need) = lacking {
                report.push(missing(feed, need, "the region", place));
            }
        }
        let user = FeedUser::Region(region_id(index));
        (!found.is_empty()).then(|| self.built(user, &found, &region.asked))
    }

    fn of_pool(
        &self,
        id: PoolId,
        definition: &Definition<PoolTable>,
        pool: &Pool,
        report: &mut Report,
    ) -> Vec<FeedUse> {
        let table = &definition.table;
        let found = self.found(&table.feeds, report);
        for member in &table.members {
            check_used(table.feeds.is_empty(), &member.asked, "pool", report);
        }
        for &(_, place, feed) in &found {
            self.check_checked(feed, place, definition, pool, report);
            let lacking = table.members.iter().filter_map(|member| {
                let by_name = matches!(member.target.as_ref()?.value, MemberTarget::Name { .. });
                // Names are looked up when they are asked.
                let has_port = has_port(&member.asked) && !(by_name && member.asked.address.is_none());
                let need = lacks(&feed.kind, true, has_port, member.asked.name.is_some())?;
                Some((need, member.target.as_ref()?.span))
            });
            // One is enough to know what is missing.
            if let Some((need, member)) = lacking.into_iter().next() {
                report.push(missing(feed, need, "a member of the pool", place).at(member, "this one"));
            }
        }
        // With mistakes in the tables members may have been left out.
        if found.is_empty() || pool.members.len() != table.members.len() {
            return Vec::new();
        }
        let members = table.members.iter().enumerate();
        members.map(|(member, table)| self.built(FeedUser::Member(id, member), &found, &table.asked)).collect()
    }

    /// Members of a pool are checked by the monitor whose header is read.
    fn check_checked(
        &self,
        feed: &Feed,
        place: Span,
        definition: &Definition<PoolTable>,
        pool: &Pool,
        report: &mut Report,
    ) {
        let FeedKind::Header(header) = &feed.kind else { return };
        let Some(monitor) = self.monitors.position(&header.monitor) else { return };
        let monitor = MonitorId(u32::try_from(monitor).unwrap_or(u32::MAX));
        if !pool.monitors.iter().any(|required| required.monitor == monitor) {
            let name = &definition.defined.name;
            let message = format!(
                "feed `{}` reads checks of monitor `{}`, by which pool `{}` is not checked",
                feed.name, header.monitor, name.value
            );
            let hint = format!("add `{}` to `{}` of the pool", header.monitor, keys::pool::MONITOR.name);
            report.push(Diagnostic::error(message).at(place, "").hint(hint));
        }
    }

    fn built(&self, user: FeedUser, found: &[(usize, Span, &Feed)], asked: &AskedTable) -> FeedUse {
        FeedUse {
            user,
            feeds: found.iter().map(|&(index, ..)| self.id(index)).collect(),
            address: asked.address.as_ref().map(|address| address.value),
            name: asked.name.as_ref().map(|name| name.value.as_str().into()),
        }
    }
}

fn captures_header(monitor: &Monitor) -> bool {
    matches!(&monitor.kind, MonitorKind::Http(check) if check.capture_header.is_some())
}

fn has_port(asked: &AskedTable) -> bool {
    matches!(asked.address, Some(Spanned { value: ProbeAddress::Socket(_), .. }))
}

/// Where nothing is asked, it makes no difference where.
fn check_used(has_no_feed: bool, asked: &AskedTable, of: &str, report: &mut Report) {
    let address = asked.address.as_ref().map(|address| (keys::member::FEED_ADDRESS.name, address.span));
    let unused = address.or_else(|| asked.name.as_ref().map(|name| (keys::member::FEED_NAME.name, name.span)));
    if let Some((key, span)) = unused.filter(|_| has_no_feed) {
        let message = format!("`{key}` has no effect in a {of} without a feed");
        let hint = format!("name a feed under `{}`, or remove it", keys::pool::FEED.name);
        report.push(Diagnostic::warning(message).at(span, "").hint(hint));
    }
}

fn missing(feed: &Feed, need: Need, who: &str, place: Span) -> Diagnostic {
    let (key, example) = match need {
        Need::Address => (&keys::member::FEED_ADDRESS, "the address where it is asked"),
        Need::Name => (&keys::member::FEED_NAME, "what it is called there"),
        Need::Port => (&keys::feed::PORT, "the port that agents listen on"),
    };
    let (whose, hint) = match need {
        Need::Port => (
            "a port".to_owned(),
            format!("add `{} = {}` to the feed, or a port to each `feed_address`", key.name, key.example),
        ),
        Need::Address | Need::Name => {
            (format!("`{}`", key.name), format!("add `{} = {}`: {example}", key.name, key.example))
        }
    };
    Diagnostic::error(format!("feed `{}` needs {whose}, which {who} does not have", feed.name)).at(place, "").hint(hint)
}

//! Feeds: between the configuration, the feeder, the prober and the publisher.

use super::plan::endpoint;
use crate::config::{Config, FeedUser};
use crate::feed::spec::{Feed, FeedKind};
use crate::feed::{Address, FeedPlan, Feeder, Hooks, Who};
use crate::health::{Subject, TargetKey};
use crate::probe::Prober;
use crate::snapshot::{PublisherHandle, target_name};
use crate::steering::spec::{Member, MemberTarget, ProbeAddress};
use std::io;
use std::sync::Arc;

/// Who is asked for what. Members and regions that are not enabled are not asked.
#[must_use]
pub fn feed_plan(config: &Config) -> FeedPlan {
    let feeds: Vec<Arc<Feed>> = config.feeds.iter().cloned().map(Arc::new).collect();
    let mut plan = FeedPlan::default();
    for usage in &config.feed_uses {
        let (region, member) = match usage.user {
            FeedUser::Region(region) => (region, None),
            FeedUser::Member(pool, member) => {
                let pool = &config.pools[pool.index()];
                let member = &pool.members[member];
                (member.region, Some((pool, member)))
            }
        };
        let region = &config.regions[region.index()];
        if !region.enabled || member.is_some_and(|(_, member)| !member.enabled) {
            continue;
        }
        let configured = usage.address.map(|address| match address {
            ProbeAddress::Address(address) => Address::Ip(address),
            ProbeAddress::Socket(socket) => Address::Socket(socket),
        });
        let own = member.map(|(_, member)| own_address(member));
        let mut who = Who {
            subject: match member {
                None => Subject::Region(Arc::clone(&region.name)),
                Some((pool, member)) => {
                    Subject::Member { pool: Arc::clone(&pool.name), target: target_name(&member.target) }
                }
            },
            address: configured.or(own),
            name: usage.name.clone(),
            region: Arc::clone(&region.name),
            has_capacity: member.map_or(region.capacity, |(_, member)| member.capacity).is_some(),
            target: None,
        };
        for feed in usage.feeds.iter().map(|&feed| &feeds[feed]) {
            who.target = member.and_then(|(_, member)| checked_target(config, feed, member));
            if !plan.add(feed, &who) {
                // The configuration was checked for it.
                tracing::error!(feed = %feed.name, subject = %who.subject, "a feed lacks what it needs and is not read");
            }
        }
    }
    plan
}

/// Starts reading; what is read goes to the publisher.
pub fn start(config: &Config, plan: FeedPlan, prober: &Prober, publisher: PublisherHandle) -> io::Result<Feeder> {
    let (clock, targets) = (prober.clock(), prober.states());
    let hooks = Hooks {
        now: Arc::new(move || clock.now()),
        captured: Box::new(move |target| targets.get(target)?.captured.clone()),
    };
    Feeder::start(plan, hooks, &config.server.state_dir, Box::new(move |reports| publisher.reported(reports)))
}

fn own_address(member: &Member) -> Address {
    match &member.target {
        MemberTarget::Address(address) => Address::Ip(*address),
        MemberTarget::Name { text, .. } => Address::Host(text.trim_end_matches('.').into()),
    }
}

/// What is checked of a member by the monitor whose header a feed reads.
fn checked_target(config: &Config, feed: &Feed, member: &Member) -> Option<TargetKey> {
    let FeedKind::Header(header) = &feed.kind else { return None };
    let monitor = config.monitors.iter().find(|monitor| monitor.name == header.monitor)?;
    Some(TargetKey { monitor: Arc::clone(&monitor.name), endpoint: endpoint(member, monitor.port) })
}

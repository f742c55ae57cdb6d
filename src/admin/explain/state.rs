//! What is going on beside the decision, in an operator's words: what operators and feeds say, what moves regions and members.

use crate::admin::feeds::Feeds;
use crate::admin::status::report::Feed;
use crate::base::{PolicyId, PoolId, UnixTime};
use crate::health::Subject;
use crate::snapshot::{PairCourse, PublisherHandle, target_name};
use crate::steering::MemberState;
use crate::steering::condition::WEIGHT_UNIT;
use crate::steering::control::operator::{OperatorTable, Order};
use crate::steering::control::{Course, MemberCourse, RegionCourse};
use crate::steering::spec::{Member, Pool, Region};
use std::sync::Arc;

/// What is known beside the snapshot.
pub(super) struct Known<'p> {
    publisher: &'p PublisherHandle,
    courses: Vec<PairCourse>,
    operator: Arc<OperatorTable>,
    now: UnixTime,
    feeds: Feeds,
}

impl<'p> Known<'p> {
    /// Asks the publisher.
    pub(super) fn new(publisher: &'p PublisherHandle, feeds: Feeds, now: UnixTime) -> Self {
        Self { publisher, courses: publisher.courses(), operator: publisher.operator(), now, feeds }
    }

    pub(super) const fn publisher(&self) -> &PublisherHandle {
        self.publisher
    }

    /// What is going on in a pool under a policy.
    pub(super) fn course(&self, pool: PoolId, policy: PolicyId) -> Option<&PairCourse> {
        self.courses.iter().find(|course| (course.pool, course.policy) == (pool, policy))
    }

    /// What is going on in a region of a pool. `may_answer`: some member of it may, by operators and feeds.
    pub(super) fn of_region(
        &self,
        pool: &Pool,
        region: &Region,
        course: Option<&RegionCourse>,
        may_answer: bool,
    ) -> Vec<String> {
        let of_region = |order: &&Order| {
            order.pattern.names_region(&region.name) || order.pattern.covers_pool_region(&pool.name, &region.name)
        };
        let mut notes: Vec<String> =
            self.operator.active(self.now).filter(of_region).map(|order| self.order(order)).collect();
        let subject = Subject::Region(Arc::clone(&region.name));
        notes.extend(self.feeds.of(&subject).iter().map(feed_words));
        let report = self.publisher.report(&subject);
        notes.extend(
            report.and_then(|report| report.word).filter(|word| word.forbids()).map(|w| format!("its feed says `{w}`")),
        );
        let Some(course) = course else { return notes };
        // What was taken out says already why.
        notes.extend(self.course_words(course).filter(|_| may_answer));
        if course.refuses > 0.0 {
            notes.push(format!("takes no {} of what other regions hand on", percent(course.refuses)));
        }
        // Where it sheds, its use has been told.
        if let (Some(used), false) = (course.utilisation, matches!(course.course, Course::Shedding { .. })) {
            notes.push(format!("uses {} of its capacity", percent(used)));
        }
        notes
    }

    fn course_words(&self, region: &RegionCourse) -> Option<String> {
        let words = match region.in_effect() {
            Course::Steady => return None,
            Course::Shedding { share, utilisation } => {
                let used = utilisation.map(|used| format!(": it uses {} of its capacity", percent(used)));
                format!("hands on {} of client subnets{}", percent(share), used.unwrap_or_default())
            }
            Course::Draining { share } => format!("hands on {} of client subnets: it is being drained", percent(share)),
            Course::WarmingUp { share: 1.0.., until } => {
                format!(
                    "warming up, and takes all of its client subnets: no other region has room; ends {}",
                    self.in_time(until)
                )
            }
            Course::Probation { share: 1.0.., until } => {
                format!(
                    "on probation, and takes all of its client subnets: no other region has room; ends {}",
                    self.in_time(until)
                )
            }
            Course::WarmingUp { share, until } => {
                format!(
                    "warming up: takes {} of its client subnets, all of them {}",
                    percent(share),
                    self.in_time(until)
                )
            }
            Course::Probation { share, until } => format!(
                "on probation: takes {} of its client subnets until its first good report, or {}",
                percent(share),
                self.in_time(until)
            ),
            Course::HeldBack { until: Some(until) } if until <= self.now => {
                "held back while another region is healthy: comes back with its next results".to_owned()
            }
            Course::HeldBack { until: Some(until) } => {
                format!("held back while another region is healthy: comes back {}", self.in_time(until))
            }
            Course::HeldBack { until: None } => {
                "held back while another region is healthy: waits for `azimuth failback`".to_owned()
            }
            Course::FailoverDelayed { until } => {
                format!("has failed, and is left {} (`failover_delay`)", self.in_time(until))
            }
            Course::Down { since } => match self.now.since(since).as_secs() {
                0 => "not healthy enough since this moment".to_owned(),
                seconds => format!("not healthy enough for {}", span(seconds)),
            },
        };
        Some(words)
    }

    /// What is going on with a member.
    pub(super) fn of_member(
        &self,
        pool: &Pool,
        region: &Region,
        member: &Member,
        state: &MemberState,
        course: Option<&MemberCourse>,
    ) -> Vec<String> {
        let target = target_name(&member.target);
        let own = self.operator.of_member(&pool.name, &region.name, &target, self.now);
        let mut notes: Vec<String> = own.map(|order| self.order(order)).collect();
        let subject = Subject::Member { pool: Arc::clone(&pool.name), target };
        notes.extend(self.feeds.of(&subject).iter().map(feed_words));
        if let Some(report) = self.publisher.report(&subject) {
            notes.extend(report.word.filter(|word| word.forbids()).map(|word| format!("its feed says `{word}`")));
            let moved = report.weight_percent.filter(|percent| *percent != 100);
            notes.extend(moved.map(|percent| format!("its feed says {percent} % of its weight")));
        }
        let course = course.copied().unwrap_or_default();
        notes.extend(course.exceeded.map(|beyond| {
            format!("beyond its limit of `{}`: {} of at most {}", beyond.limit, beyond.reported, beyond.most)
        }));
        notes.extend(course.ramp.map(|ramp| {
            format!("coming back: {} of its weight, all of it {}", percent(ramp.share), self.in_time(ramp.until))
        }));
        if course.kept {
            notes.push("down, and kept until `failover_delay` is over".to_owned());
        }
        notes.extend(
            course.share_factor.filter(|factor| (factor - 1.0).abs() >= 0.01).map(|factor| {
                format!("answered {factor:.2} times as often as by its weight alone: it follows reports")
            }),
        );
        let now = f64::from(state.weight) / f64::from(WEIGHT_UNIT);
        if state.enabled && (now - f64::from(member.weight)).abs() >= 0.005 {
            notes.push(format!("weighs {now:.2} now, {} as configured", member.weight));
        }
        notes
    }

    /// The word for a member that its state and its operators make.
    pub(super) fn status(&self, pool: &Pool, region: &Region, member: &Member, state: &MemberState) -> String {
        if !(member.enabled && region.enabled) {
            return "disabled".to_owned();
        }
        if state.enabled {
            return state.status.to_string();
        }
        let target = target_name(&member.target);
        let order = self.operator.of_member(&pool.name, &region.name, &target, self.now);
        let strongest = order.filter(|order| order.action.forbids()).max_by_key(|order| order.action.admin());
        strongest.map_or_else(|| "stopped".to_owned(), |order| order.action.words())
    }

    /// What an operator said, of what, until when and why.
    fn order(&self, order: &Order) -> String {
        let until = order.until.map(|until| format!(", ends {}", self.in_time(until))).unwrap_or_default();
        let reason = if order.reason.is_empty() { String::new() } else { format!(": {}", order.reason) };
        format!("{} by an operator (`{}`{until}){reason}", order.action.words(), order.pattern)
    }

    fn in_time(&self, time: UnixTime) -> String {
        match time.since(self.now).as_secs() {
            0 => "now".to_owned(),
            seconds => format!("in {}", span(seconds)),
        }
    }
}

/// A share as a percentage.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if (percent - percent.round()).abs() < 0.05 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// How old what a feed has said is.
fn feed_words(feed: &Feed) -> String {
    let age = feed.age.map_or_else(|| "no report yet".to_owned(), |age| format!("last report {} ago", span(age)));
    let stale = if feed.stale { "stale, " } else { "" };
    let error = feed.last_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    format!("feed `{}`: {stale}{age}{error}", feed.name)
}

/// A time span, in the unit that fits.
fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::{percent, span};

    #[test]
    fn shares_and_spans_are_as_short_as_they_can_be() {
        assert_eq!([0.3, 0.305, 1.0, 0.0004].map(percent), ["30 %", "30.5 %", "100 %", "0 %"]);
        assert_eq!([5, 119, 120, 7_200, 200_000].map(span), ["5 s", "119 s", "2 min", "2 h", "2 days"]);
    }
}

//! What state something is in, in an operator's words. Pure.

use crate::base::{RegionId, UnixTime};
use crate::health::{Report, Status, TargetKey, TargetState, Word};
use crate::steering::condition::MemberState;
use crate::steering::control::{Admin, Course};
use crate::steering::spec::{MemberTarget, Pool};

/// What operators say, in words; nothing where they say nothing.
fn of_admin(admin: Admin) -> Option<String> {
    match admin {
        Admin::None => None,
        Admin::ForcedUp => Some("forced up".to_owned()),
        Admin::Draining { percent: 100.. } => Some("drained".to_owned()),
        Admin::Draining { percent } => Some(format!("draining {percent} %")),
        Admin::ForcedDown => Some("forced down".to_owned()),
    }
}

/// What a feed says that keeps something out, in words.
fn of_feed(word: Option<Word>) -> Option<&'static str> {
    match word? {
        Word::Up | Word::Ready => None,
        Word::Down => Some("down (feed)"),
        Word::Drain => Some("drained (feed)"),
        Word::Maint => Some("maint (feed)"),
        Word::Stopped => Some("stopped (feed)"),
    }
}

/// A region, for all pools.
pub fn of_region(enabled: bool, admin: Admin, report: &Report) -> String {
    match (enabled, of_admin(admin)) {
        (false, _) => "disabled".to_owned(),
        (true, Some(words)) => words,
        (true, None) => of_feed(report.word).unwrap_or("enabled").to_owned(),
    }
}

/// A pool in a region, shortly.
pub fn of_pool_region(is_steered: bool, available: bool, admin: Admin, course: Course) -> String {
    if !is_steered {
        return "not steered".to_owned();
    }
    let mut words = vec![if available { "available".to_owned() } else { "unavailable".to_owned() }];
    words.extend(of_admin(admin));
    words.extend(match course {
        // Said already: by the operator, or as unavailable.
        Course::Steady | Course::Draining { .. } | Course::Down { .. } => None,
        Course::Shedding { share, .. } => Some(format!("hands on {}", percent(share))),
        Course::WarmingUp { share, .. } => Some(format!("warming up {}", percent(share))),
        Course::Probation { share, .. } => Some(format!("probation {}", percent(share))),
        Course::HeldBack { .. } => Some("held back".to_owned()),
        Course::FailoverDelayed { .. } => Some("failing over".to_owned()),
    });
    words.join(", ")
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// What is going on in a region of a pool, in a sentence; nothing where nothing is.
pub fn of_course(course: Course, now: UnixTime) -> Option<String> {
    let left = |until: UnixTime| format!("{} s", until.since(now).as_secs());
    Some(match course {
        Course::Steady | Course::Draining { .. } => return None,
        Course::Shedding { share, utilisation } => {
            let at = utilisation.map(|of| format!(", at {} of its capacity", percent(of))).unwrap_or_default();
            format!("hands on {} of its clients because of its load{at}", percent(share))
        }
        Course::WarmingUp { share: 1.0.., .. } | Course::Probation { share: 1.0.., .. } => {
            "has come back and takes all of its clients, because no other region has room for them".to_owned()
        }
        Course::WarmingUp { share, until } => {
            format!("has come back and takes {} of its clients, all in {}", percent(share), left(until))
        }
        Course::Probation { share, until } => format!(
            "has come back and takes {} of its clients until its first good report, or for {}",
            percent(share),
            left(until)
        ),
        Course::HeldBack { until: Some(until) } => format!("has come back and is passed over for {}", left(until)),
        Course::HeldBack { until: None } => {
            "has come back and waits for the operator: `azimuth failback` lets it answer".to_owned()
        }
        Course::FailoverDelayed { until } => format!("has failed and goes on answering for {}", left(until)),
        Course::Down { since } => match now.since(since).as_secs() {
            0 => "is not healthy enough since this moment".to_owned(),
            seconds => format!("has not been healthy enough for {seconds} s"),
        },
    })
}

/// A member in effect. `state`: as answers have it, where it is steered.
pub fn of_member(
    enabled: bool,
    admin: Admin,
    report: &Report,
    of_region: &Report,
    state: Option<MemberState>,
) -> String {
    if !enabled {
        return "disabled".to_owned();
    }
    let Some(state) = state else { return of_admin(admin).unwrap_or_else(|| "not steered".to_owned()) };
    let status = state.status.to_string();
    match (admin, of_admin(admin)) {
        (Admin::ForcedUp | Admin::ForcedDown | Admin::Draining { percent: 100.. }, Some(words)) => words,
        // A part of it is drained: its state is its monitors' still.
        (_, Some(words)) => format!("{status}, {words}"),
        (_, None) => match of_feed(report.word).or_else(|| of_feed(of_region.word)) {
            Some(words) => words.to_owned(),
            None if !state.enabled && report.weight_percent == Some(0) => "weight 0 (feed)".to_owned(),
            None if !state.enabled => "out".to_owned(),
            None => status,
        },
    }
}

/// What the monitors of a member say together, and whether one of them wavers.
pub fn verdict(pool: &Pool, known: &[(&TargetKey, TargetState)]) -> (Status, bool) {
    let (mut total, mut up, mut down, mut wavering) = (0_usize, 0, 0, false);
    for (at, (_, state)) in known.iter().enumerate() {
        let required = pool.monitors.get(at);
        if required.is_some_and(|required| required.watch_only) {
            continue;
        }
        let taken = required.map_or(state.status, |required| required.taken(state.status));
        total += 1;
        up += usize::from(taken == Status::Up);
        down += usize::from(taken == Status::Down);
        wavering |= state.wavering;
    }
    let needed = pool.at_least.map_or(total, |least| usize::from(least).min(total));
    let status = match (up >= needed, total - down < needed) {
        (true, _) => Status::Up,
        (false, true) => Status::Down,
        (false, false) => Status::Unknown,
    };
    (status, wavering)
}

/// Whether a region is healthy enough for the first pass in each family that it has enabled members of.
pub fn is_healthy(pool: &Pool, region: RegionId, states: &[MemberState], min_healthy: f64) -> bool {
    let mut weights = [(0_u64, 0_u64); 2];
    for (member, state) in pool.members.iter().zip(states).filter(|(member, _)| member.region == region) {
        let family = match member.target {
            MemberTarget::Address(address) => usize::from(address.is_ipv6()),
            MemberTarget::Name { .. } => 0,
        };
        if state.enabled {
            let (up, enabled) = &mut weights[family];
            *enabled += u64::from(member.weight);
            *up += if state.status == Status::Up { u64::from(member.weight) } else { 0 };
        }
    }
    let present = weights.iter().filter(|(_, enabled)| *enabled > 0);
    let fit = present.clone().all(|(up, enabled)| *up > 0 && *up as f64 >= min_healthy * *enabled as f64);
    fit && present.count() > 0
}

#[cfg(test)]
mod tests {
    use super::{of_course, of_member, of_pool_region, of_region};
    use crate::base::UnixTime;
    use crate::health::{Report, Status, Word};
    use crate::steering::condition::MemberState;
    use crate::steering::control::{Admin, Course};

    fn word(word: Word) -> Report {
        Report { word: Some(word), ..Report::default() }
    }

    #[test]
    fn an_operators_word_is_shown_before_a_feeds_and_a_feeds_before_a_monitors() {
        let silent = Report::default();
        let state = |status, enabled| Some(MemberState::configured(status, false, enabled, 1));
        let up = state(Status::Up, true);
        let out = state(Status::Up, false);
        assert_eq!(of_member(true, Admin::None, &silent, &silent, up), "up");
        assert_eq!(of_member(true, Admin::None, &silent, &silent, state(Status::Down, true)), "down");
        assert_eq!(of_member(true, Admin::None, &word(Word::Maint), &silent, out), "maint (feed)");
        assert_eq!(of_member(true, Admin::None, &silent, &word(Word::Drain), out), "drained (feed)");
        assert_eq!(of_member(true, Admin::ForcedUp, &word(Word::Drain), &silent, up), "forced up");
        assert_eq!(of_member(true, Admin::Draining { percent: 100 }, &word(Word::Up), &silent, out), "drained");
        assert_eq!(of_member(true, Admin::Draining { percent: 30 }, &silent, &silent, up), "up, draining 30 %");
        assert_eq!(of_member(true, Admin::ForcedDown, &silent, &silent, out), "forced down");
        assert_eq!(of_member(false, Admin::ForcedUp, &silent, &silent, out), "disabled");
        assert_eq!(of_member(true, Admin::None, &silent, &silent, None), "not steered");
        assert_eq!(of_region(true, Admin::None, &word(Word::Stopped)), "stopped (feed)");
        assert_eq!(of_region(false, Admin::ForcedUp, &silent), "disabled");
    }

    #[test]
    fn a_region_that_hands_clients_on_says_so() {
        let course = Course::Shedding { share: 0.4, utilisation: Some(0.9) };
        assert_eq!(of_pool_region(true, true, Admin::None, course), "available, hands on 40 %");
        assert_eq!(
            of_course(course, UnixTime::default()).as_deref(),
            Some("hands on 40 % of its clients because of its load, at 90 % of its capacity")
        );
        let course = Course::Draining { share: 0.4 };
        assert_eq!(of_pool_region(true, true, Admin::Draining { percent: 40 }, course), "available, draining 40 %");
        let held = Course::HeldBack { until: None };
        assert_eq!(of_pool_region(true, false, Admin::None, held), "unavailable, held back");
    }
}

//! When a secondary zone is compared with its primary, and when it expires (RFC 1034, section 4.3.5; RFC 1996). Pure: time
//! and chance come in as arguments.

use crate::base::UnixTime;
use crate::transfer::spec::SecondarySpec;
use crate::zone::Record;
use std::time::Duration;

/// First pause after a failure while there is no data; each further failure doubles it.
const BOOTSTRAP_MIN: Duration = Duration::from_secs(1);
/// Longest pause while there is no data.
const BOOTSTRAP_MAX: Duration = Duration::from_secs(300);
/// Each time is shortened by up to one part in so many, so that many zones do not come at once for ever.
const JITTER_PART: u64 = 10;

/// The timers of a SOA record, within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// From one successful comparison to the next.
    pub refresh: Duration,
    /// From a failure to the next try.
    pub retry: Duration,
    /// How long data is good without a primary.
    pub expire: Duration,
}

/// The bounds of what SOA records may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least of REFRESH and RETRY.
    pub min: Duration,
    /// The greatest.
    pub max: Duration,
}

impl Bounds {
    /// The bounds that are configured.
    #[must_use]
    pub fn of(spec: &SecondarySpec) -> Self {
        Self { min: spec.refresh_min, max: spec.refresh_max.max(spec.refresh_min) }
    }
}

impl Timers {
    /// The timers of a SOA record (RFC 1035, section 3.3.13); `None` for other records and broken ones.
    #[must_use]
    pub fn of(soa: &Record, bounds: Bounds) -> Option<Self> {
        soa.soa_serial()?;
        let [_, _, _, _, numbers @ ..] = soa.data.last_chunk::<20>()?;
        let second = |at: usize| {
            let octets = numbers.get(at..at + 4).and_then(|octets| octets.first_chunk::<4>());
            Duration::from_secs(octets.map_or(0, |octets| u32::from_be_bytes(*octets)).into())
        };
        let refresh = second(0).clamp(bounds.min, bounds.max);
        let retry = second(4).clamp(bounds.min, bounds.max);
        // One that ends before a second try would take the zone away at the first lost packet (RFC 1912, section 2.2).
        let expire = second(8).max(refresh + retry);
        Some(Self { refresh, retry, expire })
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing until then, unless something happens.
    Wait(UnixTime),
    /// Compare with the primary.
    Check,
    /// The data is too old to be served.
    Expire,
}

/// The times of one zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    next_check: UnixTime,
    /// When the data was last known to be the primary's, and its timers; `None` while there is no data.
    good: Option<(UnixTime, Timers)>,
    failures: u32,
}

impl Schedule {
    /// A zone that was last known to be the primary's at a time, or one without data. Either is compared at once.
    #[must_use]
    pub const fn new(now: UnixTime, good: Option<(UnixTime, Timers)>) -> Self {
        Self { next_check: now, good, failures: 0 }
    }

    /// What is to be done now.
    #[must_use]
    pub fn action(&self, now: UnixTime) -> Action {
        match self.expires() {
            Some(expires) if expires <= now => Action::Expire,
            _ if self.next_check <= now => Action::Check,
            expires => Action::Wait(expires.map_or(self.next_check, |expires| expires.min(self.next_check))),
        }
    }

    /// When the data expires; `None` while there is none.
    #[must_use]
    pub fn expires(&self) -> Option<UnixTime> {
        self.good.map(|(since, timers)| since + timers.expire)
    }

    /// When the data was last known to be the primary's; `None` while there is none.
    #[must_use]
    pub fn last_good(&self) -> Option<UnixTime> {
        self.good.map(|(since, _)| since)
    }

    /// When the next comparison is due.
    #[must_use]
    pub const fn next_check(&self) -> UnixTime {
        self.next_check
    }

    /// The data is what the primary has.
    pub fn succeeded(&mut self, now: UnixTime, timers: Timers, random: u64) {
        (self.good, self.failures) = (Some((now, timers)), 0);
        self.next_check = now + jittered(timers.refresh, random);
    }

    /// No primary could be compared with.
    pub fn failed(&mut self, now: UnixTime, random: u64) {
        let pause = match self.good {
            Some((_, timers)) => timers.retry,
            None => BOOTSTRAP_MIN.saturating_mul(1 << self.failures.min(16)).min(BOOTSTRAP_MAX),
        };
        self.failures = self.failures.saturating_add(1);
        self.next_check = now + jittered(pause, random);
    }

    /// The data was taken away; the tries go on.
    pub const fn expired(&mut self) {
        (self.good, self.failures) = (None, 0);
    }

    /// The timers have changed otherwise than by a comparison.
    pub fn set_timers(&mut self, now: UnixTime, timers: Timers) {
        if let Some((_, known)) = &mut self.good {
            *known = timers;
            self.next_check = self.next_check.min(now + timers.refresh);
        }
    }

    /// There is reason to compare at once.
    pub fn hurry(&mut self, now: UnixTime) {
        self.next_check = self.next_check.min(now);
    }
}

fn jittered(duration: Duration, random: u64) -> Duration {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let share = (u128::from(micros / JITTER_PART) * u128::from(random)) >> 64;
    // What is shifted out leaves less than what went in.
    Duration::from_micros(micros - share as u64)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;
    use crate::wire::{Name, rtype};

    const BOUNDS: Bounds = Bounds { min: Duration::from_secs(2), max: Duration::from_secs(1000) };

    fn soa(numbers: [u32; 5]) -> Record {
        let numbers = numbers.map(u32::to_be_bytes).concat();
        let data = [&[0, 0], &numbers[..]].concat().into();
        Record { owner: Name::root(), rtype: rtype::SOA, ttl: 60, data }
    }

    fn timers(refresh: u32, retry: u32, expire: u32) -> Timers {
        Timers::of(&soa([1, refresh, retry, expire, 0]), BOUNDS).unwrap()
    }

    const fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    #[test]
    fn timers_are_kept_within_bounds_and_expire_outlasts_a_retry() {
        let seconds = |t: Timers| (t.refresh.as_secs(), t.retry.as_secs(), t.expire.as_secs());
        assert_eq!(seconds(timers(100, 10, 900)), (100, 10, 900));
        assert_eq!(seconds(timers(0, 0, 0)), (2, 2, 4));
        assert_eq!(seconds(timers(9999, 2000, 5)), (1000, 1000, 2000));
        assert_eq!(seconds(timers(100, 10, u32::MAX)), (100, 10, u32::MAX.into()));
        assert!(Timers::of(&Record { rtype: rtype::A, ..soa([0; 5]) }, BOUNDS).is_none());
        assert!(Timers::of(&Record { data: [0; 19].into(), ..soa([0; 5]) }, BOUNDS).is_none());
    }

    #[test]
    fn a_zone_is_refreshed_retried_and_expires() {
        let mut schedule = Schedule::new(at(1000), None);
        assert_eq!(schedule.action(at(1000)), Action::Check);
        schedule.succeeded(at(1000), timers(100, 10, 150), 0);
        assert_eq!(schedule.action(at(1000)), Action::Wait(at(1100)));
        assert_eq!(schedule.action(at(1100)), Action::Check);
        schedule.failed(at(1101), 0);
        assert_eq!(schedule.action(at(1101)), Action::Wait(at(1111)));
        schedule.failed(at(1141), 0);
        // The end comes before the next try.
        assert_eq!(schedule.action(at(1141)), Action::Wait(at(1150)));
        assert_eq!(schedule.action(at(1150)), Action::Expire);
        schedule.expired();
        assert_eq!((schedule.expires(), schedule.last_good()), (None, None));
        assert_eq!(schedule.action(at(1151)), Action::Check);
    }

    #[test]
    fn what_was_kept_over_a_restart_expires_by_its_last_success() {
        let schedule = Schedule::new(at(5000), Some((at(1000), timers(100, 10, 4000))));
        assert_eq!(schedule.action(at(5000)), Action::Expire);
        let schedule = Schedule::new(at(4999), Some((at(1000), timers(100, 10, 4000))));
        assert_eq!(schedule.action(at(4999)), Action::Check);
    }

    #[test]
    fn without_data_the_tries_become_rarer() {
        let mut schedule = Schedule::new(at(0), None);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            schedule.failed(at(0), 0);
            pauses.push(schedule.next_check().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        schedule.hurry(at(7));
        assert_eq!(schedule.action(at(7)), Action::Check);
        // What is due earlier stays due earlier.
        schedule.hurry(at(9));
        assert_eq!(schedule.next_check(), at(7));
    }

    #[test]
    fn chance_shortens_times_by_a_tenth_at_most() {
        for (random, low, high) in [(0, 100, 100), (u64::MAX, 90, 91), (1 << 63, 95, 95)] {
            let mut schedule = Schedule::new(at(0), None);
            schedule.succeeded(at(0), timers(100, 10, 1000), random);
            let next = schedule.next_check().0.div_ceil(1_000_000);
            assert!((low..=high).contains(&next), "{random} {next}");
        }
    }
}

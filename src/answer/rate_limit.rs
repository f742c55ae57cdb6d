//! Response rate limiting: how many answers of one kind a client may get in a second over a transport that lets it lie about
//! its address, so that nobody can make this server flood others. Knows no clock and no transport.
//!
//! One table for all workers, because the kernel spreads the queries of one client over them, or pins it to one. Each bucket
//! is one word, read and written without a lock: two workers that write at the same moment lose one count, which is
//! all the same to a limit.

use crate::snapshot::settings::RateLimit;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets that a key may be in: one beside the other in the table, in one cache line. More would cost each answer a few
/// instructions, and help only where three clients at once are near their limits in one place of the table.
const WAYS: usize = 2;
/// Bits of a bucket that hold a time; the rest tells whose it is.
const TIME_BITS: u32 = 40;
/// A time in a bucket: microseconds, going round after 12 days.
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
/// A time that is further ahead than any bucket can be filled is one of the past.
const AHEAD_MAX: u64 = 2 * RateLimit::WINDOW_MICROS as u64;
/// Odd, with its bits well mixed.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// What an answer counts as: answers of one kind to one client share a limit.
///
/// Records count by their name. What can be asked for with any number of names (negative answers, referrals, what a
/// wildcard or a DNAME makes) counts by its zone, errors all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge(u64);

impl Charge {
    /// Errors.
    pub const ERROR: Self = Self(0);
    /// What the slow door answers.
    pub const SLOW: Self = Self(1);

    /// Records of the name with this hash.
    #[must_use]
    pub const fn records(name: u64) -> Self {
        Self(name ^ 1)
    }

    /// What a wildcard or a DNAME makes in the zone whose apex has this hash.
    #[must_use]
    pub const fn synthesized(apex: u64) -> Self {
        Self(apex ^ 2)
    }

    /// NXDOMAIN, or NODATA, in the zone whose apex has this hash.
    #[must_use]
    pub const fn negative(apex: u64) -> Self {
        Self(apex ^ 3)
    }

    /// A referral from the zone whose apex has this hash.
    #[must_use]
    pub const fn referral(apex: u64) -> Self {
        Self(apex ^ 4)
    }
}

/// What shall be done with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it.
    Send,
    /// Send it truncated, so that a client who is there asks again over a transport that cannot lie.
    Slip,
    /// Send nothing.
    Drop,
}

/// The table of all that was answered lately. Never grows.
#[derive(Debug)]
pub struct RateLimiter {
    /// Buckets, each with whose it is in its first bits, and in the others until when it is filled.
    sets: Box<[[AtomicU64; WAYS]]>,
    /// Secret, so that nobody can find keys that meet in one bucket.
    seed: [u64; 2],
}

impl RateLimiter {
    /// A table of at least `size` buckets; `seed` is drawn at random.
    #[must_use]
    pub fn new(size: u32, seed: [u64; 2]) -> Self {
        let sets = (size as usize).div_ceil(WAYS).next_power_of_two();
        Self { sets: (0..sets).map(|_| Default::default()).collect(), seed }
    }

    /// Counts a response of the kind `charge` to `source` at a monotonic time in milliseconds, and says what to do with it.
    /// `random` is drawn for each.
    #[inline(always)]
    #[must_use]
    pub fn judge(&self, limit: &RateLimit, source: IpAddr, charge: Charge, milliseconds: u64, random: u64) -> Verdict {
        if limit.interval_micros == 0 || limit.exempt.contains(source) {
            return Verdict::Send;
        }
        self.judge_limited(limit, source, charge, milliseconds, random)
    }

    /// The same for a client that is limited.
    #[inline(never)]
    fn judge_limited(
        &self,
        limit: &RateLimit,
        source: IpAddr,
        charge: Charge,
        milliseconds: u64,
        random: u64,
    ) -> Verdict {
        if self.take(self.key(limit, source, charge), limit.interval_micros, milliseconds) {
            return Verdict::Send;
        }
        match limit.slip {
            0 => Verdict::Drop,
            // Others write it, and know no short form.
            _ if charge == Charge::SLOW => Verdict::Drop,
            // By chance and not in turn: nobody can arrange that his queries take the turns of another.
            slip if (random >> 32).is_multiple_of(u64::from(slip)) => Verdict::Slip,
            _ => Verdict::Drop,
        }
    }

    /// A well-mixed number for a client and a kind of response.
    fn key(&self, limit: &RateLimit, source: IpAddr, charge: Charge) -> u64 {
        let prefix = match source {
            // The families must not meet: no IPv6 client has these first bits.
            IpAddr::V4(v4) => u64::from(v4.to_bits() & limit.ipv4_mask) | 0xffff_ffff << 32,
            IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64 & limit.ipv6_mask,
        };
        let product = u128::from(prefix ^ self.seed[0]) * u128::from(charge.0 ^ self.seed[1]);
        ((product >> 64) as u64 ^ product as u64).wrapping_mul(MULTIPLIER)
    }

    /// Whether the bucket of `key` has room for one more, which is then put in. A bucket fills by `interval` with each
    /// response and empties as time goes by; a second's worth is full.
    fn take(&self, key: u64, interval: u32, milliseconds: u64) -> bool {
        let owner = key & !TIME_MASK;
        let now = milliseconds.wrapping_mul(1_000) & TIME_MASK;
        // Always there: the length is a power of two.
        let Some(set) = self.sets.get(key as usize & (self.sets.len() - 1)) else { return true };
        let [first, second] = [&set[0], &set[1]].map(|bucket| Bucket::read(bucket, now));
        if first.owner == owner {
            first.pour(owner, interval, now)
        } else if second.owner == owner {
            second.pour(owner, interval, now)
        } else {
            // The emptier one is taken over from whoever had it: of what has run empty nothing is lost.
            let emptier = if first.filled <= second.filled { first } else { second };
            Bucket { filled: 0, ..emptier }.pour(owner, interval, now)
        }
    }
}

/// What a bucket held when it was read.
struct Bucket<'t> {
    word: &'t AtomicU64,
    owner: u64,
    /// How long it takes to run empty, in microseconds.
    filled: u64,
}

impl<'t> Bucket<'t> {
    fn read(word: &'t AtomicU64, now: u64) -> Self {
        let held = word.load(Ordering::Relaxed);
        let ahead = (held & TIME_MASK).wrapping_sub(now) & TIME_MASK;
        Self { word, owner: held & !TIME_MASK, filled: if ahead > AHEAD_MAX { 0 } else { ahead } }
    }

    /// Adds `interval` for `owner`, unless it would overflow.
    fn pour(self, owner: u64, interval: u32, now: u64) -> bool {
        let filled = self.filled + u64::from(interval);
        let has_room = filled <= u64::from(RateLimit::WINDOW_MICROS);
        if has_room {
            self.word.store(owner | (now + filled) & TIME_MASK, Ordering::Relaxed);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Charge, RateLimiter, TIME_BITS, Verdict};
    use crate::snapshot::settings::RateLimit;
    use std::net::IpAddr;

    const SEED: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];
    const NAME: Charge = Charge::records(0x1234_5678_9abc_def0);

    fn limit(responses: u32) -> RateLimit {
        RateLimit { slip: 0, ..RateLimit::default().with_responses_per_second(responses) }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How many of `count` responses at one moment are sent.
    fn sent(limiter: &RateLimiter, limit: &RateLimit, client: &str, charge: Charge, at: u64, count: usize) -> usize {
        let one = |_: &usize| limiter.judge(limit, address(client), charge, at, 0) == Verdict::Send;
        (0..count).filter(one).count()
    }

    #[test]
    fn a_client_gets_a_seconds_worth_at_once_and_then_as_much_each_second() {
        // The last start is where times go round.
        for start in [0, 5_000, (1 << TIME_BITS) / 1_000 - 100, u64::MAX / 1_000 - 1_000] {
            for rate in [1, 3, 10, 1_000] {
                let (limiter, limit) = (RateLimiter::new(1024, SEED), limit(rate));
                let sent = |at, count| sent(&limiter, &limit, "192.0.2.1", NAME, start + at, count);
                let rate = rate as usize;
                assert_eq!(sent(0, 3 * rate), rate, "{rate}");
                assert_eq!(sent(0, 5), 0);
                let second: usize = (1..=1_000).map(|ms| sent(ms, 3)).sum();
                assert!((rate..=rate + 1).contains(&second), "{second} of {rate}");
                assert_eq!(sent(10_000, 3 * rate), rate, "what was not used is not saved");
            }
        }
    }

    #[test]
    fn clients_of_one_prefix_share_a_limit_and_others_have_their_own() {
        let (limiter, limit) = (RateLimiter::new(1024, SEED), limit(2));
        let sent = |client: &str, charge| sent(&limiter, &limit, client, charge, 0, 1) == 1;
        assert_eq!(["192.0.2.1", "192.0.2.254", "192.0.2.9"].map(|client| sent(client, NAME)), [true, true, false]);
        assert!(sent("192.0.3.1", NAME));
        let one_network = ["2001:db8:0:ff::1", "2001:db8::2", "2001:db8:0:7f::"];
        assert_eq!(one_network.map(|client| sent(client, NAME)), [true, true, false]);
        assert!(sent("2001:db8:0:100::", NAME));
        for charge in [
            Charge::records(7),
            Charge::synthesized(7),
            Charge::negative(7),
            Charge::referral(7),
            Charge::ERROR,
            Charge::negative(8),
        ] {
            assert_eq!([(); 3].map(|()| sent("192.0.2.1", charge)), [true, true, false], "{charge:?}");
        }
    }

    #[test]
    fn the_exempt_are_never_limited_and_nobody_is_without_a_limit() {
        let limiter = RateLimiter::new(1024, SEED);
        assert_eq!(sent(&limiter, &limit(1), "127.3.2.1", NAME, 0, 50), 50);
        assert_eq!(sent(&limiter, &limit(1), "::1", NAME, 0, 50), 50);
        assert_eq!(sent(&limiter, &limit(1), "::2", NAME, 0, 50), 1);
        assert_eq!(sent(&limiter, &limit(0), "192.0.2.1", NAME, 0, 50), 50);
        let exempt = RateLimit { exempt: ["192.0.2.0/25".parse().unwrap()].into_iter().collect(), ..limit(1) };
        assert_eq!(sent(&limiter, &exempt, "192.0.2.1", NAME, 0, 50), 50);
        assert_eq!(sent(&limiter, &exempt, "192.0.2.128", NAME, 0, 50), 1);
        assert_eq!(sent(&limiter, &exempt, "127.0.0.1", NAME, 0, 50), 1, "a list of its own replaces loopback");
    }

    #[test]
    fn of_so_many_limited_responses_one_slips() {
        for (slip, slipped) in [(0, 0), (1, 900), (2, 450), (3, 300), (10, 90)] {
            let (limiter, limit) = (RateLimiter::new(1024, SEED), RateLimit { slip, ..limit(1) });
            let client = address("192.0.2.1");
            let verdicts: Vec<_> = (0..=900).map(|at| limiter.judge(&limit, client, NAME, 0, (at + 1) << 32)).collect();
            assert_eq!(verdicts[0], Verdict::Send);
            assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Slip).count(), slipped, "{slip}");
        }
    }

    #[test]
    fn a_flood_stays_limited_while_many_others_are_answered() {
        let (limiter, limit) = (RateLimiter::new(1024, SEED), limit(100));
        let mut of_flood = 0;
        for at in 0..1_000_u64 {
            of_flood += sent(&limiter, &limit, "192.0.2.1", NAME, at, 10);
            for other in 0..50_u32 {
                // Far more clients than buckets, none of them often.
                let client = IpAddr::from([10, (at >> 2) as u8, (at << 6) as u8 | other as u8, 1]);
                assert_eq!(limiter.judge(&limit, client, NAME, at, 0), Verdict::Send);
            }
        }
        assert!((190..=220).contains(&of_flood), "{of_flood}");
    }

    #[test]
    fn keys_spread_evenly_over_the_table() {
        let (limiter, limit) = (RateLimiter::new(4096, SEED), limit(1));
        let mut sets = vec![0_u32; 2048];
        for network in 0..=u16::MAX {
            let [high, low] = network.to_be_bytes();
            let key = limiter.key(&limit, IpAddr::from([198, high, low, 1]), NAME);
            sets[key as usize & (limiter.sets.len() - 1)] += 1;
        }
        // 32 a set on average, with a standard deviation of 5.7.
        assert!(limiter.sets.len() == sets.len() && sets.iter().all(|count| (4..70).contains(count)), "{sets:?}");
    }
}

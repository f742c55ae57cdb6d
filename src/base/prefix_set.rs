//! A set of address prefixes to look addresses up in, fast enough to ask it for every query. Knows nothing of what the
//! prefixes are for.

use super::prefix::Prefix;
use std::net::IpAddr;

/// So many ranges are sooner looked at one by one.
const FEW: usize = 4;

/// A set of addresses, given as prefixes of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixSet {
    /// First and last address of each range, in order, without overlaps.
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl PrefixSet {
    /// Whether `address` is in one of the prefixes.
    #[inline(always)]
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => is_in(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => is_in(&self.v6, v6.to_bits()),
        }
    }
}

impl FromIterator<Prefix> for PrefixSet {
    fn from_iter<I: IntoIterator<Item = Prefix>>(prefixes: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            let host_bits = u32::from(prefix.family().bits() - prefix.length());
            match prefix.address() {
                IpAddr::V4(first) => v4.push((first.to_bits(), first.to_bits() | ones(host_bits) as u32)),
                IpAddr::V6(first) => v6.push((first.to_bits(), first.to_bits() | ones(host_bits))),
            }
        }
        Self { v4: without_overlaps(v4), v6: without_overlaps(v6) }
    }
}

/// A number whose last `count` bits are set.
fn ones(count: u32) -> u128 {
    u128::MAX.checked_shr(128 - count).unwrap_or(0)
}

/// Ranges in order, those left out that lie within others: prefixes overlap only so.
fn without_overlaps<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Box<[(T, T)]> {
    // Of those that begin alike the longest comes first.
    ranges.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    ranges.dedup_by(|later, kept| later.1 <= kept.1);
    ranges.into()
}

#[inline(always)]
fn is_in<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    if ranges.len() <= FEW {
        return ranges.iter().any(|&(first, last)| first <= address && address <= last);
    }
    let behind = ranges.partition_point(|range| range.0 <= address);
    behind.checked_sub(1).is_some_and(|at| address <= ranges[at].1)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::PrefixSet;
    use crate::base::Prefix;
    use std::net::IpAddr;

    #[test]
    fn an_address_is_in_the_set_when_one_prefix_holds_it() {
        let texts = [
            "127.0.0.0/8",
            "192.0.2.0/24",
            "192.0.2.128/25",
            "192.0.2.7/32",
            "255.255.255.255/32",
            "::1/128",
            "2001:db8::/32",
            "2001:db8:1::/48",
        ];
        let prefixes = texts.map(|text| text.parse::<Prefix>().unwrap());
        let set: PrefixSet = prefixes.into_iter().collect();
        for text in [
            "126.255.255.255",
            "127.0.0.0",
            "127.255.255.255",
            "128.0.0.0",
            "192.0.1.255",
            "192.0.2.0",
            "192.0.2.7",
            "192.0.2.255",
            "192.0.3.0",
            "255.255.255.254",
            "255.255.255.255",
            "::",
            "::1",
            "::2",
            "2001:db7:ffff:ffff::",
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db9::",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(set.contains(address), prefixes.iter().any(|prefix| prefix.contains(address)), "{text}");
        }
    }

    #[test]
    fn a_set_may_hold_everything_or_nothing() {
        let all: PrefixSet = ["0.0.0.0/0", "::/0"].map(|text| text.parse().unwrap()).into_iter().collect();
        let none = PrefixSet::default();
        for text in ["0.0.0.0", "255.255.255.255", "::", "ffff::"] {
            let address = text.parse().unwrap();
            assert!(all.contains(address) && !none.contains(address), "{text}");
        }
    }
}

//! Weighted rendezvous hashing: each member has a score for each client, and the best score answers, so that a member that
//! goes takes with it only the clients it had. Pool name, member and key decide alone, with whole numbers, so that all
//! nodes and versions agree. A change of anything here moves clients: the tests pin it.

use super::log::negative_log2;
use crate::base::prefix::cut_address;
use crate::steering::spec::MemberTarget;
use std::net::IpAddr;

/// What one member brings into the comparison.
#[derive(Clone, Copy, Debug)]
pub(in crate::steering) struct Candidate {
    hash: u64,
    weight: u32,
}

impl Candidate {
    /// Nothing that could be picked.
    pub(in crate::steering) const NONE: Self = Self { hash: 0, weight: 1 };

    /// Something of this hash and weight.
    pub(in crate::steering) const fn new(hash: u64, weight: u32) -> Self {
        Self { hash, weight }
    }
}

/// A hash of several texts.
pub(in crate::steering) fn of_words(words: &[&str]) -> u64 {
    words.iter().fold(Hasher::new(), |hasher, word| hasher.octets(word.as_bytes())).finish()
}

/// Two independent numbers, spread evenly, that something and a client have in common.
pub(in crate::steering) const fn coordinates(seed: u64, client: u64) -> (u32, u32) {
    let both = mix(seed ^ client.rotate_left(32));
    ((both >> 32) as u32, both as u32)
}

/// A random number that is independent of the one it is made of.
pub(in crate::steering) const fn remixed(random: u64) -> u64 {
    mix(random)
}

/// A member's part of all its scores.
pub(in crate::steering) fn candidate(pool: &str, target: &MemberTarget, weight: u32) -> Candidate {
    let hash = Hasher::new().octets(pool.as_bytes());
    let hash = match target {
        MemberTarget::Address(address) => hash.address(*address),
        // Case is no part of a name (RFC 4343): length octets are below 64, so they survive lowering.
        MemberTarget::Name { wire, .. } => hash.octets(&wire.to_ascii_lowercase()),
    };
    Candidate { hash: hash.finish(), weight }
}

/// A client's part of all its scores: its address cut to `bits`.
pub(in crate::steering) fn client_key(address: IpAddr, bits: u8) -> u64 {
    Hasher::new().address(cut_address(address, bits)).finish()
}

/// The position of the candidate with the best score: the smallest exponentially distributed number with its weight as
/// rate. Equal scores go to the greater hash, whatever the order of candidates.
pub(in crate::steering) fn best(candidates: &[Candidate], client: u64) -> u32 {
    best_of(candidates.iter().copied(), client)
}

/// As [`best`].
#[inline]
pub(in crate::steering) fn best_of(candidates: impl Iterator<Item = Candidate>, client: u64) -> u32 {
    let mut best = (0, u64::MAX, Candidate { hash: 0, weight: 1 });
    for (position, candidate) in candidates.enumerate() {
        let time = negative_log2(mix(candidate.hash ^ client));
        // time / weight < best / its weight; times are below 2^31, so the products fit.
        let (ours, theirs) = (time * u64::from(best.2.weight), best.1.saturating_mul(candidate.weight.into()));
        if ours < theirs || (ours == theirs && candidate.hash > best.2.hash) {
            best = (position as u32, time, candidate);
        }
    }
    best.0
}

/// Takes octets in words of eight, little-endian, each text closed by its length.
struct Hasher(u64);

impl Hasher {
    const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn octets(self, octets: &[u8]) -> Self {
        let mut state = self.0;
        for chunk in octets.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            state = mix(state ^ u64::from_le_bytes(word));
        }
        Self(mix(state ^ octets.len() as u64))
    }

    fn address(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.octets(&address.octets()),
            IpAddr::V6(address) => self.octets(&address.octets()),
        }
    }

    const fn finish(self) -> u64 {
        self.0
    }
}

/// Every bit of the result depends on every bit of `word` (the output function of SplitMix64, after an addition that
/// keeps 0 from being its own image).
const fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Candidate, best, candidate, client_key};
    use crate::steering::spec::MemberTarget;
    use std::net::{IpAddr, Ipv4Addr};

    fn member(pool: &str, address: &str, weight: u32) -> Candidate {
        candidate(pool, &MemberTarget::Address(address.parse().unwrap()), weight)
    }

    fn name(wire: &[u8]) -> Candidate {
        candidate("web", &MemberTarget::Name { wire: wire.into(), text: "".into() }, 1)
    }

    fn clients(count: u32) -> impl Iterator<Item = u64> {
        (0..count).map(|client| client_key(IpAddr::V4(Ipv4Addr::from_bits(client << 8)), 24))
    }

    /// Nodes of different versions answer one client alike only while these stay as they are.
    #[test]
    fn the_hash_is_the_same_on_all_nodes_and_versions() {
        assert_eq!(member("web", "192.0.2.1", 1).hash, 0x68d4_d597_614f_d9d4);
        assert_eq!(member("web", "2001:db8::1", 1).hash, 0xf37d_3530_9d48_1272);
        assert_eq!(member("api", "192.0.2.1", 1).hash, 0x640a_ac11_1193_d646);
        assert_eq!(name(b"\x02lb\x07example\x03net\0").hash, 0x4887_5ec0_65d2_9316);
        assert_eq!(client_key("198.51.100.7".parse().unwrap(), 24), 0x8921_6803_03fc_698f);
        assert_eq!(client_key("2001:db8:1:2::7".parse().unwrap(), 48), 0x43c3_7286_9220_1ec7);
        let members = [member("web", "192.0.2.1", 1), member("web", "192.0.2.2", 2), member("web", "192.0.2.3", 5)];
        let picks: String = clients(48).map(|client| best(&members, client).to_string()).collect();
        assert_eq!(picks, "202102212212002111120221112220112022222022012020");
    }

    #[test]
    fn only_pool_member_and_the_cut_address_decide() {
        let key = |address: &str, bits| client_key(address.parse().unwrap(), bits);
        assert_eq!(key("198.51.100.7", 24), key("198.51.100.99", 24));
        assert_ne!(key("198.51.100.7", 24), key("198.51.101.7", 24));
        assert_eq!(key("2001:db8:1:2::7", 48), key("2001:db8:1:ffff::", 48));
        assert_eq!(name(b"\x02LB\x07example\x03net\0").hash, name(b"\x02lb\x07EXAMPLE\x03net\0").hash);
        assert_eq!(member("web", "192.0.2.1", 1).hash, member("web", "192.0.2.1", 9).hash);
    }

    #[test]
    fn the_order_of_members_changes_nothing() {
        let members: Vec<Candidate> = (1..=5).map(|n| member("web", &format!("192.0.2.{n}"), n)).collect();
        let reversed: Vec<Candidate> = members.iter().rev().copied().collect();
        for client in clients(1_000) {
            assert_eq!(best(&members, client), 4 - best(&reversed, client));
        }
    }

    #[test]
    fn shares_are_proportional_to_weights() {
        let members = [member("web", "192.0.2.1", 1), member("web", "192.0.2.2", 2), member("web", "192.0.2.3", 5)];
        let mut counts = [0_u32; 3];
        for client in clients(80_000) {
            counts[best(&members, client) as usize] += 1;
        }
        for (count, expected) in counts.into_iter().zip([10_000_u32, 20_000, 50_000]) {
            assert!(count.abs_diff(expected) < 600, "{counts:?}");
        }
    }

    #[test]
    fn a_member_that_goes_takes_only_its_own_clients_along() {
        let members: Vec<Candidate> = (1..=6).map(|n| member("web", &format!("192.0.2.{n}"), n)).collect();
        let gone = 3;
        let left: Vec<Candidate> = members.iter().enumerate().filter(|&(n, _)| n != gone).map(|(_, &m)| m).collect();
        for client in clients(5_000) {
            let before = best(&members, client) as usize;
            let after = best(&left, client) as usize;
            let after = if after >= gone { after + 1 } else { after };
            assert!(before == gone || before == after, "a client of {before} moved to {after}");
        }
    }

    #[test]
    fn a_greater_weight_only_draws_clients_to_its_member() {
        let light = [member("web", "192.0.2.1", 2), member("web", "192.0.2.2", 2), member("web", "192.0.2.3", 2)];
        let heavy = [member("web", "192.0.2.1", 2), member("web", "192.0.2.2", 3), member("web", "192.0.2.3", 2)];
        for client in clients(5_000) {
            let (before, after) = (best(&light, client), best(&heavy, client));
            assert!(before == after || after == 1);
        }
    }
}

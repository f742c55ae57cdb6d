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
    let mut best = (0, u64::MAX, Candidate { hash: 0, weight: 1 });
    for (position, candidate) in candidates.iter().enumerate() {
        let time = negative_log2(mix(candidate.hash ^ client));
        // time / weight < best / its weight; times are below 2^31, so the products fit.
        let (ours, theirs) = (time * u64::from(best.2.weight), best.1.saturating_mul(candidate.weight.into()));
        if ours < theirs || (ours == theirs && candidate.hash > best.2.hash) {
            best = (position as u32, time, *candidate);
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

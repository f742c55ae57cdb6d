//! Every answer that a pool can give, as ready RRsets. A group of `n` members that answers `k` at a time has `n` variants,
//! which are windows on a ring of `n + k - 1` records.

use super::roster::Roster;
use crate::base::{Family, RegionId};
use crate::steering::spec::{MemberTarget, Policy, Spread};
use crate::steering::spread::hash::{Candidate, candidate};
use crate::steering::spread::weighted::{Draw, push_draws};
use crate::steering::spread::{By, turns};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
/// The owner field of every record: a compression pointer to the question's name, as zones store it too.
const OWNER_OF_QUESTION: [u8; 2] = [0xc0, 0x0c];
/// Octets in front of RDATA: owner pointer, TYPE, CLASS, TTL, RDLENGTH.
const RECORD_HEADER_LEN: usize = 12;

/// A ready RRset: records as the `zone` room stores them (owner a pointer to offset 12), without pointers to fix up. The
/// TTL in the octets is 0 and is written when the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredAnswer<'a> {
    /// 1 (A), 28 (AAAA) or 5 (CNAME).
    pub rtype: u16,
    /// How many records.
    pub records: u16,
    /// The records.
    pub octets: &'a [u8],
}

/// One variant.
#[derive(Clone, Copy, Debug)]
struct Variant {
    start: u32,
    len: u32,
    rtype: u16,
    records: u16,
    /// Of the first record; meaningless without a member.
    region: RegionId,
    /// By which answers are counted: the place of the region among those of the pool, from 1; 0 without a region.
    counter: u16,
    member: u32,
}

/// In place of a member's index, for fallback addresses.
const NOT_A_MEMBER: u32 = u32::MAX;

/// All variants of a pool, by number.
#[derive(Debug)]
pub(super) struct Variants {
    names: bool,
    variants: Box<[Variant]>,
    /// By variant, where chance picks by weight.
    draws: Box<[Draw]>,
    /// By variant, with [`Spread::Hash`].
    candidates: Box<[Candidate]>,
    /// Whole cycles, where turns go by weight.
    turns: Box<[u16]>,
    octets: Box<[u8]>,
}

/// What variants are put together in. One serves any number of pools, one after the other.
#[derive(Debug, Default)]
pub(super) struct VariantsBuilder {
    spread: Option<Spread>,
    answers: Option<u16>,
    names: bool,
    /// Of the variants that come next.
    is_ipv6: bool,
    variants: Vec<Variant>,
    draws: Vec<Draw>,
    candidates: Vec<Candidate>,
    turns: Vec<u16>,
    octets: Vec<u8>,
    weights: Vec<u32>,
    /// All that the pool has members in, ascending.
    regions: Arc<[RegionId]>,
}

impl VariantsBuilder {
    /// Begins with a pool that has members in `regions`, ascending. `names`: its members are names.
    pub(super) fn begin(&mut self, policy: &Policy, names: bool, regions: &Arc<[RegionId]>) {
        self.regions = Arc::clone(regions);
        (self.spread, self.answers, self.names, self.is_ipv6) = (Some(policy.spread), policy.answers, names, false);
        self.variants.clear();
        self.draws.clear();
        self.candidates.clear();
        self.turns.clear();
        self.octets.clear();
    }

    /// From here on variants are of this family. To be called for IPv4, then for IPv6.
    pub(super) const fn begin_family(&mut self, family: Family) {
        self.is_ipv6 = matches!(family, Family::V6);
    }

    /// All variants since [`Self::begin`].
    pub(super) fn finish(&self) -> Variants {
        Variants {
            names: self.names,
            variants: (&*self.variants).into(),
            draws: (&*self.draws).into(),
            candidates: (&*self.candidates).into(),
            turns: (&*self.turns).into(),
            octets: (&*self.octets).into(),
        }
    }

    /// Adds one variant for each member, each beginning with it, to be picked by its `weight`; gives the number of the first.
    pub(super) fn add_group(&mut self, roster: &Roster<'_>, members: &[u32], weight: &dyn Fn(u32) -> u32) -> u32 {
        let first = self.count();
        if members.is_empty() {
            return first;
        }
        let records = self.records_of_answer(members.len());
        let start = self.octets.len();
        // Names, which are not all of one length, have one record an answer, and so no ring.
        let ring = members.iter().cycle().take(members.len() + usize::from(records) - 1);
        let mut record_len = 0;
        for (turn, &member) in ring.enumerate() {
            let from = self.octets.len();
            self.push_target(&roster.member(member).target);
            record_len = self.octets.len() - from;
            if self.names {
                self.push_variant(from..from + record_len, records, roster.member(member).region, members[turn]);
            }
        }
        if !self.names {
            for (turn, &member) in members.iter().enumerate() {
                let from = start + turn * record_len;
                let octets = from..from + usize::from(records) * record_len;
                self.push_variant(octets, records, roster.member(member).region, member);
            }
        }
        self.add_picks(roster, members, weight);
        first
    }

    fn add_picks(&mut self, roster: &Roster<'_>, members: &[u32], weight: &dyn Fn(u32) -> u32) {
        let Some(spread) = self.spread else { return };
        match spread.picks_by() {
            By::Hash => {
                let hashed = members.iter().map(|&at| candidate(roster.name(), &roster.member(at).target, weight(at)));
                self.candidates.extend(hashed);
            }
            by @ (By::Weight | By::WeightedTurn) => {
                self.weights.clear();
                self.weights.extend(members.iter().map(|&member| weight(member)));
                if by == By::Weight {
                    push_draws(&self.weights, &mut self.draws);
                } else {
                    self.turns.extend(turns::cycle(&self.weights));
                }
            }
            By::Turn | By::Chance => {}
        }
    }

    /// Where the cycles of turns end so far.
    pub(super) const fn turns_len(&self) -> u32 {
        self.turns.len() as u32
    }

    /// Adds one variant with all addresses of the family, if there are any. It has no picks: to be added behind all
    /// groups of its family, whose picks are found by number.
    pub(super) fn add_fallback(&mut self, family: Family, addresses: &[IpAddr]) -> Option<u32> {
        let own = || addresses.iter().filter(|&&address| Family::of(address) == family);
        let records = u16::try_from(own().count()).ok().filter(|&records| records > 0)?;
        let (number, start) = (self.count(), self.octets.len());
        for &address in own() {
            self.push_target(&MemberTarget::Address(address));
        }
        self.push_variant(start..self.octets.len(), records, RegionId(u16::MAX), NOT_A_MEMBER);
        match self.spread.map(Spread::picks_by) {
            Some(By::Weight) => push_draws(&[1], &mut self.draws),
            Some(By::Hash) => self.candidates.push(candidate("", &MemberTarget::Address(addresses[0]), 1)),
            Some(By::WeightedTurn | By::Turn | By::Chance) | None => {}
        }
        Some(number)
    }

    /// How many records an answer from `members` members holds. A CNAME is alone (RFC 2181, section 10.1).
    fn records_of_answer(&self, members: usize) -> u16 {
        let all = u16::try_from(members).unwrap_or(u16::MAX);
        match (self.spread, self.answers) {
            _ if self.names => 1,
            (Some(Spread::All), None) => all,
            (_, answers) => answers.unwrap_or(1).clamp(1, all),
        }
    }

    fn push_variant(&mut self, octets: Range<usize>, records: u16, region: RegionId, member: u32) {
        // Octets of a pool stay far below 4 GiB: a member has at most 267 in each of two groups' rings.
        let (start, len) = (octets.start as u32, octets.len() as u32);
        let counter = self.regions.binary_search(&region).map_or(0, |place| place as u16 + 1);
        self.variants.push(Variant { start, len, rtype: self.rtype(), records, region, counter, member });
    }

    fn push_target(&mut self, target: &MemberTarget) {
        match target {
            MemberTarget::Address(IpAddr::V4(address)) => self.push_record(TYPE_A, &address.octets()),
            MemberTarget::Address(IpAddr::V6(address)) => self.push_record(TYPE_AAAA, &address.octets()),
            MemberTarget::Name { wire, .. } => self.push_record(TYPE_CNAME, wire),
        }
    }

    fn push_record(&mut self, rtype: u16, rdata: &[u8]) {
        self.octets.extend(OWNER_OF_QUESTION);
        self.octets.extend(rtype.to_be_bytes());
        self.octets.extend(CLASS_IN.to_be_bytes());
        self.octets.extend([0; 4]);
        // Addresses and names are at most 255 octets.
        self.octets.extend((rdata.len() as u16).to_be_bytes());
        self.octets.extend(rdata);
    }

    pub(super) const fn count(&self) -> u32 {
        self.variants.len() as u32
    }

    /// The type of the variants that come next.
    const fn rtype(&self) -> u16 {
        match (self.names, self.is_ipv6) {
            (true, _) => TYPE_CNAME,
            (false, false) => TYPE_A,
            (false, true) => TYPE_AAAA,
        }
    }
}

impl Variants {
    pub(super) const fn count(&self) -> u32 {
        self.variants.len() as u32
    }

    /// The position that has the turn in a group's cycle.
    pub(super) fn turn(&self, cycle: Range<u32>, turn: u32) -> u32 {
        let cycle = &self.turns[cycle.start as usize..cycle.end as usize];
        cycle.get(turn as usize % cycle.len().max(1)).map_or(0, |&position| position.into())
    }

    #[inline]
    pub(super) fn stored(&self, number: u32) -> StoredAnswer<'_> {
        let rtype = if self.names { TYPE_CNAME } else { TYPE_AAAA };
        self.stored_and_counter(number).map_or(StoredAnswer { rtype, records: 0, octets: &[] }, |(stored, _)| stored)
    }

    /// A variant's records, and by which word its answers are counted.
    #[inline(always)]
    pub(super) fn stored_and_counter(&self, number: u32) -> Option<(StoredAnswer<'_>, u16)> {
        let &Variant { start, len, rtype, records, counter, .. } = self.variants.get(number as usize)?;
        let octets = &self.octets[start as usize..][..len as usize];
        Some((StoredAnswer { rtype, records, octets }, counter))
    }

    /// The RDATA of a variant's records, which are addresses.
    pub(super) fn addresses(&self, number: u32) -> Vec<u8> {
        let StoredAnswer { rtype, octets, .. } = self.stored(number);
        let address_len = if rtype == TYPE_A { 4 } else { 16 };
        octets
            .chunks_exact(RECORD_HEADER_LEN + address_len)
            .flat_map(|record| &record[RECORD_HEADER_LEN..])
            .copied()
            .collect()
    }

    /// The region of a variant's first record.
    pub(super) fn region(&self, number: u32) -> Option<RegionId> {
        let variant = self.variants.get(number as usize)?;
        (variant.member != NOT_A_MEMBER).then_some(variant.region)
    }

    /// The member of a variant's first record.
    pub(super) fn member(&self, number: u32) -> Option<usize> {
        let variant = self.variants.get(number as usize)?;
        (variant.member != NOT_A_MEMBER).then_some(variant.member as usize)
    }

    pub(super) fn draws(&self, group: Range<u32>) -> &[Draw] {
        &self.draws[group.start as usize..group.end as usize]
    }

    pub(super) fn candidates(&self, group: Range<u32>) -> &[Candidate] {
        &self.candidates[group.start as usize..group.end as usize]
    }
}

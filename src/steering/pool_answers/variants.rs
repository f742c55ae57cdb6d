//! Every answer that a pool can give, as ready RRsets. A group of `n` members that answers `k` at a time has `n` variants,
//! which are windows on a ring of `n + k - 1` records.

use super::roster::Roster;
use crate::base::{Family, RegionId};
use crate::steering::spec::{MemberTarget, Pool, Spread};
use crate::steering::spread::hash::{Candidate, candidate};
use crate::steering::spread::weighted::{Draw, draws};
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
    pool: Arc<str>,
    /// All that the pool has members in, ascending.
    regions: Box<[RegionId]>,
    spread: Spread,
    answers: Option<u16>,
    names: bool,
    /// Of the variants that come next.
    family: Family,
    variants: Vec<Variant>,
    /// By variant, where chance picks by weight.
    draws: Vec<Draw>,
    /// By variant, with [`Spread::Hash`].
    candidates: Vec<Candidate>,
    /// Whole cycles, where turns go by weight.
    turns: Vec<u16>,
    octets: Vec<u8>,
}

impl Variants {
    pub(super) fn new(pool: &Pool, regions: &[RegionId], spread: Spread, answers: Option<u16>) -> Self {
        Self {
            pool: Arc::clone(&pool.name),
            regions: regions.into(),
            spread,
            answers,
            names: false,
            family: Family::V4,
            variants: Vec::with_capacity(pool.members.len()),
            draws: Vec::new(),
            candidates: Vec::new(),
            turns: Vec::new(),
            octets: Vec::with_capacity(pool.members.len() * (RECORD_HEADER_LEN + 4)),
        }
    }

    /// From here on variants are of this family. To be called for IPv4, then for IPv6.
    pub(super) fn begin_family(&mut self, family: Family) {
        self.family = family;
    }

    /// Gives back what was reserved in vain.
    pub(super) fn finish(&mut self) {
        self.variants.shrink_to_fit();
        self.octets.shrink_to_fit();
    }

    /// Adds one variant for each member, each beginning with it, to be picked by its `weight`; gives the number of the first.
    pub(super) fn add_group(&mut self, roster: &Roster<'_>, members: &[u32], weight: &dyn Fn(u32) -> u32) -> u32 {
        let first = self.count();
        let Ok(count) = u32::try_from(members.len()) else { return first };
        if count == 0 {
            return first;
        }
        self.names |= roster.names;
        let records = self.records_of_answer(members.len());
        let start = self.octets.len();
        let ring = members.iter().cycle().take(members.len() + usize::from(records) - 1);
        let mut starts: Vec<usize> = Vec::with_capacity(members.len() * 2);
        for &member in ring {
            starts.push(self.octets.len());
            self.push_target(&roster.member(member).target);
        }
        starts.push(self.octets.len());
        debug_assert_eq!(starts[0], start, "the ring begins where the octets ended");
        for (turn, &member) in members.iter().enumerate() {
            let range = starts[turn]..starts[turn + usize::from(records)];
            let region = roster.member(member).region;
            let counter = self.regions.binary_search(&region).map_or(0, |place| place as u16 + 1);
            self.push_variant(range, records, (region, counter), member);
        }
        self.add_picks(roster, members, weight);
        first
    }

    fn add_picks(&mut self, roster: &Roster<'_>, members: &[u32], weight: &dyn Fn(u32) -> u32) {
        let weights = || members.iter().map(|&member| weight(member)).collect::<Vec<u32>>();
        match self.spread.picks_by() {
            By::Weight => self.draws.extend(draws(&weights())),
            By::Hash => {
                let pool = &self.pool;
                self.candidates
                    .extend(members.iter().map(|&at| candidate(pool, &roster.member(at).target, weight(at))));
            }
            By::WeightedTurn => self.turns.extend(turns::cycle(&weights())),
            By::Turn | By::Chance => {}
        }
    }

    /// Where the cycles of turns end so far.
    pub(super) const fn turns_len(&self) -> u32 {
        self.turns.len() as u32
    }

    /// The position that has the turn in a group's cycle.
    pub(super) fn turn(&self, cycle: Range<u32>, turn: u32) -> u32 {
        let cycle = &self.turns[cycle.start as usize..cycle.end as usize];
        cycle.get(turn as usize % cycle.len().max(1)).map_or(0, |&position| position.into())
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
        self.push_variant(start..self.octets.len(), records, (RegionId(u16::MAX), 0), NOT_A_MEMBER);
        match self.spread.picks_by() {
            By::Weight => self.draws.extend(draws(&[1])),
            By::Hash => self.candidates.push(candidate("", &MemberTarget::Address(addresses[0]), 1)),
            By::WeightedTurn | By::Turn | By::Chance => {}
        }
        Some(number)
    }

    /// How many records an answer from `members` members holds. A CNAME is alone (RFC 2181, section 10.1).
    fn records_of_answer(&self, members: usize) -> u16 {
        let all = u16::try_from(members).unwrap_or(u16::MAX);
        match (self.spread, self.answers) {
            _ if self.names => 1,
            (Spread::All, None) => all,
            (_, answers) => answers.unwrap_or(1).clamp(1, all),
        }
    }

    fn push_variant(&mut self, octets: Range<usize>, records: u16, (region, counter): (RegionId, u16), member: u32) {
        // Octets of a pool stay far below 4 GiB: a member has at most 267 in each of two groups' rings.
        let (start, len) = (octets.start as u32, octets.len() as u32);
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
        match (self.names, self.family) {
            (true, _) => TYPE_CNAME,
            (false, Family::V4) => TYPE_A,
            (false, Family::V6) => TYPE_AAAA,
        }
    }

    #[inline]
    pub(super) fn stored(&self, number: u32) -> StoredAnswer<'_> {
        self.stored_and_counter(number)
            .map_or_else(|| StoredAnswer { rtype: self.rtype(), records: 0, octets: &[] }, |(stored, _)| stored)
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

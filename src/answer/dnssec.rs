//! Answers of signed zones to who asks for signatures (DO): RRSIGs beside each RRset, and proofs of what is not there
//! (RFC 4035, section 3.1; RFC 5155, section 7.2). Everything here is ready in the zone and copied.

use super::compose::{Composer, Next, Stop};
use super::plan::{Plan, Step};
use super::positive::{self, Names, ZonePlace, records, signatures};
use super::{negative, referral};
use crate::wire::response::Section;
use crate::wire::{Full, NameKey, Rcode, Records, Response, short};
use crate::zone::chain::ChainEntry;
use crate::zone::{RrsetRef, Zone};

/// Links of a chain that wildcards stand for at most: a longer chain ends there, and a resolver goes on by itself.
const EXPANSIONS_MAX: usize = 4;

/// Proofs that the links of a CNAME chain owe: they belong into the authority section, and that comes behind all answers.
#[derive(Clone, Copy, Default)]
pub struct Expansions<'s>([Option<Expansion<'s>>; EXPANSIONS_MAX]);

#[derive(Clone, Copy)]
struct Expansion<'s> {
    zone: &'s Zone,
    entry: ChainEntry<'s>,
    /// Offset of the zone's apex in the message.
    apex_at: usize,
}

impl<'s> Expansions<'s> {
    /// Whether nothing is owed.
    pub const fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }

    /// Whether no other link may owe anything.
    pub const fn is_full(&self) -> bool {
        self.0[EXPANSIONS_MAX - 1].is_some()
    }

    fn add(&mut self, expansion: Expansion<'s>) {
        let is_same = |known: &Expansion<'s>| known.entry.is_same(expansion.entry);
        if self.0.iter().flatten().any(is_same) {
            return;
        }
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none()) {
            *place = Some(expansion);
        }
    }

    fn holds(&self, entry: ChainEntry<'s>) -> bool {
        self.0.iter().flatten().any(|known| known.entry.is_same(entry))
    }
}

/// Writes what `plan` led to with signatures and proofs. `name` stands at offset `owner` of the message.
#[inline(never)]
pub fn write<'s>(
    composer: &mut Composer<'_, 's>,
    plan: &Plan<'s>,
    place: ZonePlace<'s, '_>,
    (name, owner): (&NameKey, usize),
    scratch: &mut NameKey,
) -> Result<Next, Stop> {
    let ZonePlace { zone, apex_at, .. } = place;
    let apex_stripped = plan.apex_stripped;
    if plan.from_wildcard
        && let Some(entry) = zone.prove_expansion(name, apex_stripped)
    {
        composer.expansions.add(Expansion { zone, entry, apex_at });
    }
    match plan.step {
        Step::Answer(rrset) => {
            let start = write_signed(&mut composer.response, Section::Answer, rrset, (owner, apex_at))?;
            composer.write_expansions()?;
            if positive::has_addresses(rrset.rtype()) {
                let names = Names { place, rrset, start, signed: true };
                positive::add_addresses(&mut composer.response, names, scratch);
            }
            Ok(Next::Ended(Rcode::NOERROR))
        }
        Step::Cname(rrset) => {
            let start = write_signed(&mut composer.response, Section::Answer, rrset, (owner, apex_at))?;
            Ok(Next::Alias { target: start + usize::from(rrset.targets()[0]) })
        }
        Step::Dname { rrset, owner_stripped, repeated } => {
            if !repeated {
                let dname_owner = composer.response.suffix(owner, owner_stripped);
                write_signed(&mut composer.response, Section::Answer, rrset, (dname_owner, apex_at))?;
            }
            let next = composer.write_cname_of_dname(rrset, owner_stripped, name, owner)?;
            composer.ended_with_expansions(next)
        }
        Step::NoData { ttl_max } => {
            negative::write(&mut composer.response, zone, apex_at, ttl_max, true)?;
            composer.write_expansions()?;
            let proof = zone.prove_nodata(name, apex_stripped);
            composer.write_proof(proof.entries(), place, (name, owner))?;
            Ok(Next::Ended(Rcode::NOERROR))
        }
        Step::NxDomain => {
            negative::write(&mut composer.response, zone, apex_at, u32::MAX, true)?;
            composer.write_expansions()?;
            let proof = zone.prove_nxdomain(name, apex_stripped);
            composer.write_proof(proof.entries(), place, (name, owner))?;
            Ok(Next::Ended(Rcode::NXDOMAIN))
        }
        Step::Referral { ns, stripped } => {
            composer.write_referral((ns, stripped), plan, place, (name, owner), scratch)?;
            Ok(Next::Ended(Rcode::NOERROR))
        }
        Step::Steered(steered) => {
            // In a zone that is not signed, behind a link that is.
            let next = composer.write_steered(steered, owner, apex_at)?;
            composer.ended_with_expansions(next)
        }
        Step::AliasUnknown => Err(Stop::AliasUnknown),
        Step::AliasLoop => Err(Stop::AliasLoop),
        Step::AllDown => Err(Stop::AllDown),
        Step::Unavailable => Err(Stop::Unavailable),
    }
}

/// Writes an RRset and its signatures; owner and apex are given as offsets. Returns where the RRset begins.
fn write_signed(
    response: &mut Response<'_>,
    section: Section,
    rrset: RrsetRef<'_>,
    (owner, apex_at): (usize, usize),
) -> Result<usize, Full> {
    response.rrset(section, positive::signed_records(rrset), owner, apex_at, None)
}

impl<'s> Composer<'_, 's> {
    /// Writes what the links so far owe where there is no further link.
    fn ended_with_expansions(&mut self, next: Next) -> Result<Next, Stop> {
        if let Next::Ended(_) = next {
            self.write_expansions()?;
        }
        Ok(next)
    }

    /// Writes what the links so far owe.
    pub fn write_expansions(&mut self) -> Result<(), Full> {
        for Expansion { zone, entry, apex_at } in self.expansions.0.into_iter().flatten() {
            write_entry(&mut self.response, zone, entry, (entry.labels(), apex_at))?;
        }
        Ok(())
    }

    /// Writes the records of a proof, apart from those that links of the chain have given already. The part of an owner
    /// that it shares with `name`, which stands at offset `at`, is not repeated.
    fn write_proof(
        &mut self,
        entries: impl Iterator<Item = ChainEntry<'s>>,
        place: ZonePlace<'s, '_>,
        (name, at): (&NameKey, usize),
    ) -> Result<(), Full> {
        let apex_stripped = name.label_count() - place.apex_labels;
        for entry in entries.filter(|&entry| !self.expansions.holds(entry)) {
            let labels = entry.labels();
            let shared = |&stripped: &usize| {
                let suffix = &name.octets()[name.offset(stripped)..name.offset(apex_stripped)];
                let at = labels.len().checked_sub(suffix.len());
                at.is_some_and(|at| short::same(&labels[at..], suffix) && is_label_start(labels, at))
            };
            let stripped = (0..apex_stripped).find(shared).unwrap_or(apex_stripped);
            let suffix_len = name.offset(apex_stripped) - name.offset(stripped);
            let below = if stripped == apex_stripped { place.apex_at } else { self.response.suffix(at, stripped) };
            let owner = (&labels[..labels.len() - suffix_len], below);
            write_entry(&mut self.response, place.zone, entry, owner)?;
        }
        Ok(())
    }

    /// Writes a referral: servers, then DS or the proof that there is none, then addresses.
    fn write_referral(
        &mut self,
        (ns, stripped): (RrsetRef<'s>, usize),
        plan: &Plan<'s>,
        place: ZonePlace<'s, '_>,
        (name, at): (&NameKey, usize),
        scratch: &mut NameKey,
    ) -> Result<(), Full> {
        let (zone, apex_at) = (place.zone, place.apex_at);
        let owner = self.response.suffix(at, stripped);
        let start = self.response.rrset(Section::Authority, records(ns), owner, apex_at, None)?;
        if let Some(ds) = zone.ds(name, stripped, plan.apex_stripped) {
            write_signed(&mut self.response, Section::Authority, ds, (owner, apex_at))?;
            self.write_expansions()?;
        } else {
            self.write_expansions()?;
            let proof = zone.prove_no_ds(name, stripped, plan.apex_stripped);
            self.write_proof(proof.entries(), place, (name, at))?;
        }
        let names = Names { place, rrset: ns, start, signed: true };
        referral::add_glue(&mut self.response, names, (name, stripped), scratch);
        self.referred = true;
        Ok(())
    }
}

/// Writes a record of a chain and its signatures, whose owner is the labels in front of the name at the offset. Its TTL is
/// that of negative answers at most (RFC 9077).
fn write_entry(
    response: &mut Response<'_>,
    zone: &Zone,
    entry: ChainEntry<'_>,
    (labels, below): (&[u8], usize),
) -> Result<(), Full> {
    let rrset = entry.rrset();
    let ttl = rrset.ttl().min(zone.negative_ttl());
    let parts: [Records<'_>; 2] = [records(rrset), signatures(rrset)];
    response.rrset_of(Section::Authority, parts, labels, below, ttl)
}

fn is_label_start(labels: &[u8], offset: usize) -> bool {
    let mut at = 0;
    while at < offset {
        at += 1 + usize::from(labels[at]);
    }
    at == offset
}

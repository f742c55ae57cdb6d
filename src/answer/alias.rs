//! Aliases: names that answer with the addresses of another name, which is looked for in our own zones first, and else is what
//! the resolvers said of it last.

use super::chain::CNAME_CHAIN_LEN_MAX;
use super::plan::{Question, Step};
use super::steered::{self, Addresses, Steered};
use crate::base::Family;
use crate::snapshot::Alias;
use crate::steering::StoredAnswer;
use crate::wire::{NameKey, rtype};
use crate::zone::{Lookup, RrsetRef};

/// What an alias leads to. `fixed` is the RRset of the asked type in the zone file.
#[cold]
pub fn step<'s>(question: &Question<'s>, alias: &'s Alias, fixed: Option<RrsetRef<'s>>) -> Step<'s> {
    if let Some(rrset) = fixed {
        return Step::Answer(rrset);
    }
    match question.qtype {
        rtype::A => one_family(question, alias, Family::V4),
        rtype::AAAA => one_family(question, alias, Family::V6),
        // One RRset is answer enough (RFC 8482, section 4.1).
        rtype::ANY => match one_family(question, alias, Family::V4) {
            Step::NoData { .. } => one_family(question, alias, Family::V6),
            step => step,
        },
        _ => Step::NoData { ttl_max: u32::MAX },
    }
}

fn one_family<'s>(question: &Question<'s>, alias: &'s Alias, family: Family) -> Step<'s> {
    if let Some(step) = in_our_zones(question, &alias.target.key, family) {
        return step;
    }
    let answers = question.snapshot.alias_answers.get(alias.answers as usize);
    match answers.0[family.index()].answer(question.now) {
        Some((answer, ttl)) if answer.records > 0 => Step::Steered(Steered { answer, ttl, scope: 0 }),
        Some((_, ttl)) => Step::NoData { ttl_max: ttl },
        None => Step::AliasUnknown,
    }
}

/// Whether the zones of this server say what addresses `target` has, so that nobody need be asked. What they say may change
/// with them.
#[must_use]
pub fn is_ours(snapshot: &crate::snapshot::Snapshot, target: &NameKey) -> bool {
    let question = Question {
        snapshot,
        worker: usize::MAX,
        qtype: rtype::A,
        client_subnet: None,
        source: std::net::Ipv4Addr::UNSPECIFIED.into(),
        random: 0,
        now: 0,
    };
    in_our_zones(&question, target, Family::V4).is_some()
}

/// The addresses of `target` as our zones have them, with the least TTL on the way there; `None` when the search leads out
/// of them.
fn in_our_zones<'s>(question: &Question<'s>, target: &NameKey, family: Family) -> Option<Step<'s>> {
    let zones = &question.snapshot.zones;
    let rtype = match family {
        Family::V4 => rtype::A,
        Family::V6 => rtype::AAAA,
    };
    let mut found = zones.find(target, 0)?;
    let mut name = target.clone();
    let mut ttl_max = u32::MAX;
    for _ in 0..CNAME_CHAIN_LEN_MAX {
        let (number, apex_stripped) = found;
        let zone = &*zones.zones()[number];
        match zone.lookup(&name, apex_stripped, rtype) {
            // Signatures would be those of another owner; addresses hold no names, and so no pointers.
            Lookup::Answer { rrset, .. } => {
                let answer = StoredAnswer { rtype: rrset.rtype(), records: rrset.records(), octets: rrset.octets() };
                return Some(Step::Steered(Steered { answer, ttl: rrset.ttl().min(ttl_max), scope: 0 }));
            }
            Lookup::Balanced { slot, .. } => {
                let question = Question { qtype: rtype, ..*question };
                return match steered::balanced_addresses(&question, number, slot) {
                    Addresses::Own(step) => Some(step.with_ttl_max(ttl_max)),
                    // Resolvers find out what the names of its pool lead to.
                    Addresses::OfNames => None,
                    Addresses::OfAlias => Some(Step::AliasLoop),
                };
            }
            Lookup::NoData | Lookup::NxDomain => {
                return Some(Step::NoData { ttl_max: zone.negative_ttl().min(ttl_max) });
            }
            Lookup::Unavailable => return Some(Step::AliasUnknown),
            Lookup::Cname { rrset, .. } => {
                let cname = rrset;
                ttl_max = ttl_max.min(cname.ttl());
                let mut next = NameKey::default();
                zone.target(cname, cname.targets()[0], &mut next);
                name = next;
            }
            // Others know what is below a cut, and what a DNAME makes of the name is left to them as well.
            Lookup::Referral { .. } | Lookup::Dname { .. } => return None,
        }
        found = zones.find(&name, 0)?;
    }
    Some(Step::AliasLoop)
}

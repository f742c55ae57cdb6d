//! HTTPS and SVCB at balanced names: the RRsets of the zones with hints of the members that a client is answered, one ready
//! variant for each variant of the pool's answers.

use super::{Balance, Pages};
use crate::steering::{PoolAnswers, StoredAnswer};
use crate::zone::service::{SERVICE_TYPES, ServiceBase};
use crate::zone::{BalancedOwner, Zone};
use std::collections::HashMap;
use std::sync::Arc;

/// In place of an index: the name has no such RRset, or it takes no hints.
const NONE: u32 = u32::MAX;

/// Which services the balanced names of one zone have: by slot, HTTPS and SVCB. Empty where no name has any.
pub type ZoneServices = Arc<[[u32; 2]]>;

/// An RRset of a zone under one pool's answers: one ready variant for each of theirs, and one without hints.
#[derive(Debug)]
pub struct ServiceAnswers {
    rtype: u16,
    records: u16,
    ttl: u32,
    /// That without hints first, then by number of the pool's variant.
    variants: Box<[Variant]>,
    octets: Box<[u8]>,
}

#[derive(Clone, Copy, Debug)]
struct Variant {
    start: u32,
    len: u32,
    /// The addresses of the other family are about to change.
    changes: bool,
}

impl ServiceAnswers {
    /// Builds all variants. Those of the pool that hold the same members share one where these are many.
    fn build(base: &ServiceBase, answers: &PoolAnswers) -> Self {
        let mut octets = Vec::new();
        let mut built = |ipv4: &[u8], ipv6: &[u8], changes: bool| {
            let start = octets.len();
            // Hints are a courtesy: where they make it too long, it goes without.
            let fits = base.push_with_hints(ipv4, ipv6, &mut octets) || base.push_with_hints(&[], &[], &mut octets);
            debug_assert!(fits, "the zone holds it as long as that");
            Variant { start: start as u32, len: (octets.len() - start) as u32, changes }
        };
        let mut variants = vec![built(&[], &[], false)];
        for number in 0..answers.variant_count() {
            let is_ipv6 = answers.variant(number).rtype == AAAA;
            let partner_of = |number: u32| if is_ipv6 { None } else { answers.partner(number) };
            let others_of =
                |number: u32| partner_of(number).map(|found| answers.first_with_same_records(found.variant));
            let first = answers.first_with_same_records(number);
            let is_large = usize::from(answers.variant(number).records) > ROTATED_HINTS_MAX;
            if is_large && first < number && others_of(first) == others_of(number) {
                variants.push(variants[first as usize + 1]);
                continue;
            }
            let (own, partner) = (answers.variant_addresses(number), partner_of(number));
            let other = partner.map(|partner| answers.variant_addresses(partner.variant)).unwrap_or_default();
            let (ipv4, ipv6) = if is_ipv6 { (&other, &own) } else { (&own, &other) };
            variants.push(built(ipv4, ipv6, partner.is_some_and(|partner| partner.changes)));
        }
        let records = base.record_count();
        Self { rtype: base.rtype, records, ttl: base.ttl, variants: variants.into(), octets: octets.into() }
    }

    /// The RRset with the hints of a variant of the pool's answers, or without hints; and whether these are about to change
    /// when the variant itself is not.
    #[must_use]
    pub fn variant(&self, number: Option<u32>) -> (StoredAnswer<'_>, bool) {
        let at = number.map_or(0, |number| number as usize + 1);
        let variant = self.variants.get(at).unwrap_or(&self.variants[0]);
        let octets = &self.octets[variant.start as usize..][..variant.len as usize];
        (StoredAnswer { rtype: self.rtype, records: self.records, octets }, variant.changes)
    }

    /// The TTL of the RRset in the zone, in seconds.
    #[must_use]
    pub const fn ttl(&self) -> u32 {
        self.ttl
    }
}

/// AAAA.
const AAAA: u16 = 28;

/// Most members whose hints stand in each variant in another order, as the pool's own records do; each of more would add
/// hints of all.
const ROTATED_HINTS_MAX: usize = 16;

/// Every RRset that takes hints, each once for each pool's answers it stands beside, however many names have it.
#[derive(Default)]
pub(super) struct Services {
    bases: Vec<(u32, ServiceBase)>,
    numbers: HashMap<(u32, ServiceBase), u32>,
    /// By index of pool answers: its bases.
    of_pool: HashMap<u32, Vec<u32>>,
    by_zone: Arc<[ZoneServices]>,
    /// How many bases there were in the beginning.
    first_count: usize,
}

/// How many bases that nothing names any more are kept at most, beside as many as there were in the beginning.
const OLD_BASES_MAX: usize = 1_000;

impl Services {
    /// Of all zones: each with its balanced owners by slot, and what these are balanced with.
    pub(super) fn new<'z>(zones: impl Iterator<Item = (&'z Zone, &'z [BalancedOwner], &'z [Balance])>) -> Self {
        let mut services = Self::default();
        services.by_zone = zones.map(|(zone, owners, balances)| services.of_zone(zone, owners, balances)).collect();
        services.first_count = services.bases.len();
        services
    }

    fn of_zone(&mut self, zone: &Zone, owners: &[BalancedOwner], balances: &[Balance]) -> ZoneServices {
        let of_slot = |(owner, balance): (&BalancedOwner, &Balance)| {
            SERVICE_TYPES.map(|rtype| {
                let base = zone.rrset_of(&owner.owner, rtype).and_then(|rrset| ServiceBase::of(rrset, &owner.owner));
                base.map_or(NONE, |base| self.number(balance.pool_answers, base))
            })
        };
        let by_slot: Vec<[u32; 2]> = owners.iter().zip(balances).map(of_slot).collect();
        if by_slot.iter().any(|services| *services != [NONE; 2]) { by_slot.into() } else { Arc::default() }
    }

    fn number(&mut self, pool_answers: u32, base: ServiceBase) -> u32 {
        let Self { bases, numbers, of_pool, .. } = self;
        *numbers.entry((pool_answers, base)).or_insert_with_key(|key| {
            let number = bases.len() as u32;
            bases.push(key.clone());
            of_pool.entry(pool_answers).or_default().push(number);
            number
        })
    }

    /// Takes in another version of a zone. Bases that nothing names any more stay until there are too many.
    pub(super) fn replace_zone(&mut self, number: usize, zone: &Zone, owners: &[BalancedOwner], balances: &[Balance]) {
        let of_zone = self.of_zone(zone, owners, balances);
        let mut by_zone = self.by_zone.to_vec();
        if let Some(place) = by_zone.get_mut(number) {
            *place = of_zone;
        }
        self.by_zone = by_zone.into();
    }

    /// Whether there may be too many bases that nothing names any more.
    pub(super) fn is_overgrown(&self) -> bool {
        self.bases.len() > 2 * self.first_count + OLD_BASES_MAX
    }

    /// `services` and those of bases that came since.
    pub(super) fn extend(
        &self,
        services: &Pages<ServiceAnswers>,
        answers: &Pages<PoolAnswers>,
    ) -> Pages<ServiceAnswers> {
        let known = services.iter().count();
        if known == self.bases.len() {
            return services.clone();
        }
        let new = self.bases[known..].iter().map(|base| built(base, answers));
        Pages::new(&services.iter().cloned().chain(new).collect::<Vec<_>>())
    }

    /// For each zone, for each slot.
    pub(super) fn by_zone(&self) -> Arc<[ZoneServices]> {
        Arc::clone(&self.by_zone)
    }

    /// The answers of all bases.
    pub(super) fn build(&self, answers: &Pages<PoolAnswers>) -> Pages<ServiceAnswers> {
        Pages::new(&self.bases.iter().map(|base| built(base, answers)).collect::<Vec<_>>())
    }

    /// `services` with those built anew whose pool's answers were replaced.
    pub(super) fn rebuild(
        &self,
        services: &Pages<ServiceAnswers>,
        replaced: &[(usize, Arc<PoolAnswers>)],
    ) -> Pages<ServiceAnswers> {
        if self.bases.is_empty() {
            return services.clone();
        }
        let rebuilt = replaced.iter().flat_map(|(number, answers)| {
            let bases = self.of_pool.get(&(*number as u32)).map_or(&[][..], Vec::as_slice);
            bases.iter().map(|&at| {
                let (_, base) = &self.bases[at as usize];
                (at as usize, Arc::new(ServiceAnswers::build(base, answers)))
            })
        });
        services.with(rebuilt)
    }
}

fn built((pool, base): &(u32, ServiceBase), answers: &Pages<PoolAnswers>) -> Arc<ServiceAnswers> {
    Arc::new(ServiceAnswers::build(base, answers.get(*pool as usize)))
}

/// The index of the service that a balanced name has of a type, if it has one.
#[must_use]
pub fn service_of(services: &[ZoneServices], zone: usize, slot: u32, rtype: u16) -> Option<usize> {
    let of_slot = services.get(zone)?.get(slot as usize)?;
    let at = SERVICE_TYPES.iter().position(|known| *known == rtype)?;
    (of_slot[at] != NONE).then_some(of_slot[at] as usize)
}

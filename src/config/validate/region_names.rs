//! Names of regions: `NAME.REGION` answers with the members that one region has of a balanced name's pool.

use super::balances::{Context, Owners, check_below_zone, is_names};
use crate::base::{Diagnostic, PolicyId, RegionId};
use crate::config::report::Report;
use crate::config::spec::BalanceTable;
use crate::config::values;
use crate::steering::spec::{BalanceSpec, Families, Order, Policy, Spread};
use crate::wire::Name;
use crate::zone::{BalancedOwner, Role};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The policies that names of regions have: one for each region, and for pools of names another one.
pub struct RegionPolicies {
    first: usize,
    policies: Vec<Policy>,
    numbers: HashMap<(RegionId, bool), usize>,
}

impl RegionPolicies {
    /// None yet; their ids begin with `first`.
    pub fn new(first: usize) -> Self {
        Self { first, policies: Vec::new(), numbers: HashMap::new() }
    }

    /// All of them, in the order of their ids.
    pub fn into_policies(self) -> Vec<Policy> {
        self.policies
    }

    /// The policy with this id, if it is one of these.
    pub fn get(&self, policy: PolicyId) -> Option<&Policy> {
        self.policies.get(policy.index().checked_sub(self.first)?)
    }

    /// The policy that answers with all members of a region that are up, or with all; with one where members are names.
    fn of(&mut self, region: RegionId, name: &str, of_names: bool) -> PolicyId {
        let Self { first, policies, numbers } = self;
        let number = *numbers.entry((region, of_names)).or_insert_with(|| {
            let (what, spread) = if of_names { ("one name", Spread::Weighted) } else { ("all members", Spread::All) };
            policies.push(Policy {
                name: format!("{what} of region {name}").into(),
                order: Order::Listed,
                regions: Some(vec![region]),
                spread,
                min_healthy: 0.0,
                families: Families::Apart,
                ..Policy::default()
            });
            policies.len() - 1
        });
        PolicyId(u32::try_from(*first + number).unwrap_or(u32::MAX))
    }
}

/// Warns where the name of a region takes names away from a wildcard: what lies between it and the origin exists from then
/// on, and a wildcard stands only for what does not (RFC 4592, section 2.2.2).
pub fn check_wildcards(apex: &Name, balanced: &[BalancedOwner], report: &mut Report) {
    let owners: HashSet<&Name> = balanced.iter().map(|balanced| &balanced.owner).collect();
    let mut told = HashSet::new();
    for BalancedOwner { owner, span, .. } in balanced.iter().filter(|balanced| balanced.role == Role::OfRegion) {
        for stripped in 1..owner.label_count().saturating_sub(apex.label_count()) {
            let between = owner.without(stripped);
            let (Some(wildcard), own) = (wildcard_below(&between.without(1)), wildcard_below(&between)) else {
                continue;
            };
            let is_answered = owners.contains(&between) || own.is_some_and(|own| owners.contains(&own));
            if is_answered || !owners.contains(&wildcard) || !told.insert(between.clone()) {
                continue;
            }
            let message =
                format!("`{wildcard}` does not stand for `{between}` and the names below it: `{owner}` does exist");
            let diagnostic = Diagnostic::warning(message);
            let diagnostic = if let Some(span) = span { diagnostic.at(*span, "") } else { diagnostic };
            report.push(
                diagnostic
                    .hint(format!("balance `*.{between}` too if they are asked for, or switch `region_names` off")),
            );
        }
    }
}

fn wildcard_below(name: &Name) -> Option<Name> {
    Name::from_wire(&[b"\x01*", name.as_wire()].concat()).ok().map(|(wildcard, _)| wildcard)
}

/// The names of regions of one balanced name.
pub struct RegionNames<'a> {
    /// The balanced name as it was typed.
    pub balance: &'a BalanceTable,
    /// What it is answered with.
    pub spec: BalanceSpec,
    /// The apex of its zone.
    pub apex: Option<&'a Name>,
    /// The apexes of all zones.
    pub apexes: &'a HashSet<&'a Name>,
    /// Regions and pools.
    pub context: &'a Context<'a>,
}

impl RegionNames<'_> {
    /// Adds an owner with its answers for each region that the pool has members in.
    pub fn build(
        &self,
        policies: &mut RegionPolicies,
        owners: &mut Owners,
        (balanced, balances): (&mut Vec<BalancedOwner>, &mut Vec<BalanceSpec>),
        report: &mut Report,
    ) {
        let (Some(owner), Some(apex)) = (&self.balance.owner, self.apex) else { return };
        let pool = &self.context.pools[self.spec.pool.index()];
        let regions: BTreeSet<RegionId> = pool.members.iter().map(|member| member.region).collect();
        for region in regions {
            let Some(definition) = self.context.regions.get(region.index()) else { continue };
            let region_name = &*definition.defined.name.value;
            let Some(name) = self.name_of(owner, region_name, apex, report) else { continue };
            if !owners.take(&name, Role::OfRegion, self.balance.span, report) {
                continue;
            }
            check_below_zone(self.balance.span, &name, apex, self.apexes, report);
            let policy = policies.of(region, region_name, is_names(pool));
            let span = Some(self.balance.span);
            balanced.push(BalancedOwner { owner: name, role: Role::OfRegion, answers_cname: is_names(pool), span });
            balances.push(BalanceSpec { policy, ..self.spec });
        }
    }

    /// The labels of the owner, those of the region, then the origin.
    fn name_of(&self, owner: &Name, region: &str, apex: &Name, report: &mut Report) -> Option<Name> {
        let labels = owner.as_wire().len() - apex.as_wire().len();
        let below = values::domain_name(region, apex).map_err(|wrong| wrong.why);
        let joined = below.and_then(|below| {
            let wire = [&owner.as_wire()[..labels], below.as_wire()].concat();
            Name::from_wire(&wire).map(|(name, _)| name).map_err(|error| error.to_string())
        });
        match joined {
            Ok(name) => Some(name),
            Err(why) => {
                let message = format!("`{owner}` can have no name for region `{region}`: {why}");
                let diagnostic = Diagnostic::error(message).at(self.balance.span, "");
                report.push(diagnostic.hint("rename the region, or switch `region_names` off"));
                None
            }
        }
    }
}

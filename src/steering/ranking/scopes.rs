//! The scope of every leaf: the depth of the shallowest ancestor whose whole subtree has the leaf's cohort. One sweep over
//! the leaves in address order, with a stack of subtrees that wait for their sibling.

use super::{CohortId, LeafPairs, Pair, Table};
use std::collections::HashMap;
use std::ops::Range;

/// For each leaf the index of its cohort and scope, and these.
pub(super) fn pair_leaves(table: &Table<'_>, place_cohorts: &[CohortId]) -> (LeafPairs, Box<[Pair]>) {
    let [ipv4, ipv6] = table.leaf_depths;
    let cohort_of = |leaf: usize| {
        let place = table.leaf_places.get(leaf).map_or(0, |place| place.0 as usize);
        place_cohorts.get(place).copied().unwrap_or(CohortId(0))
    };
    let mut sweep =
        Sweep { leaf_pairs: LeafPairs::Narrow(vec![0; ipv4.len() + ipv6.len()].into()), ..Sweep::default() };
    for (leaf, &depth) in ipv4.iter().enumerate() {
        sweep.leaf(leaf, depth, Some(cohort_of(leaf)));
    }
    let root4 = sweep.root();
    for (leaf, &depth) in (ipv4.len()..).zip(ipv6) {
        // Where IPv6 addresses carry an IPv4 address, clients are of whatever cohort that one is.
        let carries_ipv4 = table.leaf_places.get(leaf).and_then(|place| table.places.get(place.0 as usize));
        if carries_ipv4.is_some_and(|place| place.disguised) {
            sweep.assign(leaf..leaf + 1, cohort_of(leaf), depth);
            sweep.leaf(leaf, depth, root4.as_ref().and_then(|root| root.cohort));
        } else {
            sweep.leaf(leaf, depth, Some(cohort_of(leaf)));
        }
    }
    let root6 = sweep.root();
    sweep.roots(root4, root6);
    (sweep.leaf_pairs, sweep.pairs.into())
}

/// A whole subtree whose sibling is still to come, or the whole of a family.
#[derive(Clone, Debug)]
struct Subtree {
    depth: u8,
    /// `None` when its leaves are of several cohorts.
    cohort: Option<CohortId>,
    leaves: Range<usize>,
}

#[derive(Default)]
struct Sweep {
    waiting: Vec<Subtree>,
    leaf_pairs: LeafPairs,
    pairs: Vec<Pair>,
    known: HashMap<Pair, u32>,
}

impl Default for LeafPairs {
    fn default() -> Self {
        Self::Narrow(Box::default())
    }
}

impl Sweep {
    /// Takes the next leaf. The subtrees that wait are left siblings, each deeper than the one before it: so a subtree as
    /// deep as the last one that waits is its sibling.
    fn leaf(&mut self, leaf: usize, depth: u8, cohort: Option<CohortId>) {
        let mut subtree = Subtree { depth, cohort, leaves: leaf..leaf + 1 };
        while let Some(left) = self.waiting.pop_if(|left| left.depth == subtree.depth && subtree.depth > 0) {
            subtree = self.join(left, subtree);
        }
        self.waiting.push(subtree);
    }

    fn join(&mut self, left: Subtree, right: Subtree) -> Subtree {
        let cohort = left.cohort.filter(|_| left.cohort == right.cohort);
        let joined = Subtree { depth: left.depth - 1, cohort, leaves: left.leaves.start..right.leaves.end };
        if cohort.is_none() {
            for side in [left, right] {
                if let Some(cohort) = side.cohort {
                    self.assign(side.leaves, cohort, side.depth);
                }
            }
        }
        joined
    }

    /// The whole family, once its last leaf is taken.
    fn root(&mut self) -> Option<Subtree> {
        self.waiting.pop()
    }

    /// Scope 0 speaks for both families (RFC 7871, section 7.3.1): it is for one cohort over all. A family that is of
    /// one cohort beside another gets scope 1.
    fn roots(&mut self, ipv4: Option<Subtree>, ipv6: Option<Subtree>) {
        let cohort_of = |root: &Option<Subtree>| root.as_ref().and_then(|root| root.cohort);
        let alike = cohort_of(&ipv4) == cohort_of(&ipv6) || ipv4.is_none() || ipv6.is_none();
        for root in [ipv4, ipv6].into_iter().flatten() {
            if let Some(cohort) = root.cohort {
                self.assign(root.leaves, cohort, if alike { 0 } else { root.depth.max(1) });
            }
        }
    }

    fn assign(&mut self, leaves: Range<usize>, cohort: CohortId, scope: u8) {
        let pair = Pair { cohort, scope };
        let next = self.pairs.len() as u32;
        let number = *self.known.entry(pair).or_insert(next);
        if number == next {
            self.pairs.push(pair);
        }
        if let LeafPairs::Narrow(narrow) = &self.leaf_pairs
            && u16::try_from(number).is_err()
        {
            self.leaf_pairs = LeafPairs::Wide(narrow.iter().map(|&number| number.into()).collect());
        }
        match &mut self.leaf_pairs {
            LeafPairs::Narrow(pairs) => pairs[leaves].fill(number as u16),
            LeafPairs::Wide(pairs) => pairs[leaves].fill(number),
        }
    }
}

//! The scope of every leaf: the depth of the shallowest ancestor whose whole subtree has the leaf's cohort. One sweep over
//! the leaves in address order, with a stack of subtrees that wait for their sibling.

use super::{CohortId, Table};
use crate::base::huge_pages::prefer;
use std::ops::Range;

/// In place of a cohort, for a subtree whose leaves are of several. There are fewer cohorts than places, and fewer places
/// than leaves, whose numbers have 32 bits.
const MIXED: CohortId = CohortId(u32::MAX);

/// The scope of each leaf in bits. That of addresses where nobody is looked up means nothing.
pub(super) fn of_leaves(table: &Table<'_>, place_cohorts: &[CohortId]) -> Box<[u8]> {
    let [ipv4, ipv6] = table.leaf_depths;
    let (places4, places6) = table.leaf_places.split_at(ipv4.len().min(table.leaf_places.len()));
    let mut sweep = Sweep::new(ipv4.len() + ipv6.len());
    for ((leaf, &depth), place) in (0..).zip(ipv4).zip(places4) {
        sweep.leaf(leaf, depth, place_cohorts[place.0 as usize]);
    }
    let root4 = sweep.root();
    // Where IPv6 addresses carry an IPv4 address, clients are of whatever cohort that one is.
    let of_disguised = root4.map_or(MIXED, |root| root.cohort);
    let disguised: Vec<bool> = table.places.iter().map(|place| place.disguised).collect();
    for ((leaf, &depth), place) in (ipv4.len() as u32..).zip(ipv6).zip(places6) {
        let cohort = place_cohorts[place.0 as usize];
        if disguised[place.0 as usize] {
            sweep.assign(leaf..leaf + 1, cohort, depth);
            sweep.leaf(leaf, depth, of_disguised);
        } else {
            sweep.leaf(leaf, depth, cohort);
        }
    }
    let root6 = sweep.root();
    sweep.roots(root4, root6);
    prefer(&sweep.scopes);
    sweep.scopes
}

/// A whole subtree whose sibling is still to come, or the whole of a family.
#[derive(Clone, Copy, Debug)]
struct Subtree {
    first: u32,
    cohort: CohortId,
    depth: u8,
}

struct Sweep {
    /// Left siblings, each deeper than the one before it.
    waiting: Vec<Subtree>,
    /// The leaf to come.
    next: u32,
    scopes: Box<[u8]>,
}

impl Sweep {
    fn new(leaves: usize) -> Self {
        Self { waiting: Vec::with_capacity(128), next: 0, scopes: vec![0; leaves].into() }
    }

    /// Takes the next leaf, and joins it with the subtrees that wait: one that is as deep is its left sibling.
    fn leaf(&mut self, leaf: u32, depth: u8, cohort: CohortId) {
        let mut subtree = Subtree { first: leaf, cohort, depth };
        self.next = leaf + 1;
        while let Some(left) = self.waiting.pop_if(|left| left.depth == subtree.depth && subtree.depth > 0) {
            if left.cohort != subtree.cohort {
                self.assign(left.first..subtree.first, left.cohort, left.depth);
                self.assign(subtree.first..self.next, subtree.cohort, subtree.depth);
                subtree.cohort = MIXED;
            }
            subtree = Subtree { first: left.first, cohort: subtree.cohort, depth: left.depth - 1 };
        }
        self.waiting.push(subtree);
    }

    /// The whole family, once its last leaf is taken.
    fn root(&mut self) -> Option<Subtree> {
        self.waiting.pop()
    }

    /// Scope 0 speaks for both families: it is for one cohort over all. A family that is of one cohort beside another gets
    /// scope 1.
    fn roots(&mut self, ipv4: Option<Subtree>, ipv6: Option<Subtree>) {
        let alike = ipv4.zip(ipv6).is_none_or(|(ipv4, ipv6)| ipv4.cohort == ipv6.cohort);
        let scope = |root: Subtree| if alike { 0 } else { root.depth.max(1) };
        if let Some(root) = ipv4 {
            self.assign(root.first..ipv6.map_or(self.next, |ipv6| ipv6.first), root.cohort, scope(root));
        }
        if let Some(root) = ipv6 {
            self.assign(root.first..self.next, root.cohort, scope(root));
        }
    }

    /// Settles the scope of leaves, unless they are of several cohorts: then it is settled already.
    fn assign(&mut self, leaves: Range<u32>, cohort: CohortId, scope: u8) {
        if cohort != MIXED {
            self.scopes[leaves.start as usize..leaves.end as usize].fill(scope);
        }
    }
}

//! Orders of groups, each kept once: a head of its own and a tail that many orders share.

use super::{CohortId, EXACT_NEAREST};
use crate::steering::reach::{GroupId, Ranked};
use std::collections::HashMap;

/// One order: where its groups stand in the store.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cohort {
    head_start: u32,
    head_len: u16,
    tail: Tail,
}

/// Groups that follow the head of many orders; those in the head are skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Tail {
    start: u32,
    len: u16,
    /// It stands in for an exact order.
    approximate: bool,
}

/// In place of a group: there are never so many.
const NO_GROUP: GroupId = GroupId::MAX;

/// All orders of a ranking.
#[derive(Debug, Default)]
pub(super) struct Orders {
    cohorts: Box<[Cohort]>,
    /// The first group of each order, where it is equal to none; else [`NO_GROUP`].
    firsts: Box<[GroupId]>,
    /// As [`Ranked`] holds them.
    groups: Box<[GroupId]>,
    has_ties: bool,
}

impl Orders {
    /// Whether any order has equals.
    pub(super) const fn has_ties(&self) -> bool {
        self.has_ties
    }

    /// Octets on the heap.
    pub(super) fn heap_len(&self) -> usize {
        size_of_val(&*self.cohorts) + size_of_val(&*self.firsts) + size_of_val(&*self.groups)
    }

    /// How many orders there are.
    pub(super) const fn len(&self) -> usize {
        self.cohorts.len()
    }

    /// An order by number; an empty one for a number that is not there.
    pub(super) fn cohort(&self, cohort: CohortId) -> Cohort {
        self.cohorts.get(cohort.0 as usize).copied().unwrap_or_default()
    }

    /// The first group of an order, if there is one that is equal to none, else the number of no group.
    #[inline]
    pub(super) fn first(&self, cohort: CohortId) -> GroupId {
        self.firsts.get(cohort.0 as usize).copied().unwrap_or(NO_GROUP)
    }

    fn slice(&self, start: u32, len: u16) -> &[GroupId] {
        &self.groups[start as usize..][..usize::from(len)]
    }

    /// The groups of an order, best first.
    pub(super) fn groups(&self, cohort: Cohort) -> impl Iterator<Item = Ranked> + '_ {
        let head = self.slice(cohort.head_start, cohort.head_len);
        let tail = self.slice(cohort.tail.start, cohort.tail.len);
        head.iter().chain(tail.iter().filter(move |&&group| !has(head, group))).copied().map(Ranked::from_raw)
    }

    /// From which place on the order is approximate.
    pub(super) fn approximate_from(&self, cohort: Cohort) -> Option<usize> {
        cohort.tail.approximate.then_some(usize::from(cohort.head_len).max(EXACT_NEAREST))
    }
}

/// Whether a group, by its number alone, is among the entries of a head.
fn has(head: &[GroupId], group: GroupId) -> bool {
    head.iter().any(|&entry| Ranked::from_raw(entry).group() == group)
}

/// Collects orders while places are ranked.
#[derive(Default)]
pub(super) struct Interner {
    cohorts: Vec<Cohort>,
    groups: Vec<GroupId>,
    /// The head followed by the tail's place in the store, in two halves.
    known: HashMap<Box<[u16]>, CohortId>,
    scratch: Vec<u16>,
}

impl Interner {
    /// Stores a tail; to be called once for each.
    pub(super) fn tail(&mut self, groups: &[GroupId], approximate: bool) -> Tail {
        let start = self.groups.len() as u32;
        self.groups.extend_from_slice(groups);
        // Groups are numbered with 16 bits and stand in a tail once.
        Tail { start, len: groups.len() as u16, approximate }
    }

    /// The cohort of an order; entries of the head may be tied, those of a tail never are. Of a head that runs into its tail, what the tail would put there anyway is cut, so that one
    /// order is one cohort.
    pub(super) fn intern(&mut self, mut head: &[GroupId], tail: Tail) -> CohortId {
        let rest = &self.groups[tail.start as usize..][..usize::from(tail.len)];
        while let Some((last, before)) = head.split_last()
            && rest.iter().find(|&&group| !has(before, group)) == Some(last)
        {
            head = before;
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(head);
        self.scratch.extend([tail.start as u16, (tail.start >> 16) as u16, tail.len]);
        if let Some(&cohort) = self.known.get(&self.scratch[..]) {
            return cohort;
        }
        let head_start = self.groups.len() as u32;
        self.groups.extend_from_slice(head);
        let cohort = CohortId(self.cohorts.len() as u32);
        self.cohorts.push(Cohort { head_start, head_len: head.len() as u16, tail });
        self.known.insert(self.scratch[..].into(), cohort);
        cohort
    }

    /// The orders, as they are read.
    pub(super) fn finish(self) -> Orders {
        let has_ties = self.groups.iter().any(|&entry| Ranked::from_raw(entry).is_tied());
        let mut orders =
            Orders { cohorts: self.cohorts.into(), firsts: Box::default(), groups: self.groups.into(), has_ties };
        let first = |&cohort: &Cohort| {
            let mut order = orders.groups(cohort);
            let first = order.next().map_or(NO_GROUP, Ranked::group);
            if order.next().is_some_and(Ranked::is_tied) { NO_GROUP } else { first }
        };
        orders.firsts = orders.cohorts.iter().map(first).collect();
        orders
    }
}

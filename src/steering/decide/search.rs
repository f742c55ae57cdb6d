//! The search of one query: once for each pass along the client's order, to the first group that is available and takes the
//! client. Knows no variants.

use super::{Asked, Considered, Step, Trace};
use crate::base::Family;
use crate::steering::pool_answers::{Group, Pass, Standing, WhenAllDown};
use crate::steering::ranking::CohortId;
use crate::steering::reach::{GroupId, Ranked};
use crate::steering::{PoolAnswers, Ranking};

/// The groups of a cohort's order in one family: what the search of one query reads.
pub(super) struct Search<'s, T> {
    pub(super) answers: &'s PoolAnswers,
    pub(super) ranking: &'s Ranking,
    pub(super) cohort: CohortId,
    pub(super) asked: &'s Asked,
    /// What tells the client apart where regions hand clients on; nothing where none does.
    pub(super) client: u64,
    pub(super) trace: &'s mut T,
}

/// Where the search ends.
pub(super) enum Answer {
    Of(Group),
    Fallback,
    Nothing,
    ServFail,
    Elsewhere,
}

pub(super) struct Found {
    pub(super) answer: Answer,
    pub(super) ttl_min: bool,
}

/// The outcome of walking the order in the searching passes.
struct Walk {
    /// The group and the pass that found it.
    found: Option<(GroupId, Pass)>,
    /// How often a group was passed over which a member is about to make available.
    soon: u32,
    /// The group, or one that hands the client on, is about to take more or fewer clients.
    settles: bool,
}

/// What a walk has seen on its way.
#[derive(Clone, Copy)]
struct Seen {
    soon: u32,
    settles: bool,
    /// Some region handed the client on in this pass.
    handed_on: bool,
    /// The first that did.
    home: Option<GroupId>,
}

/// Most equals that one is picked of; orders have no longer runs of them.
const EQUALS_MAX: usize = 512;

impl<T: Trace> Search<'_, T> {
    pub(super) fn find(&mut self, family: Family) -> Found {
        let mut ttl_min = false;
        if family == Family::V6 && self.answers.together() {
            // One region by A's order answers both; where that one has no AAAA, AAAA goes its own way.
            let lead = self.walk(Family::V4);
            ttl_min = lead.soon > 0 || lead.settles;
            if let Some((group, pass)) = lead.found {
                let own = self.answers.slot(family).group(group);
                if pass < Pass::AnyUpOfFamily && own.standing.available(pass) {
                    self.trace.step(Step { family, pass, group, outcome: Considered::Chosen });
                    return Found { ttl_min: ttl_min || own.standing.changes(), answer: Answer::Of(own) };
                }
                // A's region may become another one, or one that is up in both families: AAAA would follow it.
                let lead = self.standing(Family::V4, group);
                ttl_min |= lead.fragile() || (pass == Pass::AnyUpOfFamily && lead.soon_count() > 0);
            }
        }
        let walk = self.walk(family);
        let found = match walk.found {
            Some((group, _)) => {
                let group = self.answers.slot(family).group(group);
                Found { ttl_min: walk.soon > 0 || walk.settles || group.standing.changes(), answer: Answer::Of(group) }
            }
            None => self.all_down(family, walk.soon),
        };
        Found { ttl_min: found.ttl_min || ttl_min, ..found }
    }

    fn standing(&self, family: Family, group: GroupId) -> Standing {
        self.answers.slot(family).group(group).standing
    }

    /// Walks the order, once for each searching pass, to the first group that is available and takes the client.
    fn walk(&mut self, family: Family) -> Walk {
        let mut seen = Seen { soon: 0, settles: false, handed_on: false, home: None };
        let has_ties = self.ranking.has_ties();
        for &pass in Pass::searching(self.answers.together()) {
            seen.handed_on = false;
            let found = match has_ties {
                true => self.walk_equals(family, pass, &mut seen),
                false => self.walk_one_by_one(family, pass, &mut seen),
            };
            // A client that nobody takes goes home, rather than to a region that is not healthy.
            if let Some(group) = found.or(seen.home) {
                self.trace.step(Step { family, pass, group, outcome: Considered::Chosen });
                let standing = self.standing(family, group);
                // That the chosen group itself nearly made it earlier changes nothing.
                let soon = seen.soon - standing.soon_count();
                return Walk { found: Some((group, pass)), soon, settles: seen.settles || standing.settles() };
            }
        }
        Walk { found: None, soon: seen.soon, settles: seen.settles }
    }

    fn walk_one_by_one(&mut self, family: Family, pass: Pass, seen: &mut Seen) -> Option<GroupId> {
        let order = self.ranking.order(self.cohort).map(Ranked::group);
        for group in order {
            match self.consider(family, pass, group, seen) {
                Considered::Chosen => return Some(group),
                outcome => self.trace.step(Step { family, pass, group, outcome }),
            }
        }
        None
    }

    /// As [`Self::walk_one_by_one`], where some of the order are equals: of those that would be chosen one is picked.
    fn walk_equals(&mut self, family: Family, pass: Pass, seen: &mut Seen) -> Option<GroupId> {
        let mut order = self.ranking.order(self.cohort).peekable();
        let mut equals = [0; EQUALS_MAX];
        while let Some(first) = order.next() {
            let handed_on = seen.handed_on;
            let mut count = 0;
            let mut next = Some(first);
            while let Some(entry) = next {
                let group = entry.group();
                // One of the equals that hands a client on does not make the others refuse it.
                let mut own = Seen { handed_on, ..*seen };
                match self.consider(family, pass, group, &mut own) {
                    Considered::Chosen if count < EQUALS_MAX => {
                        equals[count] = group;
                        count += 1;
                    }
                    outcome => self.trace.step(Step { family, pass, group, outcome }),
                }
                *seen = Seen { handed_on: seen.handed_on || own.handed_on, ..own };
                next = order.next_if(|entry| entry.is_tied());
            }
            if count > 0 {
                let picked = self.answers.pick_equal(&equals[..count], self.asked);
                for (at, &group) in equals[..count].iter().enumerate().filter(|(at, _)| *at != picked) {
                    debug_assert!(at != picked, "the picked one is told of by the caller");
                    self.trace.step(Step { family, pass, group, outcome: Considered::NotPicked });
                }
                return Some(equals[picked]);
            }
        }
        None
    }

    /// Whether a group may answer in a pass, and takes the client.
    #[inline]
    fn consider(&mut self, family: Family, pass: Pass, group: GroupId, seen: &mut Seen) -> Considered {
        let standing = self.standing(family, group);
        if !standing.available(pass) {
            seen.soon += u32::from(standing.soon(pass));
            // One that waits may be about to take its clients back.
            seen.settles |= standing.settles() && pass == Pass::Healthy;
            return if standing.has_members() { Considered::PassedOver } else { Considered::NoMembers };
        }
        // Behind the first pass whoever is up takes everybody.
        if pass == Pass::Healthy && self.answers.selects() {
            let (hands_on, refuses) = self.answers.turns_away(group, self.client);
            if hands_on {
                seen.handed_on = true;
                seen.home = seen.home.or(Some(group));
                seen.settles |= standing.settles();
                return Considered::HandedOn;
            }
            if seen.handed_on && refuses {
                return Considered::Refused;
            }
        }
        Considered::Chosen
    }

    /// Nothing is up: what the policy wants then.
    fn all_down(&mut self, family: Family, soon: u32) -> Found {
        let answer = match self.answers.all_down() {
            WhenAllDown::All => return self.first_as_if_up(family, soon),
            WhenAllDown::NoData => Answer::Nothing,
            WhenAllDown::ServFail => Answer::ServFail,
            WhenAllDown::Fallback => Answer::Fallback,
            WhenAllDown::Policy => Answer::Elsewhere,
        };
        Found { answer, ttl_min: soon > 0 }
    }

    /// The first group's enabled members; with families together, of the group that A's order puts first.
    fn first_as_if_up(&mut self, family: Family, soon: u32) -> Found {
        let first = |family| {
            self.ranking.order(self.cohort).map(Ranked::group).find(|&group| self.standing(family, group).has_members())
        };
        let of_lead = match family {
            Family::V6 if self.answers.together() => first(Family::V4),
            Family::V4 | Family::V6 => None,
        };
        let Some(group) = of_lead.filter(|&group| self.standing(family, group).has_members()).or_else(|| first(family))
        else {
            return Found { answer: Answer::Nothing, ttl_min: true };
        };
        self.trace.step(Step { family, pass: Pass::AllDown, group, outcome: Considered::Chosen });
        let group = self.answers.slot(family).group(group);
        let others_soon = soon - group.standing.soon_count();
        Found { ttl_min: others_soon > 0 || group.standing.changes_when_down(), answer: Answer::Of(group) }
    }
}

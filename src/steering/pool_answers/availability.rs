//! Which groups of regions may answer in which pass, and whether that is about to change.

/// The passes over a client's regions; the first that finds a region decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// Enough of the region is up: `min_healthy`. Where families go together, in each family it has.
    Healthy,
    /// Any member of the region is up. Where families go together, in each family it has.
    AnyUp,
    /// Where families go together and no region is up in all its families: any member of the asked family is up.
    AnyUpOfFamily,
    /// Nothing is up: what the policy's `all_down` says.
    AllDown,
}

impl Pass {
    /// The passes that look for members that are up, in order.
    pub(in crate::steering) const fn searching(together: bool) -> &'static [Self] {
        if together { &[Self::Healthy, Self::AnyUp, Self::AnyUpOfFamily] } else { &[Self::Healthy, Self::AnyUp] }
    }
}

/// What a group of regions is good for, in one family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::steering) struct Standing(u16);

impl Standing {
    const HAS_MEMBERS: u16 = 1;
    const CHANGES: u16 = 1 << 1;
    const CHANGES_WHEN_DOWN: u16 = 1 << 2;
    const FRAGILE: u16 = 1 << 3;
    const SETTLING: u16 = 1 << 11;
    const AVAILABLE: u16 = 1 << 4;
    const STEADY: u16 = 1 << 12;
    const SOON: u16 = 1 << 8;
    const SOON_ALL: u16 = 7 << 8;

    /// It has enabled members of the family.
    pub(in crate::steering) const fn has_members(self) -> bool {
        self.0 & Self::HAS_MEMBERS != 0
    }

    /// It may answer in `pass`, which is a searching one.
    pub(in crate::steering) const fn available(self, pass: Pass) -> bool {
        self.0 & (Self::AVAILABLE << pass as u16) != 0
    }

    /// It may not answer in `pass`, and a member of it is on the way to a change that lets it.
    pub(in crate::steering) const fn soon(self, pass: Pass) -> bool {
        self.0 & (Self::SOON << pass as u16) != 0
    }

    /// In how many passes that is so.
    pub(in crate::steering) const fn soon_count(self) -> u32 {
        (self.0 & Self::SOON_ALL).count_ones()
    }

    /// When it answers in a searching pass: a member of it is on the way to a change of what it answers.
    pub(in crate::steering) const fn changes(self) -> bool {
        self.0 & Self::CHANGES != 0
    }

    /// When it answers as if up: a member of it is on the way to a change of what it answers.
    pub(in crate::steering) const fn changes_when_down(self) -> bool {
        self.0 & Self::CHANGES_WHEN_DOWN != 0
    }

    /// What it takes of its clients is about to change.
    pub(in crate::steering) const fn settles(self) -> bool {
        self.0 & Self::SETTLING != 0
    }

    /// The same standing of a group that is about to take more or fewer of its clients.
    pub(in crate::steering) const fn settling(self) -> Self {
        Self(self.0 | Self::SETTLING)
    }

    /// It answers every client whose order it is the first of, and nothing about that is about to change.
    pub(in crate::steering) const fn is_steady(self) -> bool {
        self.0 & Self::STEADY != 0
    }

    /// The same standing of a group that answers whoever comes to it first, as long as it does not change. `lead` is its standing in
    /// the family whose order the asked one follows.
    pub(in crate::steering) const fn steady_after(self, lead: Self) -> Self {
        let waits = self.changes() || self.settles() || lead.settles();
        let answers = self.available(Pass::Healthy) && lead.available(Pass::Healthy);
        if answers && !waits { Self(self.0 | Self::STEADY) } else { self }
    }

    /// A member of it is on the way to a change after which it may not answer in its pass.
    pub(in crate::steering) const fn fragile(self) -> bool {
        self.0 & Self::FRAGILE != 0
    }
}

/// The weights of a region's members in one family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of enabled members.
    pub enabled: u64,
    /// Of enabled members that are up.
    pub up: u64,
    /// Of enabled members without a first result: as long as others have one, they are no part of what must be up.
    pub unknown: u64,
    /// Of enabled members that are not up, and on the way to it, or to their first result.
    pub rising: u64,
    /// Of enabled members that are up, and on the way down.
    pub falling: u64,
    /// How many members are enabled.
    pub enabled_count: u32,
    /// Its region waits for failback: it does not answer in the first pass.
    pub held_back: bool,
}

/// How members on the way to a change are taken.
#[derive(Clone, Copy)]
pub(super) enum Outlook {
    /// As they are.
    Now,
    /// Those that rise are up, and first results are good.
    Best,
    /// Those that fall are down, and first results are bad.
    Worst,
}

impl Tally {
    /// Whether it passes by itself. A share that is met but for rounding is met.
    fn passes(&self, pass: Pass, outlook: Outlook, min_healthy: f64) -> bool {
        let (up, judged) = match outlook {
            Outlook::Now => (self.up, self.judged()),
            Outlook::Best => (self.up + self.rising, self.enabled),
            Outlook::Worst => (self.up - self.falling, self.enabled),
        };
        match pass {
            Pass::Healthy => up > 0 && up as f64 >= (min_healthy - ROUNDING) * judged as f64,
            Pass::AnyUp | Pass::AnyUpOfFamily => up > 0,
            Pass::AllDown => self.enabled > 0,
        }
    }

    /// The weight that `min_healthy` is a share of: of the enabled members with a result, or of all when none has one.
    #[must_use]
    pub const fn judged(&self) -> u64 {
        if self.unknown < self.enabled { self.enabled - self.unknown } else { self.enabled }
    }

    const fn wavers(&self) -> bool {
        self.rising + self.falling > 0
    }
}

/// What decimal shares such as 0.07 may be off in binary.
const ROUNDING: f64 = 1e-9;

/// How the regions of a pool are judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    pub(super) together: bool,
    pub(super) min_healthy: f64,
}

impl Judge {
    /// Whether a region may answer the family in slot `slot` in `pass`.
    pub(super) fn available(&self, region: &[Tally; 2], slot: usize, pass: Pass, outlook: Outlook) -> bool {
        let own = &region[slot];
        if pass == Pass::Healthy && own.held_back {
            return false;
        }
        let both = self.together && matches!(pass, Pass::Healthy | Pass::AnyUp);
        own.enabled > 0
            && own.passes(pass, outlook, self.min_healthy)
            && (!both || self.does_not_object(&region[1 - slot], pass, outlook))
    }

    /// Whether the family beside the asked one lets a region answer. One without any first result, as after a reload that
    /// added it, is passed over itself and does not make its region passed over.
    fn does_not_object(&self, other: &Tally, pass: Pass, outlook: Outlook) -> bool {
        let without_result = matches!(outlook, Outlook::Now) && other.unknown == other.enabled;
        other.enabled == 0 || without_result || other.passes(pass, outlook, self.min_healthy)
    }

    /// The first family that keeps a region from answering in `pass`, as an index.
    pub(super) fn shortfall(&self, region: &[Tally; 2], slot: usize, pass: Pass) -> Option<usize> {
        let both = self.together && matches!(pass, Pass::Healthy | Pass::AnyUp);
        let asked = [slot, 1 - slot].into_iter().take(if both { 2 } else { 1 });
        let short = |&family: &usize| match family == slot {
            true => region[slot].enabled > 0 && !region[slot].passes(pass, Outlook::Now, self.min_healthy),
            false => !self.does_not_object(&region[family], pass, Outlook::Now),
        };
        asked.into_iter().find(short)
    }

    /// The standing of a group of regions in one family, and the first pass in which it may answer.
    pub(super) fn standing(&self, regions: &[&[Tally; 2]], slot: usize) -> (Standing, Option<Pass>) {
        let any = |pass, outlook| regions.iter().any(|region| self.available(region, slot, pass, outlook));
        let mut bits = 0;
        let mut first = None;
        for &pass in Pass::searching(self.together) {
            if any(pass, Outlook::Now) {
                bits |= Standing::AVAILABLE << pass as u16;
                first = first.or(Some(pass));
            } else if any(pass, Outlook::Best) {
                bits |= Standing::SOON << pass as u16;
            }
        }
        let enabled: u32 = regions.iter().map(|region| region[slot].enabled_count).sum();
        let mut set = |bit: u16, holds: bool| bits |= if holds { bit } else { 0 };
        set(Standing::HAS_MEMBERS, enabled > 0);
        if let Some(pass) = first {
            set(Standing::CHANGES, self.changes(regions, slot, pass));
            set(Standing::FRAGILE, !any(pass, Outlook::Worst));
        } else {
            // A lone member that comes up is answered as it was before.
            set(Standing::CHANGES_WHEN_DOWN, enabled > 1 && any(Pass::AnyUpOfFamily, Outlook::Best));
        }
        (Standing(bits), first)
    }

    /// Whether the members that answer in `pass`, the first the group may answer in, are about to be others.
    fn changes(&self, regions: &[&[Tally; 2]], slot: usize, pass: Pass) -> bool {
        let is = |region: &[Tally; 2], pass, outlook| self.available(region, slot, pass, outlook);
        regions.iter().any(|region| {
            if is(region, pass, Outlook::Now) {
                region[slot].wavers() || !is(region, pass, Outlook::Worst)
            } else {
                is(region, pass, Outlook::Best)
            }
        }) || (regions.len() > 1
            // Among equals, a region that makes it into an earlier pass leaves the others behind.
            && Pass::searching(self.together)
                .iter()
                .take_while(|&&earlier| earlier < pass)
                .any(|&earlier| regions.iter().any(|region| is(region, earlier, Outlook::Best))))
    }
}

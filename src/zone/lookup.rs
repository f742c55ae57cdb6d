//! Finding what a zone knows of a name and type (RFC 1034, section 4.3.2, with RFC 4592, 6672, 8020 and 8482). Reads
//! only what was computed when the zone was built; allocates nothing.

use super::Lookup;
use super::shard::{NodeRef, flag};
use super::tree::Tree;
use crate::wire::{NameKey, rtype};

/// What `tree` knows of `name`, whose suffix `apex_stripped` is the apex, and `rtype`.
pub fn lookup<'z>(tree: &'z Tree, name: &NameKey, apex_stripped: usize, rtype: u16) -> Lookup<'z> {
    let Some(node) = tree.find(name, 0, apex_stripped) else {
        if tree.is_missing_below_plain_apex(apex_stripped) {
            return Lookup::NxDomain;
        }
        return lookup_missing(tree, name, apex_stripped, rtype);
    };
    if node.has(flag::CUT | flag::COVERED) {
        return lookup_covered(tree, name, apex_stripped, rtype);
    }
    match node.slot() {
        // Zone files hold none of these at a balanced name.
        Some(slot) if matches!(rtype, rtype::A | rtype::AAAA) => {
            return Lookup::Balanced { slot, fixed: None, from_wildcard: false };
        }
        Some(_) => {}
        None => {
            if let Some(rrset) = node.rrset(rtype) {
                return Lookup::Answer { rrset, from_wildcard: false };
            }
        }
    }
    answer(node, rtype, false)
}

/// `name` is a node that is a cut, or lies below one or below a DNAME.
#[cold]
fn lookup_covered<'z>(tree: &'z Tree, name: &NameKey, apex_stripped: usize, rtype: u16) -> Lookup<'z> {
    let Some(node) = tree.find(name, 0, apex_stripped) else { return Lookup::Unavailable };
    if rtype == rtype::DS && !node.has(flag::COVERED) {
        // The parent side of a cut is authoritative for DS (RFC 4035, section 3.1.4.1).
        return node.rrset(rtype).map_or(Lookup::NoData, |rrset| Lookup::Answer { rrset, from_wildcard: false });
    }
    uppermost_cover(tree, name, apex_stripped)
}

/// `name` is no node: its closest encloser decides.
#[inline(never)]
fn lookup_missing<'z>(tree: &'z Tree, name: &NameKey, apex_stripped: usize, rtype: u16) -> Lookup<'z> {
    // Names deeper than the deepest node need no look.
    let first = apex_stripped.saturating_sub(tree.depth_max()).max(1);
    for stripped in first..=apex_stripped {
        let found = if stripped == apex_stripped { tree.apex_node() } else { tree.find(name, stripped, apex_stripped) };
        let Some(encloser) = found else { continue };
        if encloser.has(flag::CUT | flag::COVERED | flag::DNAME) {
            return uppermost_cover(tree, name, apex_stripped);
        }
        if !encloser.has(flag::WILDCARD_CHILD) {
            return Lookup::NxDomain;
        }
        let wildcard = tree.find_wildcard(name, stripped, apex_stripped);
        return wildcard.map_or(Lookup::NxDomain, |node| answer(node, rtype, true));
    }
    // Whatever has data has an apex.
    Lookup::Unavailable
}

/// The cut at or above `name`, or the DNAME above it, that is nearest to the apex: what lies below it does not count.
fn uppermost_cover<'z>(tree: &'z Tree, name: &NameKey, apex_stripped: usize) -> Lookup<'z> {
    for stripped in (0..=apex_stripped).rev() {
        let Some(node) = tree.find(name, stripped, apex_stripped) else { break };
        if node.has(flag::CUT)
            && let Some(ns) = node.rrset(rtype::NS)
        {
            return Lookup::Referral { ns, stripped };
        }
        if stripped > 0
            && node.has(flag::DNAME)
            && let Some(rrset) = node.rrset(rtype::DNAME)
        {
            return Lookup::Dname { rrset, owner_stripped: stripped };
        }
    }
    Lookup::NxDomain
}

/// What an authoritative node, or the wildcard that stands for the name, has of a type.
#[inline(never)]
fn answer(node: NodeRef<'_>, rtype: u16, from_wildcard: bool) -> Lookup<'_> {
    if let Some(slot) = node.slot() {
        return Lookup::Balanced { slot, fixed: node.rrset(rtype), from_wildcard };
    }
    if let Some(rrset) = node.rrset(rtype) {
        return Lookup::Answer { rrset, from_wildcard };
    }
    if rtype == rtype::ANY {
        // One RRset is enough (RFC 8482, section 4.1).
        return node.rrsets().next().map_or(Lookup::NoData, |rrset| Lookup::Answer { rrset, from_wildcard });
    }
    if node.has(flag::CNAME)
        && let Some(rrset) = node.rrset(rtype::CNAME)
    {
        return Lookup::Cname { rrset, from_wildcard };
    }
    Lookup::NoData
}

//! Checks of what a signed zone must have for validators: a signature over every RRset that it answers with, and a chain
//! that closes and has every name in it. Verifies no signature.

use super::chain::{Chain, ChainEntry, ChainKey};
use super::denial::{Chains, Denial, Parameters, digits_of};
use super::files::own_span;
use super::node_checks::full_name;
use super::proof::DeniesBy;
use super::record_type;
use super::rrset::data_of;
use super::shard::{NodeRef, flag};
use super::tree::Tree;
use super::zone_checks::ZoneChecks;
use crate::base::Diagnostic;
use crate::wire::{Name, NameKey, rtype};

/// Most hashes that are computed to look for names in an NSEC3 chain: a matter of a few seconds. Of a zone that takes
/// more, only the records of the chain are compared.
const HASHES_MAX: usize = 10_000_000;
/// What all of this comes to, and what to do.
const BOGUS: &str = "resolvers that validate refuse such answers; sign the whole zone again after changing it";

/// What the checks found, to be told with its place.
struct Found {
    message: String,
    /// The records in question, if there are any.
    owner: Name,
    types: Vec<u16>,
}

impl ZoneChecks<'_> {
    /// Checks of a signed zone whose lines all could be read.
    pub(super) fn completely_signed(&mut self, chains: Option<&Chains>) {
        let tree = self.tree;
        tree.nodes().for_each(|node| self.unsigned(tree, node));
        let Some(chains) = chains else { return };
        let denial = match DeniesBy::of(tree, Some(chains)) {
            DeniesBy::Nothing => None,
            DeniesBy::Nsec => Some(chains.nsec()),
            DeniesBy::Nsec3(number) => chains.nsec3(number),
        };
        match denial {
            None => {}
            Some(Denial::Nsec(chain)) => {
                self.links(chain, |data| next_labels(data, &tree.apex));
                let in_zone = tree.nodes().filter(|node| is_answered(*node) && node.rrsets().next().is_some());
                for node in in_zone.filter(|node| chain.find(ChainKey::of_labels(node.name()).octets()).is_none()) {
                    self.missing(node, rtype::NSEC);
                }
            }
            Some(Denial::Nsec3(parameters, chain)) => {
                self.links(chain, next_hash);
                self.hashed_names(parameters, chain);
            }
        }
    }

    /// RRsets that the zone answers with and that no signature covers (RFC 4035, section 2.2).
    fn unsigned(&mut self, tree: &Tree, node: NodeRef<'_>) {
        if !is_answered(node) {
            return;
        }
        // At a cut only DS is the zone's own.
        let is_own = |rtype: u16| !node.has(flag::CUT) || rtype == rtype::DS;
        for rrset in node.rrsets().filter(|rrset| rrset.signatures().is_empty() && is_own(rrset.rtype())) {
            self.unsigned_rrset(full_name(node.name(), &tree.apex), rrset.rtype());
        }
    }

    fn unsigned_rrset(&mut self, owner: Name, rtype: u16) {
        let mnemonic = record_type::name(rtype);
        let message = format!("the {mnemonic} records of `{owner}` have no signature, and the zone is signed");
        self.tell(Found { message, owner, types: vec![rtype] });
    }

    /// Whether each record of a chain leads to the one behind it and the last one to the first, and is signed.
    fn links(&mut self, chain: &Chain, next: impl Fn(&[u8]) -> Option<Box<[u8]>>) {
        let tree = self.tree;
        let following = chain.entries().skip(1).chain(chain.entries().take(1));
        for (entry, following) in chain.entries().zip(following) {
            let (rrset, owner) = (entry.rrset(), || full_name(entry.labels(), &tree.apex));
            let leads_elsewhere = |data: &[u8]| next(data).as_deref() != Some(following.labels());
            if data_of(rrset.octets()).any(leads_elsewhere) {
                self.broken_link(owner(), following);
            }
            if rrset.signatures().is_empty() {
                self.unsigned_rrset(owner(), rrset.rtype());
            }
        }
    }

    fn broken_link(&mut self, owner: Name, following: ChainEntry<'_>) {
        let rtype = following.rrset().rtype();
        let mnemonic = record_type::name(rtype);
        let following = full_name(following.labels(), &self.tree.apex);
        let message = format!(
            "the chain of {mnemonic} records is broken behind `{owner}`: its record does not lead to `{following}`, \
             the next owner of one"
        );
        self.tell(Found { message, owner, types: vec![rtype] });
    }

    /// Whether the hash of every name is in the chain, but for what opt-out leaves out (RFC 5155, section 7.1).
    fn hashed_names(&mut self, parameters: &Parameters, chain: &Chain) {
        let tree = self.tree;
        let rounds = usize::from(parameters.iterations) + 1;
        if tree.nodes().count().saturating_mul(rounds) > HASHES_MAX {
            return;
        }
        let apex = NameKey::of(&tree.apex);
        for node in tree.nodes().filter(|node| is_answered(*node)) {
            let hashed = parameters.hashed(node.name(), apex.octets());
            let covering = match chain.at_or_before(&hashed) {
                Some((_, true)) => continue,
                Some((entry, false)) => Some(entry),
                None => chain.last(),
            };
            let may_be_left_out = node.rrsets().next().is_none() || node.has(flag::CUT);
            let opts_out = || covering.is_some_and(|entry| data_of(entry.rrset().octets()).all(is_opt_out));
            if may_be_left_out && node.rrset(rtype::DS).is_none() && opts_out() {
                continue;
            }
            self.missing(node, rtype::NSEC3);
        }
    }

    fn missing(&mut self, node: NodeRef<'_>, chained: u16) {
        let owner = full_name(node.name(), &self.tree.apex);
        let mnemonic = record_type::name(chained);
        let what = if chained == rtype::NSEC { "" } else { "the hash of " };
        let message = format!("{what}`{owner}` has no {mnemonic} record: the zone denies that the name exists");
        self.tell(Found { message, owner, types: node.rrsets().map(|rrset| rrset.rtype()).collect() });
    }

    fn tell(&mut self, Found { message, owner, types }: Found) {
        let place = self.place_of(&owner, &types);
        let span = place.map_or_else(|| own_span(0, 0..0), |place| self.files.span(place));
        self.findings.push(Diagnostic::warning(message).at(span, "").hint(BOGUS));
    }
}

/// Whether the zone answers with the records of a node, or refers with them. Balanced names were refused before.
const fn is_answered(node: NodeRef<'_>) -> bool {
    !node.has(flag::COVERED | flag::BALANCED)
}

/// The labels below the apex, in lower case, of the name that an NSEC record leads to.
fn next_labels(data: &[u8], apex: &Name) -> Option<Box<[u8]>> {
    let (next, _) = Name::from_wire(data).ok()?;
    let below = next.as_wire().len().checked_sub(apex.as_wire().len()).filter(|_| next.is_at_or_below(apex))?;
    Some(next.as_wire()[..below].to_ascii_lowercase().into())
}

/// The label of the hash that an NSEC3 record leads to.
fn next_hash(data: &[u8]) -> Option<Box<[u8]>> {
    const SALT_LEN_AT: usize = 4;
    let hash = data.get(SALT_LEN_AT + 1 + usize::from(*data.get(SALT_LEN_AT)?)..)?;
    let (len, hash) = hash.split_first()?;
    hash.get(..usize::from(*len))?.try_into().ok().map(|hash| digits_of(hash).into())
}

/// Whether the flag of an NSEC3 record says that delegations without DS may lie in its gap (RFC 5155, section 3.1.2.1).
fn is_opt_out(data: &[u8]) -> bool {
    data.get(1).is_some_and(|flags| flags & 1 != 0)
}

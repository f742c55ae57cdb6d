//! When the signatures of a zone that was signed elsewhere expire. Reads no clock.

use super::Zone;
use super::chain::Chain;
use super::denial::Denial;
use super::node_checks::full_name;
use super::proof::DeniesBy;
use super::record_type;
use super::rrset::{RrsetRef, expires};
use crate::base::{Diagnostic, Span, UnixTime};
use crate::wire::Name;

/// How long before signatures expire there is a warning, in seconds: three days, so that a weekend lies between.
const WARNED_BEFORE: u64 = 3 * 86_400;

impl Zone {
    /// When the first of its signatures expires; `None` without signatures.
    #[must_use]
    pub fn signatures_expire(&self) -> Option<UnixTime> {
        let first = self.expires();
        (first < u32::MAX).then(|| UnixTime::from_secs(first.into()))
    }

    fn expires(&self) -> u32 {
        if !self.is_signed {
            return u32::MAX;
        }
        self.tree.expires().min(self.chain_used().map_or(u32::MAX, Chain::expires))
    }

    /// The chain that the zone denies with: nobody is answered with what another one holds, which may be old.
    fn chain_used(&self) -> Option<&Chain> {
        let chains = self.chains.as_deref()?;
        let denial = match self.denies_by {
            DeniesBy::Nothing => return None,
            DeniesBy::Nsec => chains.nsec(),
            DeniesBy::Nsec3(number) => chains.nsec3(number)?,
        };
        match denial {
            Denial::Nsec(chain) | Denial::Nsec3(_, chain) => Some(chain),
        }
    }

    /// The owner and type of an RRset whose signature is the first to expire.
    fn first_to_expire(&self) -> Option<(Name, u16)> {
        let first = self.expires();
        let is_first = |rrset: &RrsetRef<'_>| !rrset.signatures().is_empty() && expires(rrset.signatures()) == first;
        let nodes = self.tree.nodes().map(|node| (node.name(), node.rrsets().find(is_first)));
        let entries = self.chain_used().into_iter().flat_map(Chain::entries);
        let entries = entries.map(|entry| (entry.labels(), Some(entry.rrset()).filter(is_first)));
        let mut found = nodes.chain(entries).filter_map(|(labels, rrset)| Some((labels, rrset?)));
        found.next().map(|(labels, rrset)| (full_name(labels, &self.tree.apex), rrset.rtype()))
    }

    /// A warning when signatures have expired, or will within three days; `span` is where the configuration names the zone.
    #[must_use]
    pub fn expiry_warning(&self, span: Option<Span>, now: UnixTime) -> Option<Diagnostic> {
        let expires = self.signatures_expire()?;
        if expires.as_secs() > now.as_secs() + WARNED_BEFORE {
            return None;
        }
        let (owner, rtype) = self.first_to_expire()?;
        let what = format!("the signature over the {} records of `{owner}`", record_type::name(rtype));
        let at = shown(expires);
        let message = if expires <= now {
            format!("{what} expired on {at}: resolvers that validate refuse the answer")
        } else {
            format!("{what} expires on {at}")
        };
        let hint = format!("sign zone `{}` again, where it is signed", self.tree.apex);
        let diagnostic = Diagnostic::warning(message).hint(hint);
        Some(match span {
            Some(span) => diagnostic.at(span, "the first of the zone's signatures to expire"),
            None => diagnostic,
        })
    }
}

/// Date and time in UTC.
fn shown(time: UnixTime) -> String {
    let ((year, month, day), of_day) = (time.utc_date(), time.as_secs() % 86_400);
    format!("{year:04}-{month:02}-{day:02} at {:02}:{:02} UTC", of_day / 3_600, of_day / 60 % 60)
}

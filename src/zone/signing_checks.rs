//! Checks of a zone that was signed elsewhere: whether what it denies with is whole, and that nothing in it is answered
//! without a signature. Knows no keys: signatures themselves are not verified.

use super::denial::{Chains, ITERATIONS_MAX, Parameters};
use super::files::{Place, own_span};
use super::proof::DeniesBy;
use super::record_type;
use super::spec::{BalancedOwner, ZoneSpec};
use super::zone_checks::ZoneChecks;
use crate::base::Diagnostic;
use crate::wire::rtype;

/// More iterations than this, and resolvers begin to take a zone for unsigned (RFC 9276, section 3.2).
const ITERATIONS_WELCOME_MAX: u16 = 50;

impl ZoneChecks<'_> {
    /// Checks of a zone with signatures or keys; what is missing is not looked for unless every line could be read.
    pub(super) fn signing(&mut self, spec: &ZoneSpec, chains: Option<&Chains>, complete: bool) {
        if !spec.balanced.is_empty()
            && let Some(place) = self.first_of_signing()
        {
            for balanced in &spec.balanced {
                self.answered_without_signature(balanced, place);
            }
        }
        let apex = self.tree.apex_node();
        let is_signed = apex.is_some_and(|apex| apex.rrsets().any(|rrset| !rrset.signatures().is_empty()));
        let iterations = chains.into_iter().flat_map(Chains::parameters).map(|parameters| parameters.iterations).max();
        self.iterations(iterations.unwrap_or(0));
        if complete && is_signed && matches!(DeniesBy::of(self.tree, chains), DeniesBy::Nothing) {
            self.no_chain(iterations.is_some());
        }
        if complete && is_signed && !self.findings.has_errors() {
            self.completely_signed(chains);
        }
    }

    /// Where the file first says that the zone is signed: the apex' keys, else any signature.
    fn first_of_signing(&self) -> Option<Place> {
        let keys = || self.place_of(&self.tree.apex, &[rtype::DNSKEY]);
        let records = || self.staging.records().iter();
        let signature = || records().find(|record| record.rtype == rtype::RRSIG).map(|record| record.place);
        let has_keys = self.tree.apex_node().is_some_and(|apex| apex.rrset(rtype::DNSKEY).is_some());
        if has_keys {
            return keys().or_else(signature);
        }
        self.staging.is_signed.then(signature).flatten()
    }

    fn answered_without_signature(&mut self, balanced: &BalancedOwner, place: Place) {
        let BalancedOwner { owner, role, span, .. } = balanced;
        let message = format!(
            "`{owner}` {}, and its zone is signed elsewhere: resolvers that validate take its answers for forgeries",
            role.predicate()
        );
        let mut diagnostic = Diagnostic::error(message);
        if let Some(span) = span {
            diagnostic = diagnostic.at(*span, "");
        }
        let diagnostic = diagnostic.at(self.files.span(place), "the zone is signed");
        self.findings.push(diagnostic.hint(format!(
            "give the unsigned zone, or delegate a zone of its own, without DS records, to the {}",
            role.noun()
        )));
    }

    fn iterations(&mut self, iterations: u16) {
        if iterations <= ITERATIONS_WELCOME_MAX {
            return;
        }
        let message = format!("names are hashed with {iterations} additional iterations");
        let diagnostic = if iterations <= ITERATIONS_MAX {
            Diagnostic::warning(message + ": some resolvers take the zone for unsigned")
        } else {
            Diagnostic::error(message + ", which this server does not compute: it cannot deny any name")
        };
        let place = self.staging.records().iter().find(|record| {
            let data = self.staging.data_of(record);
            matches!(record.rtype, rtype::NSEC3 | rtype::NSEC3PARAM)
                && Parameters::of(data).is_some_and(|parameters| parameters.iterations == iterations)
        });
        let span = place.map_or_else(|| own_span(0, 0..0), |record| self.files.span(record.place));
        let hint = "sign the zone with 0 additional iterations (RFC 9276, section 3.1)";
        self.findings.push(diagnostic.at(span, "").hint(hint));
    }

    /// Signed, but without a chain that denies.
    fn no_chain(&mut self, has_nsec3: bool) {
        let apex = &self.tree.apex;
        let announced = self.place_of(apex, &[rtype::NSEC3PARAM]);
        let mnemonic = record_type::name(rtype::NSEC3PARAM);
        let message = match (has_nsec3, announced) {
            (true, None) => {
                format!("zone `{apex}` has NSEC3 records, but no {mnemonic} record that says how names are hashed")
            }
            (true, Some(_)) => format!("no NSEC3 records of `{apex}` are hashed as the {mnemonic} record says"),
            (false, _) => format!("zone `{apex}` is signed, but has no NSEC or NSEC3 record for its apex"),
        };
        let span = announced.map_or_else(|| own_span(0, 0..0), |place| self.files.span(place));
        let hint = "resolvers that validate cannot tell what does not exist; sign the whole zone again";
        self.findings.push(Diagnostic::warning(message).at(span, "").hint(hint));
    }
}

//! The OPT record of responses: what of the query's is repeated, and which Extended DNS Errors are given.

use crate::wire::edns::OPT_LEN_MIN;
use crate::wire::{ClientSubnet, Edns, ExtendedError, OptAnswer};

/// The UDP message size that this server announces, in octets: what passes through nearly every path unfragmented.
pub const UDP_LEN: u16 = 1232;

/// No member of a balanced name may be answered. The codes of RFC 8914 that sound alike (22, 23) speak of a resolver that
/// cannot reach name servers, which is not what happens here.
pub const ALL_DOWN: ExtendedError =
    ExtendedError { code: 0, text: "no region that is open to this client has a healthy member" };
/// The name is in no zone of ours.
pub const NOT_AUTHORITATIVE: ExtendedError = ExtendedError { code: 20, text: "" };
/// The zone has no data, or only data that has expired.
pub const NO_DATA: ExtendedError = ExtendedError { code: 24, text: "the zone is not loaded or has expired" };
/// Zone transfers are not given.
pub const PROHIBITED: ExtendedError = ExtendedError { code: 18, text: "" };
/// A class without data.
pub const NOT_SUPPORTED: ExtendedError = ExtendedError { code: 21, text: "" };
/// An RRset that fits no message.
pub const TOO_LONG: ExtendedError = ExtendedError { code: 0, text: "the answer is longer than any message" };

/// Octets of the OPT record that answers a query with this one, without an error.
pub fn opt_len(edns: Option<&Edns>) -> usize {
    let Some(edns) = edns else { return 0 };
    OPT_LEN_MIN + edns.client_subnet.as_ref().map_or(0, ClientSubnet::option_len)
}

/// The OPT record that answers the query's. A client subnet that says nothing of the client decided nothing, so that its
/// scope is 0 (RFC 7871, section 7.2.1).
pub fn opt_for(edns: &Edns, scope: u8, error: Option<ExtendedError>) -> OptAnswer {
    let scoped = |subnet: ClientSubnet| (subnet, if subnet.client().is_some() { scope } else { 0 });
    let client_subnet = edns.client_subnet.map(scoped);
    OptAnswer { udp_len: UDP_LEN, dnssec_ok: edns.dnssec_ok, client_subnet, error }
}

#[cfg(test)]
mod tests {
    use super::{ALL_DOWN, NO_DATA, TOO_LONG};
    use crate::wire::edns::EXTRA_TEXT_LEN_MAX;

    #[test]
    fn texts_of_errors_fit_the_smallest_response() {
        for error in [ALL_DOWN, TOO_LONG, NO_DATA] {
            assert!(error.text.len() <= EXTRA_TEXT_LEN_MAX, "{error:?}");
        }
    }
}

//! The OPT record of responses: which of the query's options are answered and how, and which Extended DNS Errors are given.

use super::TransportProfile;
use crate::snapshot::Settings;
use crate::wire::edns::cookie::COOKIE_LEN;
use crate::wire::numbers::info_code;
use crate::wire::{ClientSubnet, Edns, ExtendedError, OptAnswer, OtherOptions, Understood};

/// The UDP message size that this server announces, in octets: what passes through nearly every path unfragmented.
pub const UDP_LEN: u16 = 1232;

/// No member of a balanced name may be answered. The codes of RFC 8914 that sound alike (22, 23) speak of a resolver that
/// cannot reach name servers, which is not what happens here.
pub const ALL_DOWN: ExtendedError =
    ExtendedError { code: info_code::OTHER, text: "no region that is open to this client has a healthy member" };
/// The name is in no zone of ours.
pub const NOT_AUTHORITATIVE: ExtendedError = ExtendedError { code: info_code::NOT_AUTHORITATIVE, text: "" };
/// The zone has no data, or only data that has expired.
pub const NO_DATA: ExtendedError = ExtendedError {
    code: info_code::INVALID_DATA,
    text: "no usable data of this zone here: expired, or not loaded for the reason in the log",
};
/// Nothing is known yet of the target of an alias.
pub const ALIAS_UNKNOWN: ExtendedError =
    ExtendedError { code: info_code::OTHER, text: "the target of this alias is not resolved yet" };
/// An alias leads in our own zones to another alias, or round in circles.
pub const ALIAS_LOOP: ExtendedError =
    ExtendedError { code: info_code::OTHER, text: "this alias leads to an alias, or round in circles" };
/// Zone transfers are not given.
pub const PROHIBITED: ExtendedError = ExtendedError { code: info_code::PROHIBITED, text: "" };
/// A class without data.
pub const NOT_SUPPORTED: ExtendedError = ExtendedError { code: info_code::NOT_SUPPORTED, text: "" };
/// An RRset that fits no message.
pub const TOO_LONG: ExtendedError =
    ExtendedError { code: info_code::OTHER, text: "the answer is longer than any message" };

/// Which options are looked at in a query that comes over a transport with this profile.
pub fn understood(settings: &Settings, profile: &TransportProfile) -> Understood {
    Understood {
        client_subnet: settings.client_subnet,
        cookie: settings.cookies.enabled,
        keepalive: profile.idle_timeout.is_some(),
    }
}

/// The OPT record that answers the query's, with `others` for its rare options. A client subnet that says nothing of the
/// client decided nothing, so that its scope stays 0 (RFC 7871, section 7.2.1).
#[inline(always)]
pub fn opt_for<'a>(edns: &'a Edns, scope: u8, others: Option<&'a OtherOptions<'a>>) -> OptAnswer<'a> {
    let scope_of = |subnet: &ClientSubnet| if subnet.says_nothing() { 0 } else { scope };
    let client_subnet = edns.client_subnet.as_ref().map(|subnet| (subnet, scope_of(subnet)));
    OptAnswer { udp_len: UDP_LEN, dnssec_ok: edns.dnssec_ok, client_subnet, others }
}

/// The rare options of the query, answered; without an error, which is known last. `None`: it has none of them.
#[inline(always)]
pub fn others_for<'s>(
    edns: &Edns,
    settings: &'s Settings,
    profile: &TransportProfile,
    cookie: Option<[u8; COOKIE_LEN]>,
) -> Option<OtherOptions<'s>> {
    if cookie.is_none() && !edns.wants_nsid && !edns.wants_keepalive {
        return None;
    }
    Some(OtherOptions {
        cookie,
        nsid: if edns.wants_nsid { settings.nsid.as_deref() } else { None },
        keepalive: if edns.wants_keepalive { profile.idle_timeout } else { None },
        error: None,
    })
}

/// The OPT record of an error response to a message whose options were perhaps not understood: none is repeated.
pub fn bare_opt_for(edns: &Edns) -> OptAnswer<'static> {
    OptAnswer { udp_len: UDP_LEN, dnssec_ok: edns.dnssec_ok, ..OptAnswer::default() }
}

#[cfg(test)]
mod tests {
    use super::{ALL_DOWN, NO_DATA, TOO_LONG};
    use crate::snapshot::settings::NSID_LEN_MAX;
    use crate::wire::edns::opt_answer::EXTRA_TEXT_LEN_MAX;
    use crate::wire::name::NAME_LEN_MAX;
    use crate::wire::{ClientSubnet, ExtendedError, OptAnswer, OtherOptions};

    #[test]
    fn the_longest_question_with_all_options_fits_the_smallest_response() {
        for error in [ALL_DOWN, NO_DATA, TOO_LONG] {
            assert!(error.text.len() <= EXTRA_TEXT_LEN_MAX, "{error:?}");
        }
        let text = "x".repeat(EXTRA_TEXT_LEN_MAX).leak();
        let nsid = vec![0; NSID_LEN_MAX];
        let subnet = ClientSubnet::parse(&[&[0, 2, 128, 0][..], &[1; 16]].concat());
        let others = OtherOptions {
            cookie: Some([0; 24]),
            nsid: Some(&nsid),
            // Not over transports with such responses.
            keepalive: None,
            error: Some(ExtendedError { code: 0, text }),
        };
        let client_subnet = subnet.as_ref().ok().map(|subnet| (subnet, 0));
        let opt = OptAnswer { client_subnet, others: Some(&others), ..OptAnswer::default() };
        assert!(opt.client_subnet.is_some());
        let question = 12 + NAME_LEN_MAX + 4;
        assert!(question + opt.record_len() <= 512, "{}", question + opt.record_len());
    }
}

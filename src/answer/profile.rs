//! What the engine must know of a transport: facts, not its name.

use crate::snapshot::Settings;
use crate::wire::Edns;

/// What the engine must know of a transport: facts, not its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportProfile {
    /// Largest response to a query without EDNS, in octets.
    pub response_len_plain: u16,
    /// Whether a longer response is truncated with TC, and the EDNS size of the query counts.
    pub truncates: bool,
}

/// Smallest response size that counts: a client that says less is taken to mean this (RFC 6891, section 6.2.3).
pub const RESPONSE_LEN_MIN: u16 = 512;

impl TransportProfile {
    /// UDP: 512 octets without EDNS (RFC 1035, section 4.2.1), else what the query and the settings allow.
    pub const DATAGRAM: Self = Self { response_len_plain: RESPONSE_LEN_MIN, truncates: true };
    /// TCP and other streams: up to 65,535 octets.
    pub const STREAM: Self = Self { response_len_plain: u16::MAX, truncates: false };

    /// Largest response to a query with this OPT record, in octets.
    pub(super) fn response_len_max(&self, settings: &Settings, edns: Option<&Edns>) -> usize {
        let len = match edns {
            Some(edns) if self.truncates => edns.udp_len.min(settings.udp_response_len_max).max(RESPONSE_LEN_MIN),
            _ => self.response_len_plain,
        };
        len.into()
    }
}

#[cfg(test)]
mod tests {
    use super::TransportProfile;
    use crate::snapshot::Settings;
    use crate::wire::Edns;

    #[test]
    fn a_response_is_as_long_as_client_and_server_agree() {
        let settings = Settings::default();
        let len =
            |profile: &TransportProfile, client: u16| profile.response_len_max(&settings, Some(&Edns::new(client, 0)));
        assert_eq!(TransportProfile::DATAGRAM.response_len_max(&settings, None), 512);
        for (client, agreed) in [(0, 512), (511, 512), (513, 513), (1232, 1232), (4096, 1232)] {
            assert_eq!(len(&TransportProfile::DATAGRAM, client), agreed);
            assert_eq!(len(&TransportProfile::STREAM, client), 65_535);
        }
    }
}

//! What the engine must know of a transport: facts, not its name.

use crate::snapshot::Settings;
use crate::wire::Edns;
use std::time::Duration;

/// What the engine must know of a transport: facts, not its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportProfile {
    /// Largest response to a query without EDNS, in octets.
    pub response_len_plain: u16,
    /// Whether a longer response is truncated with TC, and the EDNS size of the query counts.
    pub truncates: bool,
    /// Whether the client is surely at the address that it sends from: it took part in a handshake.
    pub source_validated: bool,
    /// After how long a connection without a query is closed, in units of 100 ms, as clients are told it who ask; `None`
    /// where there are no connections or nobody is told.
    pub idle_timeout: Option<u16>,
}

/// Smallest response size that counts: a client that says less is taken to mean this (RFC 6891, section 6.2.3).
pub const RESPONSE_LEN_MIN: u16 = 512;

impl TransportProfile {
    /// UDP: 512 octets without EDNS (RFC 1035, section 4.2.1), else what the query and the settings allow.
    pub const DATAGRAM: Self =
        Self { response_len_plain: RESPONSE_LEN_MIN, truncates: true, source_validated: false, idle_timeout: None };
    /// TCP and other streams: up to 65,535 octets.
    pub const STREAM: Self =
        Self { response_len_plain: u16::MAX, truncates: false, source_validated: true, idle_timeout: None };

    /// As [`Self::STREAM`], where a connection is closed after `idle_timeout` without a query (RFC 7828, section 3.1).
    #[must_use]
    pub fn stream(idle_timeout: Duration) -> Self {
        // 0 would ask the client to close at once.
        let units = (idle_timeout.as_millis() / 100).clamp(1, u128::from(u16::MAX)) as u16;
        Self { idle_timeout: Some(units), ..Self::STREAM }
    }

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
    use std::time::Duration;

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

    #[test]
    fn rfc7828_idle_times_are_told_in_units_of_100_ms_and_never_as_none() {
        for (millis, units) in [(0, 1), (99, 1), (100, 1), (250, 2), (10_000, 100), (3_600_000, 36_000)] {
            let profile = TransportProfile::stream(Duration::from_millis(millis));
            assert_eq!(profile.idle_timeout, Some(units), "{millis}");
        }
    }
}

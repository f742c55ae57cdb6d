//! Who may do something: lists of prefixes and keys.

use super::spec::AccessEntry;
use crate::base::Prefix;
use crate::wire::Name;
use std::net::IpAddr;

/// Whether any entry lets in a client at `source` whose request is signed with `key`. An empty list lets nobody in.
#[must_use]
pub fn allows(entries: &[AccessEntry], source: IpAddr, key: Option<&Name>) -> bool {
    entries.iter().any(|entry| entry.allows(source, key))
}

impl AccessEntry {
    /// Whether all that the entry says holds. One that says nothing lets nobody in.
    #[must_use]
    pub fn allows(&self, source: IpAddr, key: Option<&Name>) -> bool {
        let prefix_holds = self.prefix.is_none_or(|prefix| contains(prefix, source));
        let key_holds = self.key.as_ref().is_none_or(|wanted| key == Some(wanted));
        (self.prefix.is_some() || self.key.is_some()) && prefix_holds && key_holds
    }
}

/// Whether `prefix` has the address; an IPv4 address in IPv6 form counts as IPv4.
fn contains(prefix: Prefix, source: IpAddr) -> bool {
    prefix.contains(source.to_canonical())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::allows;
    use crate::transfer::spec::AccessEntry;
    use crate::wire::Name;

    #[test]
    fn everything_that_an_entry_says_must_hold() {
        let name = |text: &str| Name::from_text(text.as_bytes(), None).unwrap();
        let (ours, other) = (name("ours."), name("other."));
        let entry = |prefix: Option<&str>, key: Option<&Name>| AccessEntry {
            prefix: prefix.map(|text| text.parse().unwrap()),
            key: key.cloned(),
        };
        let inside = "192.0.2.1".parse().unwrap();
        let outside = "198.51.100.1".parse().unwrap();
        let both = [entry(Some("192.0.2.0/24"), Some(&ours))];
        assert!(allows(&both, inside, Some(&ours)));
        assert!(!allows(&both, inside, Some(&other)) && !allows(&both, inside, None));
        assert!(!allows(&both, outside, Some(&ours)));
        let either = [entry(Some("192.0.2.0/24"), None), entry(None, Some(&ours))];
        assert!(allows(&either, inside, None) && allows(&either, outside, Some(&ours)));
        assert!(!allows(&either, outside, None) && !allows(&either, outside, Some(&other)));
        assert!(allows(&either, "::ffff:192.0.2.9".parse().unwrap(), None));
        assert!(allows(&[entry(Some("2001:db8::/32"), None)], "2001:db8::1".parse().unwrap(), None));
        assert!(!allows(&[], inside, Some(&ours)) && !allows(&[entry(None, None)], inside, Some(&ours)));
    }
}

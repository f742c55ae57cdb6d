//! Address prefixes of both families.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4; A records.
    V4,
    /// IPv6; AAAA records.
    V6,
}

impl Family {
    /// Both families, IPv4 first.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// 0 for IPv4, 1 for IPv6: an index into pairs kept by family.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Bits in an address: 32 or 128.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// An address prefix whose host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// `address` cut to `length` bits; `None` when `length` exceeds the family's bits.
    #[must_use]
    pub fn cut(address: IpAddr, length: u8) -> Option<Self> {
        (length <= Family::of(address).bits()).then(|| Self { address: cut_address(address, length), length })
    }

    /// The first address of the prefix.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many leading bits are fixed.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// IPv4 or IPv6.
    #[must_use]
    pub const fn family(self) -> Family {
        Family::of(self.address)
    }

    /// Whether `address` lies inside; never for the other family.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.family() == Family::of(address) && cut_address(address, self.length) == self.address
    }

    /// Whether all of `other` lies inside.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.length <= other.length && self.contains(other.address)
    }
}

/// `address` with all but its first `length` bits zero; all of it when `length` exceeds the family's bits.
#[must_use]
#[inline]
pub fn cut_address(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length.into())).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length.into())).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Why a text is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// The part before the slash is no IPv4 or IPv6 address.
    Address,
    /// The part after the slash is no whole number within the family's bits.
    Length,
    /// Bits beyond the length are set; holds the prefix that was probably meant.
    HostBits(Prefix),
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("not an IPv4 or IPv6 address"),
            Self::Length => f.write_str("the length after `/` must be 0 to 32 for IPv4, 0 to 128 for IPv6"),
            Self::HostBits(meant) => write!(f, "bits beyond the prefix length are set; `{meant}` would be the network"),
        }
    }
}

impl std::error::Error for PrefixError {}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// `ADDRESS/LENGTH`, or an address alone for all of its bits.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| PrefixError::Address)?;
        let length = match length {
            None => Family::of(address).bits(),
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| PrefixError::Length)?
            }
            Some(_) => return Err(PrefixError::Length),
        };
        let prefix = Self::cut(address, length).ok_or(PrefixError::Length)?;
        if prefix.address == address { Ok(prefix) } else { Err(PrefixError::HostBits(prefix)) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Prefix, PrefixError};

    #[test]
    fn text_round_trips_and_mistakes_are_told_apart() {
        for text in ["0.0.0.0/0", "203.0.113.0/24", "192.0.2.1/32", "::/0", "2001:db8::/32", "::1/128"] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
        }
        assert_eq!("192.0.2.1".parse::<Prefix>().unwrap().length(), 32);
        assert_eq!("192.0.2".parse::<Prefix>(), Err(PrefixError::Address));
        assert_eq!("192.0.2.0/33".parse::<Prefix>(), Err(PrefixError::Length));
        assert_eq!("192.0.2.0/+8".parse::<Prefix>(), Err(PrefixError::Length));
        let meant = "192.0.2.0/24".parse().unwrap();
        assert_eq!("192.0.2.9/24".parse::<Prefix>(), Err(PrefixError::HostBits(meant)));
    }

    #[test]
    fn containment_keeps_to_the_family() {
        let all: Prefix = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("255.255.255.255".parse().unwrap()));
        assert!(!all.contains("::1".parse().unwrap()));
        assert!(all.covers("10.0.0.0/8".parse().unwrap()));
        assert!(!"10.0.0.0/8".parse::<Prefix>().unwrap().covers(all));
    }
}

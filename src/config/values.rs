//! Texts to values: durations, addresses, status codes, names. Each function says why a text is none, and what was
//! probably meant. Knows no keys and no places.

use crate::base::Prefix;
use crate::base::prefix::PrefixError;
use crate::steering::spec::ProbeAddress;
use crate::wire::{Name, NameError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Why a text is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// In words that follow "is not ...:", or stand alone.
    pub why: String,
    /// What to write instead, where that can be guessed.
    pub hint: Option<String>,
}

impl Wrong {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The units of durations, each with its length in milliseconds.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Digits with units, the larger before the smaller: `5s`, `200ms`, `1m30s`.
pub fn duration(text: &str) -> Result<Duration, Wrong> {
    let units = "units are `ms`, `s`, `m`, `h` and `d`, as in \"200ms\", \"5s\" or \"1m30s\"";
    if text.is_empty() {
        return Err(Wrong::new("the duration is empty").hint(units));
    }
    let (mut rest, mut millis, mut last_unit) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        if number.is_empty() {
            return Err(Wrong::new(format!("`{text}` is no duration")).hint(units));
        }
        if unit.is_empty() {
            let wrong = Wrong::new(format!("`{number}` has no unit"));
            return Err(if number == text {
                wrong.hint(format!("write \"{number}s\" for seconds"))
            } else {
                wrong.hint(units)
            });
        }
        let Some(&(_, length)) = UNITS.iter().find(|(known, _)| *known == unit) else {
            return Err(Wrong::new(format!("`{unit}` is no unit of time")).hint(units));
        };
        if length >= last_unit {
            return Err(Wrong::new("units must go from large to small, each at most once").hint(units));
        }
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(length));
        let sum = part.and_then(|part| part.checked_add(millis));
        millis = sum.ok_or_else(|| Wrong::new(format!("`{text}` is too long a time")))?;
        (rest, last_unit) = (tail, length);
    }
    Ok(Duration::from_millis(millis))
}

/// The units of sizes, each with its length in octets.
const SIZE_UNITS: [(&str, u64); 3] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20)];

/// Octets: digits with a unit, with or without a blank between them: `1232 B`, `4KiB`.
pub fn size(text: &str) -> Result<u64, Wrong> {
    let units = "units are `B`, `KiB` and `MiB`, as in \"1232 B\" or \"4 KiB\"";
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(Wrong::new(format!("`{}` is no size", text.escape_debug())).hint(units));
    }
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    if unit.is_empty() {
        return Err(Wrong::new(format!("`{text}` has no unit")).hint(format!("write {number} or \"{number} B\"")));
    }
    let Some(&(_, length)) = SIZE_UNITS.iter().find(|(known, _)| *known == unit) else {
        let wrong = Wrong::new(format!("`{}` is no unit of size", unit.escape_debug()));
        // A kB is 1000 octets to some and 1024 to others.
        let near =
            SIZE_UNITS.iter().find(|(known, _)| known.replace('i', "").eq_ignore_ascii_case(&unit.replace('i', "")));
        return Err(match near {
            Some((meant, _)) => wrong.hint(format!("write \"{number} {meant}\"; {units}")),
            None => wrong.hint(units),
        });
    };
    let octets = number.parse::<u64>().ok().and_then(|number| number.checked_mul(length));
    octets.ok_or_else(|| Wrong::new(format!("`{text}` is too large a size")))
}

/// An address of either family, and one that can be reached: neither unspecified nor multicast nor broadcast.
pub fn address(text: &str) -> Result<IpAddr, Wrong> {
    let Ok(address) = text.parse::<IpAddr>() else {
        let wrong = Wrong::new(format!("`{text}` is no IPv4 or IPv6 address"));
        return Err(match text.parse::<SocketAddr>() {
            Ok(socket) => wrong.hint(format!("without a port: \"{}\"", socket.ip())),
            Err(_) if text.contains('/') => wrong.hint("a single address is needed, without a prefix length"),
            Err(_) => match bare_v6(text) {
                Some(address) => wrong.hint(format!("without brackets: \"{address}\"")),
                None => wrong,
            },
        });
    };
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return Err(Wrong::new(format!("`{text}` is no address of a single machine")));
    }
    if let IpAddr::V6(v6) = address
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        return Err(Wrong::new(format!("`{text}` is an IPv4 address in IPv6 form")).hint(format!("write \"{v4}\"")));
    }
    Ok(address)
}

/// `[2001:db8::1]` without its brackets.
fn bare_v6(text: &str) -> Option<IpAddr> {
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// An address and port to listen on.
pub fn socket(text: &str) -> Result<SocketAddr, Wrong> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Ok(socket);
    }
    let wrong = Wrong::new(format!("`{text}` is no address with a port"));
    // `::1:53` is an address, but a port was meant.
    let meant =
        text.rsplit_once(':').and_then(|(host, port)| Some((host.parse::<Ipv6Addr>().ok()?, port.parse().ok()?)));
    if let Some((address, port)) = meant {
        return Err(wrong.hint(format!("write \"{}\"", SocketAddr::new(address.into(), port))));
    }
    if let Some(address) = text.parse::<IpAddr>().ok().or_else(|| bare_v6(text)) {
        let with_port = SocketAddr::new(address, 53);
        return Err(wrong.hint(format!("add the port, for example \"{with_port}\"")));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    Err(match port.parse::<u16>() {
        Ok(port) if host.is_empty() || host == "*" => {
            wrong.hint(format!("for every address write \"0.0.0.0:{port}\" and \"[::]:{port}\""))
        }
        Ok(port) => match host.parse::<IpAddr>() {
            Ok(address) => wrong.hint(format!("write \"{}\"", SocketAddr::new(address, port))),
            Err(_) => wrong.hint("an address is needed here, not a name: \"127.0.0.1:53\" or \"[::1]:53\""),
        },
        Err(_) => wrong.hint("write it like \"127.0.0.1:53\" or \"[::1]:53\""),
    })
}

/// Where a member is checked: an address with or without a port.
pub fn probe_address(text: &str) -> Result<ProbeAddress, Wrong> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        if socket.port() == 0 {
            let hint = format!("write the port that is listened on, or leave it out: \"{}\"", socket.ip());
            return Err(Wrong::new("port 0 cannot be connected to").hint(hint));
        }
        return address(&socket.ip().to_string()).map(|_| ProbeAddress::Socket(socket));
    }
    let bare = bare_v6(text).map(|address| address.to_string());
    if let Ok(plain) = address(bare.as_deref().unwrap_or(text)) {
        return Ok(ProbeAddress::Address(plain));
    }
    if text.parse::<IpAddr>().is_ok() || bare.is_some() {
        return Err(Wrong::new(format!("`{text}` is no address of a single machine")));
    }
    let wrong = Wrong::new(format!("`{text}` is no address, with or without a port"));
    Err(wrong.hint("write it like \"10.1.0.11\", \"10.1.0.11:8080\" or \"[2001:db8::11]:8080\""))
}

/// An address prefix; an address alone stands for all of its bits.
pub fn prefix(text: &str) -> Result<Prefix, Wrong> {
    text.parse::<Prefix>().map_err(|error| match error {
        PrefixError::HostBits(meant) => Wrong::new(format!("`{text}` has bits set beyond its prefix length"))
            .hint(format!("the network is \"{meant}\"")),
        PrefixError::Address | PrefixError::Length => Wrong::new(format!("`{text}` is no prefix: {error}")),
    })
}

/// Status codes: `204`, `2xx` or `200-299`, as an inclusive range.
pub fn http_status(text: &str) -> Result<(u16, u16), Wrong> {
    let wrong = || Wrong::new(format!("`{text}` is no HTTP status")).hint("write 200, \"2xx\" or \"200-299\"");
    let code = |digits: &str| match digits.as_bytes() {
        [first @ b'1'..=b'9', b, c] if b.is_ascii_digit() && c.is_ascii_digit() => {
            Some(100 * u16::from(first - b'0') + 10 * u16::from(b - b'0') + u16::from(c - b'0'))
        }
        _ => None,
    };
    if let [class @ b'1'..=b'9', b'x' | b'X', b'x' | b'X'] = text.as_bytes() {
        let first = 100 * u16::from(class - b'0');
        return Ok((first, first + 99));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (code(first.trim()), code(last.trim())) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        (Some(_), Some(_)) => Err(Wrong::new(format!("`{text}` ends before it begins"))),
        _ => Err(wrong()),
    }
}

/// A domain name, completed with `origin` unless it ends in a dot.
pub fn domain_name(text: &str, origin: &Name) -> Result<Name, Wrong> {
    if !text.is_ascii() {
        let wrong = Wrong::new(format!("`{text}` has letters outside ASCII"));
        return Err(wrong.hint("write the name as it stands in the DNS: international labels begin with `xn--`"));
    }
    if let Some(odd) = text.chars().find(|c| c.is_ascii_whitespace() || c.is_ascii_control() || *c == '"') {
        let odd = if odd == ' ' { "a blank".to_owned() } else { format!("`{}`", odd.escape_debug()) };
        return Err(Wrong::new(format!("`{}` has {odd} in it", text.escape_debug())));
    }
    Name::from_text(text.as_bytes(), Some(origin)).map_err(|error| {
        let wrong = Wrong::new(format!("`{text}` is no domain name: {error}"));
        match error {
            NameError::BadEscape => wrong.hint("in a TOML text a backslash is written twice: \"\\\\\""),
            _ => wrong,
        }
    })
}

/// A host name or an address, as a header or a certificate has it; returned as it was written.
pub fn host(text: &str) -> Result<String, Wrong> {
    let bare = text.parse::<IpAddr>().is_ok() || bare_v6(text).is_some();
    let label = |label: &str| {
        let inside = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        inside && (1..=63).contains(&label.len())
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    if bare || (text.len() <= 253 && name.split('.').all(label)) {
        return Ok(text.to_owned());
    }
    let wrong = Wrong::new(format!("`{}` is no host name and no address", text.escape_debug()));
    Err(match text.split_once("://") {
        Some((_, rest)) => {
            let host = rest.split(['/', ':']).next().unwrap_or(rest);
            wrong.hint(format!("without scheme and path: \"{host}\""))
        }
        None if text.contains(':') => wrong.hint("without a port; that is `port`"),
        None => wrong,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;

    #[test]
    fn durations_are_digits_with_units() {
        for (text, millis) in [
            ("5s", 5_000),
            ("200ms", 200),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1d1h1m1s1ms", 90_061_001),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "5", "5 s", "5sec", "-5s", "1.5s", "30s1m", "1s1s", "5S", "99999999999999999999s", "1m30"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration("5").unwrap_err().hint.unwrap(), "write \"5s\" for seconds");
    }

    #[test]
    fn sizes_are_digits_with_one_unit() {
        for (text, octets) in [("1232 B", 1232), ("1232B", 1232), ("2KiB", 2048), ("4 KiB", 4096), ("1 MiB", 1 << 20)] {
            assert_eq!(size(text), Ok(octets), "{text}");
        }
        for text in ["", "B", "4", "4  KiB", " 4 KiB", "4 KiB ", "-4 KiB", "1.5 KiB", "4 KiB 2 B", "99999999999999 MiB"]
        {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(size("1232").unwrap_err().hint.unwrap(), "write 1232 or \"1232 B\"");
        for (text, hint) in [("4 KB", "\"4 KiB\""), ("4kb", "\"4 KiB\""), ("4 mib", "\"4 MiB\"")] {
            assert!(size(text).unwrap_err().hint.unwrap().contains(hint), "{text}");
        }
    }

    #[test]
    fn a_listening_address_needs_its_port() {
        assert_eq!(socket("[::]:53").unwrap().port(), 53);
        for (text, hint) in [
            ("127.0.0.1", "add the port, for example \"127.0.0.1:53\""),
            ("::1", "add the port, for example \"[::1]:53\""),
            ("::1:53", "write \"[::1]:53\""),
            ("::1:53:x", "write it like \"127.0.0.1:53\" or \"[::1]:53\""),
            (":53", "for every address write \"0.0.0.0:53\" and \"[::]:53\""),
            ("53", "for every address write \"0.0.0.0:53\" and \"[::]:53\""),
            ("localhost:53", "an address is needed here, not a name: \"127.0.0.1:53\" or \"[::1]:53\""),
        ] {
            assert_eq!(socket(text).unwrap_err().hint.unwrap(), hint, "{text}");
        }
    }

    #[test]
    fn addresses_are_of_single_machines() {
        for text in
            ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:192.0.2.1", "192.0.2.0/24", "x", ""]
        {
            assert!(address(text).is_err(), "{text}");
        }
        assert_eq!(address("[2001:db8::1]").unwrap_err().hint.unwrap(), "without brackets: \"2001:db8::1\"");
        assert_eq!(address("192.0.2.1:80").unwrap_err().hint.unwrap(), "without a port: \"192.0.2.1\"");
    }

    #[test]
    fn probe_addresses_come_with_or_without_a_port() {
        let plain = |text: &str| ProbeAddress::Address(text.parse().unwrap());
        assert_eq!(probe_address("10.1.0.11"), Ok(plain("10.1.0.11")));
        assert_eq!(probe_address("2001:db8::11"), Ok(plain("2001:db8::11")));
        assert_eq!(probe_address("[2001:db8::11]"), Ok(plain("2001:db8::11")));
        let socket = "[2001:db8::11]:8080";
        assert_eq!(probe_address(socket), Ok(ProbeAddress::Socket(socket.parse().unwrap())));
        for text in ["10.1.0.11:0", "0.0.0.0:80", "0.0.0.0", "host:80", ":80", "", "10.1.0.11:65536", "[::]"] {
            assert!(probe_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn statuses_are_codes_classes_and_ranges() {
        assert_eq!(http_status("204"), Ok((204, 204)));
        assert_eq!(http_status("2xx"), Ok((200, 299)));
        assert_eq!(http_status("200-399"), Ok((200, 399)));
        for text in ["", "20", "2000", "099", "2x", "xx", "200-", "-200", "299-200", "2xx-3xx", "200 OK"] {
            assert!(http_status(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        for text in ["www.example.com", "www.example.com.", "localhost", "192.0.2.1", "::1", "[::1]", "a_b.example"] {
            assert_eq!(host(text).unwrap(), text);
        }
        for text in ["", ".", "a..b", "a b", "www.example.com:80", "ex\nample", "-".repeat(64).as_str()] {
            assert!(host(text).is_err(), "{text}");
        }
        let hint = host("https://www.example.com/x").unwrap_err().hint.unwrap();
        assert_eq!(hint, "without scheme and path: \"www.example.com\"");
    }
}

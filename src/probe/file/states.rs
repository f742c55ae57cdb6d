//! What a file of states says: `TARGET => up`, one a line. Knows no files.
//!
//! It is the form that gdnsd's extfile reads, as far as states go: a time to live behind the state is read and set aside.

use crate::health::Endpoint;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// Longest reason that is kept, in characters.
const REASON_LEN_MAX: usize = 200;

/// What was said of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It works.
    Up,
    /// It does not.
    Down {
        /// For operators: as written, or that it was written.
        reason: String,
    },
}

/// Who a line speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    /// An address, whatever its port.
    Address(IpAddr),
    /// An address and port.
    Socket(SocketAddr),
    /// A name in lower case, without a final dot.
    Name(String),
}

/// All lines of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct States(HashMap<Subject, Said>);

impl States {
    /// Reads a whole file. One line that cannot be read spoils it all: a file that is half written must not be believed.
    ///
    /// # Errors
    ///
    /// The number of the line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut states = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (subject, said) = parse_line(line).map_err(|why| (index + 1, why))?;
            if states.insert(subject, said).is_some() {
                return Err((index + 1, "this target stands in an earlier line already".to_owned()));
            }
        }
        Ok(Self(states))
    }

    /// What was said of `endpoint`, of which `address` is one address: by its name, else with its port, else without.
    pub fn find(&self, endpoint: &Endpoint, address: SocketAddr) -> Option<&Said> {
        let by_name = match endpoint {
            Endpoint::Host(host, _) => self.0.get(&Subject::Name(bare(host))),
            Endpoint::Socket(_) => None,
        };
        by_name
            .or_else(|| self.0.get(&Subject::Socket(address)))
            .or_else(|| self.0.get(&Subject::Address(address.ip())))
    }
}

fn bare(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn parse_line(line: &str) -> Result<(Subject, Said), String> {
    let (subject, rest) = match line.split_once("=>") {
        Some((subject, rest)) => (subject.trim(), rest.trim()),
        None => {
            line.split_once(char::is_whitespace).map(|(subject, rest)| (subject, rest.trim())).unwrap_or((line, ""))
        }
    };
    // Values may be in quotes, and lines may end in a comma, in the files of gdnsd.
    let rest = rest.trim_end_matches([',', ';']).trim();
    let (state, reason) = match rest.split_once(char::is_whitespace) {
        Some((state, reason)) => (state, reason.trim()),
        None => (rest, ""),
    };
    let state = state.trim_matches('"');
    let (state, time_to_live) = match state.split_once('/') {
        Some((state, time_to_live)) => (state, Some(time_to_live)),
        None => (state, None),
    };
    if time_to_live.is_some_and(|text| text.parse::<u32>().is_err()) {
        return Err("behind `/` a number of seconds is expected".to_owned());
    }
    let subject = parse_subject(subject.trim_matches('"'))?;
    match state {
        _ if state.eq_ignore_ascii_case("up") => Ok((subject, Said::Up)),
        _ if state.eq_ignore_ascii_case("down") && reason.is_empty() => {
            Ok((subject, Said::Down { reason: "the file says down".to_owned() }))
        }
        _ if state.eq_ignore_ascii_case("down") => {
            let reason: String = reason.chars().take(REASON_LEN_MAX).flat_map(char::escape_debug).collect();
            Ok((subject, Said::Down { reason: format!("the file says down: {reason}") }))
        }
        "" => Err("a state is expected behind the target: `up` or `down`".to_owned()),
        _ => Err("the state must be `up` or `down`".to_owned()),
    }
}

fn parse_subject(text: &str) -> Result<Subject, String> {
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse() {
        return Ok(Subject::Address(address));
    }
    if let Ok(socket) = text.parse() {
        return Ok(Subject::Socket(socket));
    }
    let is_name = !text.is_empty()
        && text.len() <= 254
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.'));
    if is_name { Ok(Subject::Name(bare(text))) } else { Err("the target must be an address or a name".to_owned()) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]

    use super::*;

    fn said(text: &str, address: &str) -> Option<Said> {
        let address = address.parse().unwrap();
        States::parse(text).unwrap().find(&Endpoint::Socket(address), address).cloned()
    }

    fn down(reason: &str) -> Option<Said> {
        Some(Said::Down { reason: reason.to_owned() })
    }

    #[test]
    fn files_of_gdnsd_are_understood() {
        let text = "\n    127.0.0.1 => up\n    192.0.2.1 => down\n";
        assert_eq!(said(text, "127.0.0.1:80"), Some(Said::Up));
        assert_eq!(said(text, "192.0.2.1:0"), down("the file says down"));
        assert_eq!(said(text, "192.0.2.2:80"), None);
        let text = "127.0.0.1 => DOWN/42\n\"192.0.2.1\" => \"UP/41\",\n# a word\n2001:db8::1 => up # here too";
        assert_eq!(said(text, "127.0.0.1:80"), down("the file says down"));
        assert_eq!(said(text, "192.0.2.1:80"), Some(Said::Up));
        assert_eq!(said(text, "[2001:db8::1]:80"), Some(Said::Up));
    }

    #[test]
    fn a_reason_may_follow_and_the_arrow_may_be_left_out() {
        let text = "192.0.2.1 down rack 7 is being moved\n192.0.2.2 up well";
        assert_eq!(said(text, "192.0.2.1:80"), down("the file says down: rack 7 is being moved"));
        assert_eq!(said(text, "192.0.2.2:80"), Some(Said::Up));
    }

    #[test]
    fn a_port_is_more_than_none_and_a_name_is_the_most() {
        let text = "192.0.2.1 => up\n192.0.2.1:81 => down\nLB.example.net. => up";
        assert_eq!(said(text, "192.0.2.1:80"), Some(Said::Up));
        assert_eq!(said(text, "192.0.2.1:81"), down("the file says down"));
        let host = Endpoint::Host("lb.example.net".into(), 81);
        assert_eq!(States::parse(text).unwrap().find(&host, "192.0.2.1:81".parse().unwrap()), Some(&Said::Up));
    }

    #[test]
    fn one_line_that_cannot_be_read_spoils_the_file() {
        for (line, why) in [
            ("192.0.2.1", "a state is expected"),
            ("192.0.2.1 => ", "a state is expected"),
            ("192.0.2.1 => sick", "must be `up` or `down`"),
            ("192.0.2.1 => up/x", "a number of seconds"),
            ("192.0.2.0/24 => up", "an address or a name"),
            ("192.0.2.9 => down", "an earlier line"),
            ("=> up", "an address or a name"),
        ] {
            let (number, said) = States::parse(&format!("192.0.2.9 => up\n\n{line}\n")).unwrap_err();
            assert!(number == 3 && said.contains(why), "{line}: {said}");
        }
    }
}

//! The `agent-check` kind: one line of words over TCP, as HAProxy's configuration manual describes them under `agent-check`.
//! Knows no schedule.

use super::reading::{Reading, Words, is_administrative, quoted};
use crate::base::Trouble;
use crate::base::trouble::Peer;
use crate::health::{Endpoint, Word};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

/// Longest line that is read, in octets.
pub const LINE_LEN_MAX: usize = 4096;

/// Greatest relative weight, in percent; HAProxy takes greater ones for this.
const WEIGHT_PERCENT_MAX: u16 = 256;

/// Most addresses of a host name that are tried.
const ADDRESSES_MAX: usize = 4;

/// What a line says, without its end. Words stand in any order, with spaces, tabs or commas between them; of several that say
/// the same kind of thing the last one counts; what follows a `#` is for people. Words that nobody knows are skipped; a line
/// without any that is known says nothing, and that is an error.
pub fn parse(line: &[u8]) -> Result<Reading, String> {
    let words = line.split(|&octet| octet == b'#').next().unwrap_or_default();
    let mut reading = Reading::default();
    let (mut operational, mut administrative) = (None, None);
    let mut is_understood = false;
    for word in words.split(|octet| b" \t,".contains(octet)).filter(|word| !word.is_empty()) {
        let known = match std::str::from_utf8(word) {
            Ok(text) => {
                if let Some(word) = Word::parse(text) {
                    let part = if is_administrative(word) { &mut administrative } else { &mut operational };
                    *part = Some(word);
                    true
                } else if let Some(percent) = relative_weight(text) {
                    reading.weight_percent = Some(percent);
                    true
                } else if let Some(most) = connections_max(text) {
                    reading.connections_max = Some(most);
                    true
                } else {
                    false
                }
            }
            Err(_) => false,
        };
        is_understood |= known;
        if !known && reading.odd.is_none() {
            reading.odd = Some(format!("the agent said `{}`, which is no word of the protocol", quoted(word)));
        }
    }
    if !is_understood {
        return Err(reading.odd.unwrap_or_else(|| "the agent sent a line without words".to_owned()));
    }
    if operational.is_some() || administrative.is_some() {
        reading.words = Words::Parts { operational, administrative };
    }
    Ok(reading)
}

/// `75%`.
fn relative_weight(word: &str) -> Option<u16> {
    let digits = word.strip_suffix('%')?;
    let percent = whole_number(digits)?;
    Some(u16::try_from(percent).unwrap_or(u16::MAX).min(WEIGHT_PERCENT_MAX))
}

/// `maxconn:30`.
fn connections_max(word: &str) -> Option<f64> {
    const START: &str = "maxconn:";
    let (start, digits) = word.split_at_checked(START.len())?;
    let most = start.eq_ignore_ascii_case(START).then(|| whole_number(digits)).flatten()?;
    Some(f64::from(u32::try_from(most).unwrap_or(u32::MAX)))
}

/// Digits alone; the greatest number there is for those that are greater.
fn whole_number(digits: &str) -> Option<u64> {
    let are_digits = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    are_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Connects, sends, and reads up to the end of the first line, which is not part of what is returned.
pub async fn ask(endpoint: &Endpoint, send: Option<&str>, timeout: Duration) -> Result<Vec<u8>, Trouble> {
    let deadline = Instant::now() + timeout;
    let late = |doing: &str| Trouble::Failed(format!("timed out after {timeout:?} while {doing}"));
    let mut stream = match timeout_at(deadline, connect(endpoint)).await {
        Ok(connected) => connected?,
        Err(_elapsed) => return Err(late("connecting")),
    };
    let mut line = Vec::new();
    let talk = async {
        if let Some(text) = send {
            stream.write_all(text.as_bytes()).await?;
        }
        read_line(&mut stream, &mut line).await
    };
    let is_whole = match timeout_at(deadline, talk).await {
        Ok(Ok(is_whole)) => is_whole,
        Ok(Err(error)) => return Err(Trouble::of_io(&error, stream.peer_addr().ok().map(peer))),
        Err(_elapsed) if line.is_empty() => return Err(late("waiting for the agent to say something")),
        Err(_elapsed) => return Err(late("waiting for the end of the agent's line")),
    };
    if is_whole {
        return Ok(line);
    }
    Err(Trouble::Failed(if line.len() >= LINE_LEN_MAX {
        format!("the agent's line is longer than {LINE_LEN_MAX} octets")
    } else if line.is_empty() {
        "the agent closed the connection without saying anything".to_owned()
    } else {
        format!("the agent closed the connection before the end of its line (`{}`)", quoted(&line))
    }))
}

/// An agent, for troubles with it.
const fn peer(address: SocketAddr) -> Peer {
    Peer { address, has_route }
}

/// Whether this machine knows a way to the address. Connecting a UDP socket looks the route up and sends nothing.
fn has_route(address: SocketAddr) -> bool {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    UdpSocket::bind(any).and_then(|socket| socket.connect(address)).is_ok()
}

/// Reads up to the first CR or LF. False: there was none within the limit or before the end.
async fn read_line(stream: &mut TcpStream, line: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut piece = [0; 512];
    while line.len() < LINE_LEN_MAX {
        let len = stream.read(&mut piece).await?;
        let said = &piece[..len];
        let end = said.iter().position(|octet| b"\r\n".contains(octet));
        line.extend_from_slice(&said[..end.unwrap_or(len)]);
        if end.is_some() || len == 0 {
            return Ok(end.is_some());
        }
    }
    Ok(false)
}

async fn connect(endpoint: &Endpoint) -> Result<TcpStream, Trouble> {
    let addresses: Vec<SocketAddr> = match endpoint {
        Endpoint::Socket(address) => vec![*address],
        Endpoint::Host(host, port) => match lookup_host((&**host, *port)).await {
            Ok(found) => found.take(ADDRESSES_MAX).collect(),
            Err(error) => return Err(Trouble::Failed(format!("`{host}` has no address: {error}"))),
        },
    };
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(Trouble::of_io(&error, Some(peer(address)))),
        }
    }
    Err(last.unwrap_or_else(|| Trouble::Failed(format!("`{endpoint}` has no address"))))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;

    fn parts(line: &str) -> (Option<Word>, Option<Word>) {
        match parse(line.as_bytes()).unwrap().words {
            Words::Parts { operational, administrative } => (operational, administrative),
            Words::Unsaid => (None, None),
            Words::Whole(word) => panic!("{word}"),
        }
    }

    #[test]
    fn each_word_of_the_protocol_is_known_in_either_case() {
        for (line, said) in [
            ("up", (Some(Word::Up), None)),
            ("DOWN", (Some(Word::Down), None)),
            ("Fail", (Some(Word::Down), None)),
            ("stopped", (Some(Word::Stopped), None)),
            ("drain", (None, Some(Word::Drain))),
            ("maint", (None, Some(Word::Maint))),
            ("ready", (None, Some(Word::Ready))),
            ("75%", (None, None)),
            ("maxconn:30", (None, None)),
        ] {
            assert_eq!(parts(line), said, "{line}");
        }
    }

    #[test]
    fn words_come_in_any_order_with_spaces_tabs_or_commas_between() {
        for line in ["up ready 75% maxconn:30", ",75%\tMAXCONN:30,,ready  up,", "maxconn:30,75%,up\tready # fine, down"]
        {
            let reading = parse(line.as_bytes()).unwrap();
            assert_eq!(parts(line), (Some(Word::Up), Some(Word::Ready)), "{line}");
            assert_eq!((reading.weight_percent, reading.connections_max), (Some(75), Some(30.0)), "{line}");
            assert_eq!(reading.odd, None, "{line}");
        }
    }

    #[test]
    fn the_last_word_of_a_kind_counts_and_descriptions_do_not() {
        assert_eq!(parts("down up drain ready"), (Some(Word::Up), Some(Word::Ready)));
        assert_eq!(parts("up #maint down"), (Some(Word::Up), None));
        assert_eq!(parts("down#disk full"), (Some(Word::Down), None));
        assert_eq!(parse(b"10% 20%").unwrap().weight_percent, Some(20));
    }

    #[test]
    fn weights_are_whole_percents_up_to_256() {
        for (word, percent) in
            [("0%", 0), ("100%", 100), ("256%", 256), ("300%", 256), ("99999999999999999999999%", 256)]
        {
            assert_eq!(parse(word.as_bytes()).unwrap().weight_percent, Some(percent), "{word}");
        }
        for word in ["-5%", "%", "7.5%", "75%x", "x75%", "75 %", "maxconn:", "maxconn:-1", "maxconn:3x", "maxconn"] {
            let read = parse(word.as_bytes());
            assert!(read.is_err() || word == "75 %", "{word}: {read:?}");
        }
    }

    #[test]
    fn unknown_words_are_skipped_and_told_of() {
        let reading = parse(b"up sideways \xff").unwrap();
        assert!(reading.odd.unwrap().contains("`sideways`"));
        for line in [&b""[..], b" \t,", b"# up", b"sideways", b"\xff\xfe", b"HTTP/1.1 400 Bad Request"] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }
}

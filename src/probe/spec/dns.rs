//! What a `dns` check asks and expects, as plain data that was checked when it was made. Knows no sockets.

use hickory_proto::rr::{Name, RData, RecordType};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};

/// A `dns` check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsCheck {
    /// What is asked.
    pub question: DnsQuestion,
    /// Records that the answer must hold, each of the type that was asked for.
    pub expect_answer: Vec<ExpectedRecord>,
    /// What the answer's RCODE must be.
    pub expect_rcode: Rcode,
    /// How it is asked.
    pub transport: DnsTransport,
    /// Whether the server is asked to look further (RFC 1035, section 4.1.1).
    pub recursion_desired: bool,
}

/// How a `dns` check asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DnsTransport {
    /// By a datagram; over TCP when the answer to that is truncated.
    #[default]
    Udp,
    /// Over a connection.
    Tcp,
    /// Both ways, one after the other, and both must pass.
    Both,
}

/// A name and a type, in class IN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuestion {
    name: Name,
    record_type: RecordType,
}

impl DnsQuestion {
    /// Asks for records of a type at a name, which is absolute with or without a final dot.
    ///
    /// # Errors
    ///
    /// Why there can be no such question, for operators.
    pub fn new(name: &str, record_type: &str) -> Result<Self, BadQuestion> {
        let mut parsed = Name::from_ascii(name).map_err(|error| BadQuestion::Name(error.to_string()))?;
        parsed.set_fqdn(true);
        let record_type = record_type.to_ascii_uppercase();
        let record_type: RecordType = record_type.parse().map_err(|_| BadQuestion::Type)?;
        match record_type {
            // They stand in no answer, or open a transfer.
            RecordType::OPT | RecordType::TSIG | RecordType::AXFR | RecordType::IXFR | RecordType::ZERO => {
                Err(BadQuestion::Type)
            }
            record_type => Ok(Self { name: parsed, record_type }),
        }
    }

    /// The name, absolute.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The type.
    #[must_use]
    pub fn record_type(&self) -> RecordType {
        self.record_type
    }
}

/// What is wrong with a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadQuestion {
    /// The name, and why.
    Name(String),
    /// The type is unknown, or nothing that can be asked for.
    Type,
}

/// A record that must be in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedRecord {
    text: String,
    octets: Vec<u8>,
}

impl ExpectedRecord {
    /// Data of a record of this type as a zone file has it, all names absolute with or without a final dot.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, for operators.
    pub fn new(question: &DnsQuestion, text: &str) -> Result<Self, String> {
        let data = RData::try_from_str(question.record_type, text).map_err(|error| error.to_string())?;
        let octets = octets_of(&data).ok_or("it cannot be put into a message")?;
        Ok(Self { text: text.to_owned(), octets })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether `data` is that of this record.
    #[must_use]
    pub fn is(&self, data: &RData) -> bool {
        octets_of(data).is_some_and(|octets| {
            // Names are equal whatever the case of their letters (RFC 4343); addresses and texts are not.
            match data {
                RData::CNAME(_) | RData::NS(_) | RData::PTR(_) | RData::MX(_) | RData::SRV(_) | RData::SOA(_) => {
                    octets.eq_ignore_ascii_case(&self.octets)
                }
                _ => octets == self.octets,
            }
        })
    }
}

/// Record data without compression, as RFC 3597 compares it.
fn octets_of(data: &RData) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    data.emit(&mut encoder).ok()?;
    Some(octets)
}

/// A response code, by its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error.
    pub const NOERROR: Self = Self(0);

    /// The words for those that a check may expect, in the order of their numbers (RFC 6895, section 2.3).
    pub const WORDS: [&'static str; 6] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

    /// The code of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        let number = Self::WORDS.iter().position(|known| known.eq_ignore_ascii_case(word))?;
        u16::try_from(number).ok().map(Self)
    }
}

impl std::fmt::Display for Rcode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match Self::WORDS.get(usize::from(self.0)) {
            Some(word) => f.write_str(word),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]

    use super::*;

    fn is_same(record_type: &str, one: &str, other: &str) -> bool {
        let question = DnsQuestion::new("example.com", record_type).unwrap();
        let data = RData::try_from_str(question.record_type(), other).unwrap();
        ExpectedRecord::new(&question, one).unwrap().is(&data)
    }

    #[test]
    fn records_are_compared_as_data() {
        assert!(is_same("A", "192.0.2.1", "192.0.2.1"));
        assert!(!is_same("A", "192.0.2.1", "192.0.2.2"));
        assert!(is_same("AAAA", "2001:db8:0::1", "2001:DB8::1"));
        assert!(is_same("MX", "10  Mail.Example.com", "10 mail.example.com."));
        assert!(!is_same("MX", "10 mail.example.com.", "20 mail.example.com."));
        assert!(is_same("TXT", "\"v=1 a\"", "\"v=1 a\""));
        assert!(!is_same("TXT", "\"v=1 a\"", "\"V=1 a\""));
    }

    #[test]
    fn what_cannot_be_asked_or_expected_is_refused() {
        for record_type in ["AXFR", "OPT", "TSIG", "X", "IXFR", ""] {
            assert_eq!(DnsQuestion::new("example.com", record_type), Err(BadQuestion::Type), "{record_type}");
        }
        assert!(matches!(DnsQuestion::new("a..b", "A"), Err(BadQuestion::Name(_))));
        let question = DnsQuestion::new("example.com", "a").unwrap();
        for text in ["", "x", "2001:db8::1", "192.0.2.1/24"] {
            assert!(ExpectedRecord::new(&question, text).is_err(), "{text}");
        }
    }

    #[test]
    fn response_codes_have_their_words() {
        for (number, word) in Rcode::WORDS.iter().enumerate() {
            let code = Rcode::of_word(word).unwrap();
            assert_eq!((usize::from(code.0), code.to_string().as_str()), (number, *word));
        }
        assert_eq!(Rcode(23).to_string(), "23");
    }
}

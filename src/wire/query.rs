//! Parsing a query: header, question and OPT record, without copying more than the lower-cased name. One `Query` is used
//! again and again, so that parsing does not touch the heap.

use super::numbers::{HEADER_LEN, OPCODE_QUERY, flag, rtype};
use super::{Edns, Malformed, NameKey};

/// A query, as far as it could be understood: what [`Query::parse`] read before it gave up stays readable, because the
/// error response repeats it.
#[derive(Clone, Default)]
pub struct Query {
    flags: u16,
    qtype: u16,
    qclass: u16,
    question_len: usize,
    name: NameKey,
    edns: Option<Edns>,
}

/// Octets of QTYPE and QCLASS.
const QUESTION_TAIL_LEN: usize = 4;
/// Octets of a record behind its owner and in front of its RDATA: TYPE, CLASS, TTL, RDLENGTH.
const RECORD_FIXED_LEN: usize = 10;

impl Query {
    /// Reads a message. The client subnet option is looked at only `with_client_subnet`; else it is one of the unknown
    /// options, which are skipped whatever is in them.
    pub fn parse(&mut self, message: &[u8], with_client_subnet: bool) -> Result<(), Malformed> {
        (self.question_len, self.edns) = (0, None);
        let (header, body) = message.split_first_chunk::<HEADER_LEN>().ok_or(Malformed::ShortHeader)?;
        let [_, _, flags_high, flags_low, qd_high, qd_low, counts @ ..] = *header;
        self.flags = u16::from_be_bytes([flags_high, flags_low]);
        if self.flags & flag::QR != 0 {
            return Err(Malformed::Response);
        }
        if self.flags & flag::OPCODE != OPCODE_QUERY {
            return Err(Malformed::Opcode);
        }
        if [qd_high, qd_low] != [0, 1] {
            return Err(Malformed::QuestionCount);
        }
        let rest = self.parse_question(body)?;
        let [an_high, an_low, ns_high, ns_low, ar_high, ar_low] = counts;
        let answers = u16::from_be_bytes([an_high, an_low]);
        let authorities = u16::from_be_bytes([ns_high, ns_low]);
        let additionals = u16::from_be_bytes([ar_high, ar_low]);
        let rest = self.parse_records(rest, answers, authorities, additionals, with_client_subnet)?;
        if !rest.is_empty() {
            return Err(Malformed::TrailingOctets);
        }
        match self.edns {
            Some(edns) if edns.version != 0 => Err(Malformed::EdnsVersion),
            _ => Ok(()),
        }
    }

    fn parse_question<'m>(&mut self, body: &'m [u8]) -> Result<&'m [u8], Malformed> {
        let name_len = self.name.set(body).map_err(|_| Malformed::Question)?;
        let tail = body[name_len..].split_first_chunk::<QUESTION_TAIL_LEN>();
        let (&[type_high, type_low, class_high, class_low], rest) = tail.ok_or(Malformed::Question)?;
        self.qtype = u16::from_be_bytes([type_high, type_low]);
        self.qclass = u16::from_be_bytes([class_high, class_low]);
        self.question_len = name_len + QUESTION_TAIL_LEN;
        Ok(rest)
    }

    /// Reads the records behind the question, of which only OPT means something; returns what follows them.
    fn parse_records<'m>(
        &mut self,
        mut rest: &'m [u8],
        answers: u16,
        authorities: u16,
        additionals: u16,
        with_client_subnet: bool,
    ) -> Result<&'m [u8], Malformed> {
        // An IXFR query tells in its authority section which version the client has (RFC 1995, section 3).
        if answers != 0 || (authorities != 0 && self.qtype != rtype::IXFR) {
            return Err(Malformed::UnexpectedRecords);
        }
        for _ in 0..authorities {
            rest = Record::parse(rest)?.1;
        }
        for _ in 0..additionals {
            let (record, behind) = Record::parse(rest)?;
            if record.rtype == rtype::OPT {
                if self.edns.is_some() || !record.owner_is_root {
                    return Err(Malformed::Opt);
                }
                let edns = self.edns.insert(Edns::new(record.class, record.ttl));
                edns.read_options(record.rdata, with_client_subnet)?;
            }
            rest = behind;
        }
        Ok(rest)
    }

    /// The flags of a response as far as they are copied: OPCODE, and RD of a standard query. What the others mean for
    /// another OPCODE nobody knows; CD is cleared (RFC 4035, section 3.1.6).
    #[must_use]
    pub const fn flags_to_copy(&self) -> u16 {
        match self.flags & flag::OPCODE {
            OPCODE_QUERY => self.flags & flag::RD,
            opcode => opcode,
        }
    }

    /// The QNAME.
    #[must_use]
    pub const fn name(&self) -> &NameKey {
        &self.name
    }

    /// The QTYPE.
    #[must_use]
    pub const fn qtype(&self) -> u16 {
        self.qtype
    }

    /// The QCLASS.
    #[must_use]
    pub const fn qclass(&self) -> u16 {
        self.qclass
    }

    /// Octets of the question behind the header; 0 when there is none to repeat.
    #[must_use]
    pub const fn question_len(&self) -> usize {
        self.question_len
    }

    /// What the OPT record says; `None` without one.
    #[must_use]
    pub const fn edns(&self) -> Option<&Edns> {
        self.edns.as_ref()
    }
}

/// A record of a query, as far as anybody looks at it.
struct Record<'m> {
    owner_is_root: bool,
    rtype: u16,
    class: u16,
    ttl: u32,
    rdata: &'m [u8],
}

impl<'m> Record<'m> {
    /// Reads the record at the start of `octets`; returns it and what follows.
    fn parse(octets: &'m [u8]) -> Result<(Self, &'m [u8]), Malformed> {
        let owner_is_root = octets.first() == Some(&0);
        let rest = skip_name(octets).ok_or(Malformed::Record)?;
        let (fixed, rest) = rest.split_first_chunk::<RECORD_FIXED_LEN>().ok_or(Malformed::Record)?;
        let [type_high, type_low, class_high, class_low, t0, t1, t2, t3, len_high, len_low] = *fixed;
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        let (rdata, rest) = rest.split_at_checked(len).ok_or(Malformed::Record)?;
        let record = Self {
            owner_is_root,
            rtype: u16::from_be_bytes([type_high, type_low]),
            class: u16::from_be_bytes([class_high, class_low]),
            ttl: u32::from_be_bytes([t0, t1, t2, t3]),
            rdata,
        };
        Ok((record, rest))
    }
}

/// What follows the name at the start of `octets`, which may end in a compression pointer.
fn skip_name(mut octets: &[u8]) -> Option<&[u8]> {
    loop {
        let (&len, rest) = octets.split_first()?;
        octets = match len {
            0 => return Some(rest),
            1..0x40 => rest.get(usize::from(len)..)?,
            0xc0.. => return rest.get(1..),
            _ => return None,
        };
    }
}

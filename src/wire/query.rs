//! Parsing a query: header, question and OPT record, without copying more than the lower-cased name. One `Query` is used
//! again and again, so that parsing does not touch the heap.

use super::numbers::{HEADER_LEN, OPCODE_NOTIFY, OPCODE_QUERY, OPCODE_UPDATE, flag, rtype};
use super::{Edns, Malformed, NameKey, Understood};

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
    signed: bool,
}

/// Octets of QTYPE and QCLASS.
const QUESTION_TAIL_LEN: usize = 4;
/// Octets of a record behind its owner and in front of its RDATA: TYPE, CLASS, TTL, RDLENGTH.
const RECORD_FIXED_LEN: usize = 10;

/// The counts of a header behind that of questions, where there is but one record: an additional one.
const ONE_ADDITIONAL: u64 = 1 << 16;
/// The second octet of the type OPT; the first is 0.
const OPT_LOW: u8 = rtype::OPT as u8;

impl Query {
    /// Reads a message, and of its EDNS options, where it has any, those that are `understood`.
    #[inline(always)]
    pub fn parse(&mut self, message: &[u8], understood: impl FnOnce() -> Understood) -> Result<(), Malformed> {
        (self.question_len, self.edns, self.signed) = (0, None, false);
        let (header, body) = message.split_first_chunk::<HEADER_LEN>().ok_or(Malformed::ShortHeader)?;
        let [_, _, flags_high, flags_low, counts @ ..] = *header;
        self.flags = u16::from_be_bytes([flags_high, flags_low]);
        if self.flags & flag::QR != 0 {
            return Err(Malformed::Response);
        }
        if self.flags & flag::OPCODE != OPCODE_QUERY {
            return Err(Malformed::Opcode);
        }
        let counts = u64::from_be_bytes(counts);
        if counts >> 48 != 1 {
            return Err(self.parse_without_question(body, counts, understood()));
        }
        let rest = self.parse_question(body)?;
        let rest = match (counts << 16, rest) {
            (0, _) => rest,
            // An OPT record without options, which most queries end in.
            (ONE_ADDITIONAL, &[0, 0, OPT_LOW, class_high, class_low, t0, t1, t2, t3, 0, 0]) => {
                let class = u16::from_be_bytes([class_high, class_low]);
                self.edns = Some(Edns::new(class, u32::from_be_bytes([t0, t1, t2, t3])));
                &[]
            }
            (behind, _) => {
                let understood = understood();
                if behind == ONE_ADDITIONAL && understood.client_subnet {
                    Edns::read_with_client_subnet(&mut self.edns, rest);
                }
                if self.edns.is_some() { &[] } else { self.parse_records(rest, counts, understood)? }
            }
        };
        if !rest.is_empty() {
            return Err(Malformed::TrailingOctets);
        }
        match &self.edns {
            Some(edns) if edns.version != 0 => Err(Malformed::EdnsVersion),
            _ => Ok(()),
        }
    }

    /// A message that has not exactly one question, which is never answered with records. With none it may still ask for a
    /// cookie in its OPT record, which is read for that.
    #[cold]
    fn parse_without_question(&mut self, body: &[u8], counts: u64, understood: Understood) -> Malformed {
        if counts >> 16 != 0 {
            return Malformed::QuestionCount;
        }
        self.qtype = 0;
        match self.parse_records(body, counts, understood) {
            Ok([]) => match &self.edns {
                Some(edns) if edns.version != 0 => Malformed::EdnsVersion,
                _ => Malformed::QuestionCount,
            },
            Ok(_) => Malformed::TrailingOctets,
            Err(cause) => cause,
        }
    }

    #[inline(always)]
    fn parse_question<'m>(&mut self, body: &'m [u8]) -> Result<&'m [u8], Malformed> {
        let name_len = self.name.read(body).map_err(|_| Malformed::Question)?;
        let tail = body[name_len..].split_first_chunk::<QUESTION_TAIL_LEN>();
        let (&[type_high, type_low, class_high, class_low], rest) = tail.ok_or(Malformed::Question)?;
        self.qtype = u16::from_be_bytes([type_high, type_low]);
        self.qclass = u16::from_be_bytes([class_high, class_low]);
        self.question_len = name_len + QUESTION_TAIL_LEN;
        Ok(rest)
    }

    /// Reads the records behind the question, of which only OPT means something; returns what follows them. `counts` are
    /// the four counts of the header.
    #[inline(never)]
    fn parse_records<'m>(
        &mut self,
        mut rest: &'m [u8],
        counts: u64,
        understood: Understood,
    ) -> Result<&'m [u8], Malformed> {
        let (answers, authorities, additionals) = ((counts >> 32) as u16, (counts >> 16) as u16, counts as u16);
        if answers != 0 || authorities != 0 {
            // An IXFR query tells in its authority section which version the client has (RFC 1995, section 3).
            if answers != 0 || self.qtype != rtype::IXFR {
                return Err(Malformed::UnexpectedRecords);
            }
            for _ in 0..authorities {
                rest = Record::parse(rest)?.1;
            }
        }
        for _ in 0..additionals {
            let (record, behind) = Record::parse(rest)?;
            if record.rtype == rtype::OPT {
                if self.edns.is_some() || !record.owner_is_root {
                    return Err(Malformed::Opt);
                }
                let edns = self.edns.insert(Edns::new(record.class, record.ttl));
                edns.read_options(record.rdata, understood)?;
            } else if record.rtype == rtype::TSIG {
                self.signed = true;
            }
            rest = behind;
        }
        Ok(rest)
    }

    /// Whether it asks for more than one answer from what is at hand: a transfer, a signed answer, NOTIFY or UPDATE. Good
    /// for messages that were read to their end, and for those whose OPCODE alone is not that of a query.
    #[must_use]
    pub const fn is_slow(&self) -> bool {
        match self.flags & flag::OPCODE {
            OPCODE_QUERY => self.signed || matches!(self.qtype, rtype::AXFR | rtype::IXFR),
            opcode => matches!(opcode, OPCODE_NOTIFY | OPCODE_UPDATE),
        }
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::Query;
    use crate::wire::numbers::flag;
    use crate::wire::response::Response;
    use crate::wire::{Edns, Malformed, Rcode, Understood};
    use hickory_proto::op::Message;
    use proptest::prelude::*;

    const QUESTION: &[u8] = b"\x03wWw\x07Example\x00\x00\x01\x00\x01";
    const OPT: &[u8] = b"\x00\x00\x29\x10\x00\x00\x00\x80\x00\x00\x00";

    /// A message with ID 0x1234, these flags and counts, and what follows.
    fn message(flags: u16, counts: [u16; 4], parts: &[&[u8]]) -> Vec<u8> {
        let words = [0x1234, flags, counts[0], counts[1], counts[2], counts[3]];
        let header: Vec<u8> = words.iter().flat_map(|word: &u16| word.to_be_bytes()).collect();
        [header, parts.concat()].concat()
    }

    fn parse(message: &[u8]) -> (Result<(), Malformed>, Query) {
        let mut query = Query::default();
        (query.parse(message, || Understood::ALL), query)
    }

    #[test]
    fn a_query_is_read() {
        let (result, query) = parse(&message(0x0110, [1, 0, 0, 1], &[QUESTION, OPT]));
        assert_eq!(result, Ok(()));
        assert_eq!(query.name().octets(), b"\x03www\x07example\x00");
        assert_eq!((query.qtype(), query.qclass(), query.question_len()), (1, 1, 17));
        assert_eq!(query.flags_to_copy(), flag::RD);
        let edns = Edns { dnssec_ok: true, ..Edns::new(4096, 0) };
        assert_eq!(query.edns(), Some(&edns));
    }

    #[test]
    fn each_kind_of_bad_message_has_its_cause() {
        let other = b"\x01a\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x01\x02\x03\x04";
        let cases: [(&[u8], Malformed); 24] = [
            (&[0; 11], Malformed::ShortHeader),
            (b"", Malformed::ShortHeader),
            (&message(0x8000, [1, 0, 0, 0], &[QUESTION]), Malformed::Response),
            (&message(0xa800, [1, 0, 0, 0], &[QUESTION]), Malformed::Response),
            (&message(0x7800, [0; 4], &[]), Malformed::Opcode),
            (&message(0x2800, [1, 0, 0, 0], &[QUESTION]), Malformed::Opcode),
            (&message(0, [0; 4], &[]), Malformed::QuestionCount),
            (&message(0, [2, 0, 0, 0], &[QUESTION, QUESTION]), Malformed::QuestionCount),
            (&message(0, [0x0100, 0, 0, 0], &[QUESTION]), Malformed::QuestionCount),
            (&message(0, [1, 0, 0, 0], &[&QUESTION[..16]]), Malformed::Question),
            (&message(0, [1, 0, 0, 0], &[b"\xc0\x0c\x00\x01\x00\x01"]), Malformed::Question),
            (&message(0, [1, 0, 0, 0], &[b"\x40\x00\x00\x01\x00\x01"]), Malformed::Question),
            (&message(0, [1, 1, 0, 0], &[QUESTION, other]), Malformed::UnexpectedRecords),
            (&message(0, [1, 0, 1, 0], &[QUESTION, other]), Malformed::UnexpectedRecords),
            (&message(0, [1, 0, 0, 1], &[QUESTION]), Malformed::Record),
            (&message(0, [1, 0, 0, 1], &[QUESTION, &OPT[..10]]), Malformed::Record),
            (
                &message(0, [1, 0, 0, 1], &[QUESTION, b"\x80\x00\x29\x10\x00\x00\x00\x80\x00\x00\x00"]),
                Malformed::Record,
            ),
            (&message(0, [1, 0, 0, 0], &[QUESTION, b"\x00"]), Malformed::TrailingOctets),
            (&message(0, [1, 0, 0, 1], &[QUESTION, OPT, OPT]), Malformed::TrailingOctets),
            (&message(0, [1, 0, 0, 2], &[QUESTION, OPT, OPT]), Malformed::Opt),
            (&message(0, [1, 0, 0, 1], &[QUESTION, b"\x01a", OPT]), Malformed::Opt),
            (&message(0, [1, 0, 0, 1], &[QUESTION, &OPT[..10], b"\x01\x00"]), Malformed::Opt),
            (&message(0, [1, 0, 0, 1], &[QUESTION, &OPT[..10], b"\x05\x00\x08\x00\x01\x01"]), Malformed::ClientSubnet),
            (
                &message(0, [1, 0, 0, 1], &[QUESTION, b"\x00\x00\x29\x10\x00\x00\x01\x00\x00\x00\x00"]),
                Malformed::EdnsVersion,
            ),
        ];
        for (octets, cause) in cases {
            assert_eq!(parse(octets).0, Err(cause), "{octets:x?}");
        }
        // Signatures of transactions come beside OPT, and IXFR brings the client's SOA.
        assert_eq!(parse(&message(0, [1, 0, 0, 2], &[QUESTION, OPT, other])).0, Ok(()));
        assert_eq!(parse(&message(0, [1, 0, 0, 2], &[QUESTION, other, OPT])).0, Ok(()));
        let ixfr = message(0, [1, 0, 1, 0], &[b"\x07example\x00\x00\xfb\x00\x01", other]);
        assert_eq!(parse(&ixfr).0, Ok(()));
    }

    #[test]
    fn what_was_read_before_a_mistake_is_left_to_repeat() {
        let (_, query) = parse(&message(0, [1, 0, 0, 2], &[QUESTION, OPT, OPT]));
        assert_eq!((query.question_len(), query.edns().is_some()), (17, true));
        let (_, query) = parse(&message(0, [1, 0, 0, 0], &[&QUESTION[..15]]));
        assert_eq!((query.question_len(), query.edns().is_some()), (0, false));
    }

    /// The error response to anything that gets one is a message that others can read.
    fn check_error_response(octets: &[u8]) -> Result<(), TestCaseError> {
        let (result, query) = parse(octets);
        let mut out = [0xee; 512];
        if result.err().is_some_and(|cause| cause.rcode().is_none()) {
            return Ok(());
        }
        let len = Response::begin(&mut out, 512, 0, &query, octets).finish(Rcode::REFUSED, None);
        let read = Message::from_vec(&out[..len]);
        prop_assert!(read.is_ok(), "{:x?}: {:?}", &out[..len], read);
        prop_assert_eq!(&out[..2], &octets[..2]);
        prop_assert_eq!(out[2] & 0x80, 0x80);
        Ok(())
    }

    /// A client subnet option, most often without a mistake.
    fn client_subnet_option() -> impl Strategy<Value = Vec<u8>> {
        let address =
            prop_oneof![4 => prop::collection::vec(any::<u8>(), 0..=4), 1 => prop::collection::vec(any::<u8>(), 0..20)];
        let flaw = prop_oneof![8 => Just(None), 1 => (0_usize..9, any::<u8>()).prop_map(Some)];
        (1_u8..3, 0_u8..8, address, any::<bool>(), flaw).prop_map(|(family, spare, mut address, is_cut, flaw)| {
            if let Some(last) = address.last_mut().filter(|_| is_cut) {
                *last &= 0xff << spare;
            }
            let (len, source) = (4 + address.len() as u8, (8 * address.len() as u8).saturating_sub(spare));
            let mut option = [&[0, 8, 0, len, 0, family, source, 0], &address[..]].concat();
            if let Some((at, octet)) = flaw
                && let Some(flawed) = option.get_mut(at)
            {
                *flawed = octet;
            }
            option
        })
    }

    proptest! {
        #[test]
        fn an_opt_record_alone_is_read_as_among_others(
            class in any::<u16>(),
            ttl in prop_oneof![any::<u32>(), any::<u16>().prop_map(u32::from)],
            rdata in prop_oneof![1 => Just(Vec::new()), 4 => client_subnet_option()],
            surplus in prop_oneof![8 => Just(0_u16), 1 => Just(1), 1 => Just(256)],
            understands in any::<bool>(),
        ) {
            let rdlength = rdata.len() as u16 + surplus;
            let opt = [&OPT[..3], &class.to_be_bytes(), &ttl.to_be_bytes(), &rdlength.to_be_bytes(), &rdata].concat();
            let understood = Understood { client_subnet: understands, ..Understood::ALL };
            let mut alone = Query::default();
            let alone_result = alone.parse(&message(0, [1, 0, 0, 1], &[QUESTION, &opt]), || understood);
            let mut among_others = Query::default();
            let counts = u64::from_be_bytes([0, 1, 0, 0, 0, 0, 0, 1]);
            let result = among_others.parse_records(&opt, counts, understood);
            prop_assert_eq!(alone.edns, among_others.edns);
            let expected = match result {
                Ok([]) if alone.edns.is_some_and(|edns| edns.version != 0) => Err(Malformed::EdnsVersion),
                Ok([]) => Ok(()),
                Ok(_) => Err(Malformed::TrailingOctets),
                Err(cause) => Err(cause),
            };
            prop_assert_eq!(alone_result, expected);
        }

        #[test]
        fn no_octets_make_the_parser_panic(octets in prop::collection::vec(any::<u8>(), 0..600)) {
            check_error_response(&octets)?;
        }

        #[test]
        fn no_damaged_query_makes_the_parser_panic(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in any::<prop::sample::Index>(),
            counts in prop::array::uniform4(0_u16..3),
        ) {
            let subnet = b"\x0b\x00\x08\x00\x07\x00\x01\x18\x00\xc0\x00\x02";
            let mut octets = message(0, counts, &[QUESTION, &OPT[..10], subnet]);
            for (at, octet) in damage {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
            check_error_response(&octets)?;
            octets.truncate(cut.index(octets.len()));
            check_error_response(&octets)?;
        }
    }

    #[test]
    fn the_parser_reads_what_another_library_writes() {
        use hickory_proto::op::{Edns as TheirEdns, Query as TheirQuery};
        use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
        use hickory_proto::rr::{Name, RecordType};
        let mut theirs = Message::query();
        theirs.add_query(TheirQuery::query(Name::from_ascii("www.example.com.").unwrap(), RecordType::AAAA));
        let mut edns = TheirEdns::new();
        edns.set_max_payload(1400).set_dnssec_ok(true);
        let subnet = ClientSubnet::new("2001:db8:8000::".parse().unwrap(), 33, 0);
        edns.options_mut().insert(EdnsOption::Subnet(subnet));
        theirs.set_edns(edns);
        let (result, query) = parse(&theirs.to_vec().unwrap());
        assert_eq!((result, query.qtype()), (Ok(()), 28));
        let ours = query.edns().unwrap();
        assert_eq!((ours.udp_len, ours.dnssec_ok), (1400, true));
        assert_eq!(ours.client_subnet.unwrap().client(), Some(("2001:db8:8000::".parse().unwrap(), 33)));
    }
}

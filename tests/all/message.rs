//! DNS messages for tests: queries made octet by octet, so that they can be wrong on purpose, and responses read with
//! `hickory-proto`, which shares no code with the engine.

use azimuth::wire::Name;
use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{DNSClass, Name as NameRead, RData, Record, RecordType};
use hickory_proto::serialize::binary::BinDecodable;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A query as it will stand on the wire.
#[derive(Clone, Debug)]
pub struct Query {
    pub id: u16,
    /// The second 16 bits of the header: OPCODE 0 and RD clear unless set.
    pub flags: u16,
    pub name: String,
    pub rtype: u16,
    pub class: u16,
    pub edns: Option<Edns>,
}

/// The OPT record of a query.
#[derive(Clone, Debug)]
pub struct Edns {
    pub size: u16,
    pub version: u8,
    /// DO and the bits behind it.
    pub flags: u16,
    /// Code and data.
    pub options: Vec<(u16, Vec<u8>)>,
}

impl Default for Edns {
    fn default() -> Self {
        Self { size: 1232, version: 0, flags: 0, options: Vec::new() }
    }
}

/// EDNS Client Subnet (RFC 7871).
pub const ECS: u16 = 8;
/// Extended DNS Error (RFC 8914).
const EDE: u16 = 15;
/// Stands in for ECS when hickory reads a message: its reader refuses FAMILY 0, which RFC 7871 allows.
const ECS_STAND_IN: u16 = 65_001;

/// The data of an ECS option for `address` cut to `source` bits, as a well-behaved client sends it.
pub fn ecs(address: IpAddr, source: u8) -> Vec<u8> {
    let (family, octets) = match azimuth::base::prefix::cut_address(address, source) {
        IpAddr::V4(v4) => (1, v4.octets().to_vec()),
        IpAddr::V6(v6) => (2, v6.octets().to_vec()),
    };
    let mut data = vec![0, family, source, 0];
    data.extend(&octets[..usize::from(source).div_ceil(8)]);
    data
}

/// The number of a type: its mnemonic or `TYPEnnn`.
pub fn type_number(text: &str) -> Option<u16> {
    if let Some(number) = text.strip_prefix("TYPE") {
        return number.parse().ok();
    }
    text.parse::<RecordType>().ok().map(Into::into)
}

impl Query {
    pub fn new(name: &str, rtype: u16) -> Self {
        Self { id: 0x4242, flags: 0, name: name.to_owned(), rtype, class: 1, edns: None }
    }

    pub fn octets(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let counts = [1, 0, 0, u16::from(self.edns.is_some())];
        for word in [self.id, self.flags].into_iter().chain(counts) {
            out.extend(word.to_be_bytes());
        }
        let name = Name::from_text(self.name.as_bytes(), Some(&Name::root())).unwrap();
        out.extend(name.as_wire());
        out.extend(self.rtype.to_be_bytes());
        out.extend(self.class.to_be_bytes());
        if let Some(edns) = &self.edns {
            out.extend([0, 0, 41]);
            out.extend(edns.size.to_be_bytes());
            out.extend([0, edns.version]);
            out.extend(edns.flags.to_be_bytes());
            let length: usize = edns.options.iter().map(|(_, data)| 4 + data.len()).sum();
            out.extend(u16::try_from(length).unwrap().to_be_bytes());
            for (code, data) in &edns.options {
                out.extend(code.to_be_bytes());
                out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
                out.extend(data);
            }
        }
        out
    }
}

/// Reads a response; the error says what an independent reader did not like.
pub fn read(octets: &[u8]) -> Result<Message, String> {
    let mut octets = octets.to_vec();
    hide_ecs(&mut octets);
    Message::from_vec(&octets).map_err(|error| error.to_string())
}

/// Renumbers the ECS options of the OPT record, if the octets are as regular as that.
fn hide_ecs(octets: &mut [u8]) {
    let Some(options) = opt_data(octets) else { return };
    let mut at = options.start;
    while at + 4 <= options.end {
        let length = usize::from(u16::from_be_bytes([octets[at + 2], octets[at + 3]]));
        if octets[at..at + 2] == ECS.to_be_bytes() {
            octets[at..at + 2].copy_from_slice(&ECS_STAND_IN.to_be_bytes());
        }
        at += 4 + length;
    }
}

/// Where the RDATA of the OPT record stands.
fn opt_data(octets: &[u8]) -> Option<std::ops::Range<usize>> {
    let word = |at: usize| Some(usize::from(u16::from_be_bytes([*octets.get(at)?, *octets.get(at + 1)?])));
    let name_end = |mut at: usize| loop {
        match *octets.get(at)? {
            0 => return Some(at + 1),
            0xc0.. => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    };
    let mut at = 12;
    for _ in 0..word(4)? {
        at = name_end(at)? + 4;
    }
    for _ in 0..word(6)? + word(8)? + word(10)? {
        let fixed = name_end(at)?;
        let data = fixed + 10..fixed + 10 + word(fixed + 8)?;
        if word(fixed)? == 41 {
            return (data.end <= octets.len()).then_some(data);
        }
        at = data.end;
    }
    None
}

/// The client subnet that a response carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSubnet {
    pub family: u16,
    pub address: IpAddr,
    pub source: u8,
    pub scope: u8,
}

/// The ECS option of a response.
pub fn client_subnet(message: &Message) -> Option<ClientSubnet> {
    let options = message.edns.as_ref()?.options();
    options.as_ref().iter().find_map(|(_, option)| match option {
        EdnsOption::Unknown(ECS_STAND_IN, data) => read_ecs(data),
        _ => None,
    })
}

fn read_ecs(data: &[u8]) -> Option<ClientSubnet> {
    let [high, low, source, scope, address @ ..] = data else { return None };
    let family = u16::from_be_bytes([*high, *low]);
    let mut octets = [0; 16];
    octets.get_mut(..address.len())?.copy_from_slice(address);
    let address = match family {
        2 => IpAddr::V6(Ipv6Addr::from(octets)),
        _ => IpAddr::V4(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])),
    };
    Some(ClientSubnet { family, address, source: *source, scope: *scope })
}

/// The records of a section as `TYPE RDATA`, in the order of the message.
pub fn rdata(records: &[Record]) -> Vec<String> {
    records.iter().map(show_data).collect()
}

/// Type and data in presentation form: what hickory has no text for as RFC 3597 writes it.
fn show_data(record: &Record) -> String {
    let rtype = match record.record_type() {
        RecordType::Unknown(number) => format!("TYPE{number}"),
        rtype => rtype.to_string(),
    };
    match &record.data {
        RData::TXT(texts) => {
            let quoted = texts.txt_data.iter().map(|text| format!(" \"{}\"", text.escape_ascii())).collect::<String>();
            format!("{rtype}{quoted}")
        }
        // A DNAME (RFC 6672), which hickory does not know; its target is never compressed.
        RData::Unknown { code, rdata } if u16::from(*code) == 39 => match NameRead::from_bytes(&rdata.anything) {
            Ok(target) => format!("{rtype} {target}"),
            Err(error) => format!("{rtype} {error}"),
        },
        RData::Unknown { rdata, .. } => format!("{rtype} \\# {} {}", rdata.anything.len(), hex(&rdata.anything)),
        data => format!("{rtype} {data}"),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A response in stable words, one fact a line: what scenarios hold.
pub fn show(octets: &[u8], query: &[u8]) -> String {
    let message = match read(octets) {
        Ok(message) => message,
        Err(error) => return format!("unreadable: {error}\n"),
    };
    let mut out = header(&message, octets, query);
    for (section, records) in
        [("answer", &message.answers), ("authority", &message.authorities), ("additional", &message.additionals)]
    {
        for record in records {
            let class = if record.dns_class == DNSClass::IN { String::new() } else { format!("{} ", record.dns_class) };
            let (owner, ttl, data) = (&record.name, record.ttl, show_data(record));
            writeln!(out, "{section} {owner} {ttl} {class}{data}").unwrap();
        }
    }
    if let Some(edns) = &message.edns {
        write!(out, "edns {}", edns.max_payload()).unwrap();
        if edns.version() != 0 {
            write!(out, " version {}", edns.version()).unwrap();
        }
        out.push_str(if edns.flags().dnssec_ok { " do" } else { "" });
        if edns.flags().z != 0 {
            write!(out, " z {:#x}", edns.flags().z).unwrap();
        }
        out.push('\n');
        for (_, option) in edns.options().as_ref() {
            out.push_str(&show_option(option));
        }
    }
    out
}

fn header(message: &Message, octets: &[u8], query: &[u8]) -> String {
    let meta = &message.metadata;
    let mut out = rcode_word(u16::from(meta.response_code));
    let flags = [
        ("aa", meta.authoritative),
        ("tc", meta.truncation),
        ("rd", meta.recursion_desired),
        ("ra", meta.recursion_available),
        ("ad", meta.authentic_data),
        ("cd", meta.checking_disabled),
    ];
    for (word, _) in flags.iter().filter(|(_, set)| *set) {
        write!(out, " {word}").unwrap();
    }
    out.push('\n');
    if meta.message_type != MessageType::Response {
        out.push_str("not a response\n");
    }
    if octets[..2] != query[..2] {
        writeln!(out, "id {:#06x}", meta.id).unwrap();
    }
    if (octets[2] ^ query[2]) & 0x78 != 0 {
        writeln!(out, "opcode {}", octets[2] >> 3 & 15).unwrap();
    }
    // The question comes back octet for octet, letter case included (RFC 1034, section 3.1; RFC 5452, section 9.1).
    let echoed = question(query).is_some_and(|asked| octets[12..].starts_with(asked)) && octets[4..6] == [0, 1];
    if !echoed {
        let words: Vec<String> =
            message.queries.iter().map(|q| format!("{} {} {}", q.name(), q.query_class(), q.query_type())).collect();
        writeln!(out, "question {}", if words.is_empty() { "none".to_owned() } else { words.join(", ") }).unwrap();
    }
    out
}

/// The octets of the question of a well-formed query.
fn question(query: &[u8]) -> Option<&[u8]> {
    let mut at = 12;
    loop {
        let length = *query.get(at)?;
        at += 1 + usize::from(length);
        if length == 0 {
            return query.get(12..at + 4);
        }
        if length > 63 {
            return None;
        }
    }
}

/// The mnemonic of an RCODE.
pub fn rcode_word(code: u16) -> String {
    let word = match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        9 => "NOTAUTH",
        16 => "BADVERS",
        _ => return format!("RCODE{code}"),
    };
    word.to_owned()
}

fn show_option(option: &EdnsOption) -> String {
    match option {
        EdnsOption::Unknown(ECS_STAND_IN, data) => match read_ecs(data) {
            Some(ClientSubnet { family: 0, source, scope, .. }) => {
                format!("ecs family 0 source {source} scope {scope}\n")
            }
            Some(ecs) => format!("ecs {}/{} scope {}\n", ecs.address, ecs.source, ecs.scope),
            None => format!("ecs unreadable {}\n", hex(data)),
        },
        EdnsOption::Unknown(EDE, data) if data.len() >= 2 => {
            let text = String::from_utf8_lossy(&data[2..]);
            format!("ede {} {text}\n", u16::from_be_bytes([data[0], data[1]]))
        }
        EdnsOption::Unknown(code, data) => format!("option {code} {}\n", hex(data)),
        EdnsOption::NSID(data) => format!("option 3 {}\n", hex(data.as_ref())),
        other => format!("option {other:?}\n"),
    }
}

//! Reading a MaxMind DB file into runs of facts. Knows no other database, no overrides and no prefix table.

use super::bits::Bits;
use super::facts::{FactList, Facts};
use super::hash::FastHash;
use super::naming::{Kinds, NamesRecord, Numbers};
use super::record::{KNOWN_KEYS, Record};
use super::runs::Runs;
use crate::base::{Diagnostic, UnixTime};
use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// Largest database file that is read, in octets; the largest that vendors sell are below 1 GiB.
const FILE_LEN_MAX: u64 = 4 << 30;

/// Most keys of a foreign record that a message lists.
const KEYS_SHOWN_MAX: usize = 12;

/// What a database says, by number of facts; 0 says nothing.
#[derive(Debug)]
pub(super) struct Database {
    /// The facts by number.
    pub(super) facts: Vec<Facts>,
    /// The IPv4 addresses.
    pub(super) v4: Runs<u32>,
    /// The IPv6 addresses.
    pub(super) v6: Runs<u128>,
    /// What it is and when it was built.
    pub(super) about: String,
    /// Which facts it can have; found out only where somebody names some.
    pub(super) kinds: Kinds,
}

/// Why a database is not used, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    reason: String,
    remedy: String,
}

impl Unusable {
    fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: remedy.into() }
    }

    /// As a mistake in the file at `path`.
    pub(super) fn diagnostic(&self, path: &Path) -> Diagnostic {
        Diagnostic::error(format!("database `{}` {}", path.display(), self.reason)).hint(&*self.remedy)
    }

    fn damaged(error: &MaxMindDbError) -> Self {
        Self::new(
            format!("is no usable MaxMind DB: {error}"),
            "the file is damaged or no database; download it again, for example with `azimuth geoip fetch`",
        )
    }

    fn foreign(keys: &str) -> Self {
        Self::new(
            format!("holds no location data: its records have {keys}"),
            format!("use a City, Country or ASN database; the keys we know are {KNOWN_KEYS}"),
        )
    }
}

impl Database {
    /// Reads a database file, and of the facts that can be named those that are. The file is not kept.
    pub(super) fn open(path: &Path, named: &Numbers) -> Result<Self, Unusable> {
        Self::read(&octets_of(path)?, named)
    }

    /// Reads a database from the octets of its file.
    pub(super) fn read(octets: &[u8], named: &Numbers) -> Result<Self, Unusable> {
        if octets.starts_with(b"\x1f\x8b") {
            return Err(Unusable::new(
                "is compressed with gzip",
                "unpack it first (`gunzip`, or `tar -xzf` for a .tar.gz), or let `azimuth geoip fetch` do both",
            ));
        }
        let reader = Reader::from_source(octets).map_err(|error| Unusable::damaged(&error))?;
        let mut scan = Scan::new(&reader, named);
        scan.networks()?;
        if !scan.known {
            return Err(Unusable::foreign(&scan.first_keys.unwrap_or_else(|| "not even one network".to_owned())));
        }
        let (mut v4, mut v6) = (scan.v4.runs, scan.v6.runs);
        v4.shrink();
        v6.shrink();
        let (year, month, day) = UnixTime::from_secs(reader.metadata().build_epoch).utc_date();
        Ok(Self {
            facts: scan.facts.into_facts(),
            v4,
            v6,
            kinds: scan.kinds,
            about: format!("{} of {year}-{month:02}-{day:02}", reader.metadata().database_type),
        })
    }
}

/// The octets of a file of sane size.
pub(super) fn octets_of(path: &Path) -> Result<Vec<u8>, Unusable> {
    let cannot = |error: std::io::Error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "check the path in `geoip.databases`, or download a database with `azimuth geoip fetch`"
            }
            std::io::ErrorKind::PermissionDenied => "make it readable for the user that azimuth runs as",
            _ => "check the path in `geoip.databases`",
        };
        Unusable::new(format!("cannot be read: {error}"), remedy)
    };
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() {
        return Err(Unusable::new("is not a file", "name the database file itself (`.mmdb`)"));
    }
    if metadata.len() > FILE_LEN_MAX {
        let reason = format!("is larger than {} GiB", FILE_LEN_MAX >> 30);
        return Err(Unusable::new(reason, "use a City or Country database"));
    }
    std::fs::read(path).map_err(cannot)
}

/// Runs being written, and where the next network may begin.
struct Writing<A> {
    runs: Runs<A>,
    next: Option<A>,
}

impl<A: Bits> Writing<A> {
    fn new() -> Self {
        Self { runs: Runs::new(), next: Some(A::MIN) }
    }

    /// The network of `length` fixed bits at `start` has this value; what was left out before it has none.
    fn push(&mut self, start: A, length: u8, value: u32) -> Result<(), MaxMindDbError> {
        let next = self.next.filter(|next| *next <= start && length <= A::WIDTH);
        let next = next.ok_or_else(|| MaxMindDbError::invalid_database("networks overlap"))?;
        if next < start {
            self.runs.push(next, 0);
        }
        self.runs.push(start, value);
        self.next = start.block_end(length).next();
        if let Some(next) = self.next {
            self.runs.push(next, 0);
        }
        Ok(())
    }
}

/// One pass over the search tree.
struct Scan<'a> {
    reader: &'a Reader<&'a [u8]>,
    named: &'a Numbers,
    kinds: Kinds,
    facts: FactList,
    /// Facts by the offset of a data record: most networks share theirs with many others, and each is decoded once.
    decoded: HashMap<usize, u32, FastHash>,
    v4: Writing<u32>,
    v6: Writing<u128>,
    /// Whether any record was of a known schema.
    known: bool,
    /// The keys of the first record, if it was of no known schema.
    first_keys: Option<String>,
}

impl<'a> Scan<'a> {
    fn new(reader: &'a Reader<&'a [u8]>, named: &'a Numbers) -> Self {
        Self {
            reader,
            named,
            kinds: Kinds::default(),
            facts: FactList::new(),
            decoded: HashMap::default(),
            v4: Writing::new(),
            v6: Writing::new(),
            known: false,
            first_keys: None,
        }
    }

    fn networks(&mut self) -> Result<(), Unusable> {
        self.try_networks().map_err(|error| Unusable::damaged(&error))
    }

    fn try_networks(&mut self) -> Result<(), MaxMindDbError> {
        let mut options = WithinOptions::default().include_networks_without_data();
        if !self.has_ipv4_subtree()? {
            // Without a subtree for IPv4 there are no aliases of it, and the crate would take other networks for them.
            options = options.include_aliased_networks();
        }
        // A tree of n nodes has n + 1 ends. Nodes that are reached on several ways make more, and in a damaged file
        // exponentially many.
        let mut left = u64::from(self.reader.metadata().node_count) * 3 + 3;
        let mut last = (usize::MAX, 0);
        for network in self.reader.networks(options)? {
            left = left.checked_sub(1).ok_or_else(|| MaxMindDbError::invalid_database("the search tree has no end"))?;
            let network = network?;
            let Some(offset) = network.offset() else { continue };
            if offset != last.0 {
                last = (offset, self.facts_at(offset, &network)?);
            }
            let cidr = network.network()?;
            match cidr.ip() {
                IpAddr::V4(address) => self.v4.push(address.to_bits(), cidr.prefix(), last.1)?,
                IpAddr::V6(address) => {
                    // A network that holds the whole of ::/96 speaks of all IPv4 addresses.
                    if address.is_unspecified() && cidr.prefix() <= 96 {
                        self.v4.push(0, 0, last.1)?;
                    }
                    if !address.is_unspecified() || cidr.prefix() < 96 {
                        self.v6.push(address.to_bits(), cidr.prefix(), last.1)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the file is an IPv6 tree with a subtree for IPv4 under ::/96, which it may then have under other names too.
    fn has_ipv4_subtree(&self) -> Result<bool, MaxMindDbError> {
        let found = self.reader.lookup(IpAddr::V4(Ipv4Addr::UNSPECIFIED))?;
        Ok(self.reader.metadata().ip_version == 6 && found.network()?.is_ipv4())
    }

    fn facts_at(
        &mut self,
        offset: usize,
        network: &maxminddb::LookupResult<'a, &'a [u8]>,
    ) -> Result<u32, MaxMindDbError> {
        if let Some(&number) = self.decoded.get(&offset) {
            return Ok(number);
        }
        let number = match network.decode::<Option<Record<'_>>>() {
            Ok(record) => {
                let record = record.flatten().unwrap_or_default();
                if record.is_known() {
                    self.known = true;
                } else if self.first_keys.is_none() {
                    self.first_keys = Some(keys_of(network));
                }
                let mut facts = record.facts();
                if !self.named.is_empty() {
                    let names = network.decode::<NamesRecord<'_>>()?.unwrap_or_default();
                    self.kinds.learn(&names);
                    facts.named = self.named.said(&names);
                }
                self.facts.number(facts)
            }
            // A record that is no map is of no known schema, but not damaged.
            Err(MaxMindDbError::Decoding { .. }) if network.decode::<IgnoredAny>().is_ok() => {
                self.first_keys.get_or_insert_with(|| "no keys at all".to_owned());
                0
            }
            Err(error) => return Err(error),
        };
        self.decoded.insert(offset, number);
        Ok(number)
    }
}

/// The keys of a record, for a message.
fn keys_of(network: &maxminddb::LookupResult<'_, &[u8]>) -> String {
    let keys: BTreeMap<String, IgnoredAny> = network.decode().ok().flatten().unwrap_or_default();
    if keys.is_empty() {
        return "no keys at all".to_owned();
    }
    let shown: Vec<String> = keys.keys().take(KEYS_SHOWN_MAX).map(|key| format!("`{}`", key.escape_debug())).collect();
    let more = if keys.len() > KEYS_SHOWN_MAX { " and more" } else { "" };
    format!("the keys {}{more}", shown.join(", "))
}

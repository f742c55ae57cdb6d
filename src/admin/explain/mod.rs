//! Why a client gets the answer it gets, from the same code and the same snapshot that answer queries.

mod decision;
mod report;
mod response;
mod state;

pub use report::{Client, Equal, Explanation, Member, Monitor, Region, Response, Steering};

use super::feeds::Feeds;
use crate::answer::{CNAME_CHAIN_LEN_MAX, zone_for};
use crate::base::{Country, Family, Prefix, UnixTime};
use crate::snapshot::{Balance, Current, Inputs, Publisher, PublisherHandle, Snapshot, service_of};
use crate::wire::{Name, NameKey, rtype};
use crate::zone::Lookup;
use hickory_proto::rr::RecordType;
use state::Known;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct Question {
    name: Name,
    rtype: RecordType,
    from: Prefix,
}

impl Question {
    /// Reads a name (a final dot may be left out), a type, and an address or prefix. Errors are for operators.
    pub fn parse(name: &str, rtype: &str, from: &str) -> Result<Self, String> {
        let parsed = Name::from_text(name.as_bytes(), Some(&Name::root()));
        let name = parsed.map_err(|error| format!("`{name}` is no domain name: {error}"))?;
        let rtype = RecordType::from_str(&rtype.to_ascii_uppercase()).map_err(|_| {
            format!("`{rtype}` is no record type; A, AAAA and CNAME are steered, others can be asked for too")
        })?;
        let prefix: Prefix =
            from.parse().map_err(|error| format!("`{from}` is no client: {error}; give an address or a prefix"))?;
        if prefix.length() == 0 {
            return Err(format!(
                "`{from}` says nothing of the client: the resolver's own address decides then; give that"
            ));
        }
        Ok(Self { name, rtype, from: prefix })
    }
}

/// Explains what is published.
#[must_use]
pub fn explain(publisher: &PublisherHandle, question: &Question) -> Explanation {
    explain_with(publisher, Feeds::default(), question)
}

/// Explains what is published, with the age of what feeds have said.
pub(super) fn explain_with(publisher: &PublisherHandle, feeds: Feeds, question: &Question) -> Explanation {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    explain_current(&Known::new(publisher, feeds, UnixTime::from_secs(since_epoch.as_secs())), false, question)
}

/// Explains a configuration that no server runs, with every member up.
#[must_use]
pub fn explain_offline(mut inputs: Inputs, question: &Question) -> Explanation {
    // A member that hangs on no target is always up.
    inputs.member_targets.iter_mut().flatten().for_each(Vec::clear);
    let publisher = Publisher::start(inputs);
    let known = publisher.handle();
    let explanation = explain_current(&Known::new(&known, Feeds::default(), UnixTime::default()), true, question);
    publisher.stop();
    explanation
}

fn explain_current(known: &Known<'_>, every_member_assumed_up: bool, question: &Question) -> Explanation {
    let current = &known.publisher().current();
    let snapshot = &*current.snapshot;
    let looked_up = crate::geo::Client::new(question.from.address(), question.from.length());
    let found = follow(snapshot, question);
    let steering = found.balance.and_then(|balance| {
        let answers = snapshot.pool_answers.get(balance.pool_answers as usize);
        let steered = found.hints || [RecordType::A, RecordType::AAAA, RecordType::ANY].contains(&question.rtype);
        let has_ipv4 = (0..answers.variant_count()).any(|number| answers.variant(number).rtype == rtype::A);
        let of_ipv6 = question.rtype == RecordType::AAAA || (found.hints && !has_ipv4);
        let family = if of_ipv6 { Family::V6 } else { Family::V4 };
        (steered || answers.answers_cname())
            .then(|| decision::explain(current, known, balance, &looked_up, family))
            .flatten()
    });
    Explanation {
        name: question.name.to_string(),
        rtype: question.rtype.to_string(),
        every_member_assumed_up,
        generation: snapshot.generation,
        client: client(current, question.from, &looked_up),
        zone: found.zone.map(|zone| snapshot.zones.zones()[zone].apex().to_string()),
        aliases: found.aliases,
        balanced: found.balance.is_some(),
        steering,
        response: response::respond(snapshot, question),
    }
}

/// Where a name leads.
#[derive(Default)]
struct Found {
    /// The last zone that was asked.
    zone: Option<usize>,
    /// The names that static CNAMEs and aliases lead to, one after the other.
    aliases: Vec<String>,
    /// What the last name is balanced with.
    balance: Option<Balance>,
    /// Whether the asked RRset takes hints of the members that are answered.
    hints: bool,
}

/// Follows static CNAMEs through our zones, as the engine does.
fn follow(snapshot: &Snapshot, question: &Question) -> Found {
    let mut found = Found::default();
    let mut key = NameKey::of(&question.name);
    let qtype = u16::from(question.rtype);
    while let Some((number, apex_stripped)) = zone_for(&snapshot.zones, &key, qtype) {
        let zone = &snapshot.zones.zones()[number];
        found.zone = Some(number);
        match zone.lookup(&key, apex_stripped, qtype) {
            Lookup::Balanced { slot, .. } => {
                let balances = &snapshot.balances[number];
                if let Some(balance) = balances.get(slot as usize) {
                    found.balance = Some(*balance);
                    found.hints = service_of(&snapshot.services, number, slot, qtype).is_some();
                    return found;
                }
                // The targets of aliases are no aliases themselves, so that this ends.
                let alias = snapshot.aliases[number].get(slot as usize - balances.len());
                let Some(alias) = alias.filter(|_| found.aliases.len() < CNAME_CHAIN_LEN_MAX) else { return found };
                found.aliases.push(alias.target.name.to_string());
                key = alias.target.key.clone();
            }
            Lookup::Cname { rrset, .. }
                if found.aliases.len() < CNAME_CHAIN_LEN_MAX && question.rtype != RecordType::CNAME =>
            {
                let mut target = NameKey::default();
                zone.target(rrset, rrset.targets()[0], &mut target);
                let Ok((name, _)) = Name::from_wire(target.octets()) else { return found };
                found.aliases.push(name.to_string());
                key = target;
            }
            _ => return found,
        }
    }
    found
}

fn client(current: &Current, from: Prefix, looked_up: &crate::geo::Client) -> Client {
    let snapshot: &Snapshot = &current.snapshot;
    let locator = &snapshot.locator;
    let place = &locator.places()[locator.place_of(locator.leaf(looked_up.address)).0 as usize];
    let source = |index: Option<u16>| index.map(|index| locator.source_names()[usize::from(index)].clone());
    Client {
        from: from.to_string(),
        looked_up_as: (looked_up.address != from.address()).then(|| looked_up.address.to_string()),
        network: locator.leaf_prefix(looked_up.address).to_string(),
        country: place.country.map(|country: Country| country.as_str().to_owned()),
        country_source: source(place.country_source),
        continent: place.continent.map(|continent| continent.as_str().to_owned()),
        coordinates: place.point.map(|point| [point.latitude(), point.longitude()]),
        coordinates_source: source(place.point_source),
        named: place.named.iter().map(|&fact| locator.named()[usize::from(fact)].to_string()).collect(),
        prefers: place.prefers.map(|region| current.inputs.regions[region.index()].name.to_string()),
    }
}

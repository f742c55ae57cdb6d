//! Reads `[policy.NAME]` and its rules. Knows no regions: their names are looked up later.

use super::sites::check_country;
use super::{address, distinct_names, prefix, refuse};
use crate::base::{Diagnostic, NamedFact, Span};
use crate::config::keys::{Key, condition, policy as keys, rule, shed};
use crate::config::reader::Reader;
use crate::config::scalars::{asn, boolean, continent, country, integer, number, place_name, subdivision, text, word};
use crate::config::tree::{Spanned, Value};
use crate::steering::spec::{AllDown, Condition, Families, Order, ShedMarks, Spread};
use std::sync::Arc;

/// `[policy.NAME]` as typed, with its defaults.
#[derive(Clone, Debug)]
pub struct PolicyTable {
    /// How regions are ordered.
    pub order: Order,
    /// The names of the only regions that answer.
    pub regions: Option<Spanned<Vec<Spanned<String>>>>,
    /// When regions hand clients on.
    pub shed: Option<ShedMarks>,
    /// Regions may be drained by a percentage.
    pub percentage_drain: bool,
    /// Regions within this factor of the nearest are equals.
    pub tie_band: Option<Spanned<f64>>,
    /// How one of several equal regions is picked.
    pub region_spread: Option<Spanned<Spread>>,
    /// Weights of regions by name.
    pub region_weights: Vec<(Spanned<String>, u32)>,
    /// How members are picked.
    pub spread: Spread,
    /// How many members one answer holds.
    pub answers: Option<u16>,
    /// The share of a region's weight that must be up.
    pub min_healthy: f64,
    /// Whether A and AAAA go to one region.
    pub families: Families,
    /// What is answered when nothing is up.
    pub all_down: AllDown,
    /// The policy that answers then.
    pub fallback_policy: Option<Spanned<String>>,
    /// Where the addresses for that are written.
    pub fallback: Option<Span>,
    /// Exceptions for some clients.
    pub rules: Vec<RuleTable>,
}

/// A rule as typed.
#[derive(Clone, Debug)]
pub struct RuleTable {
    /// Its header.
    pub span: Span,
    /// The clients it is for.
    pub condition: Condition,
    /// Where the network of the condition is written.
    pub network: Option<Span>,
    /// Where its facts are written of which places keep only those that rules name.
    pub named: Vec<(NamedFact, Span)>,
    /// The names of the regions that come first.
    pub prefer: Option<Spanned<Vec<Spanned<String>>>>,
    /// The names of the only regions that answer.
    pub regions: Option<Spanned<Vec<Spanned<String>>>>,
}

impl PolicyTable {
    /// A policy of the defaults.
    pub const fn new(order: Order) -> Self {
        Self {
            order,
            regions: None,
            shed: None,
            percentage_drain: false,
            tie_band: None,
            region_spread: None,
            region_weights: Vec::new(),
            spread: Spread::Weighted,
            answers: None,
            min_healthy: 0.5,
            families: Families::Together,
            all_down: AllDown::All,
            fallback_policy: None,
            fallback: None,
            rules: Vec::new(),
        }
    }
}

/// The policies that exist without being defined, each named for its order.
pub const UNNAMED: [(&str, Order); 3] = [("closest", Order::Closest), ("listed", Order::Listed), ("any", Order::Any)];

fn order_of(word: &str) -> Order {
    match word {
        "latency" => Order::Latency,
        _ => UNNAMED.iter().find(|(name, _)| *name == word).map_or(Order::Closest, |&(_, order)| order),
    }
}

pub(super) fn policy(name: &Spanned<Arc<str>>, reader: &mut Reader<'_, '_>) -> PolicyTable {
    let unnamed = UNNAMED.iter().find(|(unnamed, _)| *unnamed == &*name.value).map(|&(_, order)| order);
    let written = reader.one(&keys::ORDER, word).map(|word| word.map(order_of));
    if let (Some(named), Some(written)) = (unnamed, &written)
        && named != written.value
    {
        let message = format!("the policy `{}` is given another order than the one it is named for", name.value);
        reader.report.push(Diagnostic::warning(message).at(written.span, "").hint("give the policy another name"));
    }
    // `[policy.any]` without an order keeps the order that its name says.
    let order = written.map(|order| order.value).or(unnamed).unwrap_or(Order::Closest);
    let (all_down, fallback_policy) = all_down(reader);
    let (spread, region_spread) = spreads(reader);
    let region_weights = reader.by_name(&keys::REGION_WEIGHTS, integer);
    PolicyTable {
        order,
        regions: region_list(reader, &keys::REGIONS),
        shed: shed_marks(reader),
        percentage_drain: reader.one(&keys::PERCENTAGE_DRAIN, boolean).is_some_and(|drain| drain.value),
        tie_band: reader.one(&keys::TIE_BAND, number),
        region_spread,
        region_weights: region_weights.into_iter().map(|(region, weight)| (region, weight.value)).collect(),
        spread,
        answers: reader.one(&keys::ANSWERS, integer).map(|answers| answers.value),
        min_healthy: reader.one(&keys::MIN_HEALTHY, number).map_or(0.5, |share| share.value),
        families: match reader.one(&keys::FAMILIES, word) {
            Some(Spanned { value: "apart", .. }) => Families::Apart,
            _ => Families::Together,
        },
        all_down,
        fallback_policy,
        fallback: reader.node(&keys::FALLBACK).map(|node| node.span),
        rules: reader.tables(&keys::RULE, &rule::TABLE, read_rule).map_or_else(Vec::new, |rules| rules.value),
    }
}

/// How members are picked, and regions.
fn spreads(reader: &mut Reader<'_, '_>) -> (Spread, Option<Spanned<Spread>>) {
    let ipv4_prefix = reader.one(&keys::HASH_IPV4_PREFIX, integer).map_or(24, |bits| bits.value);
    let ipv6_prefix = reader.one(&keys::HASH_IPV6_PREFIX, integer).map_or(48, |bits| bits.value);
    let mut of = |key: &'static Key| {
        let written = reader.place(key).is_some();
        let word = reader.one(key, word);
        // A word that was refused may have been meant as `hash`.
        let may_hash = word.as_ref().map_or(written, |word| word.value == "hash");
        (word, may_hash)
    };
    let ((members, members_hash), (regions, regions_hash)) = (of(&keys::SPREAD), of(&keys::REGION_SPREAD));
    if !members_hash && !regions_hash {
        let with = "`spread = \"hash\"` or `region_spread = \"hash\"`";
        refuse(reader, &keys::HASH_IPV4_PREFIX, with);
        refuse(reader, &keys::HASH_IPV6_PREFIX, with);
    }
    let spread = |word: &'static str| match word {
        "hash" => Spread::Hash { ipv4_prefix, ipv6_prefix },
        word => spread_of(word),
    };
    (members.map_or(Spread::Weighted, |word| spread(word.value)), regions.map(|word| word.map(spread)))
}

/// The spread of a word, but for `hash`.
fn spread_of(word: &str) -> Spread {
    let known = [
        Spread::RoundRobin,
        Spread::Random,
        Spread::All,
        Spread::WeightedRoundRobin,
        Spread::TwoChoices,
        Spread::LeastConnections,
        Spread::WeightedLeastConnections,
        Spread::LeastBandwidth,
        Spread::LeastPackets,
        Spread::LeastResponseTime,
    ];
    known.into_iter().find(|spread| spread.word() == word).unwrap_or(Spread::Weighted)
}

fn shed_marks(reader: &mut Reader<'_, '_>) -> Option<ShedMarks> {
    let mut table = reader.table(&keys::SHED, &shed::TABLE)?;
    let low = table.one(&shed::LOW, number);
    let high = table.one(&shed::HIGH, number);
    let marks = ShedMarks {
        low: low.as_ref().map_or(0.75, |low| low.value),
        high: high.as_ref().map_or(0.95, |high| high.value),
    };
    for mark in [&low, &high].into_iter().flatten().filter(|mark| mark.value > 10.0) {
        let message = format!("{} is {} times the capacity: 1 is all of it", mark.value, mark.value);
        let hint = format!("for {} % write {}", mark.value, mark.value / 100.0);
        table.report.push(Diagnostic::warning(message).at(mark.span, "").hint(hint));
    }
    if marks.low >= marks.high {
        let message = format!(
            "`{}` is {}, and must be greater than `{}`, which is {}",
            shed::HIGH.name,
            marks.high,
            shed::LOW.name,
            marks.low
        );
        let place = high.or(low).map_or(table.span, |mark| mark.span);
        table.report.push(Diagnostic::error(message).at(place, "").hint("for example `{ low = 0.7, high = 0.9 }`"));
    }
    Some(marks)
}

/// What is answered when nothing is up, and the name of the policy that says so where one does.
fn all_down(reader: &mut Reader<'_, '_>) -> (AllDown, Option<Spanned<String>>) {
    let word = reader.one(&keys::ALL_DOWN, word);
    let written = reader.place(&keys::ALL_DOWN);
    let fallback = reader.node(&keys::FALLBACK);
    let wants_fallback = match &word {
        Some(word) => word.value == "fallback",
        None => written.is_none() && fallback.is_some(),
    };
    if !wants_fallback {
        if word.is_some() {
            refuse(reader, &keys::FALLBACK, "`all_down = \"fallback\"`");
        }
        let all_down = match word.map(|word| word.value) {
            Some("nodata") => AllDown::NoData,
            Some("servfail") => AllDown::ServFail,
            _ => AllDown::All,
        };
        return (all_down, None);
    }
    let Some(fallback) = fallback else {
        let message = format!("`{} = \"fallback\"` needs `{}`", keys::ALL_DOWN.name, keys::FALLBACK.name);
        let hint = format!("for example `{} = {}`", keys::FALLBACK.name, keys::FALLBACK.example);
        let place = word.map_or(reader.span, |word| word.span);
        reader.report.absent(Diagnostic::error(message).at(place, "").hint(hint));
        return (AllDown::All, None);
    };
    match &fallback.value {
        Value::String(name) if name.parse::<std::net::IpAddr>().is_err() => {
            (AllDown::All, reader.one(&keys::FALLBACK, text))
        }
        _ => (fallback_addresses(reader), None),
    }
}

fn fallback_addresses(reader: &mut Reader<'_, '_>) -> AllDown {
    let Some(addresses) = reader.list(&keys::FALLBACK, address) else {
        return AllDown::All;
    };
    if reader.is_empty_list(&keys::FALLBACK) {
        let message = format!("`{}` is empty", keys::FALLBACK.name);
        let hint = "for no data write `all_down = \"nodata\"`";
        reader.report.absent(Diagnostic::error(message).at(addresses.span, "").hint(hint));
    }
    for (at, address) in addresses.value.iter().enumerate() {
        if let Some(earlier) = addresses.value[..at].iter().find(|earlier| earlier.value == address.value) {
            let message = format!("`{}` is in `{}` twice", address.value, keys::FALLBACK.name);
            reader.report.push(Diagnostic::error(message).at(address.span, "").at(earlier.span, "first here"));
        }
    }
    AllDown::Fallback(addresses.value.into_iter().map(|address| address.value).collect())
}

/// A list of regions, which must not be empty.
fn region_list(reader: &mut Reader<'_, '_>, key: &'static Key) -> Option<Spanned<Vec<Spanned<String>>>> {
    let regions = distinct_names(reader, key)?;
    if reader.is_empty_list(key) {
        let message = format!("`{}` is empty", key.name);
        reader.report.absent(Diagnostic::error(message).at(regions.span, "").hint("remove it, or name regions"));
        return None;
    }
    Some(regions)
}

fn read_rule(reader: &mut Reader<'_, '_>) -> RuleTable {
    let span = reader.span;
    let (mut network, mut named) = (None, Vec::new());
    let mut found = Condition::default();
    if let Some(mut table) = reader.table(&rule::MATCH, &condition::TABLE) {
        let prefix = table.one(&condition::NETWORK, prefix);
        network = prefix.as_ref().map(|prefix| prefix.span);
        found.network = prefix.map(|prefix| prefix.value);
        let (asn, city) = (table.one(&condition::ASN, asn), table.one(&condition::CITY, place_name));
        let subdivision = table.one(&condition::SUBDIVISION, subdivision);
        named.extend(asn.as_ref().map(|asn| (NamedFact::Asn(asn.value), asn.span)));
        named.extend(city.as_ref().map(|city| (NamedFact::City(city.value.clone()), city.span)));
        named.extend(subdivision.as_ref().map(|name| (NamedFact::Subdivision(name.value.clone()), name.span)));
        found.country = table.one(&condition::COUNTRY, country).map(|country| country.value);
        if let Some(country) = found.country {
            check_country(country, subdivision.as_ref(), table.report);
        }
        found.asn = asn.map(|asn| asn.value);
        found.city = city.map(|city| city.value);
        found.subdivision = subdivision.map(|subdivision| subdivision.value);
        found.continent = table.one(&condition::CONTINENT, continent).map(|continent| continent.value);
        if table.lacks(condition::TABLE.keys) {
            let message = "a `match` needs at least one key";
            let hint = "its keys are `network`, `asn`, `city`, `subdivision`, `country` and `continent`; what is for every client stands in \
                        the policy itself";
            table.report.absent(Diagnostic::error(message).at(table.span, "").hint(hint));
        }
    }
    let rule = RuleTable {
        span,
        condition: found,
        network,
        named,
        prefer: region_list(reader, &rule::PREFER),
        regions: region_list(reader, &rule::REGIONS),
    };
    if reader.lacks(&[&rule::PREFER, &rule::REGIONS]) {
        let message = format!("a rule needs `{}` or `{}`", rule::PREFER.name, rule::REGIONS.name);
        let hint = format!("for example `{} = {}`", rule::PREFER.name, rule::PREFER.example);
        reader.report.absent(Diagnostic::error(message).at(span, "").hint(hint));
    }
    rule
}

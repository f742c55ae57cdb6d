//! Lookups against a naive model: a sorted map walked label by label as RFC 1034, section 4.3.2 says it.

use super::{show, try_load};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Labels from the apex outwards; the apex is empty.
type Labels = Vec<String>;

/// What a name owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Address,
    AddressAndText,
    Alias,
    Delegation,
    SignedDelegation,
    Redirection,
    Balanced,
    BalancedWithText,
}

const TYPES: [&str; 7] = ["A", "TXT", "CNAME", "NS", "DS", "DNAME", "ANY"];

impl Kind {
    fn types(self) -> &'static [&'static str] {
        match self {
            Self::Address => &["A"],
            Self::AddressAndText => &["A", "TXT"],
            Self::Alias => &["CNAME"],
            Self::Delegation => &["NS"],
            Self::SignedDelegation => &["NS", "DS"],
            Self::Redirection => &["DNAME"],
            Self::Balanced => &[],
            Self::BalancedWithText => &["TXT"],
        }
    }

    fn is_balanced(self) -> bool {
        matches!(self, Self::Balanced | Self::BalancedWithText)
    }
}

#[derive(Clone, Debug, Default)]
struct Model(BTreeMap<Labels, Kind>);

/// What stands at or above a name and hides what is below.
enum Cover {
    Cut,
    Redirection,
}

impl Model {
    fn exists(&self, labels: &[String]) -> bool {
        labels.is_empty() || self.0.range(labels.to_vec()..).next().is_some_and(|(name, _)| name.starts_with(labels))
    }

    fn cover(&self, labels: &[String]) -> Option<Cover> {
        (1..=labels.len()).find_map(|depth| match self.0.get(&labels[..depth])? {
            Kind::Delegation | Kind::SignedDelegation => Some(Cover::Cut),
            Kind::Redirection if depth < labels.len() => Some(Cover::Redirection),
            _ => None,
        })
    }

    /// Whether the zone may be served: nothing below a DNAME, no balanced name below anything that hides it.
    fn is_valid(&self) -> bool {
        self.0.iter().all(|(labels, kind)| match self.cover(labels) {
            None => true,
            Some(Cover::Cut) => !kind.is_balanced(),
            Some(Cover::Redirection) => false,
        })
    }

    fn lookup(&self, labels: &[String], rtype: &str) -> String {
        for depth in 1..=labels.len() {
            let at = &labels[..depth];
            if !self.exists(at) {
                let wildcard = [&labels[..depth - 1], &["*".to_owned()]].concat();
                return if self.exists(&wildcard) { self.owned(&wildcard, rtype, "* ") } else { "NXDOMAIN".into() };
            }
            match self.0.get(at) {
                Some(Kind::Delegation | Kind::SignedDelegation) if depth < labels.len() || rtype != "DS" => {
                    return format!("referral {} NS 300 {}", labels.len() - depth, target(at));
                }
                Some(Kind::Redirection) if depth < labels.len() => {
                    return format!("below {} DNAME 300 {}", labels.len() - depth, target(at));
                }
                _ => {}
            }
        }
        self.owned(labels, rtype, "")
    }

    fn owned(&self, owner: &[String], rtype: &str, star: &str) -> String {
        let Some(kind) = self.0.get(owner) else { return "NODATA".into() };
        let mut types = kind.types().to_vec();
        types.sort_by_key(|t| super::record_type::by_mnemonic(t.as_bytes()).map(|known| known.code));
        let chosen = if rtype == "ANY" { types.first() } else { types.iter().find(|t| **t == rtype) };
        if kind.is_balanced() {
            let slot = self.0.iter().filter(|(_, k)| k.is_balanced()).position(|(name, _)| name == owner).unwrap();
            let with =
                chosen.filter(|_| rtype != "ANY").map(|t| format!(" with {}", data(owner, t))).unwrap_or_default();
            return format!("{star}balanced {slot}{with}");
        }
        match chosen {
            Some(found) => format!("{star}{}", data(owner, found)),
            None if *kind == Kind::Alias => format!("{star}-> {}", data(owner, "CNAME")),
            None => "NODATA".into(),
        }
    }

    fn zone_text(&self) -> String {
        let mut text = "$TTL 300\n@ SOA ns.example.net. h 1 2 3 4 5\n@ NS ns.example.net.\n".to_owned();
        for (labels, kind) in &self.0 {
            for rtype in kind.types() {
                let data = match *rtype {
                    "A" => format!("192.0.2.{}", number(labels)),
                    "TXT" => format!("\"{}\"", number(labels)),
                    "DS" => "1 2 3 00".to_owned(),
                    _ => target(labels),
                };
                writeln!(text, "{} {rtype} {data}", relative(labels)).unwrap();
            }
        }
        text
    }

    fn balanced(&self) -> Vec<String> {
        self.0.iter().filter(|(_, kind)| kind.is_balanced()).map(|(labels, _)| relative(labels)).collect()
    }
}

fn relative(labels: &[String]) -> String {
    labels.iter().rev().cloned().collect::<Vec<_>>().join(".")
}

/// Tells names apart in data.
fn number(labels: &[String]) -> u8 {
    relative(labels).bytes().fold(7, |number: u8, octet| number.wrapping_mul(31).wrapping_add(octet))
}

fn target(labels: &[String]) -> String {
    format!("t{}.example.net.", number(labels))
}

fn data(owner: &[String], rtype: &str) -> String {
    match rtype {
        "A" => format!("A 300 192.0.2.{}", number(owner)),
        "TXT" => format!("TXT 300 {}", number(owner)),
        "DS" => "DS 300 5 octets".to_owned(),
        _ => format!("{rtype} 300 {}", target(owner)),
    }
}

fn compare(model: &Model, names: &[Labels]) {
    let balanced = model.balanced();
    let balanced: Vec<&str> = balanced.iter().map(String::as_str).collect();
    let (zone, diagnostics, sources) = try_load("example.com.", model.zone_text(), &balanced);
    let shown = || diagnostics.iter().map(|d| d.one_line(&sources)).collect::<Vec<_>>().join("\n");
    assert_eq!(zone.is_some(), model.is_valid(), "{}\n{}", model.zone_text(), shown());
    let Some(zone) = zone else { return };
    for labels in names.iter().chain(model.0.keys()) {
        let qname = [relative(labels), "example.com.".into()].join(if labels.is_empty() { "" } else { "." });
        for rtype in TYPES {
            if labels.is_empty() && (rtype == "NS" || rtype == "ANY") {
                continue;
            }
            let expected = model.lookup(labels, rtype);
            assert_eq!(show(&zone, &qname, rtype), expected, "{qname} {rtype} in\n{}", model.zone_text());
        }
    }
}

fn labels() -> impl Strategy<Value = Labels> {
    vec(prop_oneof![3 => Just("a"), 3 => Just("b"), 2 => Just("*"), 1 => Just("c")].prop_map(str::to_owned), 1..5)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        6 => Just(Kind::Address),
        3 => Just(Kind::AddressAndText),
        2 => Just(Kind::Alias),
        2 => Just(Kind::Delegation),
        1 => Just(Kind::SignedDelegation),
        1 => Just(Kind::Redirection),
        1 => Just(Kind::Balanced),
        1 => Just(Kind::BalancedWithText),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]
    #[test]
    fn lookups_equal_the_walk_of_rfc1034(names in btree_map(labels(), kind(), 0..8), asked in vec(labels(), 8)) {
        compare(&Model(names), &asked);
        prop_assert_eq!(0, 0);
    }
}

#[test]
fn a_zone_of_many_shards_answers_alike() {
    let mut model = Model::default();
    for number in 0..3_000_u32 {
        let kind = match number % 40 {
            0 => Kind::Alias,
            1 => Kind::Delegation,
            2 => Kind::Balanced,
            3 => Kind::AddressAndText,
            _ => Kind::Address,
        };
        let host = if number % 50 == 7 { "*".to_owned() } else { format!("h{number}") };
        model.0.insert(vec![format!("g{}", number % 97), host], kind);
    }
    let asked: Vec<Labels> = (0..500_u32)
        .flat_map(|n| {
            let group = format!("g{}", n % 120);
            [
                vec![group.clone()],
                vec![group.clone(), format!("x{n}")],
                vec![group, format!("h{}", n * 7), "low".into()],
            ]
        })
        .collect();
    assert!(model.is_valid());
    compare(&model, &asked);
}

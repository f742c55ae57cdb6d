//! What is supposed: regions, pools or members that are down or drained, as the facts that decide then.

use crate::base::PoolId;
use crate::health::Status;
use crate::snapshot::Inputs;
use crate::steering::control::{Admin, MemberFacts, RegionFacts};
use crate::steering::spec::{Member, MemberTarget};

/// What is supposed of the things that a pattern names.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What of.
    pub pattern: Pattern,
    /// What.
    pub wish: Wish,
}

/// What is supposed of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Its monitors find it down.
    Down,
    /// An operator drains so many percent of it.
    Drain {
        /// 1 to 100.
        percent: u8,
    },
}

/// Regions, pools in regions, or members, by names in which `*` stands for any characters and `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    pool: Option<String>,
    region: Option<String>,
    target: Option<String>,
}

impl Pattern {
    /// Reads `REGION`, `region/REGION`, `pool/POOL`, `pool/POOL/REGION` or `pool/POOL/REGION/TARGET`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        let (pool, region, target) = match parts[..] {
            [region] | ["region", region] => (None, Some(region), None),
            ["pool", pool] => (Some(pool), None, None),
            ["pool", pool, region] => (Some(pool), Some(region), None),
            ["pool", pool, region, target] => (Some(pool), Some(region), Some(target)),
            _ => return None,
        };
        let own = |part: Option<&str>| part.map(str::to_owned);
        Some(Self { text: text.to_owned(), pool: own(pool), region: own(region), target: own(target) })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn names_region(&self, pool: &str, region: &str) -> bool {
        let holds = |pattern: &Option<String>, name: &str| pattern.as_deref().is_none_or(|own| matches(own, name));
        holds(&self.pool, pool) && holds(&self.region, region)
    }

    fn names_member(&self, pool: &str, region: &str, target: &MemberTarget) -> bool {
        self.names_region(pool, region) && self.target.as_deref().is_none_or(|own| matches(own, &target_text(target)))
    }

    /// Whether a configuration has a member that it names.
    #[must_use]
    pub fn names_any(&self, inputs: &Inputs) -> bool {
        inputs.pools.iter().any(|pool| {
            pool.members.iter().any(|member| self.names_member(&pool.name, region_name(inputs, member), &member.target))
        })
    }
}

/// An address, or a name in lower case with a final dot.
fn target_text(target: &MemberTarget) -> String {
    match target {
        MemberTarget::Address(address) => address.to_string(),
        MemberTarget::Name { text, .. } => text.to_ascii_lowercase(),
    }
}

fn region_name<'i>(inputs: &'i Inputs, member: &Member) -> &'i str {
    inputs.regions.get(member.region.index()).map_or("", |region| &region.name)
}

/// Whether `name` is like `pattern`.
fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.chars().next(), name.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            let rest = &pattern[1..];
            name.char_indices().any(|(at, _)| matches(rest, &name[at..])) || matches(rest, "")
        }
        (Some(p), Some(n)) if p == '?' || p == n => matches(&pattern[p.len_utf8()..], &name[n.len_utf8()..]),
        _ => false,
    }
}

/// The facts about a pool when all its monitors pass, but for what `changes` suppose.
#[must_use]
pub fn facts(inputs: &Inputs, pool: PoolId, changes: &[Change]) -> (Vec<MemberFacts>, Vec<RegionFacts>) {
    let pool = &inputs.pools[pool.index()];
    let mut regions = vec![RegionFacts::default(); inputs.regions.len()];
    let mut members = vec![MemberFacts { status: Status::Up, ..MemberFacts::default() }; pool.members.len()];
    for Change { pattern, wish } in changes {
        for (member, facts) in pool.members.iter().zip(&mut members) {
            if !pattern.names_member(&pool.name, region_name(inputs, member), &member.target) {
                continue;
            }
            match *wish {
                Wish::Down => facts.status = Status::Down,
                Wish::Drain { percent } if pattern.target.is_some() => {
                    facts.admin = facts.admin.max(Admin::Draining { percent });
                }
                Wish::Drain { percent } => {
                    let admin = &mut regions[member.region.index()].admin;
                    *admin = (*admin).max(Admin::Draining { percent });
                }
            }
        }
    }
    (members, regions)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Pattern, matches};

    #[test]
    fn patterns_have_four_forms() {
        for text in ["eu-west", "region/eu-*", "pool/web", "pool/web/eu-west", "pool/*/eu-west/192.0.2.1"] {
            assert_eq!(Pattern::parse(text).unwrap().text(), text);
        }
        for text in ["", "region/", "pool", "pool/a/b/c/d", "zone/x"] {
            let parsed = Pattern::parse(text);
            assert!(parsed.is_none() || text == "pool", "{text}");
        }
        let pattern = Pattern::parse("pool/web*/eu-west").unwrap();
        assert!(pattern.names_region("web-2", "eu-west") && !pattern.names_region("web", "eu-east"));
        assert!(!pattern.names_region("api", "eu-west"));
    }

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, name) in
            [("*", ""), ("eu-*", "eu-west"), ("*west", "eu-west"), ("e?-*t", "eu-west"), ("a*b*c", "abbc")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("eu-*", "us-west"), ("?", ""), ("", "a"), ("a*b", "abc"), ("*é", "e")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}

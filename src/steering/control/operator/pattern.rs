//! What an operator's word is about: a region, a pool, a pool in a region or a member, by name or by wildcards. Knows
//! neither the words nor what is configured.
//!
//! ```text
//! region/NAME               a region, for all pools
//! pool/NAME                 a pool, in all regions
//! pool/NAME/REGION          a pool in one region
//! pool/NAME/REGION/TARGET   a member, by its address or name
//! ```
//!
//! Each part may hold the wildcards `*`, `?` and `[a-z]`, which match within that part. A part in double quotes stands for
//! itself, wildcards and slashes included; a quote inside is doubled.

use crate::base::{glob, suggest};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// Longest pattern, in octets: four names of any length that is sensible.
pub const PATTERN_LEN_MAX: usize = 2048;

/// Shown where a message says how patterns are written.
const FORMS: &str =
    "write `region/NAME`, `pool/NAME`, `pool/NAME/REGION` or `pool/NAME/REGION/TARGET`; `*` stands for any name";

/// What an operator's word is about. Two that are written alike in canonical form are equal; [`fmt::Display`] shows that form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    level: Level,
    /// The region alone, or pool, region and target as far as they are given.
    parts: Vec<Part>,
}

/// What kind of thing a pattern names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Regions, for all pools.
    Region,
    /// Pools, in all regions.
    Pool,
    /// Pools in some regions.
    PoolRegion,
    /// Members.
    Member,
}

/// One part between slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    text: Arc<str>,
    /// Its wildcards are none.
    is_literal: bool,
}

/// Why a text is no pattern, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// What is wrong.
    pub why: String,
    /// What to write.
    pub hint: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.why, self.hint)
    }
}

impl std::error::Error for PatternError {}

fn refused<T>(why: impl Into<String>, hint: impl Into<String>) -> Result<T, PatternError> {
    Err(PatternError { why: why.into(), hint: hint.into() })
}

impl Pattern {
    /// What kind of thing it names.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The part that names regions; none of a whole pool.
    #[must_use]
    pub fn region(&self) -> Option<&Part> {
        match self.level {
            Level::Region => self.parts.first(),
            Level::Pool | Level::PoolRegion | Level::Member => self.parts.get(1),
        }
    }

    /// The part that names pools; none of a region.
    #[must_use]
    pub fn pool(&self) -> Option<&Part> {
        match self.level {
            Level::Region => None,
            Level::Pool | Level::PoolRegion | Level::Member => self.parts.first(),
        }
    }

    /// The part that names targets of members.
    #[must_use]
    pub fn target(&self) -> Option<&Part> {
        self.parts.get(2)
    }

    /// Whether what it says holds for this member too; `target` in canonical form: an address, or a name in lower case with
    /// its final dot.
    #[must_use]
    pub fn covers_member(&self, pool: &str, region: &str, target: &str) -> bool {
        self.pool().is_none_or(|part| part.matches(pool))
            && self.region().is_none_or(|part| part.matches(region))
            && self.target().is_none_or(|part| part.matches_target(target))
    }

    /// Whether it names this region, for all pools.
    #[must_use]
    pub fn names_region(&self, region: &str) -> bool {
        self.level == Level::Region && self.region().is_some_and(|part| part.matches(region))
    }

    /// Whether what it says holds for this pool in this region as a whole.
    #[must_use]
    pub fn covers_pool_region(&self, pool: &str, region: &str) -> bool {
        self.level != Level::Member
            && self.pool().is_none_or(|part| part.matches(pool))
            && self.region().is_none_or(|part| part.matches(region))
    }

    /// Whether this one, as a command to remove, means `other`: the same pattern, or one of the same kind whose parts, taken as
    /// names, it matches.
    #[must_use]
    pub fn removes(&self, other: &Self) -> bool {
        self == other
            || self.level == other.level
                && self
                    .parts
                    .iter()
                    .zip(&other.parts)
                    .all(|(part, name)| part == name || !part.is_literal && part.matches_target(&name.text))
    }
}

impl Part {
    /// Whether it stands for itself.
    #[must_use]
    pub const fn is_literal(&self) -> bool {
        self.is_literal
    }

    /// As it was written, without quotes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The one name that it matches; `None` where it has wildcards.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        self.is_literal.then_some(&*self.text)
    }

    /// Whether it matches a name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if self.is_literal { *self.text == *name } else { glob::matches(self.text.as_bytes(), name.as_bytes()) }
    }

    /// Whether it matches a target; the final dot of a name may be left out.
    fn matches_target(&self, target: &str) -> bool {
        self.matches(target) || target.strip_suffix('.').is_some_and(|relative| self.matches(relative))
    }

    fn new(text: String, is_quoted: bool) -> Self {
        let is_literal = is_quoted || !text.contains(['*', '?', '[']);
        Self { text: text.into(), is_literal }
    }

    /// A target in canonical form: addresses as they are usually written, names in lower case.
    fn target(text: String, is_quoted: bool) -> Self {
        // In brackets, as in URLs, it would be a wildcard.
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Self { text: address.to_string().into(), is_literal: true };
        }
        let mut part = Self::new(text.to_lowercase(), is_quoted);
        if part.is_literal && !part.text.ends_with('.') {
            part.text = format!("{}.", part.text).into();
        }
        part
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_literal && self.text.contains(['*', '?', '[', '"', '/']) {
            write!(f, "\"{}\"", self.text.replace('"', "\"\""))
        } else {
            f.write_str(&self.text)
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.level == Level::Region { "region" } else { "pool" })?;
        self.parts.iter().try_for_each(|part| write!(f, "/{part}"))
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return refused("the pattern is empty", FORMS);
        }
        if text.len() > PATTERN_LEN_MAX {
            return refused(format!("the pattern is longer than {PATTERN_LEN_MAX} octets"), FORMS);
        }
        if let Some(odd) = text.chars().find(|c| c.is_control()) {
            return refused(format!("`{}` must not be in a pattern", odd.escape_debug()), FORMS);
        }
        let mut parts = split(text)?.into_iter();
        let (kind, _) = parts.next().unwrap_or_default();
        let parts: Vec<(String, bool)> = parts.collect();
        let level = level_of(text, &kind, &parts)?;
        let parts = parts.into_iter().enumerate().map(|(at, (text, is_quoted))| match at {
            2 => Part::target(text, is_quoted),
            _ => Part::new(text, is_quoted),
        });
        Ok(Self { level, parts: parts.collect() })
    }
}

/// What a pattern is by its first word and how many parts follow.
fn level_of(text: &str, kind: &str, parts: &[(String, bool)]) -> Result<Level, PatternError> {
    if !matches!(kind, "region" | "pool") {
        let hint = match suggest::nearest(kind, ["region", "pool"]) {
            Some(near) if !parts.is_empty() => format!("did you mean `{near}`?"),
            _ if parts.is_empty() => format!("write `region/{kind}` or `pool/{kind}`"),
            _ => FORMS.to_owned(),
        };
        return refused(format!("a pattern begins with `region/` or `pool/`, not with `{kind}`"), hint);
    }
    if parts.is_empty() {
        return refused(format!("`{text}` names none"), format!("write `{kind}/NAME`, or `{kind}/*` for every {kind}"));
    }
    // What was quoted may not be empty either: no name is.
    if parts.iter().any(|(part, _)| part.is_empty()) {
        return refused(format!("a part of `{text}` is empty"), "`*` stands for any name");
    }
    match (kind, parts) {
        ("region", [_]) => Ok(Level::Region),
        ("region", [(region, _), ..]) => refused(
            format!("`{text}` has more behind the region's name"),
            format!("a pool in it is `pool/NAME/{region}`, a member `pool/NAME/{region}/TARGET`"),
        ),
        (_, [_]) => Ok(Level::Pool),
        (_, [_, _]) => Ok(Level::PoolRegion),
        (_, [_, _, _]) => Ok(Level::Member),
        _ => refused(
            format!("`{text}` has more than the four parts of `pool/NAME/REGION/TARGET`"),
            "put a name with slashes in double quotes",
        ),
    }
}

/// The parts between slashes, and whether each was in quotes.
fn split(text: &str) -> Result<Vec<(String, bool)>, PatternError> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, is_quoted, behind) = match rest.strip_prefix('"') {
            Some(inside) => {
                let (part, behind) = quoted(text, inside)?;
                (part, true, behind)
            }
            None => {
                let end = rest.find('/').unwrap_or(rest.len());
                (rest[..end].to_owned(), false, &rest[end..])
            }
        };
        if !is_quoted && part.contains('"') {
            return refused(
                format!("`{text}` has a quote within a part"),
                "put the whole part in double quotes, and double the quote",
            );
        }
        parts.push((part, is_quoted));
        match behind.strip_prefix('/') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(parts),
            None => {
                return refused(
                    format!("`{text}` has something behind a quoted part"),
                    "a quoted part stands alone between slashes; a quote inside is doubled",
                );
            }
        }
    }
}

/// A quoted part, from behind its first quote, and what follows its last one.
fn quoted<'t>(text: &str, inside: &'t str) -> Result<(String, &'t str), PatternError> {
    let mut part = String::new();
    let mut rest = inside;
    loop {
        let Some(end) = rest.find('"') else {
            return refused(format!("a quote in `{text}` is never closed"), "add `\"` where the name ends");
        };
        part.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(behind) => {
                part.push('"');
                rest = behind;
            }
            None => return Ok((part, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Level, Pattern};

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_pattern_names_regions_pools_or_members() {
        for (text, level) in [
            ("region/eu-west", Level::Region),
            ("region/eu-*", Level::Region),
            ("pool/web", Level::Pool),
            ("pool/web/*", Level::PoolRegion),
            ("pool/*/eu-west/192.0.2.1", Level::Member),
        ] {
            assert_eq!(pattern(text).level(), level, "{text}");
            assert_eq!(pattern(text).to_string(), text);
        }
    }

    #[test]
    fn a_word_about_a_whole_covers_its_parts() {
        let covers = |text: &str| pattern(text).covers_member("web", "eu-west", "192.0.2.1");
        for text in ["region/eu-west", "region/*", "pool/web", "pool/w?b/eu-*", "pool/*/*/192.0.2.*"] {
            assert!(covers(text), "{text}");
        }
        for text in ["region/eu", "pool/we", "pool/web/us-*", "pool/web/eu-west/192.0.2.10", "region/EU-WEST"] {
            assert!(!covers(text), "{text}");
        }
        assert!(pattern("pool/web").covers_pool_region("web", "eu-west"));
        assert!(!pattern("pool/web/eu-west/*").covers_pool_region("web", "eu-west"), "members are no region");
        assert!(!pattern("pool/*/eu-west").names_region("eu-west"));
    }

    #[test]
    fn targets_are_compared_as_what_they_mean() {
        let covers =
            |text: &str, target: &str| pattern(&format!("pool/web/r/{text}")).covers_member("web", "r", target);
        assert!(covers("2001:DB8:0::1", "2001:db8::1"));
        assert!(covers("[2001:db8::1]", "2001:db8::1"), "brackets as in URLs are no wildcard");
        assert!(covers("2001:db8::*", "2001:db8::1"));
        assert!(covers("LB.example.net", "lb.example.net.") && covers("lb.example.net.", "lb.example.net."));
        assert!(covers("*.example.net", "lb.example.net."));
        assert!(!covers("lb.example", "lb.example.net."));
        assert_eq!(pattern("pool/a/b/LB.example"), pattern("pool/a/b/lb.example."), "one word for one thing");
    }

    #[test]
    fn odd_names_are_quoted() {
        let odd = pattern(r#"pool/"a*b"/"r""1"/"0/25.example.""#);
        assert!(odd.covers_member("a*b", "r\"1", "0/25.example."));
        assert!(!odd.covers_member("axb", "r\"1", "0/25.example."));
        assert_eq!(odd.to_string().parse(), Ok(odd));
        assert_eq!(pattern(r#"pool/"web""#), pattern("pool/web"), "quotes that are not needed mean nothing");
        assert!(pattern("pool/two words").covers_pool_region("two words", "r"));
        assert!(pattern(r"pool/web/r/a\.b.example").covers_member("web", "r", r"a\.b.example."));
    }

    #[test]
    fn what_is_no_pattern_says_what_to_write() {
        for (text, why, hint) in [
            ("", "is empty", "region/NAME"),
            ("eu-west", "not with `eu-west`", "region/eu-west"),
            ("regoin/eu-west", "not with `regoin`", "did you mean `region`"),
            ("region", "names none", "region/*"),
            ("region/", "is empty", "`*`"),
            ("region/eu-west/web", "more behind", "pool/NAME/eu-west"),
            ("pool/web//192.0.2.1", "is empty", "`*`"),
            ("pool/a/b/c/d", "more than the four parts", "quotes"),
            ("pool/\"web", "never closed", "add"),
            ("pool/\"web\"x", "behind a quoted part", "alone"),
            ("pool/we\"b", "quote within", "double quotes"),
            ("pool/\"\"", "is empty", "`*`"),
            ("pool/a\tb", "`\\t`", "region/NAME"),
        ] {
            let error = text.parse::<Pattern>().unwrap_err();
            assert!(error.why.contains(why) && error.hint.contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn a_removal_means_what_it_matches_of_its_kind() {
        let removes = |one: &str, other: &str| pattern(one).removes(&pattern(other));
        assert!(removes("pool/web/*", "pool/web/eu-west") && removes("region/eu-*", "region/eu-*"));
        assert!(removes("region/*", "region/eu-*"));
        assert!(!removes("region/eu-west", "region/eu-*"), "one region cannot be taken out of a wildcard");
        assert!(!removes("pool/web", "pool/web/eu-west") && !removes("region/*", "pool/*"));
    }
}

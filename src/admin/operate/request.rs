//! What is asked of the operator's API and what it answers: plain data that goes through JSON between server and command line.

use super::file::OrderForm;
use serde::{Deserialize, Serialize};

/// Longest reason, in characters.
pub const REASON_LEN_MAX: usize = 500;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Lead new clients elsewhere.
    Drain,
    /// Take drains back.
    Undrain,
    /// Answer as if it were up.
    ForceUp,
    /// Answer nobody.
    ForceDown,
    /// Take all orders back.
    Clear,
    /// Let regions that wait for it come back.
    Failback,
}

impl Verb {
    /// As it is typed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Undrain => "undrain",
            Self::ForceUp => "force up",
            Self::ForceDown => "force down",
            Self::Clear => "clear",
            Self::Failback => "failback",
        }
    }
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What is to be done.
    pub action: Verb,
    /// Of what.
    pub pattern: String,
    /// Of a drain: 1 to 100, which it is unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Of a drain or a forced state: how long, as in `2h30m`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_time: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who asks.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Whatever guards say.
    #[serde(default, rename = "override", skip_serializing_if = "std::ops::Not::not")]
    pub overrides: bool,
}

/// A member by its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MemberName {
    /// Its pool.
    pub pool: String,
    /// Its region.
    pub region: String,
    /// Its address or name.
    pub target: String,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The node that acted: this one alone.
    pub node: String,
    /// What was asked for.
    pub action: Verb,
    /// Of what, in canonical form.
    pub pattern: String,
    /// The regions that it concerns, in configured order.
    pub regions: Vec<String>,
    /// The members that it concerns, in configured order.
    pub members: Vec<MemberName>,
    /// What stands from now on.
    pub order: Option<OrderForm>,
    /// What stood for the same pattern before, or was taken back.
    pub removed: Vec<OrderForm>,
    /// Other orders that go on speaking of the same members or regions.
    pub remaining: Vec<OrderForm>,
    /// What guards said against it, and were overridden.
    pub overridden: Vec<String>,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// When it was live, in seconds since 1970-01-01 00:00:00 UTC.
    pub now: u64,
    /// The longest TTL that the names concerned are answered with, in seconds; where it is said when it is safe to stop, how long
    /// caches may hold what was answered until now, by configurations before too.
    pub longest_ttl: u32,
    /// When the last answer given before has left the caches of those who keep to its TTL; only where nothing of it is answered
    /// any more.
    pub safe_to_stop_at: Option<u64>,
}

/// Why nothing was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What is wrong.
    pub error: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The guards that it would break.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<String>,
    /// What kind of refusal it is.
    #[serde(skip)]
    pub kind: Kind,
}

/// What kind of refusal it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// It cannot be asked for like this.
    #[default]
    Mistake,
    /// There is no such thing.
    NothingMatches,
    /// A guard is against it.
    Guarded,
    /// It could not be done.
    Failed,
}

impl Refused {
    /// A mistake in what was asked for.
    pub fn mistake(error: impl Into<String>) -> Self {
        Self { error: error.into(), ..Self::default() }
    }

    /// Of another kind.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// With what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

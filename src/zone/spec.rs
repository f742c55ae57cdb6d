//! What a zone is built from.

use crate::base::Span;
use crate::wire::{Name, NameKey};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;

/// A zone as validated configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneSpec {
    /// The apex.
    pub apex: Name,
    /// The master file.
    pub file: PathBuf,
    /// Where the configuration names the file, for messages.
    pub span: Option<Span>,
    /// The balanced names; a name's slot number is its place here.
    pub balanced: Vec<BalancedOwner>,
}

/// A balanced name of a zone, or another one whose addresses come from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct BalancedOwner {
    /// The owner: at or below the apex; a leftmost `*` makes it a wildcard.
    pub owner: Name,
    /// Why its addresses come from elsewhere.
    pub role: Role,
    /// Whether the pool holds names, so that every type is answered with a CNAME and nothing may stand beside it.
    pub answers_cname: bool,
    /// Where the configuration names it.
    pub span: Option<Span>,
}

/// Why the addresses of a name do not stand in its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It is balanced.
    Balanced,
    /// It stands for one region of a balanced name.
    OfRegion,
    /// It has the addresses of another name.
    Alias,
}

impl Role {
    /// What is so of a name, to be put behind it.
    #[must_use]
    pub const fn predicate(self) -> &'static str {
        match self {
            Self::Balanced => "is balanced",
            Self::OfRegion => "stands for one region of a balanced name",
            Self::Alias => "is an alias",
        }
    }

    /// What to call such a name.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Balanced => "balanced name",
            Self::OfRegion => "name of a region",
            Self::Alias => "alias",
        }
    }
}

/// The name whose addresses an alias has. Equal, and hashed alike, whatever the letter case.
#[derive(Clone)]
pub struct AliasTarget {
    /// As it was typed.
    pub name: Name,
    /// As it is looked up.
    pub key: NameKey,
}

impl AliasTarget {
    /// The target with this name.
    #[must_use]
    pub fn new(name: Name) -> Self {
        Self { key: NameKey::of(&name), name }
    }
}

impl PartialEq for AliasTarget {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for AliasTarget {}

impl Hash for AliasTarget {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for AliasTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AliasTarget({})", self.name)
    }
}

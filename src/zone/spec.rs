//! What a zone is built from.

use crate::base::Span;
use crate::wire::Name;
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

/// A balanced name of a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct BalancedOwner {
    /// The owner: at or below the apex; a leftmost `*` makes it a wildcard.
    pub owner: Name,
    /// Whether the pool holds names, so that every type is answered with a CNAME and nothing may stand beside it.
    pub answers_cname: bool,
    /// Where the configuration names it.
    pub span: Option<Span>,
}

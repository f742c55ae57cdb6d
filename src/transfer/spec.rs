//! What is configured of zones that come and go.

/// What is configured of one zone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ZoneTransfers {
    /// Where its data comes from.
    pub role: Role,
}

/// Where a zone's data comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// From a file here, and from updates where they are allowed.
    #[default]
    Primary,
    /// From other servers.
    Secondary,
}

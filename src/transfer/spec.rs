//! What is configured for this room, as plain data.

pub use super::static_view::{SerialRule, StaticView};
pub use super::tsig::Algorithm;
use super::tsig::{Key, Keys};
use crate::base::Prefix;
use crate::wire::Name;
use crate::zone::{BalancedOwner, ZoneSpec};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The port of DNS, where none is configured.
pub const DNS_PORT: u16 = 53;
/// Transfers at a time, where nothing else is configured.
pub const TRANSFERS_MAX: usize = 32;

/// What is configured for this room as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferSpec {
    /// Every key, each name once.
    pub keys: Vec<KeySpec>,
    /// Transfers at a time.
    pub transfers_max: usize,
}

impl Default for TransferSpec {
    fn default() -> Self {
        Self { keys: Vec::new(), transfers_max: TRANSFERS_MAX }
    }
}

/// `[key.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// What both parties call it.
    pub name: Name,
    /// How it signs.
    pub algorithm: Algorithm,
    /// The secret.
    pub secret: Secret,
}

/// Octets that are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Box<[u8]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What is configured of one zone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ZoneTransfers {
    /// Where its data comes from.
    pub role: Role,
    /// Whether names of it are balanced.
    pub has_balanced: bool,
    /// What transfers show of these; `None`: then the zone is not given.
    pub static_view: Option<StaticView>,
    /// Who may have the zone.
    pub transfer: Vec<AccessEntry>,
    /// Who is told of new serials.
    pub notify: Vec<NotifyTarget>,
    /// Who may change what.
    pub update: Vec<UpdateRule>,
    /// The balanced names of the zone, which updates leave alone; known where the zone is live.
    pub balanced: Vec<BalancedOwner>,
}

/// Where a zone's data comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Role {
    /// From a file here, and from updates where they are allowed.
    #[default]
    Primary,
    /// From other servers.
    Secondary(SecondarySpec),
}

impl Role {
    /// Where the data comes from, if it does from other servers.
    #[must_use]
    pub const fn secondary(&self) -> Option<&SecondarySpec> {
        match self {
            Self::Primary => None,
            Self::Secondary(spec) => Some(spec),
        }
    }
}

/// Shortest time between two looks at a primary, where nothing else is configured.
pub const REFRESH_MIN: Duration = Duration::from_secs(2);
/// Longest time between two looks at a primary, where nothing else is configured: four weeks.
pub const REFRESH_MAX: Duration = Duration::from_secs(28 * 86_400);
/// Most octets of one transfer, where nothing else is configured.
pub const TRANSFER_LEN_MAX: u64 = 1 << 30;

/// How a zone is had from other servers.
#[derive(Clone, Debug, PartialEq)]
pub struct SecondarySpec {
    /// What the records are built into: the apex, and the balanced names that are laid over them.
    pub zone: ZoneSpec,
    /// Whom to ask, in this order. At least one.
    pub primaries: Vec<PrimarySpec>,
    /// Shortest time between two looks at a primary, whatever the SOA record says.
    pub refresh_min: Duration,
    /// Longest time between two looks at a primary, whatever the SOA record says.
    pub refresh_max: Duration,
    /// Most octets of one transfer.
    pub len_max: u64,
}

/// A server that has a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimarySpec {
    /// Where.
    pub address: SocketAddr,
    /// The key that all messages between it and us are signed with.
    pub key: Option<Name>,
}

/// One entry of an access list: everything that it says must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessEntry {
    /// The client's address is in it.
    pub prefix: Option<Prefix>,
    /// The request is signed with this key.
    pub key: Option<Name>,
}

/// One entry of `update`: who may change what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateRule {
    /// Who.
    pub client: AccessEntry,
    /// Of which names; of all when there is none.
    pub names: Vec<NamePattern>,
    /// Records of which types; `None` for all but SOA, NS at the apex, and those of DNSSEC.
    pub types: Option<Vec<u16>>,
}

/// Names in a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePattern {
    /// This one.
    Exact(Name),
    /// All below this one, at any depth, without itself.
    Below(Name),
}

/// Who is told of new serials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NotifyTarget {
    /// Where.
    pub address: SocketAddr,
    /// The key that the message is signed with.
    pub key: Option<Name>,
}

/// The configuration in the form in which requests ask for it.
#[derive(Debug, Default)]
pub struct Settings {
    /// Every key.
    pub keys: Keys,
    /// Transfers at a time.
    pub transfers_max: usize,
}

impl Settings {
    /// The settings that `spec` says.
    #[must_use]
    pub fn new(spec: &TransferSpec) -> Self {
        let keys = spec.keys.iter().map(|key| Key::new(&key.name, key.algorithm, &key.secret.0)).collect();
        Self { keys, transfers_max: spec.transfers_max }
    }

    /// The key of that name, if it is one.
    #[must_use]
    pub fn key(&self, name: Option<&Name>) -> Option<&Arc<Key>> {
        name.and_then(|name| self.keys.get(name))
    }
}

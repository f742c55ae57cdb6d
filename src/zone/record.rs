//! The plain wire form of a record, in which data travels in and out of zones.

use crate::wire::Name;

/// One record of class IN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its owner, letter case kept.
    pub owner: Name,
    /// TYPE.
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    /// RDATA with its names in full.
    pub data: Box<[u8]>,
}

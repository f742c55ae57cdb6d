//! TSIG (RFC 8945): messages signed with a shared secret. [`Keys::open`] is what a server does with a request, a
//! [`Signer`] signs what is sent, and a [`Verifier`] checks the answer to a request of ours. Time comes in as an argument.
//! Knows no sockets and no zones.

mod key;
mod open;
mod record;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

pub use key::{Algorithm, Key, Keys};
pub use open::{Opened, Refused};
pub use sign::Signer;
pub use verify::Verifier;

use std::fmt;

/// How far the clocks of two parties may differ, in seconds (RFC 8945, section 10).
pub const FUDGE_SECS: u16 = 300;
/// Most messages of a stream without a signature between two with one (RFC 8945, section 5.3.1).
pub const UNSIGNED_MAX: u32 = 99;

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TsigError {
    /// There is none where one must be.
    Missing,
    /// The octets are no whole message, so that nobody can say whether it is signed.
    Unreadable,
    /// It stands where none may stand, twice, or its fields are malformed.
    Malformed,
    /// Another key or algorithm than was agreed on (BADKEY).
    Key,
    /// It does not fit the message (BADSIG).
    Signature,
    /// The clocks of the two parties differ by more than they allow (BADTIME).
    Time,
    /// The MAC is shorter than is asked for here (BADTRUNC).
    Truncated,
    /// The other party says that something is wrong with our signature; the number of RFC 8945, section 3.
    Told(u16),
}

impl fmt::Display for TsigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the message has no TSIG signature",
            Self::Unreadable => "the message cannot be read",
            Self::Malformed => "the TSIG record is malformed or not the last one",
            Self::Key | Self::Told(code::BADKEY) => "the TSIG key is not known under that name and algorithm (BADKEY)",
            Self::Signature | Self::Told(code::BADSIG) => {
                "the TSIG signature does not fit the message, so that the secrets differ (BADSIG)"
            }
            Self::Time | Self::Told(code::BADTIME) => {
                "the TSIG signature is too old or too new, so that the clocks differ (BADTIME)"
            }
            Self::Truncated | Self::Told(code::BADTRUNC) => "the TSIG signature is truncated (BADTRUNC)",
            Self::Told(other) => return write!(f, "the other server reports TSIG error {other}"),
        })
    }
}

impl std::error::Error for TsigError {}

/// The numbers of errors (RFC 8945, section 3).
pub mod code {
    /// The MAC does not fit.
    pub const BADSIG: u16 = 16;
    /// No such key.
    pub const BADKEY: u16 = 17;
    /// The time is out of the window.
    pub const BADTIME: u16 = 18;
    /// The MAC is too short.
    pub const BADTRUNC: u16 = 22;
}

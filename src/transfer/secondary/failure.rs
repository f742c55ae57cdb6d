//! Why a primary could not be followed, in the words of logs and metrics.

use super::incoming::ContentError;
use crate::transfer::message::MessageError;
use crate::transfer::tsig::TsigError;
use crate::wire::{Name, Rcode};
use crate::zone::EditError;
use std::{fmt, io};

/// Why a primary could not be followed.
#[derive(Debug)]
pub enum Failure {
    /// No connection, or it broke.
    Network(io::Error),
    /// No answer in time.
    Timeout,
    /// The answer is no DNS message, or not one that answers the question.
    Message(MessageError),
    /// What the message says does not answer the question; a sentence.
    Answer(&'static str),
    /// The primary refuses.
    Rcode(Rcode),
    /// The answer is not to be believed, or the primary does not believe us.
    Tsig(TsigError),
    /// The key for this primary is not configured.
    NoKey(Name),
    /// The records are no transfer.
    Content(ContentError),
    /// The records do not make a zone, or the changes do not fit ours.
    Edit(EditError),
    /// The transfer is longer than is allowed here, in octets.
    TooLong(u64),
    /// The primary has an older serial than we have.
    Older {
        /// The primary's serial.
        theirs: u32,
        /// Our serial.
        ours: u32,
    },
    /// The zone has changed its configuration meanwhile.
    Outdated,
    /// There is no thread for it.
    Internal(io::Error),
}

/// The words of [`Failure::kind`], in the order of their numbers.
pub const KINDS: [&str; 8] =
    ["network", "timeout", "malformed", "refused", "signature", "content", "too_long", "older_serial"];

impl Failure {
    /// What it counts as: an index into [`KINDS`].
    #[must_use]
    pub const fn kind(&self) -> usize {
        match self {
            Self::Network(_) | Self::Internal(_) | Self::Outdated => 0,
            Self::Timeout => 1,
            Self::Message(_) | Self::Answer(_) => 2,
            Self::Rcode(_) => 3,
            Self::Tsig(_) | Self::NoKey(_) => 4,
            Self::Content(_) | Self::Edit(_) => 5,
            Self::TooLong(_) => 6,
            Self::Older { .. } => 7,
        }
    }

    /// Whether the primary may still give the whole zone when this came of asking for changes (RFC 1995, section 4).
    #[must_use]
    pub const fn calls_for_whole_zone(&self) -> bool {
        matches!(
            self,
            Self::Rcode(_)
                | Self::Content(_)
                | Self::Edit(_)
                | Self::Message(_)
                | Self::Answer(_)
                | Self::Network(_)
                | Self::Timeout
                | Self::TooLong(_)
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => write!(f, "{error}"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Message(error) => write!(f, "{error}"),
            Self::Answer(what) => f.write_str(what),
            Self::Rcode(rcode) => match rcode.mnemonic() {
                Some(mnemonic) => write!(f, "it answers {mnemonic}"),
                None => write!(f, "it answers with RCODE {}", rcode.0),
            },
            Self::Tsig(error) => write!(f, "{error}"),
            Self::NoKey(name) => write!(f, "the key `{name}` is not configured"),
            Self::Content(error) => write!(f, "{error}"),
            Self::Edit(error) => write!(f, "{error}"),
            Self::TooLong(len) => write!(f, "the transfer is longer than {len} octets, which `transfer_max` allows"),
            Self::Older { theirs, ours } => {
                write!(f, "its serial {theirs} is older than ours, {ours}: raise the serial there")
            }
            Self::Outdated => f.write_str("the zone's configuration has changed meanwhile"),
            Self::Internal(error) => write!(f, "no thread can be started: {error}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // What a socket with a time-out says when it is over.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Network(error),
        }
    }
}

impl From<MessageError> for Failure {
    fn from(error: MessageError) -> Self {
        Self::Message(error)
    }
}

impl From<TsigError> for Failure {
    fn from(error: TsigError) -> Self {
        Self::Tsig(error)
    }
}

impl From<ContentError> for Failure {
    fn from(error: ContentError) -> Self {
        Self::Content(error)
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        Self::Edit(error)
    }
}

//! What a `tcp` check says and expects, as plain data. Knows no sockets.

use crate::probe::spec::Expectation;

/// A `tcp` check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpCheck {
    /// What is sent once connected; nothing when empty.
    pub send: Vec<u8>,
    /// What the first [`ANSWER_LEN_MAX`](crate::probe::spec::ANSWER_LEN_MAX) octets of the answer must contain.
    pub expect: Expectation,
}

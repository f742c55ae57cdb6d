//! DNS octets: names, headers, questions and EDNS as they stand on the wire; parsing queries and writing responses.
//! Knows no zones, no policies and no sockets.

pub mod name;

pub use name::{Name, NameError, NameKey};

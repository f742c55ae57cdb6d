//! DNS octets: names, headers, questions and EDNS as they stand on the wire; parsing queries and writing responses.
//! Knows no zones, no policies and no sockets.

pub mod edns;
pub mod malformed;
pub mod name;
pub mod name_key;
pub mod numbers;
pub mod query;
pub mod response;
pub mod short;

pub use edns::{ClientSubnet, Cookie, Edns, ExtendedError, OptAnswer, OtherOptions, ServerCookie, Understood};
pub use malformed::Malformed;
pub use name::{Name, NameError};
pub use name_key::NameKey;
pub use numbers::{Rcode, class, rtype};
pub use query::Query;
pub use response::{Full, Records, Response, Section};

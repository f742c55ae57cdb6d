//! Updates (RFC 2136): what a message asks for, whether it may, and what comes of it. [`semantics`] makes a zone out of a zone
//! and knows no network; [`rules`] says who may change what; [`serve`] takes requests from the desk, makes those that wait
//! for the same zone together, and writes the journal before anybody is answered.

pub mod rules;
pub mod semantics;
pub mod serve;
mod staged;
#[cfg(test)]
mod tests;

pub use semantics::{Applied, Refusal, apply, check_zone};
pub use serve::Updates;

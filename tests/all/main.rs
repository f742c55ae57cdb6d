//! One binary with every test that needs more than one room, so that the crate is linked once.

#![expect(clippy::unwrap_used, reason = "test code")]

mod e2e;
mod explain;
mod explain_rules;
mod golden;
mod manual;
mod message;
mod nearest;
mod properties;
mod real_databases;
mod reports;
mod sim;
mod world;

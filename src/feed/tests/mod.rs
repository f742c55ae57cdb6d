//! Tests of the room as a whole, over the network of this machine.
#![expect(clippy::unwrap_used, reason = "test code")]

//! Requests signed, opened, answered and verified.

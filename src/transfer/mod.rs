//! Zones in and out: transfers, NOTIFY, and whatever else a message may want of this server that is more than a query.
//! Knows no steering, no transports and no configuration files.
//!
//! What the engine calls slow comes to the [`desk`], which has threads of its own: it checks signatures ([`tsig`]), looks
//! at what is asked, and hands the request to whoever answers its kind. [`message`] reads and writes whole messages.

pub mod message;
pub mod tsig;

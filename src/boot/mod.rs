//! Plugs the rooms together: loads a configuration with everything it names, starts the server, reloads it, stops it.

mod aliases;
mod courses;
mod door;
mod feeds;
mod latency;
mod load;
mod memory;
mod plan;
mod privileges;
mod run;
mod server;
mod state_lock;
#[cfg(test)]
mod tests;
mod token;
mod watch;

pub use feeds::feed_plan;
pub use latency::{LatencyDesk, geo_spec};
pub use load::{Loaded, Overrides, Report, load, load_rest};
pub use plan::probe_plan;
pub use run::Signals;
pub use server::{Server, StartError, try_to_bind};

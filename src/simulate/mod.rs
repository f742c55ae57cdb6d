//! What a population of clients is answered, before and after a change: the decision that answers queries, made for each of
//! them, and counted. Pure: knows no files, sockets, clocks or transports; chance comes from a seed.
//!
//! A [`Population`] says where clients are and which addresses they show. A [`Scene`] is one balanced name in one
//! configuration and one state. [`replay()`] asks two scenes for every client, and [`report`] is what came of it.

pub mod chance;
pub mod cities;
pub mod list;
pub mod load;
pub mod load_loop;
mod nearest;
pub mod population;
mod prefixes;
pub mod replay;
pub mod report;
pub mod resolvers;
pub mod scene;
#[cfg(test)]
mod tests;
pub mod what_if;
pub mod world;

pub use population::Population;
pub use replay::{Counts, replay};
pub use scene::Scene;
pub use what_if::{Change, Wish};
pub use world::World;

//! Azimuth, a global server load balancer: an authoritative DNS server that answers with the closest healthy region.
//!
//! The rooms, in the order a query visits them: [`transport`] receives octets and hands them to [`answer`], which parses
//! with [`wire`], finds the name in a [`zone`], asks [`steering`] (and through it [`geo`]) for balanced names, and writes
//! the response. All it reads is one immutable [`snapshot`]. The road of a change: [`config`], [`probe`] (judged by
//! [`health`]) and [`feed`] reach the one publisher in [`snapshot`]. [`transfer`] moves zones in and out and changes them. [`boot`] plugs the rooms together, [`admin`] shows them, and
//! [`cli`] is what an operator types. `docs/ARCHITECTURE.md` has the map and its invariants.

pub mod admin;
pub mod answer;
pub mod base;
pub mod boot;
pub mod cli;
pub mod config;
pub mod feed;
pub mod geo;
pub mod health;
pub mod probe;
pub mod simulate;
pub mod snapshot;
pub mod steering;
pub mod transfer;
pub mod transport;
pub mod wire;
pub mod zone;

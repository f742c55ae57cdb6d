//! Every key of the configuration: its name, what it takes, its default, what it means. Reading, error messages, the
//! JSON Schema and the reference in `docs/configuration.md` all use these constants, so that they cannot disagree.

mod feeds;
mod kind;
mod monitors;
mod service;
mod sites;
mod steering;
mod transfer;

pub use feeds::feed;
pub use kind::{Kind, duration_text};
pub use monitors::{TLS_KEYS, keys_of_some_kinds, monitor};
pub use service::{admin, cookies, geoip, rate_limit, server, tcp};
pub use sites::{guard, network, region, zone};
pub use steering::{balance, condition, limits, member, policy, pool, rule, shed, ttl};
pub use transfer::{key, notify_target, primary, transfer_entry, update_entry};

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds when it is not written.
    pub presence: Presence,
    /// What it means.
    pub doc: &'static str,
    /// A value it may have, as TOML.
    pub example: &'static str,
}

/// What holds when a key is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must be written.
    Required,
    /// This value, as TOML.
    Default(&'static str),
    /// These words say what holds.
    Optional(&'static str),
}

/// A table, or the shape of the tables under `[name.NAME]` or `[[name]]`.
#[derive(Debug)]
pub struct TableDef {
    /// What the JSON Schema calls it.
    pub id: &'static str,
    /// How it is written, for example `[region.NAME]`.
    pub header: &'static str,
    /// What to call one of them in a message: `a region`.
    pub article_noun: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its keys, in the order in which the reference lists them.
    pub keys: &'static [&'static Key],
    /// Whether its header ends in a name, which may hold dots.
    pub is_named: bool,
    /// Keys that are planned and refused until they exist.
    pub later: &'static [&'static str],
}

/// Declares the keys of one table as constants in a module of their own, with `TABLE` holding them all.
macro_rules! table {
    (
        $(#[$doc:meta])*
        $module:ident, $header:literal, $noun:literal, named $named:literal, later $later:expr, $about:literal;
        $( $constant:ident = $name:literal, $kind:expr, $presence:expr, $example:literal, $meaning:literal; )*
    ) => {
        $(#[$doc])*
        pub mod $module {
            use crate::config::keys::Presence::*;
            use crate::config::keys::{Key, Kind, TableDef};
            $(
                #[doc = $meaning]
                pub const $constant: Key =
                    Key { name: $name, kind: $kind, presence: $presence, doc: $meaning, example: $example };
            )*
            /// All keys of the table.
            pub static TABLE: TableDef = TableDef {
                id: stringify!($module),
                header: $header,
                article_noun: $noun,
                doc: $about,
                keys: &[$( &$constant ),*],
                is_named: $named,
                later: &$later,
            };
        }
    };
}
use table;

/// What a file may hold at its top level.
pub mod top {
    use super::{Key, Kind, Presence::Optional, TableDef};

    macro_rules! top_level {
        ($( $constant:ident = $name:literal, $kind:expr, $without:literal, $example:literal, $meaning:literal; )*) => {
            $(
                #[doc = $meaning]
                pub const $constant: Key =
                    Key { name: $name, kind: $kind, presence: Optional($without), doc: $meaning, example: $example };
            )*
            /// All keys of the top level.
            pub static TABLE: TableDef = TableDef {
                id: "file",
                header: "Top level",
                article_noun: "a configuration file",
                doc: "Any file may hold any table. `[server]`, `[geoip]` and `[admin]` appear once in all files together; \
                      names are unique in all files together; the order in which things appear is their configured order.",
                keys: &[$( &$constant ),*],
                is_named: false,
                later: &["tls", "dnssec", "view", "webhook", "cluster"],
            };
        };
    }

    top_level! {
        INCLUDE = "include", Kind::OneOrList(&Kind::PathPattern), "nothing more is read",
            r#"["regions.toml", "zones/*.toml"]"#,
            "Further files, relative to this one, read behind it in the order listed. `*`, `?` and `[a-z]` match within one \
             part of a path; the files that a pattern matches are read in the order of their octets.";
        SERVER = "server", Kind::Table(&super::server::TABLE), "the defaults of its keys", "",
            "Where and how queries are answered.";
        GEOIP = "geoip", Kind::Table(&super::geoip::TABLE), "the defaults of its keys", "",
            "Where clients are located.";
        ADMIN = "admin", Kind::Table(&super::admin::TABLE), "the defaults of its keys", "",
            "The address of the API, of `/metrics` and `/healthz`.";
        REGION = "region", Kind::Named(&super::region::TABLE), "no regions", "",
            "Datacenters or sites, each a table of its own.";
        MONITOR = "monitor", Kind::Named(&super::monitor::TABLE), "no monitors", "",
            "How members are checked, each a table of its own.";
        FEED = "feed", Kind::Named(&super::feed::TABLE), "no feeds", "",
            "How load and words of regions and members are asked for, each a table of its own.";
        POOL = "pool", Kind::Named(&super::pool::TABLE), "no pools", "",
            "The members that serve one service, each a table of its own.";
        POLICY = "policy", Kind::Named(&super::policy::TABLE), "`closest`, `listed` and `any`", "",
            "How regions are ranked for a client and how members are picked, each a table of its own.";
        GUARD = "guard", Kind::Tables(&super::guard::TABLE), "no guards", "",
            "What pools must keep whatever an operator asks for, one `[[guard]]` each.";
        KEY = "key", Kind::Named(&super::key::TABLE), "no keys", "",
            "TSIG keys, each a table of its own named as both servers call it.";
        ZONE = "zone", Kind::Named(&super::zone::TABLE), "no zones", "",
            "Authoritative zones with their balanced names, each a table of its own named for its origin.";
        NETWORK = "network", Kind::Tables(&super::network::TABLE), "no networks", "",
            "What no database can know of an address, one `[[network]]` each.";
    }
}

/// Every table, in the order of the reference.
pub static TABLES: &[&TableDef] = &[
    &top::TABLE,
    &server::TABLE,
    &tcp::TABLE,
    &cookies::TABLE,
    &rate_limit::TABLE,
    &geoip::TABLE,
    &admin::TABLE,
    &region::TABLE,
    &network::TABLE,
    &monitor::TABLE,
    &feed::TABLE,
    &pool::TABLE,
    &member::TABLE,
    &policy::TABLE,
    &rule::TABLE,
    &condition::TABLE,
    &guard::TABLE,
    &zone::TABLE,
    &transfer_entry::TABLE,
    &update_entry::TABLE,
    &notify_target::TABLE,
    &primary::TABLE,
    &key::TABLE,
    &balance::TABLE,
    &ttl::TABLE,
    &limits::TABLE,
    &shed::TABLE,
];

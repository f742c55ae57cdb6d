//! The keys of `[monitor.NAME]`, and which kinds of monitors use them.

use super::{Key, table};
use crate::probe::spec::Kind;

table! {
    /// `[monitor.NAME]`.
    monitor, "[monitor.NAME]", "a monitor", named true, later ["method", "headers", "service", "query", "command"],
    "How members are checked. One check is one fresh connection.";
    TYPE = "type", Kind::Words { known: &["http", "https", "tcp"], later: &["icmp", "dns", "tls", "grpc", "udp", "exec", "feed"] },
        Required, r#""http""#,
        "`http` and `https` get a page; `tcp` connects.";
    PORT = "port", Kind::Integer { min: 1, max: 65535 }, Optional("80 for `http`, 443 for `https`; `tcp` needs it"), "8080",
        "Where it connects, unless a member's `probe_address` has a port.";
    INTERVAL = "interval", Kind::millis(10, 86_400_000),
        Default(r#""5s""#), r#""1s""#,
        "From the start of one check to the start of the next.";
    TIMEOUT = "timeout", Kind::millis(1, 3_600_000),
        Default(r#""2s""#), r#""500ms""#,
        "A check without a verdict by then has failed.";
    FALL = "fall", Kind::Integer { min: 1, max: 1000 }, Default("3"), "2",
        "So many failures make a member that is up down; so many successes in a row clear them.";
    RISE = "rise", Kind::Integer { min: 1, max: 1000 }, Default("2"), "3",
        "So many successes in a row make a member that is down up.";
    RETRY_INTERVAL = "retry_interval", Kind::millis(1, 86_400_000),
        Optional("200 ms, or a tenth of `interval` where that is less"), r#""100ms""#,
        "After a failure of a member that is up the next check starts this long after the start of the failed one.";
    PATH = "path", Kind::Text, Default(r#""/""#), r#""/healthz""#,
        "What `http` and `https` get: path and query.";
    HOST = "host", Kind::Host, Optional("the checked address"), r#""www.example.com""#,
        "The `Host` header of `http` and `https`.";
    EXPECT_STATUS = "expect_status", Kind::OneOrList(&Kind::HttpStatus), Default(r#"["2xx"]"#), r#"[200, "3xx", "400-404"]"#,
        "The status codes that pass.";
    EXPECT_BODY = "expect_body", Kind::Text, Optional("any body passes"), r#""ready""#,
        "Text that the first 64 KiB of the body must contain.";
    TLS_SERVER_NAME = "tls_server_name", Kind::Host, Optional("`host`, else the checked address"), r#""www.example.com""#,
        "The name that `https` asks for (SNI) and that the certificate must be for.";
    TLS_VERIFY = "tls_verify", Kind::Boolean, Default("true"), "false",
        "Whether the certificate of `https` must be valid and for the right name.";
    TLS_CA_FILE = "tls_ca_file", Kind::Path, Optional("the system's root certificates"), r#""internal-ca.pem""#,
        "Root certificates for `https` in a PEM file.";
}

/// Keys that only some kinds of monitors use, by kind; those that are nowhere here are of all kinds.
static KEYS_OF_KINDS: &[(&[Kind], &[&Key])] = &[
    (&[Kind::Http, Kind::Https], &[&monitor::PATH, &monitor::HOST, &monitor::EXPECT_STATUS, &monitor::EXPECT_BODY]),
    (&[Kind::Https], &[&monitor::TLS_SERVER_NAME, &monitor::TLS_VERIFY, &monitor::TLS_CA_FILE]),
];

/// Each key that not all kinds of monitors use, with the kinds that do.
pub fn keys_of_some_kinds() -> impl Iterator<Item = (&'static Key, Vec<Kind>)> {
    monitor::TABLE.keys.iter().filter_map(|key| {
        let lists = KEYS_OF_KINDS.iter().filter(|(_, keys)| keys.iter().any(|other| other.name == key.name));
        let kinds: Vec<Kind> = lists.flat_map(|(kinds, _)| kinds.iter().copied()).collect();
        (!kinds.is_empty()).then_some((*key, kinds))
    })
}

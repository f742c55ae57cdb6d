//! The keys of `[monitor.NAME]`, and which kinds of monitors use them.

use super::{Key, table};
use crate::probe::spec::Kind;

table! {
    /// `[monitor.NAME]`.
    monitor, "[monitor.NAME]", "a monitor", named true, later [],
    "How members are checked. One check is one fresh connection.";
    TYPE = "type", Kind::Words {
            known: &["http", "https", "tcp", "tls", "grpc", "dns", "icmp", "udp", "exec", "file"],
            later: &[],
        }, Required, r#""http""#,
        "`http` and `https` send a request; `tcp` connects, and may say and expect something; `tls` shakes hands and looks at \
         the certificate; `grpc` calls the standard health service; `dns` asks a question; `icmp` sends echo requests (ping); \
         `udp` sends a datagram and expects one; `exec` runs a program; `file` reads what another system has written.";
    PORT = "port", Kind::Integer { min: 1, max: 65535 },
        Optional("80 for `http`, 443 for `https` and `tls`, 53 for `dns`; `tcp`, `grpc` and `udp` need it, `exec` and `file` do not"), "8080",
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
    METHOD = "method", Kind::Words {
            known: &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            later: &[],
        }, Default(r#""GET""#), r#""HEAD""#,
        "The method of the request of `http` and `https`.";
    PATH = "path", Kind::Text, Default(r#""/""#), r#""/healthz""#,
        "What `http` and `https` ask for: path and query.";
    HOST = "host", Kind::Host, Optional("the checked address"), r#""www.example.com""#,
        "Who is asked by name: the `Host` header of `http` and `https`, and what HTTP/2 and `grpc` have in its place.";
    HEADERS = "headers", Kind::ByName(&Kind::Text), Optional("none but our own"),
        r#"{ Accept = "application/json", X-Probe = "1" }"#,
        "Further headers of the request of `http` and `https`.";
    BODY = "body", Kind::Text, Optional("no body"), r#"'{"check":"deep"}'"#,
        "What `http` and `https` send with `POST`, `PUT`, `PATCH` or `DELETE`.";
    HTTP_VERSION = "http_version", Kind::Words { known: &["1.1", "2"], later: &["3"] }, Default(r#""1.1""#), r#""2""#,
        "What is spoken: HTTP/1.1, or HTTP/2, by ALPN over TLS and by prior knowledge in clear.";
    FOLLOW_REDIRECTS = "follow_redirects", Kind::Integer { min: 0, max: 10 }, Default("0"), "2",
        "How many redirects are followed, only those to the same scheme, host and port, and always at the checked address.";
    EXPECT_STATUS = "expect_status", Kind::OneOrList(&Kind::HttpStatus), Default(r#"["2xx"]"#), r#"[200, "3xx", "400-404"]"#,
        "The status codes that pass.";
    EXPECT_BODY = "expect_body", Kind::Text, Optional("any body passes"), r#""ready""#,
        "Text that the first 64 KiB of the body must contain.";
    EXPECT_BODY_REGEX = "expect_body_regex", Kind::Text, Optional("any body passes"), r#"'"load":\s*[0-7]\d?\b'"#,
        "Regular expression that must match in the first 64 KiB of the body.";
    CAPTURE_HEADER = "capture_header", Kind::Text, Optional("none is read"), r#""endpoint-load-metrics""#,
        "A header of the answer whose value is kept with each check that passes, for a feed of type `header`.";
    SEND = "send", Kind::Text, Optional("nothing is sent"), r#""PING\r\n""#,
        "What `tcp` sends once connected, and `udp` in its datagram, which needs it. In it `\\r`, `\\n`, `\\t`, `\\xNN` (two hexadecimal digits) and `\\\\` stand for octets.";
    EXPECT = "expect", Kind::Text, Optional("`tcp` waits for no answer, `udp` takes any"), r#""+PONG""#,
        "What the first 64 KiB of the answer must contain, in time; written like `send`.";
    EXPECT_REGEX = "expect_regex", Kind::Text, Optional("`tcp` waits for no answer, `udp` takes any"), r#"'^220 .*SMTP'"#,
        "Regular expression that must match in the first 64 KiB of the answer, in time.";
    SERVICE = "service", Kind::TextOrNone { max: 255 }, Default("\"\""), r#""shop.v1.Cart""#,
        "The service that `grpc` asks about; `\"\"` is the server as a whole.";
    TLS = "tls", Kind::Boolean, Default("false"), "true",
        "Whether `grpc` connects with TLS.";
    TLS_SERVER_NAME = "tls_server_name", Kind::Host, Optional("`host`, else the checked address"), r#""www.example.com""#,
        "The name that is asked for (SNI) and that the certificate must be for.";
    TLS_VERIFY = "tls_verify", Kind::Boolean, Default("true"), "false",
        "Whether the certificate must come from a known authority, be valid now and for the right name.";
    TLS_CA_FILE = "tls_ca_file", Kind::Path, Optional("the system's root certificates"), r#""internal-ca.pem""#,
        "Root certificates in a PEM file.";
    TLS_CLIENT_CERTIFICATE = "tls_client_certificate", Kind::Path, Optional("none is shown"), r#""probe.pem""#,
        "The certificate that a server gets to see that asks for one, in a PEM file, with those that it was issued by.";
    TLS_CLIENT_KEY = "tls_client_key", Kind::Path, Optional("needed with `tls_client_certificate`"), r#""probe.key""#,
        "The private key of that certificate in a PEM file, not encrypted.";
    TLS_EXPIRY_WARNING = "tls_expiry_warning", Kind::millis(60_000, 315_360_000_000), Optional("no warning"), r#""21d""#,
        "A certificate that expires within this time still passes, with a warning in the log, the state and the metrics.";
    TLS_EXPIRY_FAILURE = "tls_expiry_failure", Kind::millis(60_000, 315_360_000_000),
        Optional("only one that has expired fails"), r#""2d""#,
        "A certificate that expires within this time fails.";
    QUERY_NAME = "query_name", Kind::DomainName, Optional("needed by `dns`"), r#""www.example.com""#,
        "The name that `dns` asks for, absolute with or without a final dot.";
    QUERY_TYPE = "query_type", Kind::Text, Default(r#""A""#), r#""SOA""#,
        "The type of records that `dns` asks for.";
    EXPECT_ANSWER = "expect_answer", Kind::List(&Kind::Text), Optional("any answer passes, an empty one too"),
        r#"["192.0.2.10", "192.0.2.11"]"#,
        "Records of that type that must all be in the answer of `dns`, as a zone file has their data.";
    EXPECT_RCODE = "expect_rcode", Kind::Words {
            known: &["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"],
            later: &[],
        }, Default(r#""NOERROR""#), r#""REFUSED""#,
        "The response code that the answer of `dns` must have.";
    TRANSPORT = "transport", Kind::Words { known: &["udp", "tcp", "both"], later: &[] }, Default(r#""udp""#), r#""both""#,
        "How `dns` asks: by UDP, and over TCP when that answer is truncated; over TCP; or one after the other, and both must pass.";
    RECURSION_DESIRED = "recursion_desired", Kind::Boolean, Default("false"), "true",
        "Whether `dns` asks the server to look further, as resolvers do.";
    COUNT = "count", Kind::Integer { min: 1, max: 100 }, Default("1"), "3",
        "So many echo requests of `icmp`, one after the other, must all be answered within `timeout`.";
    COMMAND = "command", Kind::List(&Kind::Text), Optional("needed by `exec`"), r#"["/usr/bin/true", "--quiet"]"#,
        "The program that `exec` runs, by its absolute path, and its arguments. There is no shell.";
    FILE = "file", Kind::Path, Optional("needed by `file`"), r#""/run/monitoring/states""#,
        "The file that `file` reads, with a line `TARGET => up` or `TARGET => down` for each address or name.";
    DEFAULT_STATE = "default", Kind::Words { known: &["up", "down"], later: &[] }, Default(r#""up""#), r#""down""#,
        "The state of targets that the file does not name, and of all once it is older than `stale_after`.";
    STALE_AFTER = "stale_after", Kind::millis(1_000, 31_536_000_000), Optional("what was read holds for ever"), r#""5m""#,
        "A file that was not written for this long, or is missing for as long, says nothing any more.";
}

/// Keys that only some kinds of monitors use, by kind; those that are nowhere here are of all kinds.
static KEYS_OF_KINDS: &[(&[Kind], &[&Key])] = &[
    (&[Kind::Http, Kind::Https, Kind::Grpc], &[&monitor::HOST]),
    (
        &[Kind::Http, Kind::Https],
        &[
            &monitor::METHOD,
            &monitor::PATH,
            &monitor::HEADERS,
            &monitor::BODY,
            &monitor::HTTP_VERSION,
            &monitor::FOLLOW_REDIRECTS,
            &monitor::EXPECT_STATUS,
            &monitor::EXPECT_BODY,
            &monitor::EXPECT_BODY_REGEX,
            &monitor::CAPTURE_HEADER,
        ],
    ),
    (&[Kind::Tcp, Kind::Udp], &[&monitor::SEND, &monitor::EXPECT, &monitor::EXPECT_REGEX]),
    (
        &[Kind::Http, Kind::Https, Kind::Tcp, Kind::Tls, Kind::Grpc, Kind::Dns, Kind::Udp, Kind::Exec, Kind::File],
        &[&monitor::PORT],
    ),
    (
        &[Kind::Dns],
        &[
            &monitor::QUERY_NAME,
            &monitor::QUERY_TYPE,
            &monitor::EXPECT_ANSWER,
            &monitor::EXPECT_RCODE,
            &monitor::TRANSPORT,
            &monitor::RECURSION_DESIRED,
        ],
    ),
    (&[Kind::Icmp], &[&monitor::COUNT]),
    (&[Kind::Exec], &[&monitor::COMMAND]),
    (&[Kind::File], &[&monitor::FILE, &monitor::DEFAULT_STATE, &monitor::STALE_AFTER]),
    (&[Kind::Grpc], &[&monitor::SERVICE, &monitor::TLS]),
    (&[Kind::Https, Kind::Tls, Kind::Grpc], TLS_KEYS),
];

/// The keys about the TLS side of a check.
pub static TLS_KEYS: &[&Key] = &[
    &monitor::TLS_SERVER_NAME,
    &monitor::TLS_VERIFY,
    &monitor::TLS_CA_FILE,
    &monitor::TLS_CLIENT_CERTIFICATE,
    &monitor::TLS_CLIENT_KEY,
    &monitor::TLS_EXPIRY_WARNING,
    &monitor::TLS_EXPIRY_FAILURE,
];

/// Each key that not all kinds of monitors use, with the kinds that do.
pub fn keys_of_some_kinds() -> impl Iterator<Item = (&'static Key, Vec<Kind>)> {
    monitor::TABLE.keys.iter().filter_map(|key| {
        let lists = KEYS_OF_KINDS.iter().filter(|(_, keys)| keys.iter().any(|other| other.name == key.name));
        let kinds: Vec<Kind> = lists.flat_map(|(kinds, _)| kinds.iter().copied()).collect();
        (!kinds.is_empty()).then_some((*key, kinds))
    })
}

//! The keys of `[feed.NAME]`.

use super::table;

table! {
    /// `[feed.NAME]`.
    feed, "[feed.NAME]", "a feed", named true, later [],
    "What regions and members report of themselves, and how they are asked, see [feeds](manual/feeds.md). In texts `{address}`, `{name}` \
     and `{region}` stand for the `feed_address`, the `feed_name` and the region of whoever is asked for.";
    TYPE = "type", Kind::Words { known: &["agent-check", "haproxy-stats", "json", "prometheus", "header"], later: &[] },
        Required, r#""agent-check""#,
        "`agent-check`: HAProxy's agent protocol. `haproxy-stats`: HAProxy's statistics as CSV. `json`: places in a JSON document. \
         `prometheus`: a metric of a page. `header`: a response header of a health check.";
    INTERVAL = "interval", Kind::millis(100, 86_400_000), Default(r#""5s""#), r#""2s""#,
        "From one reading to the next.";
    TIMEOUT = "timeout", Kind::millis(1, 3_600_000), Default(r#""2s""#), r#""500ms""#,
        "A reading without a whole answer by then has failed.";
    STALE_AFTER = "stale_after", Kind::millis(100, 604_800_000), Optional("three times `interval`"), r#""30s""#,
        "Without a good reading for this long, load and weight are as configured; a word that takes out of service holds.";
    PORT = "port", Kind::Integer { min: 1, max: 65535 }, Optional("the port of each `feed_address`"), "9999",
        "For `agent-check`: where it connects, unless a `feed_address` has a port.";
    SEND = "send", Kind::Text, Optional("nothing is sent"), r#""{name}\n""#,
        "For `agent-check`: what the agent is sent first, as it stands.";
    URL = "url", Kind::Text, Optional("needed by `haproxy-stats`, `json` and `prometheus`"), r#""http://{address}:9100/metrics""#,
        "The page to read, by `http` or `https`; at most 4 MiB long.";
    HEADERS = "headers", Kind::ByName(&Kind::Text), Optional("none"), r#"{ Authorization = "Bearer let-me-in" }"#,
        "Further headers to ask for the page with.";
    TLS_CA_FILE = "tls_ca_file", Kind::Path, Optional("the system's root certificates"), r#""internal-ca.pem""#,
        "Root certificates for `https` in a PEM file.";
    BACKEND = "backend", Kind::Text, Optional("needed by `haproxy-stats`"), r#""web""#,
        "For `haproxy-stats`: the name of the proxy.";
    SERVER = "server", Kind::Text, Optional("`BACKEND` for a region; its `feed_name` for a member"), r#""FRONTEND""#,
        "For `haproxy-stats`: the name of the server, or `BACKEND` or `FRONTEND` for the proxy as a whole.";
    FULL_WEIGHT = "full_weight", Kind::Integer { min: 1, max: 1_000_000 }, Optional("weights are not read"), "100",
        "For `haproxy-stats`: the weight there that stands for all of the configured weight here.";
    POINTER = "pointer", Kind::Text, Optional("no number is read"), r#""/load/utilisation""#,
        "For `json`: where the number is (RFC 6901).";
    WORD_POINTER = "word_pointer", Kind::Text, Optional("no word is read"), r#""/state""#,
        "For `json`: where a word is: `up`, `ready`, `down`, `fail`, `stopped`, `drain` or `maint`; or `true` or `false` for up and down.";
    WEIGHT_POINTER = "weight_pointer", Kind::Text, Optional("no weight is read"), r#""/weight""#,
        "For `json`: where a weight is, in percent of the configured one, 0 to 256.";
    METRIC = "metric", Kind::Text, Optional("needed by `prometheus`"), r#""node_load1""#,
        "For `prometheus`: the name of the metric, as the page has it.";
    LABELS = "labels", Kind::ByName(&Kind::Text), Optional("all series of the metric"), r#"{ server = "{name}" }"#,
        "For `prometheus`: labels that a series must have; those that have them are added up.";
    RATE = "rate", Kind::Boolean, Default("false"), "true",
        "For `prometheus`: the metric is a counter, and what it grows by in a second is measured.";
    MONITOR = "monitor", Kind::Name("monitor"), Optional("needed by `header`"), r#""web""#,
        "For `header`: the monitor whose `capture_header` is read. Members that use the feed are checked by it.";
    MEASURES = "measures", Kind::OneOrList(&Kind::Words {
            known: &["utilisation", "connections", "bandwidth", "packets", "requests", "response-time"], later: &[],
        }), Optional("with `haproxy-stats` all that there is; else `utilisation`"), r#"["connections"]"#,
        "What the number measures: share of the capacity in use (1 is all), connections at a time, octets, packets or requests a second, \
         or seconds that answers take. With `haproxy-stats` a list: only these are read.";
    SCALE = "scale", Kind::Number { min: 1e-12, max: 1e12 }, Default("1"), "0.01",
        "The number is multiplied by this, for example 0.01 for a utilisation in percent or 0.001 for milliseconds.";
}

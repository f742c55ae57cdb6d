//! The keys of `[server]`, `[geoip]` and `[admin]`.

use super::table;

table! {
    /// `[server]`.
    server, "[server]", "the `[server]` table",
    named false, later ["dot", "doh", "doq"],
    "Where and how queries are answered.";
    LISTEN = "listen", Kind::List(&Kind::Socket), Default(r#"["0.0.0.0:53", "[::]:53"]"#),
        r#"["192.0.2.53:53", "[2001:db8::53]:53"]"#,
        "Addresses to answer on, each over UDP and TCP. An IPv6 address serves IPv6 only, so `0.0.0.0` and `[::]` stand side by side.";
    WORKERS = "workers", Kind::Integer { min: 0, max: 1024 }, Default("0"), "4",
        "UDP worker threads; 0 means one for each core.";
    XDP = "xdp", Kind::List(&Kind::Text), Default("[]"), r#"["eth0"]"#,
        "Interfaces whose queries over UDP are taken past the socket stack by XDP, see [XDP](manual/xdp.md). One that refuses \
         is told in the log, and its queries are answered over sockets.";
    STATE_DIR = "state_dir", Kind::Path, Default(r#""/var/lib/azimuth""#), r#""state""#,
        "Folder for what must survive a restart: journals of updates, zones from primaries, and the serials of zones with \
         `transfer_balanced`. One server uses one folder.";
    USER = "user", Kind::Text, Optional("the user who started it"), r#""azimuth""#,
        "User to become once the sockets are bound, when started as root.";
    STARTUP_GRACE = "startup_grace",
        Kind::millis(0, 600_000), Default(r#""5s""#), r#""10s""#,
        "Queries are answered after the first round of health checks, and at the latest this long after the start.";
    HOLD = "hold", Kind::millis(0, 3_600_000), Default(r#""30s""#), r#""1m""#,
        "How long states are kept as they are when every monitored member starts failing at once, which means that the \
         checker has lost its own network.";
    WATCH = "watch", Kind::Boolean, Default("false"), "true",
        "Reload by itself once a file has changed and then been quiet for five seconds.";
    RESOLVERS = "resolvers", Kind::List(&Kind::ProbeAddress), Optional("those of `/etc/resolv.conf`"),
        r#"["192.0.2.53", "[2001:db8::53]:53"]"#,
        "Resolvers that are asked for the targets of `alias`, in this order. Without a port: 53.";
    UDP_RESPONSE_MAX = "udp_response_max", Kind::Size { min: 512, max: 4096 }, Default("1232"), r#""1400 B""#,
        "Largest UDP response, whatever a client offers; what is longer is truncated, and the client asks again over TCP.";
    TRANSFERS = "transfers", Kind::Integer { min: 1, max: 10_000 }, Default("32"), "100",
        "Zone transfers to others at a time; further ones are refused, and their servers ask again.";
    TCP = "tcp", Kind::Table(&crate::config::keys::tcp::TABLE), Optional("the defaults of its keys"), "{ connections = 4000 }",
        "Limits of TCP service.";
    COOKIES = "cookies", Kind::Table(&crate::config::keys::cookies::TABLE), Optional("the defaults of its keys"),
        "{ require_above = 512 }",
        "DNS cookies (RFC 7873), by which clients prove that they are at the address that they send from.";
    RATE_LIMIT = "rate_limit", Kind::Table(&crate::config::keys::rate_limit::TABLE), Optional("the defaults of its keys"),
        "{ responses_per_second = 200 }",
        "How often a client is answered over UDP.";
    NSID = "nsid", Kind::TextOrNone { max: crate::snapshot::settings::NSID_LEN_MAX }, Default("\"\""), r#""fra1""#,
        "What a client is told who asks which of several servers this is (NSID, RFC 5001), as `dig +nsid` does.";
    VERSION = "version", Kind::TextOrNone { max: crate::snapshot::settings::CHAOS_LEN_MAX }, Default("\"\""), r#""Azimuth""#,
        "What `version.bind` and `version.server` answer in class CHAOS, type TXT; without it they are refused.";
    IDENTITY = "identity", Kind::TextOrNone { max: crate::snapshot::settings::CHAOS_LEN_MAX }, Default("\"\""), r#""fra1.dns.example.com""#,
        "What `id.server` and `hostname.bind` answer in class CHAOS, type TXT (RFC 4892); without it they are refused.";
}

table! {
    /// `[server.cookies]`.
    cookies, "[server.cookies]", "the `cookies` table", named false, later [],
    "DNS cookies (RFC 7873), by which clients prove that they are at the address that they send from.";
    ENABLED = "enabled", Kind::Boolean, Default("true"), "false",
        "Whether cookies are answered; otherwise they are an option that is not known.";
    SECRET_FILE = "secret_file", Kind::Path, Optional("a secret of this server alone, a new one each day"), r#""cookie-secrets""#,
        "Secrets that several servers share, so that each takes the cookies of the others (RFC 9018): 32 hexadecimal digits on \
         a line, at most four lines. The first makes cookies, all are accepted. Lines that begin with `#` are comments.";
    REQUIRE_ABOVE = "require_above", Kind::Size { min: 0, max: 4096 }, Optional("any size"), "512",
        "Longest response over UDP to a client without a valid cookie. Instead of a longer one it gets a short one: BADCOOKIE, \
         with the cookie to come again with, if it knows cookies, else one that is truncated.";
}

table! {
    /// `[server.rate_limit]`.
    rate_limit, "[server.rate_limit]", "the `rate_limit` table", named false, later [],
    "How often a client is answered over UDP. Clients with a valid cookie, and those of TCP, are never limited.";
    RESPONSES_PER_SECOND = "responses_per_second", Kind::Integer { min: 0, max: 1_000_000 }, Default("1000"), "200",
        "Responses of one kind to one client in a second, also all at once; 0 means no limit.";
    SLIP = "slip", Kind::Integer { min: 0, max: 100 }, Default("2"), "1",
        "Of so many responses above the limit one, chosen by chance, is sent truncated, so that a client who is there asks again \
         over TCP, or with a cookie; 1 means all of them, 0 none.";
    EXEMPT = "exempt", Kind::List(&Kind::Prefix), Default(r#"["127.0.0.0/8", "::1/128"]"#),
        r#"["127.0.0.0/8", "::1/128", "192.0.2.0/24"]"#,
        "Who is never limited, nor by `connections_per_client` of `[server.tcp]`. A list of your own replaces this one.";
    PREFIX_V4 = "prefix_v4", Kind::Integer { min: 1, max: 32 }, Default("24"), "32",
        "IPv4 addresses that agree in so many bits are one client.";
    PREFIX_V6 = "prefix_v6", Kind::Integer { min: 1, max: 64 }, Default("56"), "48",
        "IPv6 addresses that agree in so many bits are one client.";
    TABLE_SIZE = "table_size", Kind::Integer { min: 1024, max: 67_108_864 }, Default("131072"), "1048576",
        "Entries of the table in which is counted, 8 octets each, rounded up to a power of two. An entry is needed for each \
         client and kind of response that comes near its limit. A change takes effect at the next start.";
}

table! {
    /// `[server.tcp]`.
    tcp, "[server.tcp]", "the `tcp` table", named false, later [],
    "Limits of TCP service.";
    CONNECTIONS = "connections", Kind::Integer { min: 1, max: 1_000_000 }, Default("1000"), "4000",
        "Connections at a time, in all.";
    CONNECTIONS_PER_CLIENT = "connections_per_client", Kind::Integer { min: 1, max: 1_000_000 }, Default("50"), "10",
        "Connections at a time from one IPv4 address or one IPv6 /64.";
    IDLE_TIMEOUT = "idle_timeout",
        Kind::millis(100, 3_600_000), Default(r#""10s""#), r#""30s""#,
        "A connection without a complete query for this long is closed.";
}

table! {
    /// `[geoip]`.
    geoip, "[geoip]", "the `[geoip]` table", named false, later ["refresh"],
    "Where clients are located.";
    DATABASES = "databases", Kind::List(&Kind::Path), Default("[]"), r#"["city-ipv4.mmdb", "city-ipv6.mmdb"]"#,
        "Database files in MaxMind's format. For each fact the first that knows it counts. None: the country table inside the program.";
    LATENCY = "latency", Kind::OneOrList(&Kind::Path), Optional("nothing was measured"), r#"["latency.csv"]"#,
        "Files with measured latencies, for `order = \"latency\"`, see [ranking](manual/ranking.md). Of two lines that speak of the \
         same clients and region the one in the later file counts.";
    CLIENT_SUBNET = "client_subnet", Kind::Boolean, Default("true"), "false",
        "Locate clients by the EDNS Client Subnet of a query where there is one (RFC 7871), else by the resolver's address.";
}

table! {
    /// `[admin]`.
    admin, "[admin]", "the `[admin]` table", named false, later ["token", "tls"],
    "The address of the API, of `/metrics` and `/healthz`.";
    LISTEN = "listen", Kind::SocketOrNone, Default(r#""127.0.0.1:8053""#), r#""[::1]:8053""#,
        "Address and port, plain HTTP. On a loopback address everybody on this machine may read, and whoever has the token may \
         change; on any other address all but `/healthz` needs the token. `\"\"` switches it off.";
    TOKEN_FILE = "token_file", Kind::Path, Optional("`admin.token` in `state_dir`"), r#""admin.token""#,
        "The file with the token that requests prove themselves with (`Authorization: Bearer TOKEN`). A server that does not find \
         it makes it, for its own user alone. A change takes effect at the next start.";
}

//! The keys of `[server]`, `[geoip]` and `[admin]`.

use super::table;

table! {
    /// `[server]`.
    server, "[server]", "the `[server]` table",
    named false, later ["dot", "doh", "doq", "xdp", "cookies", "rate_limit", "nsid"],
    "Where and how queries are answered.";
    LISTEN = "listen", Kind::List(&Kind::Socket), Default(r#"["0.0.0.0:53", "[::]:53"]"#),
        r#"["192.0.2.53:53", "[2001:db8::53]:53"]"#,
        "Addresses to answer on, each over UDP and TCP. An IPv6 address serves IPv6 only, so `0.0.0.0` and `[::]` stand side by side.";
    WORKERS = "workers", Kind::Integer { min: 0, max: 1024 }, Default("0"), "4",
        "UDP worker threads; 0 means one for each core.";
    STATE_DIR = "state_dir", Kind::Path, Default(r#""/var/lib/azimuth""#), r#""state""#,
        "Folder for what must survive a restart; this version keeps nothing there yet.";
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
    geoip, "[geoip]", "the `[geoip]` table", named false, later ["latency", "refresh"],
    "Where clients are located.";
    DATABASES = "databases", Kind::List(&Kind::Path), Default("[]"), r#"["city-ipv4.mmdb", "city-ipv6.mmdb"]"#,
        "Database files in MaxMind's format. For each fact the first that knows it counts. None: the country table inside the program.";
    CLIENT_SUBNET = "client_subnet", Kind::Boolean, Default("true"), "false",
        "Locate clients by the EDNS Client Subnet of a query where there is one (RFC 7871), else by the resolver's address.";
}

table! {
    /// `[admin]`.
    admin, "[admin]", "the `[admin]` table", named false, later ["token", "tls"],
    "The address of the API, of `/metrics` and `/healthz`.";
    LISTEN = "listen", Kind::SocketOrNone, Default(r#""127.0.0.1:8053""#), r#""[::1]:8053""#,
        "Address and port, plain HTTP. Whoever reaches it sees all state: keep it on a private address. `\"\"` switches it off.";
}

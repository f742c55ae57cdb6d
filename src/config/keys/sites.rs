//! The keys of `[region.NAME]`, `[[network]]`, `[[guard]]` and `[zone.NAME]`.

use super::table;

table! {
    /// `[region.NAME]`.
    region, "[region.NAME]", "a region", named true, later [],
    "A datacenter or site. Configured order breaks ties, and is the order for clients whose location is unknown.";
    COORDINATES = "coordinates", Kind::Coordinates, Optional("none: `closest` ranks the region behind those that have"),
        "[39.04, -77.49]",
        "Latitude and longitude in degrees, north and east positive.";
    BIAS = "bias", Kind::Integer { min: -99, max: 99 }, Default("0"), "10",
        "Widens (1 to 99) or narrows (-1 to -99) the region's reach: 10 shortens distances to it by 10 %, -10 divides them by 0.9.";
    ENABLED = "enabled", Kind::Boolean, Default("true"), "false",
        "A region that is not enabled never answers.";
    PROBE_CONCURRENCY = "probe_concurrency", Kind::Integer { min: 1, max: 65536 }, Optional("no limit"), "50",
        "At most so many checks of the region's members are under way at once; those that are due beyond that wait for their turn.";
    CAPACITY = "capacity", Kind::Number { min: 0.001, max: 1e15 }, Optional("reports must tell `utilisation`"), "2000",
        "What the requests a second, connections or octets a second that it reports are measured against: the first of these that \
         there is, in its own unit.";
    FEED = "feed", Kind::OneOrList(&Kind::Name("feed")), Optional("it reports nothing"), r#"["haproxy"]"#,
        "How it is asked for its load. Of several feeds the worst word counts, and each number of the first that has it.";
    FEED_ADDRESS = "feed_address", Kind::ProbeAddress, Optional("none: feeds that need one are refused"), r#""10.1.0.2:9999""#,
        "Where it is asked: `{address}` of its feeds.";
    FEED_NAME = "feed_name", Kind::Text, Optional("its own name"), r#""eu1""#,
        "What it is called there: `{name}` of its feeds.";
}

table! {
    /// `[[network]]`.
    network, "[[network]]", "a network", named false, later [],
    "What no database can know of an address: at most one of `region`, `coordinates` and `country`, and any of the others. It wins \
     over every database, and the longest prefix over shorter ones.";
    PREFIX = "prefix", Kind::Prefix, Required, r#""203.0.113.0/24""#,
        "The addresses it speaks of.";
    REGION = "region", Kind::Name("region"), Optional("not said"), r#""eu-west""#,
        "They are located at this region and prefer it to all others.";
    COORDINATES = "coordinates", Kind::Coordinates, Optional("not said"), "[52.52, 13.40]",
        "They are located here.";
    COUNTRY = "country", Kind::Country, Optional("not said"), r#""DE""#,
        "They are located in this country (ISO 3166-1 alpha-2).";
    ASN = "asn", Kind::Asn, Optional("not said"), "64500",
        "They belong to this autonomous system.";
    CITY = "city", Kind::City, Optional("not said"), r#""Berlin""#,
        "They are located in a city of this name, for rules that name it.";
    SUBDIVISION = "subdivision", Kind::Subdivision, Optional("not said"), r#""DE-BE""#,
        "They are located in this subdivision, for rules that name it by the same code or name.";
}

table! {
    /// `[[guard]]`.
    guard, "[[guard]]", "a guard", named false, later [],
    "What pools must keep: a drain by 100 %, a forced down and a reload that would leave less are refused. `--override` passes a \
     command all the same. Of several guards for one pool the strictest counts.";
    POOL = "pool", Kind::Text, Required, r#""web""#,
        "The pool's name, or a pattern of names with `*`, `?` and `[a-z]`.";
    MIN_REGIONS = "min_regions", Kind::Integer { min: 1, max: 65535 }, Required, "2",
        "So many regions must stay enabled and available, counted for each address family that the pool has.";
}

table! {
    /// `[zone.NAME]`.
    zone, "[zone.\"ORIGIN\"]", "a zone",
    named true, later ["dnssec"],
    "An authoritative zone, named for its origin with or without a final dot. Its data is a plain master file (RFC 1035); the \
     balanced names stand here beside it.";
    TYPE = "type", Kind::Words { known: &["primary", "secondary"], later: &[] }, Default(r#""primary""#), r#""primary""#,
        "Where its data comes from: a file here, or other servers.";
    FILE = "file", Kind::Path, Optional("the zone is a secondary one; others need it"), r#""gslb.example.com.zone""#,
        "The master file, relative to the file that says so.";
    PRIMARIES = "primaries", Kind::TablesOr(&crate::config::keys::primary::TABLE, &Kind::ProbeAddress),
        Optional("the zone is a primary one; secondary ones need it"),
        r#"["192.0.2.1", { address = "[2001:db8::1]:5353", key = "transfer.example." }]"#,
        "The servers that a secondary zone is had from, asked in this order. One that has answered is asked first the next time.";
    REFRESH_MIN = "refresh_min", Kind::millis(1_000, 2_419_200_000), Default(r#""2s""#), r#""1m""#,
        "A secondary zone is compared with its primary at most this often, whatever its SOA record says of REFRESH and RETRY.";
    REFRESH_MAX = "refresh_max", Kind::millis(1_000, 2_419_200_000), Default(r#""28d""#), r#""1h""#,
        "A secondary zone is compared with its primary at least this often.";
    TRANSFER_MAX = "transfer_max", Kind::Size { min: 65_536, max: 1 << 40 }, Default(r#""1024 MiB""#), r#""64 MiB""#,
        "Longest transfer of a secondary zone; a longer one is broken off, and what is served stays as it is.";
    TRANSFER = "transfer", Kind::Tables(&crate::config::keys::transfer_entry::TABLE), Optional("nobody"),
        r#"[{ prefix = "192.0.2.0/24", key = "transfer.example." }]"#,
        "Who may have the zone by AXFR or IXFR: all that one of the entries says must hold.";
    NOTIFY = "notify", Kind::Tables(&crate::config::keys::notify_target::TABLE), Optional("nobody"),
        r#"[{ address = "192.0.2.2", key = "transfer.example." }]"#,
        "Who is told of each new serial, and once at the start (RFC 1996).";
    UPDATE = "update", Kind::Tables(&crate::config::keys::update_entry::TABLE), Optional("nobody"),
        r#"[{ key = "ddns.example.", names = ["*.dyn"], types = ["A", "AAAA"] }]"#,
        "Who may change what of the zone by dynamic updates (RFC 2136), see [updates](updates.md). What they change is kept in \
         `state_dir`; the zone file stays as it is.";
    BALANCE = "balance", Kind::Named(&crate::config::keys::balance::TABLE), Optional("no name is balanced"),
        r#"{ www = { pool = "web" } }"#,
        "The balanced names by owner name: relative to the origin, or absolute with a final dot; `@` is the origin itself, `*` a \
         wildcard. An owner with dots is quoted: `balance.\"api.v2\"`.";
    ALIAS = "alias", Kind::ByName(&Kind::DomainName), Optional("no name is an alias"),
        r#"{ "@" = "lb.example.net." }"#,
        "Names that have the addresses of another name, by owner as under `balance`; the origin may be one. The target is a whole \
         name, with or without a final dot. A and AAAA of a target outside the zones of this server are asked of the `resolvers` in \
         `[server]`, kept as long as their TTL says, and answered on while no resolver does.";
    TRANSFER_BALANCED = "transfer_balanced", Kind::Words { known: &["static"], later: &[] },
        Optional("the zone is not transferred while it has balanced names"), r#""static""#,
        "What transfers show of balanced names: the members of the first configured region that has some, whatever their health. \
         Aliases cannot be shown.";
    SERIAL = "serial", Kind::Words { known: &["auto", "file"], later: &[] }, Default(r#""auto""#), r#""file""#,
        "With `transfer_balanced`: when what is shown changes and the serial in the zone file does not, a newer serial is served \
         than the file has (`auto`), or the configuration is refused (`file`).";
}

//! The keys of monitors, pools, policies and balanced names.

use super::table;

table! {
    /// `[pool.NAME]`.
    pool, "[pool.NAME]", "a pool", named true, later ["feed", "warm_up", "warm_up_after", "failback", "shed"],
    "The members that serve one service. They are all addresses or all names, never both.";
    MONITOR = "monitor", Kind::OneOrList(&Kind::Name("monitor")), Optional("members are always up"), r#"["web", "port"]"#,
        "How members are checked; of several all must pass.";
    MEMBERS = "members", Kind::Tables(&crate::config::keys::member::TABLE), Required,
        r#"[{ region = "us-east", address = "192.0.2.10" }]"#,
        "The members. Their order is their configured order.";
}

table! {
    /// A member of a pool.
    member, "members of [pool.NAME]", "a member of a pool", named false, later ["capacity", "port", "priority"],
    "One VIP in a region: exactly one of `address` and `cname` is given.";
    REGION = "region", Kind::Name("region"), Required, r#""us-east""#,
        "The region it is in.";
    ADDRESS = "address", Kind::Address, Optional("a `cname`"), r#""2001:db8:1::10""#,
        "What clients are answered: an A or AAAA record.";
    CNAME = "cname", Kind::DomainName, Optional("an `address`"), r#""lb.example.net.""#,
        "What clients are answered: a CNAME record with this name, absolute with or without a final dot.";
    WEIGHT = "weight", Kind::Integer { min: 1, max: 1_000_000 }, Default("1"), "2",
        "Its share among the members of its region.";
    PROBE_ADDRESS = "probe_address", Kind::ProbeAddress, Optional("its own address, at the monitor's port"), r#""10.1.0.11:8080""#,
        "Where it is checked, when that is not the address that clients get; a port here wins over the monitor's.";
    ENABLED = "enabled", Kind::Boolean, Default("true"), "false",
        "A member that is not enabled never answers and is not checked.";
}

table! {
    /// `[policy.NAME]`.
    policy, "[policy.NAME]", "a policy",
    named true, later ["tie_band", "region_spread", "shed", "percentage", "sticky"],
    "How regions are ranked for a client and how members are picked. `closest`, `listed` and `any` exist without being defined; \
     each is a policy of the defaults with the order it is named for, and may be defined otherwise.";
    ORDER = "order", Kind::Words { known: &["closest", "listed", "any"], later: &["latency"] }, Default(r#""closest""#), r#""listed""#,
        "`closest`: by distance from the client, configured order where the location is unknown. `listed`: as `regions` lists them, \
         else in configured order. `any`: all regions are equals.";
    REGIONS = "regions", Kind::List(&Kind::Name("region")), Optional("every region the pool has members in"), r#"["eu-west", "us-east"]"#,
        "Only these regions answer, nothing else ever; for `listed` in this order.";
    SPREAD = "spread", Kind::Words {
            known: &["weighted", "hash", "round-robin", "random", "all"],
            later: &["two-choices", "least-connections", "least-response-time", "least-load", "ratio"],
        }, Default(r#""weighted""#), r#""hash""#,
        "How members of the chosen region are picked: at random by weight; by a hash of the client's prefix and the weight, so that \
         a client keeps its member; in turn; at random without weight; or all of them.";
    HASH_IPV4_PREFIX = "hash_ipv4_prefix", Kind::Integer { min: 1, max: 32 }, Default("24"), "20",
        "With `spread = \"hash\"`: how many bits of an IPv4 client are hashed.";
    HASH_IPV6_PREFIX = "hash_ipv6_prefix", Kind::Integer { min: 1, max: 128 }, Default("48"), "56",
        "With `spread = \"hash\"`: how many bits of an IPv6 client are hashed.";
    ANSWERS = "answers", Kind::Integer { min: 1, max: 255 }, Optional("1; with `spread = \"all\"` every member"), "2",
        "How many members one answer holds at most.";
    MIN_HEALTHY = "min_healthy", Kind::Number { min: 0.0, max: 1.0 }, Default("0.5"), "0.25",
        "A region is passed over while less than this share of its enabled members' weight is up, as long as another region has enough.";
    FAMILIES = "families", Kind::Words { known: &["together", "apart"], later: &[] }, Default(r#""together""#), r#""apart""#,
        "`together`: A and AAAA of a name lead to one region, available only if each family it has members of is. `apart`: each \
         family is steered alone.";
    ALL_DOWN = "all_down", Kind::Words { known: &["all", "nodata", "servfail", "fallback"], later: &[] }, Default(r#""all""#), r#""servfail""#,
        "What is answered when no region has a member up: the members of the client's first region as if up; no data; SERVFAIL; or \
         the addresses under `fallback`.";
    FALLBACK = "fallback", Kind::List(&Kind::Address), Optional("needed with `all_down = \"fallback\"`, refused without"), r#"["192.0.2.99"]"#,
        "The addresses that are answered when no region has a member up.";
    RULE = "rule", Kind::Tables(&crate::config::keys::rule::TABLE), Optional("no rules"), "",
        "Exceptions for some clients, one `[[policy.NAME.rule]]` each. For each client the rule with the most specific key decides \
         (`network`, then `country`, then `continent`; of networks the longest prefix), then the order in the file.";
}

table! {
    /// `[[policy.NAME.rule]]`.
    rule, "[[policy.NAME.rule]]", "a rule", named false, later ["pool", "spread", "share"],
    "An exception for some clients. At least one of `prefer` and `regions` is given.";
    MATCH = "match", Kind::Table(&crate::config::keys::condition::TABLE), Required, r#"{ country = "DE" }"#,
        "The clients it is for.";
    PREFER = "prefer", Kind::List(&Kind::Name("region")), Optional("no region comes first"), r#"["eu-west"]"#,
        "These regions come first, in this order; the rest follow.";
    REGIONS = "regions", Kind::List(&Kind::Name("region")), Optional("those of the policy"), r#"["eu-west", "eu-north"]"#,
        "Only these regions answer, nothing else ever.";
}

table! {
    /// `match` of a rule.
    condition, "match of [[policy.NAME.rule]]", "a `match`", named false, later ["asn", "city", "subdivision"],
    "The clients that a rule is for. All keys of one match must hold; at least one is given.";
    NETWORK = "network", Kind::Prefix, Optional("any address"), r#""198.51.100.0/24""#,
        "The client's address is inside.";
    COUNTRY = "country", Kind::Country, Optional("any country"), r#""DE""#,
        "The client is located in this country (ISO 3166-1 alpha-2).";
    CONTINENT = "continent", Kind::Continent, Optional("any continent"), r#""EU""#,
        "The client is located on this continent: AF, AN, AS, EU, NA, OC or SA.";
}

table! {
    /// A balanced name of a zone.
    balance, "balance.OWNER of [zone.\"ORIGIN\"]", "a balanced name", named true, later ["weight", "spread", "type"],
    "What a balanced name is answered with.";
    POOL = "pool", Kind::Name("pool"), Required, r#""web""#,
        "The members.";
    POLICY = "policy", Kind::Name("policy"), Default(r#""closest""#), r#""listed""#,
        "The policy.";
    TTL = "ttl", Kind::Ttl(&crate::config::keys::ttl::TABLE), Default("{ max = 60, min = 5 }"), "30",
        "Seconds that resolvers may keep an answer. A number pins it.";
    REGION_NAMES = "region_names", Kind::Boolean, Default("false"), "true",
        "Each region of the pool gets a name of its own, the owner's and the region's: `www` in region `eu-west` is `www.eu-west` \
         in the zone. It is answered with the members of that region that are up, or with all where none is, for every client alike.";
}

table! {
    /// `ttl` of a balanced name.
    ttl, "ttl of a balanced name", "a `ttl`", named false, later [],
    "The TTL of a steered answer in two cases; `min` must not exceed `max`.";
    MAX = "max", Kind::Seconds, Default("60"), "300",
        "While nothing is about to change.";
    MIN = "min", Kind::Seconds, Default("5"), "10",
        "While a member is on the way to a change that would change the answer.";
}

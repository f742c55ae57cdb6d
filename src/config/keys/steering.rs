//! The keys of monitors, pools, policies and balanced names.

use super::table;

table! {
    /// `[pool.NAME]`.
    pool, "[pool.NAME]", "a pool", named true, later [],
    "The members that serve one service. They are all addresses or all names, never both.";
    MONITOR = "monitor", Kind::OneOrList(&Kind::Name("monitor")), Optional("members are always up"), r#"["web", "port"]"#,
        "How members are checked; of several all must pass, but for what the next three keys say.";
    AT_LEAST = "at_least", Kind::Integer { min: 1, max: 255 }, Optional("all"), "1",
        "So many of the monitors must pass for a member to be up.";
    INVERTED = "inverted", Kind::OneOrList(&Kind::Name("monitor")), Optional("none"), r#""port""#,
        "Of these monitors a member passes while they fail.";
    WATCH_ONLY = "watch_only", Kind::OneOrList(&Kind::Name("monitor")), Optional("none"), r#""port""#,
        "These monitors are run and shown, and count for nothing.";
    FEED = "feed", Kind::OneOrList(&Kind::Name("feed")), Optional("members report nothing"), r#"["agent"]"#,
        "How each member is asked for its load. Of several feeds the worst word counts, and each number of the first that has it.";
    WARM_UP = "warm_up", Kind::SwitchOrDuration {
            on: std::time::Duration::from_secs(90),
            min: std::time::Duration::from_secs(1),
            max: std::time::Duration::from_secs(86_400),
        }, Default("false"), r#""5m""#,
        "A region, or a member of it, that comes back after `warm_up_after` or longer gets its clients little by little over this \
         time. Clients are told apart by their /16 or /32 then, which is in the scope of every answer from this pool.";
    WARM_UP_AFTER = "warm_up_after", Kind::millis(0, 604_800_000), Default(r#""60s""#), r#""5m""#,
        "What was away for less than this comes back at once.";
    WARM_UP_FROM = "warm_up_from", Kind::Number { min: 0.01, max: 1.0 }, Default("0.1"), "0.25",
        "The share of its clients that warming up begins with.";
    PROBATION = "probation", Kind::Number { min: 0.0, max: 1.0 }, Optional("0.02 with a feed and `warm_up`"), "0.05",
        "With a feed: until the first good report after it came back, a region gets this share of its clients only; 1 for no \
         probation.";
    FAILOVER_DELAY = "failover_delay", Kind::millis(0, 86_400_000), Default(r#""0s""#), r#""10s""#,
        "A region that fails, or falls below `min_healthy`, goes on answering this long. What operators and feeds say acts at once.";
    FAILBACK_DELAY = "failback_delay", Kind::millis(0, 604_800_000), Default(r#""0s""#), r#""10m""#,
        "A region that has recovered is passed over this long, as long as another is available.";
    FAILBACK = "failback", Kind::Words { known: &["auto", "manual"], later: &[] }, Default(r#""auto""#), r#""manual""#,
        "`manual`: a region that has recovered is passed over, as long as another is available, until `azimuth failback` or `azimuth clear` names it.";
    LIMITS = "limits", Kind::Table(&crate::config::keys::limits::TABLE), Optional("no limits"), "{ utilisation = 0.95 }",
        "Members that report more are passed over, as long as another member of their region does not.";
    MEMBERS = "members", Kind::Tables(&crate::config::keys::member::TABLE), Required,
        r#"[{ region = "us-east", address = "192.0.2.10" }]"#,
        "The members. Their order is their configured order.";
}

table! {
    /// `limits` of a pool.
    limits, "limits of [pool.NAME]", "the `limits`", named false, later [],
    "What members may report by their feeds at most. A member that was passed over comes back at nine tenths of the limit.";
    UTILISATION = "utilisation", Kind::Number { min: 0.0, max: 1000.0 }, Optional("no limit"), "0.95",
        "Of its capacity; 1 is all of it.";
    CONNECTIONS = "connections", Kind::Number { min: 0.0, max: 1e12 }, Optional("no limit"), "5000",
        "At a time.";
    BANDWIDTH = "bandwidth", Kind::Number { min: 0.0, max: 1e15 }, Optional("no limit"), "125_000_000",
        "Octets a second.";
    PACKETS = "packets", Kind::Number { min: 0.0, max: 1e12 }, Optional("no limit"), "1_000_000",
        "Packets a second.";
    REQUESTS = "requests", Kind::Number { min: 0.0, max: 1e12 }, Optional("no limit"), "2000",
        "Requests a second.";
    RESPONSE_TIME = "response_time", Kind::millis(1, 3_600_000), Optional("no limit"), r#""300ms""#,
        "The mean time of its answers.";
}

table! {
    /// `shed` of a policy.
    shed, "shed of [policy.NAME]", "the `shed` table", named false, later [],
    "When a region hands clients on to the next one in their order, by its utilisation.";
    LOW = "low", Kind::Number { min: 0.0, max: 100.0 }, Default("0.75"), "0.7",
        "Below, none are handed on.";
    HIGH = "high", Kind::Number { min: 0.0, max: 100.0 }, Default("0.95"), "0.9",
        "Above, all new clients are; in between a share that grows evenly. Greater than `low`.";
}

table! {
    /// A member of a pool.
    member, "members of [pool.NAME]", "a member of a pool", named false, later ["port", "priority"],
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
    CAPACITY = "capacity", Kind::Number { min: 0.001, max: 1e15 }, Optional("reports must tell `utilisation`"), "500",
        "What the requests a second, connections or octets a second that it reports are measured against: the first of these that \
         there is, in its own unit.";
    FEED_ADDRESS = "feed_address", Kind::ProbeAddress, Optional("its own address"), r#""10.1.0.11:9999""#,
        "Where it is asked for its load: `{address}` of the pool's feeds; a port is for `agent-check`.";
    FEED_NAME = "feed_name", Kind::Text, Optional("none: feeds that need one are refused"), r#""web1""#,
        "What it is called there: `{name}` of the pool's feeds, such as its name as a server of HAProxy.";
}

table! {
    /// `[policy.NAME]`.
    policy, "[policy.NAME]", "a policy",
    named true, later ["sticky"],
    "How regions are ranked for a client and how members are picked. `closest`, `listed` and `any` exist without being defined; \
     each is a policy of the defaults with the order it is named for, and may be defined otherwise.";
    ORDER = "order", Kind::Words { known: &["closest", "latency", "listed", "any"], later: &[] }, Default(r#""closest""#), r#""listed""#,
        "`closest`: by distance from the client, configured order where the location is unknown. `latency`: by measured latency, and \
         by one estimated from the distance where none was measured. `listed`: as `regions` lists them, else in configured order. \
         `any`: all regions are equals.";
    REGIONS = "regions", Kind::List(&Kind::Name("region")), Optional("every region the pool has members in"), r#"["eu-west", "us-east"]"#,
        "Only these regions answer, nothing else ever; for `listed` in this order.";
    TIE_BAND = "tie_band", Kind::Number { min: 1.0, max: 100.0 }, Optional("no region is equal to another"), "1.05",
        "With `closest` and `latency`: regions within this factor of the nearest or quickest one, bias included, are equals, and \
         `region_spread` picks one of them.";
    REGION_SPREAD = "region_spread", Kind::Words {
            known: &[
                "weighted", "hash", "round-robin", "weighted-round-robin", "random", "two-choices", "least-connections",
                "weighted-least-connections", "least-bandwidth", "least-packets",
            ],
            later: &[],
        }, Optional("`weighted`; with `order = \"any\"` members of all regions are spread over as if they were in one"), r#""hash""#,
        "How one of several equal regions is picked, before its members are.";
    REGION_WEIGHTS = "region_weights", Kind::ByName(&Kind::Integer { min: 1, max: 1_000_000 }), Optional("1 for each region"),
        "{ eu-west = 70, us-east = 30 }",
        "Weights of regions among equals; a region that is not named has weight 1.";
    SPREAD = "spread", Kind::Words {
            known: &[
                "weighted", "hash", "round-robin", "weighted-round-robin", "random", "all", "two-choices", "least-connections",
                "weighted-least-connections", "least-bandwidth", "least-packets", "least-response-time",
            ],
            later: &["ratio"],
        }, Default(r#""weighted""#), r#""hash""#,
        "How members of the chosen region are picked: at random by weight; by a hash of the client's prefix and the weight, so that \
         a client keeps its member; in turn, without or with weight; at random without weight; or all of them. The others move \
         the members' shares by what feeds report, or by how long checks take: see the manual's page on spreads.";
    SHED = "shed", Kind::Table(&crate::config::keys::shed::TABLE), Optional("no region hands clients on"), "{ low = 0.7, high = 0.9 }",
        "Regions with too much to do hand clients on. Clients are told apart by their /16 or /32 then, which is in the scope of \
         every answer under this policy.";
    PERCENTAGE_DRAIN = "percentage_drain", Kind::Boolean, Default("false"), "true",
        "Whether a region may be drained by a percentage (`azimuth drain --percent`). Scopes as with `shed`.";
    HASH_IPV4_PREFIX = "hash_ipv4_prefix", Kind::Integer { min: 1, max: 32 }, Default("24"), "20",
        "With `spread = \"hash\"` or `region_spread = \"hash\"`: how many bits of an IPv4 client are hashed.";
    HASH_IPV6_PREFIX = "hash_ipv6_prefix", Kind::Integer { min: 1, max: 128 }, Default("48"), "56",
        "With `spread = \"hash\"` or `region_spread = \"hash\"`: how many bits of an IPv6 client are hashed.";
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
    FALLBACK = "fallback", Kind::AddressesOrPolicy, Optional("needed with `all_down = \"fallback\"`"), r#"["192.0.2.99"]"#,
        "What is answered when no region has a member up: these addresses, or whatever another policy gives for the same pool. \
         Written without `all_down` it stands for `all_down = \"fallback\"`.";
    RULE = "rule", Kind::Tables(&crate::config::keys::rule::TABLE), Optional("no rules"), "",
        "Exceptions for some clients, one `[[policy.NAME.rule]]` each. For each client the rule with the most specific key decides \
         (`network`, then `asn`, `city`, `subdivision`, `country`, `continent`; of networks the longest prefix), then the order in \
         the file.";
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
    condition, "match of [[policy.NAME.rule]]", "a `match`", named false, later [],
    "The clients that a rule is for. All keys of one match must hold; at least one is given.";
    NETWORK = "network", Kind::Prefix, Optional("any address"), r#""198.51.100.0/24""#,
        "The client's address is inside.";
    ASN = "asn", Kind::Asn, Optional("any autonomous system"), "64500",
        "The client's address belongs to this autonomous system, as a number or a text like `\"AS64500\"`. Needs an ASN database.";
    CITY = "city", Kind::City, Optional("any city"), r#""Berlin""#,
        "The client is located in a city of this English name, in any letter case; `country` beside it tells namesakes apart. Needs \
         a City database; `azimuth geoip lookup` shows the names.";
    SUBDIVISION = "subdivision", Kind::Subdivision, Optional("any subdivision"), r#""DE-BE""#,
        "The client is located in this subdivision of a country: an ISO 3166-2 code, or an English name where the database has no \
         codes. Needs a City database.";
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

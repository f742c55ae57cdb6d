//! The keys of `[key.NAME]` and of the lists that name them.

use super::table;

table! {
    /// `[key.NAME]`.
    key, "[key.\"NAME\"]", "a key", named true, later [],
    "A TSIG key (RFC 8945), named as both servers call it. `tsig-keygen` makes one.";
    ALGORITHM = "algorithm",
        Kind::Words { known: &["hmac-sha256", "hmac-sha384", "hmac-sha512"], later: &[] },
        Default(r#""hmac-sha256""#), r#""hmac-sha512""#,
        "How messages are signed. MD5 and SHA-1 are not offered.";
    SECRET = "secret", Kind::Text, Optional("`secret_file` holds it"), r#""Zm9yIGV4YW1wbGUsIG5vdCBmb3IgdXNlLCBwbGVhc2U=""#,
        "The secret in Base64. It is never shown. A file with a secret in it should be readable by this server alone.";
    SECRET_FILE = "secret_file", Kind::Path, Optional("`secret` says it"), r#""keys/transfer.key""#,
        "A file with the secret: the Base64 text alone, or a `key` clause as `tsig-keygen` writes it.";
}

table! {
    /// An element of `transfer` in `[zone.NAME]`.
    transfer_entry, "`transfer` of `[zone.NAME]`", "an entry of `transfer`", named false, later [],
    "Who may have the zone: everything that an entry says must hold, and one entry is enough.";
    PREFIX = "prefix", Kind::Prefix, Optional("any address"), r#""192.0.2.0/24""#,
        "The client's address is in it.";
    KEY = "key", Kind::Name("key"), Optional("signed or not"), r#""transfer.example.""#,
        "The request is signed with this key.";
}

table! {
    /// An element of `notify` in `[zone.NAME]`.
    notify_target, "`notify` of `[zone.NAME]`", "an entry of `notify`", named false, later [],
    "A server that is told of each new serial of the zone.";
    ADDRESS = "address", Kind::ProbeAddress, Required, r#""192.0.2.2""#,
        "Where, with or without a port; 53 where there is none.";
    KEY = "key", Kind::Name("key"), Optional("unsigned"), r#""transfer.example.""#,
        "The key that the message is signed with.";
}

table! {
    /// An element of `update` in `[zone.NAME]`.
    update_entry, "`update` of `[zone.NAME]`", "an entry of `update`", named false, later [],
    "Who may change what of the zone by dynamic updates (RFC 2136): each change needs one entry that lets the client in and \
     names what is changed.";
    KEY = "key", Kind::Name("key"), Optional("signed or not, which `check` warns of"), r#""ddns.example.""#,
        "The request is signed with this key.";
    PREFIX = "prefix", Kind::Prefix, Optional("any address"), r#""192.0.2.0/24""#,
        "The client's address is in it.";
    NAMES = "names", Kind::List(&Kind::DomainName), Optional("every name of the zone"), r#"["_acme-challenge.www", "*.dyn"]"#,
        "The names that may be changed. `*.x` means everything below `x`, at any depth, without `x` itself.";
    TYPES = "types", Kind::List(&Kind::Text), Optional("all but SOA, NS at the apex, and those of DNSSEC"), r#"["TXT"]"#,
        "The types of records that may be changed. RRSIG, NSEC and NSEC3 never may.";
}

table! {
    /// An element of `primaries` in `[zone.NAME]`.
    primary, "`primaries` of `[zone.NAME]`", "an entry of `primaries`", named false, later [],
    "A server that a secondary zone is had from. One that needs no key may stand as its address alone.";
    ADDRESS = "address", Kind::ProbeAddress, Required, r#""192.0.2.1""#,
        "Where, with or without a port; 53 where there is none. NOTIFY messages are taken from this address too.";
    KEY = "key", Kind::Name("key"), Optional("unsigned"), r#""transfer.example.""#,
        "The key that questions and transfers are signed with. NOTIFY messages must be signed with it too.";
}

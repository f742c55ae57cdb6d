//! What good configurations of cookies, limits and names of the server mean.

use super::{load_files, load_text};
use crate::snapshot::Settings;
use crate::snapshot::settings::{CookieSecret, RateLimit};

#[test]
fn texts_are_taken_as_written_and_empty_ones_are_none() {
    let loaded = load_text("[server]\nnsid = \"fra1\"\nversion = \"Zürich\"\nidentity = \"\"\n");
    let settings = &loaded.config().settings;
    assert_eq!(settings.nsid.as_deref(), Some(&b"fra1"[..]));
    assert_eq!(settings.version.as_deref(), Some("Zürich".as_bytes()));
    assert_eq!(settings.identity, None);
}

#[test]
fn cookie_secrets_are_read_in_their_order() {
    let secrets = "# in use\n000102030405060708090a0b0c0d0e0f\n\n  FFEEDDCCBBAA99887766554433221100  \n";
    let toml = "[server.cookies]\nsecret_file = \"keys/cookies\"\nrequire_above = \"1 KiB\"\n";
    let loaded = load_files(&[("azimuth.toml", toml), ("keys/cookies", secrets)]);
    let config = loaded.config();
    let cookies = &config.settings.cookies;
    let (first, second) = (std::array::from_fn(|at| at as u8), std::array::from_fn(|at| 0xff - 0x11 * at as u8));
    assert_eq!(&*cookies.secrets, [CookieSecret(first), CookieSecret(second)]);
    assert_eq!((cookies.enabled, cookies.require_above), (true, Some(1024)));
    let file = config.server.cookie_secret_file.as_deref();
    assert_eq!(file, Some(&*config.files[0].parent().unwrap().join("keys/cookies")));
    let cookies = load_text("[server]\ncookies = { enabled = false }\n").config().settings.cookies.clone();
    assert!(!cookies.enabled && cookies.secrets.is_empty() && cookies.require_above.is_none());
}

#[test]
fn no_text_shows_a_secret() {
    for line in
        ["000102030405060708090a0b0c0d0e0", "+00102030405060708090a0b0c0d0e0f", "00010203 04050607 08090a0b 0c0d0e0f"]
    {
        let toml = "[server]\ncookies = { secret_file = \"s\" }\n";
        let loaded = load_files(&[("azimuth.toml", toml), ("s", line)]);
        assert!(loaded.config.is_none(), "{line}");
        let told = loaded.rendered();
        assert!(told.contains("`s`") || told.contains("s`, line 1"), "{told}");
        assert!(!told.contains("0102030405") && !told.contains("04050607"), "{told}");
    }
}

#[test]
fn limits_are_what_is_written_and_else_the_defaults() {
    let toml = r#"
        [server.rate_limit]
        responses_per_second = 20
        slip = 0
        exempt = ["192.0.2.0/24", "2001:db8::/32"]
        prefix_v4 = 32
        prefix_v6 = 48
        table_size = 2048
    "#;
    let exempt = ["192.0.2.0/24", "2001:db8::/32"].map(|text| text.parse().unwrap()).into_iter().collect();
    let expected = RateLimit {
        interval_micros: 50_000,
        slip: 0,
        ipv4_mask: u32::MAX,
        ipv6_mask: 0xffff_ffff_ffff_0000,
        exempt,
        table_size: 2048,
    };
    assert_eq!(load_text(toml).config().settings.rate_limit, expected);
    let alone = load_text("[server.rate_limit]\nprefix_v4 = 16\n").config().settings.rate_limit.clone();
    assert_eq!(alone, RateLimit { ipv4_mask: 0xffff_0000, ..Settings::default().rate_limit });
    let off = load_text("[server]\nrate_limit = { responses_per_second = 0 }\n").config().settings.rate_limit.clone();
    assert_eq!(off, RateLimit { interval_micros: 0, ..RateLimit::default() });
}

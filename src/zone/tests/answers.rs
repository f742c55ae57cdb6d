//! Lookups as data: a zone, questions and what the zone knows.

use super::check;

const HEAD: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 2h 30m 2w 60\n@ NS ns1\nns1 A 192.0.2.1\n";

fn check_with_head(text: &str, balanced: &[&str], expected: &str) {
    check("example.com.", &format!("{HEAD}{text}"), balanced, expected);
}

#[test]
fn positive_nodata_and_nxdomain() {
    check_with_head(
        "www A 192.0.2.2\nwww A 192.0.2.3\nwww TXT \"hi\"\nalias CNAME www\nabroad CNAME www.example.net.\n",
        &[],
        "www.example.com. A = A 300 192.0.2.2 | 192.0.2.3
         WWW.Example.COM. TXT = TXT 300 hi
         www.example.com. AAAA = NODATA
         www.example.com. ANY = A 300 192.0.2.2 | 192.0.2.3
         alias.example.com. A = -> CNAME 300 www.example.com.
         alias.example.com. CNAME = CNAME 300 www.example.com.
         alias.example.com. ANY = CNAME 300 www.example.com.
         abroad.example.com. A = -> CNAME 300 www.example.net.
         example.com. A = NODATA
         example.com. DS = NODATA
         example.com. NS = NS 300 ns1.example.com.
         no.example.com. A = NXDOMAIN
         no.www.example.com. A = NXDOMAIN
         a.b.c.d.e.f.example.com. ANY = NXDOMAIN",
    );
}

#[test]
fn rfc8020_an_empty_non_terminal_is_no_data() {
    check_with_head(
        "a.b.c A 192.0.2.2\n_sip._tcp SRV 1 2 3 www\n",
        &[],
        "b.c.example.com. A = NODATA
         c.example.com. ANY = NODATA
         _tcp.example.com. A = NODATA
         x.c.example.com. A = NXDOMAIN
         _sip._tcp.example.com. SRV = SRV 300 www.example.com.",
    );
}

#[test]
fn rfc4592_section_2_2_1_examples() {
    check(
        "example.",
        "$ORIGIN example.
         example. 3600 IN SOA ns.example.com. h.example.com. 1 2 3 4 5
         example. 3600 NS ns.example.com.
         example. 3600 NS ns.example.net.
         *.example. 3600 TXT \"this is a wildcard\"
         *.example. 3600 MX 10 host1.example.
         sub.*.example. 3600 TXT \"this is not a wildcard\"
         host1.example. 3600 A 192.0.2.1
         _ssh._tcp.host1.example. 3600 SRV 0 0 22 host1.example.
         _ssh._tcp.host2.example. 3600 SRV 0 0 22 host1.example.
         subdel.example. 3600 NS ns.example.com.
         subdel.example. 3600 NS ns.example.net.\n"
            .replace("\n         ", "\n")
            .as_str(),
        &[],
        "host3.example. MX = * MX 3600 host1.example.
         host3.example. A = NODATA
         foo.bar.example. TXT = * TXT 3600 this is a wildcard
         host1.example. MX = NODATA
         sub.*.example. MX = NODATA
         _telnet._tcp.host1.example. SRV = NXDOMAIN
         host.subdel.example. A = referral 1 NS 3600 ns.example.com. | ns.example.net.
         ghost.*.example. MX = NXDOMAIN
         *.example. TXT = TXT 3600 this is a wildcard
         host2.example. MX = NODATA",
    );
}

#[test]
fn a_wildcard_may_be_an_alias() {
    check_with_head(
        "*.w CNAME www\n*.deep.w A 192.0.2.9\nwww A 192.0.2.2\n",
        &[],
        "x.w.example.com. A = * -> CNAME 300 www.example.com.
         x.y.w.example.com. CNAME = * CNAME 300 www.example.com.
         deep.w.example.com. A = NODATA
         x.deep.w.example.com. A = * A 300 192.0.2.9
         *.w.example.com. A = -> CNAME 300 www.example.com.
         w.example.com. A = NODATA",
    );
}

#[test]
fn delegations_hide_what_is_below() {
    check_with_head(
        "sub NS ns.sub\nsub NS ns.example.net.\nsub DS 1 8 2 00ff\nsub TXT \"hidden\"\nns.sub A 192.0.2.5\nlow.sub NS ns.sub\n*.sub A 192.0.2.6\nplain NS ns1\n",
        &[],
        "sub.example.com. A = referral 0 NS 300 ns.sub.example.com. | ns.example.net.
         sub.example.com. NS = referral 0 NS 300 ns.sub.example.com. | ns.example.net.
         sub.example.com. ANY = referral 0 NS 300 ns.sub.example.com. | ns.example.net.
         sub.example.com. TXT = referral 0 NS 300 ns.sub.example.com. | ns.example.net.
         sub.example.com. DS = DS 300 6 octets
         plain.example.com. DS = NODATA
         ns.sub.example.com. A = referral 1 NS 300 ns.sub.example.com. | ns.example.net.
         ns.sub.example.com. DS = referral 1 NS 300 ns.sub.example.com. | ns.example.net.
         x.low.sub.example.com. A = referral 2 NS 300 ns.sub.example.com. | ns.example.net.
         low.sub.example.com. DS = referral 1 NS 300 ns.sub.example.com. | ns.example.net.
         a.b.c.sub.example.com. A = referral 3 NS 300 ns.sub.example.com. | ns.example.net.",
    );
}

#[test]
fn rfc6672_a_dname_redirects_what_is_below() {
    check_with_head(
        "d DNAME other.example.net.\nd A 192.0.2.7\n",
        &[],
        "d.example.com. A = A 300 192.0.2.7
         d.example.com. DNAME = DNAME 300 other.example.net.
         d.example.com. AAAA = NODATA
         x.d.example.com. A = below 1 DNAME 300 other.example.net.
         x.y.d.example.com. DNAME = below 2 DNAME 300 other.example.net.",
    );
    check(
        "example.com.",
        "@ 300 SOA ns.example.net. h 1 2 3 4 5\n@ NS ns.example.net.\n@ DNAME example.net.\n",
        &[],
        "example.com. TXT = NODATA
         x.example.com. TXT = below 1 DNAME 300 example.net.",
    );
}

#[test]
fn balanced_owners_are_nodes() {
    check_with_head(
        "www TXT \"beside\"\nwww HTTPS 1 . alpn=h2\n*.w TXT \"any\"\n",
        &["www", "api.v2", "*.geo", "@", "=alias", "*.w"],
        "www.example.com. A = balanced 0
         www.example.com. TXT = balanced 0 with TXT 300 beside
         www.example.com. ANY = balanced 0
         www.example.com. HTTPS = balanced 0 with HTTPS 300 .
         v2.example.com. A = NODATA
         x.v2.example.com. A = NXDOMAIN
         api.v2.example.com. AAAA = balanced 1
         de.geo.example.com. A = * balanced 2
         *.geo.example.com. A = balanced 2
         geo.example.com. A = NODATA
         example.com. A = balanced 3
         example.com. SOA = balanced 3 with SOA 300 39 octets
         alias.example.com. CNAME = balanced 4
         x.w.example.com. TXT = * balanced 5 with TXT 300 any",
    );
}

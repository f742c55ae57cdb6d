//! Zone files: host names with an address each, with or without signatures.

use super::chance::Chance;
use std::fmt::Write;

/// The origin of every zone.
pub const ORIGIN: &str = "example.com";

const APEX: &str = "@ IN SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 300
@ IN NS ns1.example.com.
@ IN NS ns2.example.com.
";

/// The label of host `number`.
pub fn host(number: u64) -> String {
    format!("host{number:05}")
}

fn begin() -> String {
    format!("$ORIGIN {ORIGIN}.\n$TTL 300\n{APEX}ns1 IN A 192.0.2.1\nns2 IN A 192.0.2.2\n")
}

fn address(number: u64) -> String {
    let [_, a, b, c] = (number as u32).to_be_bytes();
    format!("10.{a}.{b}.{c}")
}

/// A zone of so many hosts.
pub fn plain(hosts: u64) -> String {
    let mut text = begin();
    for number in 0..hosts {
        writeln!(text, "{} IN A {}", host(number), address(number)).unwrap();
    }
    text
}

/// The same signed, with NSEC, as with a key of ECDSA P-256. Everything has the size that it would have, but no key made these
/// signatures: whoever answers from a signed zone does not look.
pub fn signed(hosts: u64) -> String {
    let mut chance = Chance(13);
    let mut text = plain(hosts) + "www 60 IN A 192.0.2.10\n";
    for flags in [256, 257] {
        writeln!(text, "@ IN DNSKEY {flags} 3 13 {}", octets(&mut chance)).unwrap();
    }
    let mut sign = |text: &mut String, owner: &str, labels: u8, rtype: &str, ttl: u32| {
        let octets = octets(&mut chance);
        let times = "20370101000000 20200101000000";
        writeln!(text, "{owner} {ttl} IN RRSIG {rtype} 13 {labels} {ttl} {times} 12345 {ORIGIN}. {octets}").unwrap();
    };
    for rtype in ["SOA", "NS", "DNSKEY", "NSEC"] {
        sign(&mut text, "@", 2, rtype, 300);
    }
    // In the order of the chain.
    let owners: Vec<String> = (0..hosts).map(host).chain(["ns1", "ns2", "www"].map(str::to_owned)).collect();
    writeln!(text, "@ IN NSEC {} NS SOA RRSIG NSEC DNSKEY", owners[0]).unwrap();
    for (at, owner) in owners.iter().enumerate() {
        let next = owners.get(at + 1).map_or("@", String::as_str);
        writeln!(text, "{owner} 300 IN NSEC {next} A RRSIG NSEC").unwrap();
        sign(&mut text, owner, 3, "A", if owner == "www" { 60 } else { 300 });
        sign(&mut text, owner, 3, "NSEC", 300);
    }
    text
}

/// 64 octets of chance in base 64: as many as a key or a signature has.
fn octets(chance: &mut Chance) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text: String = (0..85).map(|_| char::from(*chance.one_of(alphabet))).collect();
    // The last digit has two bits that count.
    text.push(char::from(*chance.one_of(b"AQgw")));
    text + "=="
}

//! Where the server listens, as whom, and from where it answers.

use super::ZONE;
use super::server::{Server, Setup};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};

const TOML: &str = "[zone.\"example.test\"]\nfile = \"example.test.zone\"\n";
const FILES: &[(&str, &str)] = &[("azimuth.toml", TOML), ("example.test.zone", ZONE)];

/// A client drops what comes from another address than it asked; `dig` says so, too.
#[test]
fn a_wildcard_socket_answers_from_the_address_that_was_asked() {
    let asked = Ipv4Addr::new(127, 0, 77, 1);
    let setup = Setup { files: FILES, listen: Some("0.0.0.0"), asked, port: None, server: "" };
    let server = Server::start_with(&setup);
    for protocol in ["+notcp", "+tcp"] {
        assert_eq!(server.dig(&["plain.example.test", "A", protocol]), ["192.0.2.80"]);
    }
    let said = server.dig_all(&["plain.example.test", "A"]);
    assert!(said.contains(&format!("SERVER: {asked}#")) && !said.contains("unexpected source"), "{said}");
}

#[test]
fn ipv6_is_served_beside_ipv4() {
    if let Err(error) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) {
        println!("NOT TESTED: this machine has no IPv6 loopback, [::1] cannot be bound: {error}");
        return;
    }
    let server = Server::start_with(&Setup {
        files: FILES,
        listen: Some("[::1]"),
        asked: Ipv4Addr::LOCALHOST,
        port: None,
        server: "",
    });
    let port = server.dns.port().to_string();
    let ask = |arguments: &[&str]| {
        let fixed = ["@::1", "-p", &port, "+tries=1", "+time=60", "+short"];
        let output = std::process::Command::new("dig").args(fixed).args(arguments).output();
        String::from_utf8(output.expect("there is no `dig`: run `make setup`").stdout).unwrap()
    };
    assert_eq!(ask(&["plain.example.test", "A"]), "192.0.2.80\n");
    assert_eq!(ask(&["plain.example.test", "A", "+tcp"]), "192.0.2.80\n");
}

/// "Binding port 53 as root then dropping to a user must work": any port below 1024 is like it.
#[test]
fn a_low_port_is_bound_as_root_and_served_as_another_user() {
    if !rustix::process::geteuid().is_root() {
        println!("not root: nothing to drop, nothing tested");
        return;
    }
    let asked = Ipv4Addr::new(127, 0, 77, 2);
    let free = |port: &u16| TcpListener::bind((asked, *port)).is_ok() && UdpSocket::bind((asked, *port)).is_ok();
    let port = (900..1024).find(free);
    let setup = Setup { files: FILES, listen: None, asked, port, server: "user = \"nobody\"" };
    let server = Server::start_with(&setup);
    assert_eq!(server.dig(&["plain.example.test", "A"]), ["192.0.2.80"]);
    assert_eq!(server.dig(&["plain.example.test", "A", "+tcp"]), ["192.0.2.80"]);
    // Every thread, for every thread has credentials of its own.
    for task in std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let of = |key: &str| status.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
        assert!(!of("Uid:").split_whitespace().skip(1).any(|id| id == "0"), "{status}");
        assert!(!of("Gid:").split_whitespace().skip(1).any(|id| id == "0"), "{status}");
        assert!(!of("Groups:").split_whitespace().skip(1).any(|id| id == "0"), "{status}");
    }
    assert!(server.reload().contains("nothing changed"), "its files are still readable");
    assert!(!server.log().contains("still root"));
    drop(server);
    // Without a user it says what it stays, once, but only when a port is low.
    for (port, warnings) in [((900..1024).find(free), 1), (None, 0)] {
        let server = Server::start_with(&Setup { port, server: "", ..setup });
        assert_eq!(server.log().matches("still root").count(), warnings, "{port:?}");
    }
}

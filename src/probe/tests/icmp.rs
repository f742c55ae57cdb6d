//! `icmp` checks, as far as the system lets this process send echo requests: where it does not, each test asks that the
//! check says so.

use super::{BRIEF, assert_local, assert_passed, monitor, probe, timing};
use crate::health::Observation;
use crate::probe::spec::{IcmpCheck, Monitor, MonitorKind};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{SocketAddr, UdpSocket};

/// Whether the system lets this process send echo requests to `address`, asked without the code under test; if not, what
/// the check has to say.
fn permission(address: SocketAddr) -> Result<(), &'static str> {
    let (domain, protocol) = match address {
        SocketAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        SocketAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))
        .or_else(|first| Socket::new(domain, Type::RAW, Some(protocol)).map_err(|_| first));
    // Where a family is switched off there are sockets, but no way for what they send, of whatever protocol.
    let unspecified = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let connect = |_| UdpSocket::bind(unspecified)?.connect(SocketAddr::new(address.ip(), 9));
    match socket.map(connect) {
        Ok(Err(error)) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => Err("no address or port left"),
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => Err("does not speak the address family"),
        Err(_) => Err("may not send ICMP"),
    }
}

#[track_caller]
fn assert_seen(seen: &Observation, address: SocketAddr) {
    match permission(address) {
        Ok(()) => assert_passed(seen),
        Err(words) => assert_local(seen, words),
    }
}

#[test]
fn this_machine_answers_all_echo_requests() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let address: SocketAddr = address.parse().unwrap();
        for count in [1, 5] {
            let seen = probe(&monitor(MonitorKind::Icmp(IcmpCheck { count })), address);
            assert_seen(&seen, address);
            if let Observation::LocalError { reason } = &seen
                && reason.contains("may not send ICMP")
            {
                assert!(reason.contains("setcap") && reason.contains("ping_group_range"), "{reason}");
            }
        }
    }
}

#[test]
fn silence_fails_after_the_timeout_and_says_how_many_were_answered() {
    // Nobody answers for addresses of documentation; where there is no route to them, that is no result.
    let address: SocketAddr = "203.0.113.77:0".parse().unwrap();
    let kind = MonitorKind::Icmp(IcmpCheck { count: 2 });
    let (reason, is_known) = match probe(&Monitor { timing: timing(BRIEF), ..monitor(kind) }, address) {
        Observation::Failed { reason } => {
            (reason, &["timed out after 250ms: 0 of 2 echo requests answered", "unreachable", "rejected"][..])
        }
        Observation::LocalError { reason } => match permission(address) {
            Ok(()) => (reason, &["no route to 203.0.113.77", "forbidden on this machine"][..]),
            Err(words) => return assert!(reason.contains(words), "{reason}"),
        },
        Observation::Passed { .. } => panic!("203.0.113.77 answers"),
    };
    assert!(is_known.iter().any(|known| reason.contains(known)), "{reason}");
}

#[test]
fn many_checks_of_one_address_at_once_do_not_take_each_others_answers() {
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let check = move || crate::probe::icmp::IcmpProbe::new(IcmpCheck { count: 3 }, address, super::PATIENCE);
        let probes: Vec<_> = (0..200).map(|_| tokio::spawn(async move { check().probe().await })).collect();
        for probe in probes {
            assert_seen(&probe.await.unwrap(), address);
        }
    });
}

//! `icmp` checks, as far as the system lets this process send echo requests.

use super::{BRIEF, assert_passed, monitor, probe, timing};
use crate::health::Observation;
use crate::probe::spec::{IcmpCheck, Monitor, MonitorKind};
use std::net::SocketAddr;

/// What an echo check of this address sees; `None` where the system forbids it and says what to do.
fn ping(address: &str, count: u16) -> Option<Observation> {
    let address: SocketAddr = address.parse().unwrap();
    let seen = probe(&monitor(MonitorKind::Icmp(IcmpCheck { count })), address);
    if let Observation::LocalError { reason } = &seen
        && reason.contains("may not send ICMP")
    {
        assert!(reason.contains("setcap") && reason.contains("ping_group_range"), "{reason}");
        return None;
    }
    Some(seen)
}

#[test]
fn this_machine_answers_all_echo_requests() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        for count in [1, 5] {
            match ping(address, count) {
                Some(Observation::LocalError { reason }) => assert!(address.starts_with('['), "{reason}"),
                Some(seen) => assert_passed(&seen),
                None => {}
            }
        }
    }
}

#[test]
fn silence_fails_after_the_timeout_and_says_how_many_were_answered() {
    // Nobody answers for addresses of documentation; where there is no route to them, that is no result.
    let address: SocketAddr = "203.0.113.77:0".parse().unwrap();
    let kind = MonitorKind::Icmp(IcmpCheck { count: 2 });
    match probe(&Monitor { timing: timing(BRIEF), ..monitor(kind) }, address) {
        Observation::Failed { reason } => {
            let is_known = ["timed out after 250ms: 0 of 2 echo requests answered", "unreachable", "rejected"];
            assert!(is_known.iter().any(|known| reason.contains(known)), "{reason}");
        }
        Observation::LocalError { .. } => {}
        Observation::Passed { .. } => panic!("203.0.113.77 answers"),
    }
}

#[test]
fn many_checks_of_one_address_at_once_do_not_take_each_others_answers() {
    if ping("127.0.0.1:0", 1).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let check = move || crate::probe::icmp::IcmpProbe::new(IcmpCheck { count: 3 }, address, super::PATIENCE);
        let probes: Vec<_> = (0..200).map(|_| tokio::spawn(async move { check().probe().await })).collect();
        for probe in probes {
            assert_passed(&probe.await.unwrap());
        }
    });
}

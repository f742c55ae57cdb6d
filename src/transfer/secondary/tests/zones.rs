//! What goes well: transfers of every form, NOTIFY, keys, restarts, expiry.

use super::primary::{Piece, Primary, Script, a, deaf, having, name, soa, soa_with};
use super::*;
use crate::transfer::spec::{Algorithm, KeySpec, Secret, Settings};
use crate::wire::rtype;
use std::fs::OpenOptions;
use std::time::SystemTime;

#[test]
fn a_zone_is_transferred_and_follows_its_primary_by_increments() {
    let primary = Primary::start(having(&soa(1), &[a("www.example.", 1), a("gone.example.", 2)]));
    let world = World::following(&spec(&[primary.address]));
    world.wait_for_serial(1);
    assert_eq!(world.zone().record_count(), 3);
    // What is behind the two changes, and then a single one.
    primary.script(|script| {
        script.soa = Some(soa(3));
        script.changes = vec![
            Piece::Records(vec![soa(3), soa(1), a("gone.example.", 2), soa(2), a("new.example.", 3)]),
            Piece::Records(vec![soa(2), soa(3), a("new.example.", 4), soa(3)]),
        ];
    });
    assert_eq!(world.notify(Some(3)), Rcode::NOERROR);
    world.wait_for_serial(3);
    let expected = [soa(3), a("www.example.", 1), a("new.example.", 3), a("new.example.", 4)];
    let mut expected: Vec<_> = expected.iter().map(|record| format!("{record:?}")).collect();
    expected.sort();
    assert_eq!(world.records(), expected);
    assert_eq!(primary.script(|script| script.asked.clone()), [rtype::AXFR, rtype::IXFR]);
    // Our own secondaries are brought up to date in the same steps.
    let (_, history) = world.live().with_history();
    let steps: Vec<_> = history.since(1).unwrap().iter().map(|delta| (delta.from, delta.to)).collect();
    assert_eq!(steps, [(1, 2), (2, 3)]);
    let status = world.status();
    assert_eq!((status.whole, status.incremental, status.state), (1, 1, State::Serving));
}

#[test]
fn a_whole_zone_in_place_of_increments_is_remembered_as_what_changed() {
    let primary = Primary::start(having(&soa(1), &[a("www.example.", 1)]));
    let world = World::following(&spec(&[primary.address]));
    world.wait_for_serial(1);
    // Asked for increments it gives the whole zone; then it does not know increments at all.
    let next = having(&soa(2), &[a("www.example.", 2)]);
    primary.script(|script| *script = Script { changes: next.whole.clone(), ..next });
    world.notify(None);
    world.wait_for_serial(2);
    primary.script(|script| *script = having(&soa(3), &[a("www.example.", 3)]));
    world.notify(None);
    world.wait_for_serial(3);
    let history = world.live().with_history().1.since(1).unwrap();
    assert_eq!(history[0].removed, [soa(1), a("www.example.", 1)]);
    assert_eq!(history[1].added, [soa(3), a("www.example.", 3)]);
}

#[test]
fn notify_is_heeded_from_primaries_alone_and_an_old_serial_asks_for_nothing() {
    let primary = Primary::start(having(&soa(5), &[]));
    let world = World::following(&spec(&[primary.address]));
    world.wait_for_serial(5);
    let handle = world.secondaries().handle();
    let notified = |apex: &str, source: &str, key: Option<&Name>| {
        handle.notified(&name(apex), source.parse().unwrap(), key, Some(5))
    };
    assert_eq!(notified("other.", "127.0.0.1", None), Rcode::NOTAUTH);
    assert_eq!(notified("www.example.", "127.0.0.1", None), Rcode::NOTAUTH);
    assert_eq!(notified("example.", "192.0.2.1", None), Rcode::REFUSED);
    assert_eq!(notified("EXAMPLE.", "::ffff:127.0.0.1", None), Rcode::NOERROR);
    assert_eq!(world.notify(Some(6)), Rcode::NOERROR);
    // One that comes behind it and tells of less takes nothing away.
    assert_eq!(world.notify(Some(5)), Rcode::NOERROR);
    wait_until("the NOTIFY was looked at", || world.status().notified == 1);
    let mut with_key = spec(&[primary.address]);
    with_key.primaries[0].key = Some(name("key."));
    world.configure(Some(&with_key), &TransferSpec::default());
    assert_eq!(notified("example.", "127.0.0.1", None), Rcode::REFUSED);
    assert_eq!(notified("example.", "127.0.0.1", Some(&name("other."))), Rcode::REFUSED);
    assert_eq!(notified("example.", "127.0.0.1", Some(&name("KEY."))), Rcode::NOERROR);
}

/// The key `key.` with a secret of this octet.
fn keys(octet: u8) -> TransferSpec {
    let secret = Secret([octet; 32].into());
    let key = KeySpec { name: name("key."), algorithm: Algorithm::HmacSha256, secret };
    TransferSpec { keys: vec![key], ..TransferSpec::default() }
}

#[test]
fn with_a_key_everything_is_signed_and_a_wrong_one_gets_nothing() {
    let given = having(&soa(1), &[a("www.example.", 1)]);
    let primary = Primary::start(Script { keys: Some(Settings::new(&keys(1)).keys), ..given });
    let mut with_key = spec(&[primary.address]);
    with_key.primaries[0].key = Some(name("key."));
    let world = World::new();
    world.configure(Some(&with_key), &TransferSpec::default());
    wait_until("the missing key is noticed", || world.failures("signature") > 0);
    world.configure(Some(&with_key), &keys(1));
    world.wait_for_serial(1);
    // A stream whose end is not signed is not believed.
    let keys = primary.script(|script| script.keys.clone());
    primary.script(|script| *script = Script { keys, signs_first_only: true, ..having(&soa(2), &[]) });
    let before = world.failures("signature");
    let notify = || world.secondaries().handle().notified(&name("example."), LOOPBACK, Some(&name("key.")), None);
    assert_eq!(notify(), Rcode::NOERROR);
    wait_until("the missing signature is noticed", || world.failures("signature") > before);
    assert_eq!(world.zone().serial(), 1);
    primary.script(|script| script.signs_first_only = false);
    assert_eq!(notify(), Rcode::NOERROR);
    world.wait_for_serial(2);
}

#[test]
fn a_truncated_answer_is_asked_for_over_tcp_and_a_dead_primary_is_passed_over() {
    let good = Primary::start(Script { truncates: true, ..having(&soa(7), &[]) });
    let refusing = Primary::start(Script { soa: None, ..having(&soa(9), &[]) });
    let (_deaf, nobody) = deaf();
    let world = World::following(&spec(&[nobody, refusing.address, good.address]));
    world.wait_for_serial(7);
    assert!(world.failures("network") > 0 && world.failures("refused") > 0);
    assert_eq!(good.script(|script| script.asked.clone()), [rtype::SOA, rtype::AXFR]);
    // The one that has answered is asked first the next time.
    let failures = world.status().failures;
    let before = world.status().up_to_date;
    world.configure(
        Some(&SecondarySpec {
            refresh_max: Duration::from_millis(100),
            ..spec(&[nobody, refusing.address, good.address])
        }),
        &TransferSpec::default(),
    );
    wait_until("it was compared again", || world.status().up_to_date > before);
    assert_eq!(world.status().failures, failures);
}

#[test]
fn a_restart_needs_no_primary() {
    let primary = Primary::start(having(&soa(1), &[a("www.example.", 1)]));
    let world = World::following(&spec(&[primary.address]));
    world.wait_for_serial(1);
    primary.script(|script| {
        script.soa = Some(soa(2));
        script.changes = vec![Piece::Records(vec![soa(2), soa(1), soa(2), a("new.example.", 2), soa(2)])];
    });
    world.notify(None);
    world.wait_for_serial(2);
    let records = world.records();
    let state_dir = world.stop();
    let (_deaf, nobody) = deaf();
    let world = World::over(Arc::clone(&state_dir));
    world.configure(Some(&spec(&[nobody])), &TransferSpec::default());
    assert_eq!((world.zone().serial(), world.records()), (2, records), "before any primary was asked");
    assert_eq!(world.live().with_history().1.since(1).unwrap().len(), 1);
    world.stop();
    // Expiry is counted over restarts.
    let file = OpenOptions::new().append(true).open(kept_file(state_dir.path())).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(86_401)).unwrap();
    let world = World::over(Arc::clone(&state_dir));
    world.configure(Some(&spec(&[nobody])), &TransferSpec::default());
    assert!(!world.zone().is_available());
    world.stop();
    // And what is broken is had from the primary again.
    primary.script(|script| *script = having(&soa(2), &[]));
    std::fs::write(kept_file(state_dir.path()), b"azimuth secondary zone 1\nZ\x07example").unwrap();
    let world = World::over(state_dir);
    world.configure(Some(&spec(&[primary.address])), &TransferSpec::default());
    world.wait_for_serial(2);
}

#[test]
fn a_zone_expires_while_it_is_transferred_and_what_comes_is_taken_all_the_same() {
    // Time enough for the transfer to begin before.
    let primary = Primary::start(having(&soa_with(1, [0, 0, 4]), &[]));
    let mut world = World::new();
    world.secondaries = Some(Secondaries::start(world.zones.clone(), world.state_dir.path()).unwrap());
    world.configure(Some(&spec(&[primary.address])), &TransferSpec::default());
    world.wait_for_serial(1);
    let whole = vec![Piece::Records(vec![soa(2), a("www.example.", 1)]), Piece::Gate, Piece::Records(vec![soa(2)])];
    primary.script(|script| *script = Script { changes: whole, ..having(&soa(2), &[]) });
    world.notify(None);
    wait_until("it expires", || world.status().state == State::Expired);
    assert!(!world.zone().is_available());
    primary.script(|script| script.is_open = true);
    world.wait_for_serial(2);
    assert_eq!(primary.script(|script| script.asked.clone()), [rtype::IXFR], "it was not begun anew");
}

#[test]
fn a_zone_without_a_primary_expires_and_comes_back_by_itself() {
    // Bounds make it 100 ms to the next try and 200 ms to the end.
    let script = having(&soa_with(1, [0; 3]), &[a("www.example.", 1)]);
    let primary = Primary::start(script.clone());
    let world = World::following(&spec(&[primary.address]));
    world.wait_for_serial(1);
    primary.script(|script| script.soa = None);
    wait_until("it expires", || world.status().state == State::Expired);
    assert!(!world.zone().is_available());
    // Whatever serial it has then, an older one too.
    primary.script(|now| *now = having(&soa(0), &[]));
    wait_until("it is served again", || world.zone().is_available());
    wait_until("it says so", || world.status().state == State::Serving);
}

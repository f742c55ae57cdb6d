//! What goes wrong: whatever a primary sends, what is served stays as it is, and the next good transfer is taken.

use super::primary::{Piece, Primary, Script, a, having, record, soa};
use super::*;
use crate::transfer::secondary::failure::Failure;
use crate::transfer::secondary::fetch::{Fetch, Fetched};
use crate::wire::rtype;

/// A world with serial 1 of a primary that goes on with `script`, until it has failed at least once for `kind`.
fn fails_with(kind: &str, script: Script) -> (World, Primary) {
    let primary = Primary::start(having(&soa(1), &[a("www.example.", 1)]));
    let follow = if kind == "timeout" { World::following_silence } else { World::following };
    let world = follow(&spec(&[primary.address]));
    world.wait_for_serial(1);
    let records = world.records();
    primary.script(|now| *now = script);
    assert_eq!(world.notify(None), Rcode::NOERROR);
    wait_until(&format!("it fails for {kind}"), || world.failures(kind) > 0);
    assert_eq!(world.records(), records, "{kind}: what is served stays");
    assert_eq!(world.live().with_history().0.serial(), 1);
    (world, primary)
}

/// What a primary with serial 2 sends as whole zone; it has no increments.
fn whole(pieces: Vec<Piece>) -> Script {
    Script { whole: pieces, ..having(&soa(2), &[]) }
}

fn recovers((world, primary): (World, Primary)) {
    primary.script(|now| *now = having(&soa(2), &[a("www.example.", 2)]));
    world.notify(None);
    world.wait_for_serial(2);
    assert_eq!(world.zone().record_count(), 2);
}

#[test]
fn a_transfer_that_ends_early_changes_nothing() {
    recovers(fails_with("content", whole(vec![Piece::Records(vec![soa(2), a("www.example.", 9)])])));
    recovers(fails_with("content", whole(vec![])));
}

#[test]
fn a_transfer_that_stalls_is_given_up() {
    let pieces = vec![Piece::Records(vec![soa(2), a("www.example.", 9)]), Piece::Silence];
    recovers(fails_with("timeout", whole(pieces)));
}

#[test]
fn a_primary_that_sends_a_little_now_and_then_is_late_all_the_same() {
    let primary = Primary::start(whole(vec![Piece::Records(vec![soa(2)]), Piece::Trickle]));
    let spec = spec(&[primary.address]);
    let patience = Patience { silence_max: PATIENCE, transfer_max: Duration::from_millis(300) };
    let fetch = Fetch { address: primary.address, key: None, spec: &spec, patience };
    assert!(matches!(fetch.run(None), Err(Failure::Timeout)));
}

#[test]
fn a_zone_that_changes_during_the_transfer_is_not_taken() {
    let pieces = vec![Piece::Records(vec![soa(2), a("www.example.", 9)]), Piece::Records(vec![soa(3)])];
    recovers(fails_with("content", whole(pieces)));
}

#[test]
fn what_is_no_message_is_not_taken() {
    for octets in [vec![], vec![0; 11], vec![0xff; 40]] {
        let pieces = vec![Piece::Records(vec![soa(2), a("www.example.", 9)]), Piece::Octets(octets)];
        recovers(fails_with("malformed", whole(pieces)));
    }
}

#[test]
fn a_transfer_without_end_is_broken_off() {
    // Sixteen addresses a name: a message of some 50 kB, and more of them than a MiB holds.
    let many = |message: u8| {
        let owners = (0..200).map(move |n| format!("n{n}.m{message}.example."));
        owners.flat_map(|owner| (0..16).map(move |last| a(&owner, last))).collect::<Vec<_>>()
    };
    let mut pieces = vec![Piece::Records(vec![soa(2)])];
    pieces.extend((0..24).map(|message| Piece::Records(many(message))));
    recovers(fails_with("too_long", whole(pieces)));
}

#[test]
fn an_older_serial_is_an_alarm_and_no_transfer() {
    let (world, primary) = fails_with("older_serial", having(&soa(0), &[]));
    assert_eq!(primary.script(|script| script.asked.len()), 0, "nothing was asked for");
    recovers((world, primary));
}

/// A zone of one name follows a primary that sends these changes, and has the whole zone in their place.
fn takes_the_whole_zone_instead_of(pieces: Vec<Piece>, len_max: u64) {
    let primary = Primary::start(having(&soa(1), &[a("www.example.", 1)]));
    let is_silent = pieces.iter().any(|piece| matches!(piece, Piece::Silence));
    let follow = if is_silent { World::following_silence } else { World::following };
    let world = follow(&SecondarySpec { len_max, ..spec(&[primary.address]) });
    world.wait_for_serial(1);
    let next = having(&soa(2), &[a("www.example.", 2)]);
    primary.script(|now| *now = Script { changes: pieces, ..next });
    world.notify(None);
    world.wait_for_serial(2);
    assert_eq!((world.status().whole, world.status().incremental), (2, 0));
}

#[test]
fn increments_that_stall_are_replaced_by_the_whole_zone() {
    takes_the_whole_zone_instead_of(vec![Piece::Records(vec![soa(2), soa(1)]), Piece::Silence], 1 << 20);
}

#[test]
fn increments_that_unfold_to_more_than_is_allowed_are_replaced_by_the_whole_zone() {
    // Long names that take two octets each on their way.
    let owner = format!("{}.example.", vec!["x".repeat(60); 3].join("."));
    let records = (0..1000_u16).map(|n| record(&owner, rtype::A, &[10, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]]));
    let mut changes = vec![soa(2), soa(1), soa(2)];
    changes.extend(records);
    changes.push(soa(2));
    let fits = Primary::start(Script { changes: vec![Piece::Records(changes.clone())], ..having(&soa(2), &[]) });
    let ours = Zone::from_records(&spec(&[]).zone, [soa(1)]).unwrap();
    for (len_max, is_taken) in [(1 << 20, true), (100_000, false)] {
        let spec = SecondarySpec { len_max, ..spec(&[fits.address]) };
        let patience = Patience { silence_max: PATIENCE, transfer_max: PATIENCE };
        let fetch = Fetch { address: fits.address, key: None, spec: &spec, patience };
        let Ok(Fetched::Zone { deltas, len, .. }) = fetch.run(Some(&ours)) else { panic!("no transfer") };
        assert_eq!(!deltas.is_empty(), is_taken, "{len} octets of at most {len_max}");
        assert!(len < 100_000);
    }
}

#[test]
fn more_changes_than_twice_the_zone_are_replaced_by_the_whole_zone() {
    let names = |message: u8| (0..2500).map(move |n| a(&format!("n{n}.m{message}.example."), 1)).collect();
    let mut pieces = vec![Piece::Records(vec![soa(2), soa(1), soa(2)])];
    pieces.extend((0..44).map(|message| Piece::Records(names(message))));
    pieces.push(Piece::Records(vec![soa(2)]));
    takes_the_whole_zone_instead_of(pieces, 1 << 30);
}

#[test]
fn increments_that_do_not_fit_are_replaced_by_the_whole_zone() {
    let misfits = [
        // Removes what is not there, adds what is there, begins elsewhere, leads backwards, ends early.
        vec![soa(2), soa(1), a("www.example.", 7), soa(2), soa(2)],
        vec![soa(2), soa(1), soa(2), a("www.example.", 1), soa(2)],
        vec![soa(2), soa(0), soa(2), soa(2)],
        vec![soa(2), soa(1), soa(1), soa(2), soa(2)],
        vec![soa(2), soa(1), soa(2)],
    ];
    for misfit in misfits {
        let primary = Primary::start(having(&soa(1), &[a("www.example.", 1)]));
        let world = World::following(&spec(&[primary.address]));
        world.wait_for_serial(1);
        let next = having(&soa(2), &[a("www.example.", 2)]);
        primary.script(|now| *now = Script { changes: vec![Piece::Records(misfit.clone())], ..next });
        world.notify(None);
        world.wait_for_serial(2);
        assert_eq!((world.status().whole, world.status().incremental), (2, 0), "{misfit:?}");
    }
}

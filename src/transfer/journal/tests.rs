//! Journals that were torn, damaged, condensed, moved and merged.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::Step;
use super::file::{Contents, Journal, JournalError};
use super::fold::Folded;
use super::format::Header;
use super::merge::{Prefer, merge};
use super::store::{Journals, Settled};
use crate::base::Sources;
use crate::transfer::message::MessageRecord;
use crate::transfer::reload::{Candidate, resolve};
use crate::transfer::spec::{AccessEntry, UpdateRule};
use crate::transfer::update::semantics::{Applied, apply};
use crate::transfer::{LiveZones, ZoneTransfers};
use crate::wire::{Name, Section, class, rtype};
use crate::zone::text_out::to_text;
use crate::zone::{BalancedOwner, Change, Role, Zone, ZoneSpec};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), Some(&Name::from_text(b"example.", None).unwrap())).unwrap()
}

const FILE: &str =
    "$TTL 300\n@ SOA ns host 1 60 60 60 60\n@ NS ns\nns A 192.0.2.53\na A 192.0.2.1\na A 192.0.2.2\nb TXT x\n";

/// A zone file in a folder with a state folder.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        world.write(FILE);
        world
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path("zone"), text).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) -> Arc<Zone> {
        load(&self.path("zone"))
    }

    fn journals(&self) -> Journals {
        Journals::new(&self.path("state"))
    }
}

fn load(file: &Path) -> Arc<Zone> {
    load_with(file, Vec::new())
}

fn load_with(file: &Path, balanced: Vec<BalancedOwner>) -> Arc<Zone> {
    let spec = ZoneSpec { apex: name("@"), file: file.into(), span: None, balanced };
    let (zone, diagnostics) = Zone::load(&spec, None, &mut Sources::default());
    zone.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn message(class: u16, owner: &str, rtype: u16, data: &[u8]) -> MessageRecord {
    let ttl = if class == class::IN { 300 } else { 0 };
    MessageRecord { section: Section::Authority, owner: name(owner), rtype, class, ttl, data: data.into() }
}

fn add(owner: &str, last: u8) -> MessageRecord {
    message(class::IN, owner, rtype::A, &[192, 0, 2, last])
}

fn remove(owner: &str, last: u8) -> MessageRecord {
    message(class::NONE, owner, rtype::A, &[192, 0, 2, last])
}

/// The zone after an update, and the step.
fn updated(zone: &Arc<Zone>, changes: &[MessageRecord]) -> (Arc<Zone>, Step) {
    match apply(zone, &[], &changes.iter().collect::<Vec<_>>()).unwrap_or_else(|refusal| panic!("{refusal:?}")) {
        Applied::Changed(zone, step) => (Arc::new(*zone), step),
        Applied::Unchanged => panic!("nothing changed"),
    }
}

fn header(zone: &Zone) -> Header {
    Header { apex: zone.apex().clone(), base_hash: zone.content_hash(), base_serial: zone.serial() }
}

fn replayed(base: &Zone, steps: &[Step]) -> String {
    let changes: Vec<Change> = steps.iter().flat_map(Step::changes).collect();
    base.edited(&changes).unwrap().to_text()
}

/// A journal with three writes: the zone after each, and where each ends.
fn three_writes(world: &World) -> (Vec<Arc<Zone>>, Vec<u64>, std::path::PathBuf) {
    let (mut zone, path) = (world.load(), world.path("journal"));
    let (mut zones, mut ends) = (vec![Arc::clone(&zone)], Vec::new());
    let mut journal: Option<Journal> = None;
    for changes in [vec![add("a", 3)], vec![remove("a", 1), add("new", 9)], vec![remove("new", 9)]] {
        let (after, step) = updated(&zone, &changes);
        match &mut journal {
            Some(journal) => journal.append(&[step]).unwrap(),
            None => journal = Some(Journal::create(&path, header(&zone), &[step]).unwrap()),
        }
        ends.push(journal.as_ref().unwrap().len());
        zones.push(Arc::clone(&after));
        zone = after;
    }
    (zones, ends, path)
}

#[test]
fn whatever_is_cut_off_every_whole_write_is_there() {
    let world = World::new();
    let (zones, ends, path) = three_writes(&world);
    let octets = std::fs::read(&path).unwrap();
    assert_eq!(octets.len() as u64, ends[2]);
    for len in ends[0]..=ends[2] {
        let whole = ends.iter().filter(|end| **end <= len).count();
        // Cut, and with the rest full of zeros, as file systems may leave it.
        for filler in [0, octets.len() - len as usize] {
            let mut torn = octets[..len as usize].to_vec();
            torn.resize(len as usize + filler, 0);
            std::fs::write(&path, &torn).unwrap();
            let (mut journal, contents) = Journal::open(&path, zones[0].apex()).unwrap().unwrap();
            assert_eq!(contents.steps.len(), whole, "{len}");
            assert_eq!(replayed(&zones[0], &contents.steps), zones[whole].to_text());
            // And it goes on from there.
            let (after, step) = updated(&zones[whole], &[add("more", 1)]);
            journal.append(&[step]).unwrap();
            let again = Contents::read(&path, zones[0].apex()).unwrap().unwrap();
            assert_eq!((again.torn, replayed(&zones[0], &again.steps)), (0, after.to_text()));
        }
    }
}

#[test]
fn damage_in_the_middle_is_named_with_its_place_and_what_to_do() {
    let world = World::new();
    let (zones, ends, path) = three_writes(&world);
    let octets = std::fs::read(&path).unwrap();
    for at in ends[0]..ends[1] {
        let mut damaged = octets.clone();
        damaged[at as usize] ^= 0x10;
        let error = Contents::parse(&damaged, &path, zones[0].apex()).unwrap_err();
        assert!(matches!(&error, JournalError::Damaged { at, .. } if *at as u64 == ends[0]), "{at}: {error}");
        assert!(error.remedy().contains("azimuth zone discard-journal example."));
    }
    let mut foreign = octets;
    foreign[20] ^= 1;
    assert!(matches!(Contents::parse(&foreign, &path, zones[0].apex()), Err(JournalError::Foreign { .. })));
}

#[test]
fn a_journal_that_was_put_aside_is_not_written_to() {
    let world = World::new();
    let (zones, _, path) = three_writes(&world);
    let (mut journal, _) = Journal::open(&path, zones[0].apex()).unwrap().unwrap();
    let (_, step) = updated(&zones[3], &[add("more", 1)]);
    std::fs::rename(&path, world.path("aside")).unwrap();
    assert!(matches!(journal.append(std::slice::from_ref(&step)), Err(JournalError::Replaced { .. })));
    std::fs::copy(world.path("aside"), &path).unwrap();
    assert!(matches!(journal.append(&[step]), Err(JournalError::Replaced { .. })));
}

/// What of a zone is live after start or reload, as a server would have it.
fn settle(journals: &Journals, world: &World, live: Option<&Arc<Zone>>) -> (&'static str, Arc<Zone>) {
    let base = world.load();
    match journals.settle((&base, &[]), live, true).unwrap_or_else(|diagnostic| panic!("{diagnostic:?}")) {
        Settled::Files => ("files", base),
        Settled::AsItIs => ("as it is", Arc::clone(live.unwrap())),
        Settled::Replayed(zone, _) => ("replayed", zone),
        Settled::Apart(_) => ("apart", live.map_or(base, Arc::clone)),
    }
}

#[test]
fn start_and_reload_replay_refuse_and_forget() {
    let world = World::new();
    let text = {
        let journals = world.journals();
        let (how, zone) = settle(&journals, &world, None);
        assert_eq!(how, "files");
        let (live, step) = updated(&zone, &[add("a", 7)]);
        journals.append(&zone, &[step]).unwrap();
        assert!(!journals.were_moved());
        live.to_text()
    };
    let journals = world.journals();
    let (how, zone) = settle(&journals, &world, None);
    assert_eq!((how, zone.to_text()), ("replayed", text));
    assert_eq!(settle(&journals, &world, Some(&zone)).0, "replayed", "the same text in another zone");
    // Edited: the running version goes on, updates included.
    world.write(&(FILE.to_owned() + "c A 192.0.2.77\n"));
    assert_eq!(settle(&journals, &world, Some(&zone)).0, "apart");
    let (live, step) = updated(&zone, &[add("late", 1)]);
    journals.append(&zone, &[step]).unwrap();
    assert_eq!(settle(&journals, &world, Some(&live)).0, "apart");
    // Edited back.
    world.write(FILE);
    let (how, zone) = settle(&journals, &world, Some(&live));
    assert_eq!((how, zone.to_text()), ("replayed", live.to_text()));
    // Put aside.
    world.write(&(FILE.to_owned() + "c A 192.0.2.77\n"));
    let held = journals.hold(&name("@")).unwrap().unwrap();
    held.put_aside(".aside").unwrap();
    drop(held);
    assert!(journals.were_moved());
    let (_, step) = updated(&live, &[add("never", 1)]);
    assert!(matches!(journals.append(&live, &[step]), Err(JournalError::Replaced { .. })));
    let (how, zone) = settle(&journals, &world, Some(&live));
    assert_eq!((how, zone.to_text().contains("c.example.")), ("files", true));
    let (_, step) = updated(&zone, &[add("again", 1)]);
    journals.append(&zone, &[step]).unwrap();
}

#[test]
fn a_change_of_another_zone_than_the_journal_leads_to_is_not_written() {
    let world = World::new();
    let (zones, ends, path) = three_writes(&world);
    let (mut journal, _) = Journal::open(&path, zones[0].apex()).unwrap().unwrap();
    let (_, step) = updated(&zones[1], &[add("more", 1)]);
    assert!(matches!(journal.append(&[step]), Err(JournalError::Gap { last: 4, from: 2, .. })));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), ends[2]);
}

#[test]
fn a_journal_that_was_mended_where_it_lies_is_taken_with_the_next_reload() {
    let world = World::new();
    let path = {
        let journals = world.journals();
        let (_, zone) = settle(&journals, &world, None);
        let (_, step) = updated(&zone, &[add("a", 7)]);
        journals.append(&zone, &[step]).unwrap();
        journals.path(&name("@"))
    };
    let octets = std::fs::read(&path).unwrap();
    std::fs::write(&path, b"something else").unwrap();
    let journals = world.journals();
    assert_eq!(settle(&journals, &world, None).0, "apart");
    std::fs::write(&path, octets).unwrap();
    assert!(journals.were_moved());
    assert_eq!(settle(&journals, &world, None).0, "replayed");
    assert!(!journals.were_moved());
}

fn balanced(owner: &str) -> Vec<BalancedOwner> {
    vec![BalancedOwner { owner: name(owner), role: Role::Balanced, answers_cname: false, span: None }]
}

#[test]
fn names_that_are_balanced_since_are_looked_for_in_the_journal() {
    let world = World::new();
    {
        let journals = world.journals();
        let (_, base) = settle(&journals, &world, None);
        let (after, one) = updated(&base, &[add("api", 3), message(class::IN, "api", rtype::TXT, b"\x01x")]);
        let (_, two) = updated(&after, &[message(class::IN, "sub", rtype::NS, name("ns").as_wire())]);
        journals.append(&base, &[one, two]).unwrap();
    }
    for (owner, conflict) in [
        ("API", Some("API.example. is balanced, and updates have added A records to it")),
        ("x.sub", Some("x.sub.example. is balanced, and updates have put a delegation or DNAME at or above it")),
        ("other", None),
    ] {
        let balanced = balanced(owner);
        let base = load_with(&world.path("zone"), balanced.clone());
        let found = match world.journals().settle((&base, &balanced), None, true).unwrap() {
            Settled::Apart(why) => Some(why.message),
            _ => None,
        };
        assert_eq!(found.as_ref().and_then(|found| found.split_once("zone: ")).map(|(_, why)| why), conflict);
        assert_eq!(world.journals().check(&base, &balanced).map(|why| why.message), found);
    }
}

#[test]
fn a_zone_that_stays_as_it_was_has_the_balanced_names_that_it_had() {
    let world = World::new();
    let (journals, live, state_dir) = (world.journals(), LiveZones::default(), world.path("state"));
    let rule = UpdateRule { client: AccessEntry { prefix: None, key: None }, names: Vec::new(), types: None };
    let transfers = ZoneTransfers { update: vec![rule], ..ZoneTransfers::default() };
    let reload = |owners: Vec<BalancedOwner>| {
        let spec = ZoneSpec { apex: name("@"), file: world.path("zone"), span: None, balanced: owners.clone() };
        let file = load_with(&world.path("zone"), owners);
        let candidate = Candidate { spec: &spec, transfers: &transfers, file: &file, state_dir: &state_dir };
        let mut pause = live.pause();
        let resolved = resolve(&mut pause, &candidate, &journals).ok()?;
        pause.adopt();
        Some((resolved.zone, resolved.complaint.is_some()))
    };
    let (zone, _) = reload(balanced("www")).unwrap();
    let (_, step) = updated(&zone, &[add("a", 7)]);
    journals.append(&zone, &[step]).unwrap();
    world.write(&(FILE.to_owned() + "c A 192.0.2.77\n"));
    let (kept, complains) = reload(balanced("www")).unwrap();
    assert!(Arc::ptr_eq(&kept, &zone) && complains);
    assert!(reload([balanced("api"), balanced("www")].concat()).is_none(), "else `www` would answer from another pool");
    assert!(reload(balanced("www")).unwrap().1);
}

#[test]
fn a_long_journal_is_condensed_and_goes_on() {
    let world = World::new();
    let journals = world.journals();
    let mut zone = settle(&journals, &world, None).1;
    let text: Vec<u8> = (0..200_u8).flat_map(|number| [&[255][..], &[number; 255]].concat()).collect();
    let mut longest = 0;
    for round in 0..90 {
        let class = if round % 2 == 0 { class::IN } else { class::NONE };
        let (after, step) = updated(&zone, &[message(class, "big", rtype::TXT, &text), add(&format!("n{round}"), 1)]);
        journals.append(&zone, &[step]).unwrap();
        if let Some(job) = journals.condensing(zone.apex()) {
            assert!(journals.condensing(zone.apex()).is_none(), "one at a time");
            job.run().unwrap();
        }
        zone = after;
        longest = longest.max(journals.lens()[0].1);
    }
    assert!(longest > 4_000_000 && journals.lens()[0].1 < 2 << 20, "{longest} {:?}", journals.lens());
    assert!(!journals.were_moved());
    drop(journals);
    let (how, again) = settle(&world.journals(), &world, None);
    assert_eq!((how, again.to_text()), ("replayed", zone.to_text()));
}

#[test]
fn a_reload_that_is_refused_elsewhere_leaves_updates_as_they_were() {
    let world = World::new();
    let journals = world.journals();
    let (_, live) = settle(&journals, &world, None);
    world.write(&(FILE.to_owned() + "c A 192.0.2.77\n"));
    assert_eq!(settle(&journals, &world, Some(&live)).0, "files");
    // It did not become live, because something else was wrong.
    let (_, step) = updated(&live, &[add("a", 7)]);
    journals.append(&live, &[step]).unwrap();
    assert_eq!(settle(&journals, &world, Some(&live)).0, "apart");
}

#[test]
fn two_servers_do_not_share_a_folder() {
    let world = World::new();
    let (one, two) = (world.journals(), world.journals());
    settle(&one, &world, None);
    let refused = two.settle((&world.load(), &[]), None, true).err().unwrap();
    assert!(refused.message.contains(&format!("process {} uses the journals", std::process::id())), "{refused:?}");
    assert_eq!(two.owner(), Some(std::process::id()));
    drop(one);
    assert_eq!(two.owner(), None);
    settle(&two, &world, None);
}

#[test]
fn a_zone_without_updates_and_without_a_journal_touches_nothing() {
    let world = World::new();
    assert!(matches!(world.journals().settle((&world.load(), &[]), None, false), Ok(Settled::Files)));
    assert!(!world.path("state").exists());
}

/// Merges what updates did to [`FILE`] with what an editor did to it.
fn merged(updates: &[MessageRecord], file: &str, prefer: Option<Prefer>) -> (String, Vec<String>) {
    let world = World::new();
    let (after, step) = updated(&world.load(), updates);
    let mut folded = Folded::default();
    folded.push(&step);
    world.write(file);
    let edited = world.load();
    let merged = merge(folded, &edited, after.serial(), prefer);
    let conflicts = merged.conflicts.iter().map(|c| format!("{} {}", c.owner, c.rtype)).collect();
    (edited.edited(&merged.changes).unwrap().to_text(), conflicts)
}

#[test]
fn a_merge_takes_each_rrset_from_whoever_changed_it() {
    let updates = [add("a", 3), add("new", 9), message(class::ANY, "b", rtype::TXT, b"")];
    let file =
        FILE.replace("ns A 192.0.2.53", "ns A 192.0.2.54").replace("host 1 ", "mail 20 ") + "other A 192.0.2.4\n";
    let (text, conflicts) = merged(&updates, &file, None);
    assert_eq!(conflicts, [] as [String; 0]);
    let has = |part: &str| assert!(text.contains(part), "{part}\n{text}");
    has("SOA\tns.example. mail.example. 21 60");
    has("a.example.\t300\tIN\tA\t192.0.2.3\n");
    has("new.example.\t300\tIN\tA\t192.0.2.9\n");
    has("ns.example.\t300\tIN\tA\t192.0.2.54\n");
    has("other.example.");
    assert!(!text.contains("b.example."), "{text}");
}

#[test]
fn a_merge_lists_what_both_changed_and_takes_a_side_where_it_is_told() {
    let updates = [add("a", 3), add("new", 9), message(class::ANY, "b", rtype::TXT, b"")];
    let file = FILE.replace("a A 192.0.2.2\n", "").replace("b TXT x", "b TXT y") + "new A 192.0.2.9\n";
    let (text, conflicts) = merged(&updates, &file, None);
    assert_eq!(conflicts, ["a.example. 1", "b.example. 16"], "both made `new` alike");
    assert!(text.contains("SOA\tns.example. host.example. 3 "), "above both: {text}");
    let (text, conflicts) = merged(&updates, &file, Some(Prefer::File));
    assert!(conflicts.is_empty() && text.contains("TXT\t\"y\"") && !text.contains("192.0.2.3\n"), "{text}");
    let (text, _) = merged(&updates, &file, Some(Prefer::Journal));
    assert!(!text.contains("TXT") && text.contains("192.0.2.3\n") && text.contains("192.0.2.2\n"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Condensed, cut into frames in any way, reopened in between: the zone is the same, and so is what it was built on.
    #[test]
    fn a_condensed_journal_says_the_same(
        changes in prop::collection::vec((any::<bool>(), 0..3_usize, 1..4_u8), 1..30),
        frames in prop::collection::vec(1..4_usize, 30),
        reopen in any::<bool>(),
    ) {
        let world = World::new();
        let (base, path) = (world.load(), world.path("journal"));
        let (mut zone, mut all) = (Arc::clone(&base), Vec::new());
        for (adds, owner, last) in changes {
            let owner = ["a", "b", "c.d"][owner];
            let change = if adds { add(owner, last) } else { remove(owner, last) };
            if let Ok(Applied::Changed(after, step)) = apply(&zone, &[], &[&change]) {
                zone = Arc::new(*after);
                all.push(step);
            }
        }
        prop_assume!(!all.is_empty());
        let mut journal: Option<Journal> = None;
        let mut rest = &all[..];
        for len in frames {
            let (steps, behind) = rest.split_at(len.min(rest.len()));
            rest = behind;
            match &mut journal {
                _ if steps.is_empty() => break,
                Some(journal) => journal.append(steps).unwrap(),
                None => journal = Some(Journal::create(&path, header(&base), steps).unwrap()),
            }
            if reopen {
                journal = Journal::open(&path, base.apex()).unwrap().map(|(journal, _)| journal);
            }
        }
        let whole = Contents::read(&path, base.apex()).unwrap().unwrap();
        prop_assert_eq!(replayed(&base, &whole.steps), zone.to_text());
        let folded = whole.folded();
        for ((owner, rtype), touched) in &folded.rrsets {
            let of = |zone: &Zone| {
                let at = zone.records_at(&crate::wire::NameKey::of(owner)).into_iter();
                to_text(at.filter(|record| record.rtype == *rtype))
            };
            prop_assert_eq!(to_text(touched.base.clone()), of(&base));
            prop_assert_eq!(to_text(touched.now.clone()), of(&zone));
        }
        let one = folded.into_step(base.serial(), zone.serial());
        prop_assert_eq!(replayed(&base, std::slice::from_ref(&one)), zone.to_text());
        // The start is condensed, and what was written meanwhile follows.
        let mut journal = journal.unwrap();
        let (after, step) = updated(&zone, &[add("late", 1)]);
        let len = journal.len();
        let condensed = Journal::condensed(&path, base.apex(), len).unwrap();
        journal.append(&[step]).unwrap();
        journal.replace_start(condensed, len).unwrap();
        let (last, step) = updated(&after, &[remove("late", 1)]);
        journal.append(&[step]).unwrap();
        let again = Contents::read(&path, base.apex()).unwrap().unwrap();
        prop_assert_eq!(replayed(&base, &again.steps), last.to_text());
    }
}

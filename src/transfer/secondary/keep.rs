//! What is kept of a transferred zone over restarts: one file in the state folder, replaced as a whole or lengthened by
//! what changed. Its time of modification is when the data was last known to be the primary's.

use super::state_file::{StateReader, write_change, write_whole};
use super::{lock, overlay};
use crate::base::UnixTime;
use crate::transfer::Delta;
use crate::transfer::state_name::{create_folder, file_name};
use crate::wire::Name;
use crate::zone::{Zone, ZoneSpec};
use std::fs::{File, OpenOptions, rename};
use std::io::{self, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The folder in the state folder.
const FOLDER: &str = "zones";
/// How a kept zone's file name ends.
const EXTENSION: &str = ".secondary";
/// Shortest time between two writes of a whole zone.
const WRITE_INTERVAL: Duration = Duration::from_secs(30);
/// Octets of changes behind a zone before it is written anew, or half as many as the zone has, if that is more.
const CHANGES_LEN_MIN: u64 = 1 << 20;

/// A zone as it was kept.
pub struct Kept {
    /// The zone.
    pub zone: Zone,
    /// What led to it lately.
    pub deltas: Vec<Delta>,
    /// When it was last known to be the primary's.
    pub last_good: UnixTime,
    /// What was wrong with the end of the file, which was cut off.
    pub damage: Option<io::Error>,
}

/// Reads what is kept of a zone; `None` when there is nothing.
pub fn load(state_dir: &Path, spec: &ZoneSpec) -> io::Result<Option<Kept>> {
    let path = path_of(state_dir, &spec.apex);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let last_good = last_good(&file)?;
    let mut reader = StateReader::new(file, &spec.apex)?;
    let mut failed = None;
    let records = std::iter::from_fn(|| match reader.record() {
        Ok(record) => record,
        Err(error) => {
            failed = Some(error);
            None
        }
    });
    let built = overlay::build(spec, records);
    if let Some(error) = failed {
        return Err(error);
    }
    reader.finish_whole()?;
    let mut zone = built.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    let (mut deltas, mut damage) = (Vec::new(), None);
    loop {
        match reader.change() {
            Ok(Some(delta)) => deltas.push(delta),
            Ok(None) => break,
            Err(error) => {
                damage = Some(error);
                break;
            }
        }
    }
    if damage.is_some() {
        // What would be added behind the damage could not be read.
        OpenOptions::new().write(true).open(&path)?.set_len(reader.good_len())?;
        set_last_good(&path, last_good)?;
    }
    if !deltas.is_empty() {
        zone = overlay::changed(spec, &zone, &deltas).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    }
    Ok(Some(Kept { zone, deltas, last_good, damage }))
}

fn last_good(file: &File) -> io::Result<UnixTime> {
    let modified = file.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(UnixTime::default() + modified)
}

fn set_last_good(path: &Path, time: UnixTime) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.set_modified(UNIX_EPOCH + Duration::from_micros(time.0))
}

fn path_of(state_dir: &Path, apex: &Name) -> PathBuf {
    state_dir.join(FOLDER).join(file_name(apex, EXTENSION))
}

/// Keeps one zone.
pub struct Keep {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The serial that the file leads to, as far as this process has written it.
    serial: Option<u32>,
    whole_len: u64,
    changes_len: u64,
    /// When it was last tried to write the whole zone.
    whole_at: Option<Instant>,
    /// Whether the zone is newer than the file.
    is_behind: bool,
    /// When the zone was last known to be the primary's, if it was since it came.
    confirmed: Option<UnixTime>,
}

impl Keep {
    /// Of the zone with this apex. Nothing is read or written yet.
    #[must_use]
    pub fn new(state_dir: &Path, apex: &Name) -> Self {
        Self { path: path_of(state_dir, apex), state: Mutex::default() }
    }

    /// When the data was last known to be the primary's; `None` when nothing is kept.
    #[must_use]
    pub fn last_good(&self) -> Option<UnixTime> {
        last_good(&File::open(&self.path).ok()?).ok()
    }

    /// Keeps a new version of the zone, with what led there from the version before, or without. A whole zone that was
    /// written a short time ago is written again later: see [`Keep::due`].
    pub fn store(&self, zone: &Zone, deltas: &[Delta], now: Instant) -> io::Result<()> {
        let mut state = lock(&self.state);
        let follows = !state.is_behind
            && deltas.first().is_some_and(|first| state.serial == Some(first.from))
            && state.changes_len < (state.whole_len / 2).max(CHANGES_LEN_MIN);
        (state.is_behind, state.confirmed) = (true, None);
        if follows {
            return self.append(&mut state, zone, deltas);
        }
        if state.whole_at.is_some_and(|at| now.saturating_duration_since(at) < WRITE_INTERVAL) {
            return Ok(());
        }
        self.write(&mut state, zone, now)
    }

    /// When [`Keep::flush`] is to be called; `None` when nothing waits to be written.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let state = lock(&self.state);
        let at = state.whole_at.filter(|_| state.is_behind)?;
        Some(at + WRITE_INTERVAL)
    }

    /// Writes what waits to be written.
    pub fn flush(&self, zone: &Zone, now: Instant) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.is_behind && zone.is_available() { self.write(&mut state, zone, now) } else { Ok(()) }
    }

    /// Notes that the data that is served is the primary's; of a file that is behind it only once that was written.
    pub fn confirm(&self, now: UnixTime) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.confirmed = Some(now);
        if state.is_behind { Ok(()) } else { set_last_good(&self.path, now) }
    }

    fn append(&self, state: &mut State, zone: &Zone, deltas: &[Delta]) -> io::Result<()> {
        let mut file = BufWriter::new(OpenOptions::new().append(true).open(&self.path)?);
        for delta in deltas {
            state.changes_len += write_change(&mut file, delta)?;
        }
        // A change that is lost with the machine is had again from the primary; the digests show it.
        file.into_inner().map_err(io::IntoInnerError::into_error)?;
        (state.serial, state.is_behind) = (Some(zone.serial()), false);
        Ok(())
    }

    fn write(&self, state: &mut State, zone: &Zone, now: Instant) -> io::Result<()> {
        state.whole_at = Some(now);
        if let Some(folder) = self.path.parent() {
            create_folder(folder)?;
        }
        let unfinished = self.path.with_extension("unfinished");
        let mut file = BufWriter::with_capacity(1 << 16, File::create(&unfinished)?);
        let whole_len = write_whole(&mut file, zone.apex(), zone.records())?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        rename(&unfinished, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        (state.serial, state.whole_len, state.changes_len) = (Some(zone.serial()), whole_len, 0);
        state.is_behind = false;
        state.confirmed.map_or(Ok(()), |confirmed| set_last_good(&self.path, confirmed))
    }
}

/// The time now, as files have it.
#[must_use]
pub fn file_time() -> UnixTime {
    UnixTime::default() + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;
    use crate::wire::rtype;
    use crate::zone::Record;

    fn name(text: &str) -> Name {
        Name::from_text(text.as_bytes(), None).unwrap()
    }

    fn spec() -> ZoneSpec {
        ZoneSpec { apex: name("example."), file: PathBuf::new(), span: None, balanced: Vec::new() }
    }

    fn soa(serial: u32) -> Record {
        let numbers = [serial, 60, 60, 60, 60].map(u32::to_be_bytes).concat();
        Record { owner: name("example."), rtype: rtype::SOA, ttl: 60, data: [&[0, 0], &numbers[..]].concat().into() }
    }

    fn delta(from: u32) -> Delta {
        let octets = from.to_be_bytes();
        let a = Record { owner: name("www.example."), rtype: rtype::A, ttl: 5, data: octets.into() };
        Delta { from, to: from + 1, removed: vec![soa(from)], added: vec![soa(from + 1), a] }
    }

    fn records(zone: &Zone) -> Vec<String> {
        let mut records: Vec<_> = zone.records().map(|record| format!("{record:?}")).collect();
        records.sort();
        records
    }

    #[test]
    fn a_zone_and_its_changes_are_kept_and_damage_costs_the_last_changes_only() {
        let folder = tempfile::tempdir().unwrap();
        assert!(load(folder.path(), &spec()).unwrap().is_none());
        let keep = Keep::new(folder.path(), &spec().apex);
        let now = Instant::now();
        let mut zone = overlay::build(&spec(), [soa(1)]).unwrap();
        keep.store(&zone, &[], now).unwrap();
        for from in 1..4 {
            zone = overlay::changed(&spec(), &zone, &[delta(from)]).unwrap();
            keep.store(&zone, &[delta(from)], now).unwrap();
        }
        assert_eq!(keep.due(), None, "changes are added to the file");
        keep.confirm(UnixTime::from_secs(1_000_000)).unwrap();
        let kept = load(folder.path(), &spec()).unwrap().unwrap();
        assert_eq!((records(&kept.zone), kept.zone.serial()), (records(&zone), 4));
        assert_eq!((kept.deltas.len(), kept.last_good.as_secs()), (3, 1_000_000));
        let path = path_of(folder.path(), &spec().apex);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        keep.confirm(UnixTime::from_secs(1_000_000)).unwrap();
        for damaged in [true, false] {
            let kept = load(folder.path(), &spec()).unwrap().unwrap();
            assert_eq!((kept.zone.serial(), kept.damage.is_some()), (3, damaged));
            assert_eq!(kept.last_good.as_secs(), 1_000_000);
        }
        std::fs::write(&path, b"garbage").unwrap();
        assert!(load(folder.path(), &spec()).is_err());
    }

    #[test]
    fn whole_zones_are_not_written_too_often() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep::new(folder.path(), &spec().apex);
        let begun = Instant::now();
        let zone = |serial: u32| overlay::build(&spec(), [soa(serial)]).unwrap();
        let serial = || load(folder.path(), &spec()).unwrap().unwrap().zone.serial();
        keep.store(&zone(1), &[], begun).unwrap();
        keep.store(&zone(2), &[], begun).unwrap();
        assert_eq!((serial(), keep.due()), (1, Some(begun + WRITE_INTERVAL)));
        // Changes of what was not written are not added.
        keep.store(&zone(3), &[delta(2)], begun).unwrap();
        assert_eq!(serial(), 1);
        // Nor is the old data said to be fresh meanwhile.
        let confirmed = UnixTime::from_secs(1_000_000);
        keep.confirm(confirmed).unwrap();
        assert!(keep.last_good() > Some(confirmed));
        keep.flush(&zone(3), begun + WRITE_INTERVAL).unwrap();
        assert_eq!((serial(), keep.due(), keep.last_good()), (3, None, Some(confirmed)));
    }
}

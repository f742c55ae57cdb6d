//! What transfers show of a primary zone with balanced names, where that is configured: the zone, and at each balanced name
//! records that do not depend on health or on who asks. Whenever that changes the zone needs a newer serial, so what was given
//! last is remembered over restarts. Knows no pools: the records come from the configuration.

use super::live::Pause;
use super::reload::delta_between;
use super::serial::{is_newer, next_serial};
use super::spec::ZoneTransfers;
use super::state_name::{create_folder, file_name};
use crate::base::{Diagnostic, Span};
use crate::wire::Name;
use crate::zone::{Change, EditError, Record, Zone};
use aws_lc_rs::digest::{SHA256, digest};
use std::fs::{File, rename};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the serials are, below the folder of the state.
const FOLDER: &str = "serials";

/// How the view of one zone is made.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticView {
    /// What to do when the view changes and the serial in the file does not.
    pub serial: SerialRule,
    /// What it holds at balanced names.
    pub records: Vec<Record>,
    /// Where the configuration asks for it.
    pub span: Option<Span>,
}

/// What to do when a view changes and the serial in the file does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialRule {
    /// A newer serial is served than the file has.
    Auto,
    /// The configuration is refused.
    File,
}

impl StaticView {
    /// The zone as transfers show it.
    pub fn over(&self, zone: &Zone) -> Result<Zone, EditError> {
        let changes: Vec<Change> = self.records.iter().cloned().map(Change::Add).collect();
        zone.edited(&changes)
    }
}

/// Decides which serial a zone with a view has, sets what shall be live, and returns it.
pub fn resolve(
    pause: &mut Pause,
    file: &Arc<Zone>,
    transfers: &Arc<ZoneTransfers>,
    view: &StaticView,
    state_dir: &Path,
) -> Result<Arc<Zone>, Vec<Diagnostic>> {
    let failed = |error: EditError| vec![at(Diagnostic::error(format!("zone `{}`: {error}", file.apex())), view)];
    let content = content(&view.over(file).map_err(failed)?);
    let path = state_dir.join(FOLDER).join(file_name(file.apex(), ".serial"));
    let given = Given::load(&path);
    let serial = serial_for(file.apex(), file.serial(), content, given, view).map_err(|refused| vec![refused])?;
    let zone = match file.serial() == serial {
        true => Arc::clone(file),
        false => Arc::new(with_serial(file, serial).map_err(failed)?),
    };
    let shown = view.over(&zone).map_err(failed)?;
    let transfers = Arc::clone(transfers);
    let live = pause.live(zone.apex());
    let before = live.and_then(|live| live.transfers().static_view.as_ref()?.over(&live.zone()).ok());
    match before {
        Some(before) if before.serial() == serial && self::content(&before) == content => {
            pause.set_same(Arc::clone(&zone), transfers);
        }
        before => {
            let delta = before.and_then(|before| delta_between(&Arc::new(before), &Arc::new(shown)));
            pause.set(Arc::clone(&zone), delta, transfers);
        }
    }
    let next = Given { serial, content };
    if given != Some(next) {
        pause.before(move || next.store(&path));
    }
    Ok(zone)
}

/// Changes of updates and such a view do not go together yet.
pub fn has_journal(file: &Zone, view: &StaticView) -> Diagnostic {
    let apex = file.apex();
    let message = format!("zone `{apex}` has a journal of updates, which a zone with `transfer_balanced` cannot have");
    let hint = format!(
        "write its changes into the zone file with `azimuth zone export {apex}`, then give it up with `azimuth zone \
         discard-journal {apex}`"
    );
    at(Diagnostic::error(message), view).hint(hint)
}

fn at(diagnostic: Diagnostic, view: &StaticView) -> Diagnostic {
    match view.span {
        Some(span) => diagnostic.at(span, ""),
        None => diagnostic,
    }
}

/// The serial that a view is given with, when `given` was the last one.
fn serial_for(
    apex: &Name,
    file: u32,
    content: u128,
    given: Option<Given>,
    view: &StaticView,
) -> Result<u32, Diagnostic> {
    let Some(given) = given else { return Ok(file) };
    if is_newer(file, given.serial) {
        return Ok(file);
    }
    match view.serial {
        _ if given.content == content => Ok(given.serial),
        SerialRule::Auto => Ok(next_serial(given.serial)),
        SerialRule::File => {
            let message = format!(
                "what transfers show of zone `{apex}` has changed, but its serial {file} is not newer than {}, which secondaries have",
                given.serial
            );
            let hint = "raise the serial in the zone file, or set `serial = \"auto\"`";
            Err(at(Diagnostic::error(message), view).hint(hint))
        }
    }
}

/// The zone with another serial.
fn with_serial(zone: &Zone, serial: u32) -> Result<Zone, EditError> {
    let Some(soa) = zone.records().next() else { return Err(EditError::Soa) };
    let mut next = soa.clone();
    let Some(at) = next.data.len().checked_sub(20) else { return Err(EditError::Malformed(soa)) };
    next.data[at..at + 4].copy_from_slice(&serial.to_be_bytes());
    zone.edited(&[Change::Remove(soa), Change::Add(next)])
}

/// A number for the records of a zone, in whatever order they come: equal for equal data, the serial aside.
fn content(zone: &Zone) -> u128 {
    let of_record = |record: Record| {
        let mut octets = record.owner.to_lower().as_wire().to_vec();
        octets.extend_from_slice(&record.rtype.to_be_bytes());
        octets.extend_from_slice(&record.ttl.to_be_bytes());
        let mut data = record.data.to_vec();
        if record.soa_serial().is_some() {
            let at = data.len() - 20;
            data[at..at + 4].fill(0);
        }
        octets.extend_from_slice(&data);
        let digest = digest(&SHA256, &octets);
        digest.as_ref().first_chunk::<16>().map_or(0, |first| u128::from_be_bytes(*first))
    };
    zone.records().map(of_record).fold(0, u128::wrapping_add)
}

/// What secondaries may have: kept in a file of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Given {
    serial: u32,
    content: u128,
}

impl Given {
    /// What the file says; `None` when there is none, or nothing in it that can be used.
    fn load(path: &Path) -> Option<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "cannot read the serial that was given last");
                return None;
            }
        };
        let read = Self::parse(&text);
        if read.is_none() {
            tracing::error!(path = %path.display(), "this is no serial that was given last; it is begun anew");
        }
        read
    }

    fn parse(text: &str) -> Option<Self> {
        let (serial, content) = text.trim_end().split_once(' ')?;
        Some(Self { serial: serial.parse().ok()?, content: u128::from_str_radix(content, 16).ok()? })
    }

    fn store(self, path: &PathBuf) {
        if let Err(error) = self.write(path) {
            tracing::error!(
                path = %path.display(), %error,
                "cannot keep the serial of a zone; a change made before the next start may go unnoticed by secondaries"
            );
        }
    }

    fn write(self, path: &PathBuf) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        let unfinished = path.with_extension("unfinished");
        let mut file = File::create(&unfinished)?;
        writeln!(file, "{} {:032x}", self.serial, self.content)?;
        file.sync_all()?;
        rename(&unfinished, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{SerialRule, StaticView, resolve};
    use crate::transfer::{LiveZones, ZoneTransfers};
    use crate::wire::{Name, rtype};
    use crate::zone::{Record, Zone, ZoneSpec};
    use std::path::Path;
    use std::sync::Arc;

    fn name(text: &str) -> Name {
        Name::from_text(text.as_bytes(), None).unwrap()
    }

    fn address(owner: &str, last: u8) -> Record {
        Record { owner: name(owner), rtype: rtype::A, ttl: 60, data: Box::new([192, 0, 2, last]) }
    }

    fn spec() -> ZoneSpec {
        ZoneSpec { apex: name("example."), file: "none".into(), span: None, balanced: Vec::new() }
    }

    fn zone(serial: u32, more: u8) -> Arc<Zone> {
        let numbers = [serial, 60, 60, 60, 60].map(u32::to_be_bytes).concat();
        let data = [&[0, 0], &numbers[..]].concat().into();
        let soa = Record { owner: name("example."), rtype: rtype::SOA, ttl: 60, data };
        Arc::new(Zone::from_records(&spec(), [soa, address("ns.example.", more)]).unwrap())
    }

    /// Serves a file in a view with an address for `www`; the serial that is live then, or the message.
    fn serve(live: &LiveZones, state: &Path, rule: SerialRule, file: &Arc<Zone>, www: u8) -> Result<u32, String> {
        let view = StaticView { serial: rule, records: vec![address("www.example.", www)], span: None };
        let transfers =
            ZoneTransfers { has_balanced: true, static_view: Some(view.clone()), ..ZoneTransfers::default() };
        let mut pause = live.pause();
        let resolved = resolve(&mut pause, file, &Arc::new(transfers), &view, state);
        let resolved = resolved.map_err(|found| found[0].message.clone())?;
        pause.adopt();
        Ok(resolved.serial())
    }

    #[test]
    fn each_change_of_the_view_has_a_newer_serial_over_restarts() {
        let state = tempfile::tempdir().unwrap();
        let live = LiveZones::default();
        let serve = |live: &LiveZones, file, www| serve(live, state.path(), SerialRule::Auto, &file, www);
        assert_eq!(serve(&live, zone(5, 1), 1), Ok(5));
        assert_eq!(serve(&live, zone(5, 1), 1), Ok(5), "nothing changed");
        assert_eq!(serve(&live, zone(5, 1), 2), Ok(6), "another member");
        let (view, history) = {
            let live = live.get(&name("example.")).unwrap();
            crate::transfer::outbound::transferable(&live).unwrap()
        };
        assert_eq!((view.serial(), view.record_count()), (6, 3));
        let deltas = history.since(5).unwrap();
        assert_eq!((deltas[0].removed[1].data[3], deltas[0].added[1].data[3]), (1, 2), "IXFR shows it");
        // Another process.
        let live = LiveZones::default();
        assert_eq!(serve(&live, zone(5, 1), 2), Ok(6));
        assert_eq!(serve(&live, zone(5, 9), 2), Ok(7), "another record in the file");
        assert_eq!(serve(&live, zone(20, 9), 2), Ok(20), "the file went ahead");
        assert_eq!(serve(&live, zone(u32::MAX - 1, 9), 2), Ok(20), "not newer, and nothing changed");
        assert_eq!(serve(&live, zone(0x8000_0013, 9), 2), Ok(0x8000_0013));
        assert_eq!(serve(&live, zone(u32::MAX, 9), 2), Ok(u32::MAX));
        assert_eq!(serve(&live, zone(u32::MAX, 9), 3), Ok(1), "0 is left out");
    }

    #[test]
    fn the_serial_is_kept_before_anybody_sees_it() {
        let (state, live) = (tempfile::tempdir().unwrap(), LiveZones::default());
        let view = StaticView { serial: SerialRule::Auto, records: vec![address("www.example.", 1)], span: None };
        let transfers = ZoneTransfers { static_view: Some(view.clone()), ..ZoneTransfers::default() };
        let mut pause = live.pause();
        resolve(&mut pause, &zone(5, 1), &Arc::new(transfers), &view, state.path()).unwrap();
        assert!(!state.path().join("serials").exists(), "another zone may yet be refused");
        pause.prepare();
        assert_eq!(std::fs::read_dir(state.path().join("serials")).unwrap().count(), 1);
        assert!(live.all().is_empty());
    }

    #[test]
    fn a_change_is_refused_where_the_file_must_have_the_serial() {
        let state = tempfile::tempdir().unwrap();
        let live = LiveZones::default();
        let serve = |file, www| serve(&live, state.path(), SerialRule::File, &file, www);
        assert_eq!(serve(zone(5, 1), 1), Ok(5));
        let refused = "what transfers show of zone `example.` has changed, but its serial 5 is not newer than 5, which \
                       secondaries have";
        assert_eq!(serve(zone(5, 1), 2), Err(refused.to_owned()));
        assert_eq!(serve(zone(5, 1), 1), Ok(5), "what was refused is not remembered");
        assert_eq!(serve(zone(6, 1), 2), Ok(6));
    }
}

//! What the records of a transfer mean, one after the other: a whole zone (RFC 5936), or what changed of it (RFC 1995),
//! which begins the same way. Pure: knows no messages and no sockets.

use crate::transfer::Delta;
use crate::transfer::message::MessageRecord;
use crate::transfer::serial::is_newer;
use crate::wire::{Name, class, rtype};
use crate::zone::Record;
use std::fmt;

/// First of the types that only stand in questions and messages, but for some below (RFC 6895, section 3.1).
const META_TYPES: std::ops::RangeInclusive<u16> = 128..=255;

/// Why the records are no transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentError {
    /// The first record is not the SOA record of the zone.
    NoSoa,
    /// The last SOA record is not the first one.
    Changed,
    /// Changes do not begin at the serial that was asked from, or where the changes before them ended.
    Gap {
        /// Where they should begin.
        expected: u32,
        /// Where they begin.
        found: u32,
    },
    /// A change leads to a serial that is not newer.
    Backwards {
        /// The serial before it.
        from: u32,
        /// The serial after it.
        to: u32,
    },
    /// A record of another class than IN, or of a type that zones do not hold.
    Foreign(u16),
    /// Records behind the end.
    Surplus,
    /// The stream ended before the zone did.
    Short,
    /// There are so many changes that the whole zone is shorter.
    ManyChanges,
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSoa => f.write_str("the transfer does not begin with the SOA record of the zone"),
            Self::Changed => f.write_str("the transfer does not end with the SOA record that it began with"),
            Self::Gap { expected, found } => {
                write!(f, "changes from serial {found} follow where those from serial {expected} must")
            }
            Self::Backwards { from, to } => write!(f, "a change leads from serial {from} to {to}, which is not newer"),
            Self::Foreign(rtype) => write!(f, "the transfer holds a record of type {rtype} that is no zone data"),
            Self::Surplus => f.write_str("records follow the end of the transfer"),
            Self::Short => f.write_str("the transfer ends before the zone does"),
            Self::ManyChanges => f.write_str("there are so many changes that the whole zone is shorter"),
        }
    }
}

/// What comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Not known yet.
    Unknown,
    /// Nothing: there is nothing newer.
    UpToDate,
    /// The whole zone.
    Whole,
    /// What changed.
    Changes,
}

/// The records of one transfer.
pub struct Incoming {
    apex: Name,
    /// The serial that changes were asked from; `None` when the whole zone was asked for.
    ours: Option<u32>,
    form: Form,
    soa: Option<Record>,
    deltas: Vec<Delta>,
    /// Whether what comes now is what the last delta adds.
    adding: bool,
    done: bool,
    ignored: u64,
}

impl Incoming {
    /// The answer to a question for the zone, or for what changed since the serial `ours`.
    #[must_use]
    pub const fn new(apex: Name, ours: Option<u32>) -> Self {
        Self { apex, ours, form: Form::Unknown, soa: None, deltas: Vec::new(), adding: false, done: false, ignored: 0 }
    }

    /// What comes.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// The SOA record that came first.
    #[must_use]
    pub const fn soa(&self) -> Option<&Record> {
        self.soa.as_ref()
    }

    /// Whether the last record has come.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// Records that were passed over because they lie outside of the zone.
    #[must_use]
    pub const fn ignored(&self) -> u64 {
        self.ignored
    }

    /// What changed, when it has come as changes.
    #[must_use]
    pub fn into_deltas(self) -> Vec<Delta> {
        self.deltas
    }

    /// Takes the next record. What it returns belongs to the whole zone, behind [`Incoming::soa`].
    pub fn take(&mut self, record: MessageRecord) -> Result<Option<Record>, ContentError> {
        if self.done {
            return Err(ContentError::Surplus);
        }
        let rtype = record.rtype;
        if record.class != class::IN || rtype == 0 || rtype == rtype::OPT || META_TYPES.contains(&rtype) {
            return Err(ContentError::Foreign(rtype));
        }
        let record = record.into_record();
        let Some(soa) = &self.soa else {
            if record.soa_serial().is_none() || record.owner != self.apex {
                return Err(ContentError::NoSoa);
            }
            self.soa = Some(record);
            return Ok(None);
        };
        // A SOA record further down belongs to no zone of ours either.
        if !record.owner.is_at_or_below(&self.apex) || (rtype == rtype::SOA && record.owner != self.apex) {
            self.ignored += 1;
            return Ok(None);
        }
        let serial = if rtype == rtype::SOA { Some(record.soa_serial().ok_or(ContentError::NoSoa)?) } else { None };
        match (self.form, serial) {
            (Form::Changes, _) => self.change(record, serial)?,
            (Form::Unknown, Some(serial)) if self.ours.is_some() && soa.soa_serial() != Some(serial) => {
                self.form = Form::Changes;
                self.begin_change(record, serial)?;
            }
            (_, Some(_)) => {
                if !record.is_same(soa) {
                    return Err(ContentError::Changed);
                }
                (self.form, self.done) = (Form::Whole, true);
            }
            (_, None) => {
                self.form = Form::Whole;
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// A message has ended. A single SOA record that is not newer says that nothing is.
    pub fn end_message(&mut self) {
        if let (Form::Unknown, Some(ours), Some(soa)) = (self.form, self.ours, &self.soa)
            && soa.soa_serial().is_some_and(|serial| !is_newer(serial, ours))
        {
            (self.form, self.done) = (Form::UpToDate, true);
        }
    }

    fn begin_change(&mut self, soa: Record, serial: u32) -> Result<(), ContentError> {
        let expected = self.deltas.last().map_or(self.ours, |delta| Some(delta.to));
        if expected != Some(serial) {
            return Err(ContentError::Gap { expected: expected.unwrap_or(0), found: serial });
        }
        self.deltas.push(Delta { from: serial, to: serial, removed: vec![soa], added: Vec::new() });
        self.adding = false;
        Ok(())
    }

    fn change(&mut self, record: Record, serial: Option<u32>) -> Result<(), ContentError> {
        let last = self.soa.as_ref().and_then(Record::soa_serial);
        let Some(delta) = self.deltas.last_mut() else { return Err(ContentError::NoSoa) };
        match serial {
            None if self.adding => delta.added.push(record),
            None => delta.removed.push(record),
            Some(to) if !self.adding => {
                if !is_newer(to, delta.from) {
                    return Err(ContentError::Backwards { from: delta.from, to });
                }
                delta.to = to;
                delta.added.push(record);
                self.adding = true;
            }
            Some(serial) if Some(delta.to) == last => {
                if Some(serial) != last {
                    return Err(ContentError::Changed);
                }
                self.done = true;
            }
            Some(serial) => self.begin_change(record, serial)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;
    use crate::wire::Section;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::from_text(text.as_bytes(), None).unwrap()
    }

    fn record(owner: &str, rtype: u16, data: Vec<u8>) -> MessageRecord {
        let data = data.into();
        MessageRecord { section: Section::Answer, owner: name(owner), rtype, class: class::IN, ttl: 60, data }
    }

    fn soa(serial: u32) -> MessageRecord {
        let numbers = [serial, 60, 60, 60, 60].map(u32::to_be_bytes).concat();
        record("example.", rtype::SOA, [&[0, 0], &numbers[..]].concat())
    }

    fn a(owner: &str, last: u8) -> MessageRecord {
        record(owner, rtype::A, vec![192, 0, 2, last])
    }

    /// What comes of a transfer in one message: its form, and how many records of a whole zone.
    fn run(ours: Option<u32>, records: Vec<MessageRecord>) -> Result<(Incoming, usize), ContentError> {
        let mut incoming = Incoming::new(name("example."), ours);
        let mut whole = 0;
        for record in records {
            whole += usize::from(incoming.take(record)?.is_some());
        }
        incoming.end_message();
        Ok((incoming, whole))
    }

    #[test]
    fn a_whole_zone_begins_and_ends_with_its_soa_record() {
        for ours in [None, Some(1)] {
            let zone = vec![soa(5), a("a.example.", 1), a("b.example.", 2), soa(5)];
            let (incoming, whole) = run(ours, zone).unwrap();
            assert_eq!((incoming.form(), incoming.is_done(), whole), (Form::Whole, true, 2));
            let (incoming, _) = run(ours, vec![soa(5), a("a.example.", 1)]).unwrap();
            assert!(!incoming.is_done());
            let changed = vec![soa(5), a("a.example.", 1), soa(6)];
            assert_eq!(run(ours, changed).err(), Some(ContentError::Changed));
            let surplus = vec![soa(5), a("a.example.", 1), soa(5), a("a.example.", 1)];
            assert_eq!(run(ours, surplus).err(), Some(ContentError::Surplus));
            assert_eq!(run(ours, vec![a("example.", 1)]).err(), Some(ContentError::NoSoa));
        }
        let foreign = record("other.", rtype::SOA, soa(5).data.into());
        assert_eq!(run(None, vec![foreign]).err(), Some(ContentError::NoSoa));
    }

    #[test]
    fn changes_come_in_any_number() {
        let changes = vec![soa(4), soa(1), a("a.example.", 1), soa(2), soa(2), soa(4), a("b.example.", 2), soa(4)];
        let (incoming, whole) = run(Some(1), changes).unwrap();
        assert_eq!((incoming.form(), incoming.is_done(), whole), (Form::Changes, true, 0));
        let deltas = incoming.into_deltas();
        let shape: Vec<_> = deltas.iter().map(|d| (d.from, d.to, d.removed.len(), d.added.len())).collect();
        assert_eq!(shape, [(1, 2, 2, 1), (2, 4, 1, 2)]);
    }

    #[test]
    fn changes_that_do_not_lead_from_ours_to_theirs_are_refused() {
        let gap = vec![soa(4), soa(2), soa(4), soa(4)];
        assert_eq!(run(Some(1), gap).err(), Some(ContentError::Gap { expected: 1, found: 2 }));
        let gap = vec![soa(4), soa(1), soa(2), soa(3), soa(4), soa(4)];
        assert_eq!(run(Some(1), gap).err(), Some(ContentError::Gap { expected: 2, found: 3 }));
        let backwards = vec![soa(4), soa(1), soa(1)];
        assert_eq!(run(Some(1), backwards).err(), Some(ContentError::Backwards { from: 1, to: 1 }));
        let changed = vec![soa(4), soa(1), soa(4), soa(5)];
        assert_eq!(run(Some(1), changed).err(), Some(ContentError::Changed));
        let (incoming, _) = run(Some(1), vec![soa(4), soa(1), soa(4)]).unwrap();
        assert!(!incoming.is_done());
    }

    #[test]
    fn a_single_soa_record_says_that_nothing_is_newer() {
        for (theirs, form) in [(5, Form::UpToDate), (4, Form::UpToDate), (6, Form::Unknown)] {
            let (incoming, _) = run(Some(5), vec![soa(theirs)]).unwrap();
            assert_eq!((incoming.form(), incoming.is_done()), (form, form == Form::UpToDate), "{theirs}");
        }
        // Whoever asked for all of it waits for the rest.
        assert_eq!(run(None, vec![soa(5)]).unwrap().0.form(), Form::Unknown);
    }

    #[test]
    fn records_from_outside_are_passed_over_and_what_is_no_data_is_refused() {
        let deep_soa = record("sub.example.", rtype::SOA, soa(9).data.into());
        let (incoming, whole) =
            run(None, vec![soa(5), a("a.other.", 1), a("xexample.", 1), deep_soa, a("A.Example.", 1), soa(5)]).unwrap();
        assert_eq!((incoming.ignored(), whole, incoming.is_done()), (3, 1, true));
        for rtype in [0, rtype::OPT, rtype::TSIG, rtype::AXFR, rtype::ANY] {
            let zone = vec![soa(5), record("a.example.", rtype, Vec::new())];
            assert_eq!(run(None, zone).err(), Some(ContentError::Foreign(rtype)));
        }
        let chaos = MessageRecord { class: 3, ..a("a.example.", 1) };
        assert_eq!(run(None, vec![soa(5), chaos]).err(), Some(ContentError::Foreign(rtype::A)));
    }

    proptest! {
        /// Whatever comes: nothing panics, and what is done leads from our serial to theirs without a gap.
        #[test]
        fn changes_that_are_done_have_no_gap(
            steps in prop::collection::vec((0_u32..4, prop::bool::ANY), 0..12),
            ours in prop::option::of(0_u32..4),
        ) {
            let records = steps.into_iter().map(|(n, is_soa)| if is_soa { soa(n) } else { a("a.example.", n as u8) });
            let Ok((incoming, _)) = run(ours, records.collect()) else { return Ok(()) };
            let theirs = incoming.soa().and_then(Record::soa_serial);
            if incoming.is_done() && incoming.form() == Form::Changes {
                let deltas = incoming.into_deltas();
                prop_assert_eq!(deltas.first().map(|d| d.from), ours);
                prop_assert_eq!(deltas.last().map(|d| d.to), theirs);
                prop_assert!(deltas.windows(2).all(|pair| pair[0].to == pair[1].from));
                prop_assert!(deltas.iter().all(|d| d.removed[0].soa_serial() == Some(d.from)));
                prop_assert!(deltas.iter().all(|d| d.added[0].soa_serial() == Some(d.to)));
            }
        }
    }
}

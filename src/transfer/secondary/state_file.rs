//! The form in which transferred zones are kept in the state folder: the zone, then what changed since, each block with a
//! digest. Knows neither when to write nor what to do with what was read.
//!
//! A block is its kind, its records in the order given, and the SHA-256 digest of both. Each list of records ends in a
//! zero; a record says whether its owner is that of the record before.

use crate::transfer::Delta;
use crate::wire::Name;
use crate::wire::name::NAME_LEN_MAX;
use crate::zone::Record;
use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

/// The first line of every file.
const MAGIC: &[u8] = b"azimuth secondary zone 1\n";
/// A block with the whole zone: its apex, then its records.
const WHOLE: u8 = b'Z';
/// A block with a change: what went, and what came.
const CHANGE: u8 = b'D';
/// Ends a list of records.
const END: u8 = 0;
/// A record with an owner of its own.
const OWNER: u8 = 1;
/// A record with the owner of the one before.
const SAME_OWNER: u8 = 2;

/// Writes a block while its digest is made.
struct Hashing<W> {
    inner: W,
    digest: Context,
    len: u64,
}

impl<W: Write> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, digest: Context::new(&SHA256), len: 0 }
    }

    fn put(&mut self, octets: &[u8]) -> io::Result<()> {
        self.digest.update(octets);
        self.len += octets.len() as u64;
        self.inner.write_all(octets)
    }

    fn records<'r>(&mut self, records: impl Iterator<Item = std::borrow::Cow<'r, Record>>) -> io::Result<()> {
        let mut last: Option<Name> = None;
        for record in records {
            let data_len = u16::try_from(record.data.len()).map_err(|_| ErrorKind::InvalidData)?;
            if last.as_ref().is_some_and(|last| last.as_wire() == record.owner.as_wire()) {
                self.put(&[SAME_OWNER])?;
            } else {
                self.put(&[OWNER])?;
                self.put(record.owner.as_wire())?;
                last = Some(record.owner.clone());
            }
            self.put(&record.rtype.to_be_bytes())?;
            self.put(&record.ttl.to_be_bytes())?;
            self.put(&data_len.to_be_bytes())?;
            self.put(&record.data)?;
        }
        self.put(&[END])
    }

    /// Ends the block; returns its length in octets.
    fn finish(mut self) -> io::Result<u64> {
        let digest = self.digest.finish();
        self.inner.write_all(digest.as_ref())?;
        Ok(self.len + SHA256_OUTPUT_LEN as u64)
    }
}

/// Begins a file with a whole zone; returns how many octets were written.
pub fn write_whole(mut out: impl Write, apex: &Name, records: impl Iterator<Item = Record>) -> io::Result<u64> {
    out.write_all(MAGIC)?;
    let mut block = Hashing::new(out);
    block.put(&[WHOLE])?;
    block.put(apex.as_wire())?;
    block.records(records.map(std::borrow::Cow::Owned))?;
    Ok(MAGIC.len() as u64 + block.finish()?)
}

/// Writes a block with a change; returns how many octets were written.
pub fn write_change(out: impl Write, delta: &Delta) -> io::Result<u64> {
    let mut block = Hashing::new(out);
    block.put(&[CHANGE])?;
    block.records(delta.removed.iter().map(std::borrow::Cow::Borrowed))?;
    block.records(delta.added.iter().map(std::borrow::Cow::Borrowed))?;
    block.finish()
}

/// Reads a file.
pub struct StateReader<R> {
    inner: BufReader<R>,
    digest: Context,
    /// The octets behind the last block that was whole.
    good_len: u64,
    len: u64,
    owner: Option<Name>,
}

impl<R: Read> StateReader<R> {
    /// Reads the beginning of a file, which must be the one of zone `apex`.
    pub fn new(file: R, apex: &Name) -> io::Result<Self> {
        let mut reader = Self {
            inner: BufReader::with_capacity(1 << 16, file),
            digest: Context::new(&SHA256),
            good_len: 0,
            len: 0,
            owner: None,
        };
        let mut magic = [0; MAGIC.len()];
        reader.take(&mut magic)?;
        if magic != *MAGIC {
            return Err(invalid("it does not begin as files of this kind do"));
        }
        reader.begin_block()?;
        let kept = reader.name()?;
        if kept != *apex {
            return Err(invalid("it holds another zone"));
        }
        Ok(reader)
    }

    /// The next record of the whole zone; `None` behind the last. What was read is to be believed only when
    /// [`Self::finish_whole`] says so.
    pub fn record(&mut self) -> io::Result<Option<Record>> {
        let [marker] = self.octets()?;
        match marker {
            END => {
                self.owner = None;
                return Ok(None);
            }
            OWNER => self.owner = Some(self.name()?),
            SAME_OWNER => {}
            _ => return Err(invalid("a record begins with an octet that means nothing")),
        }
        let owner = self.owner.clone().ok_or_else(|| invalid("a record has no owner"))?;
        let rtype = u16::from_be_bytes(self.octets()?);
        let ttl = u32::from_be_bytes(self.octets()?);
        let mut data = vec![0; u16::from_be_bytes(self.octets()?).into()];
        self.take(&mut data)?;
        Ok(Some(Record { owner, rtype, ttl, data: data.into() }))
    }

    /// Ends the whole zone.
    pub fn finish_whole(&mut self) -> io::Result<()> {
        self.finish_block()
    }

    /// The next change; `None` at the end of the file.
    pub fn change(&mut self) -> io::Result<Option<Delta>> {
        if self.inner.fill_buf()?.is_empty() {
            return Ok(None);
        }
        self.begin_block()?;
        let mut lists = [Vec::new(), Vec::new()];
        for list in &mut lists {
            while let Some(record) = self.record()? {
                list.push(record);
            }
        }
        self.finish_block()?;
        let [removed, added] = lists;
        let serial = |records: &[Record]| records.first().and_then(Record::soa_serial);
        let (Some(from), Some(to)) = (serial(&removed), serial(&added)) else {
            return Err(invalid("a change has no SOA records"));
        };
        Ok(Some(Delta { from, to, removed, added }))
    }

    /// Octets of the file up to the end of the last block that was whole.
    pub const fn good_len(&self) -> u64 {
        self.good_len
    }

    fn begin_block(&mut self) -> io::Result<()> {
        self.digest = Context::new(&SHA256);
        let [kind] = self.octets()?;
        let wanted = if self.good_len == 0 { WHOLE } else { CHANGE };
        if kind == wanted { Ok(()) } else { Err(invalid("a block is of an unexpected kind")) }
    }

    fn finish_block(&mut self) -> io::Result<()> {
        let made = std::mem::replace(&mut self.digest, Context::new(&SHA256)).finish();
        let mut kept = [0; SHA256_OUTPUT_LEN];
        self.take(&mut kept)?;
        if made.as_ref() != kept {
            return Err(invalid("a digest does not fit what stands before it"));
        }
        self.good_len = self.len;
        Ok(())
    }

    fn name(&mut self) -> io::Result<Name> {
        let (mut wire, mut len) = ([0; NAME_LEN_MAX], 0);
        loop {
            let [label] = self.octets()?;
            wire[len] = label;
            let end = len + 1 + usize::from(label);
            if label == 0 {
                break;
            }
            if label > 63 || end >= NAME_LEN_MAX {
                return Err(invalid("a name is malformed"));
            }
            self.take(&mut wire[len + 1..end])?;
            len = end;
        }
        Name::from_wire(&wire[..=len]).map(|(name, _)| name).map_err(|_| invalid("a name is malformed"))
    }

    fn octets<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut octets = [0; N];
        self.take(&mut octets)?;
        Ok(octets)
    }

    fn take(&mut self, into: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(into)?;
        self.digest.update(into);
        self.len += into.len() as u64;
        Ok(())
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;
    use crate::wire::rtype;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::from_text(text.as_bytes(), None).unwrap()
    }

    fn soa(serial: u32) -> Record {
        let numbers = [serial, 60, 60, 60, 60].map(u32::to_be_bytes).concat();
        Record { owner: name("Example."), rtype: rtype::SOA, ttl: 60, data: [&[0, 0], &numbers[..]].concat().into() }
    }

    fn a(owner: &str, last: u8) -> Record {
        Record { owner: name(owner), rtype: rtype::A, ttl: 5, data: [192, 0, 2, last].into() }
    }

    fn file() -> (Vec<u8>, Vec<Record>, Delta) {
        let records = vec![soa(1), a("a.Example.", 1), a("a.Example.", 2), a("A.example.", 3), a("\\000.example.", 4)];
        let delta = Delta { from: 1, to: 2, removed: vec![soa(1)], added: vec![soa(2), a("b.example.", 1)] };
        let mut file = Vec::new();
        let whole = write_whole(&mut file, &name("example."), records.iter().cloned()).unwrap();
        assert_eq!(whole, file.len() as u64);
        let change = write_change(&mut file, &delta).unwrap();
        assert_eq!(whole + change, file.len() as u64);
        (file, records, delta)
    }

    fn read(file: &[u8]) -> io::Result<(Vec<Record>, Vec<Delta>)> {
        let mut reader = StateReader::new(file, &name("example."))?;
        let (mut records, mut deltas) = (Vec::new(), Vec::new());
        while let Some(record) = reader.record()? {
            records.push(record);
        }
        reader.finish_whole()?;
        while let Some(delta) = reader.change()? {
            deltas.push(delta);
        }
        assert_eq!(reader.good_len(), file.len() as u64);
        Ok((records, deltas))
    }

    #[test]
    fn what_is_written_is_read_letter_case_included() {
        let (file, records, delta) = file();
        let (read, deltas) = read(&file).unwrap();
        let exact = |records: &[Record]| format!("{records:?}");
        assert_eq!((exact(&read), deltas), (exact(&records), vec![delta]));
    }

    #[test]
    fn no_damage_goes_unseen() {
        let (file, ..) = file();
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut damaged = file.clone();
                damaged[at] ^= 1 << bit;
                assert!(read(&damaged).is_err(), "octet {at} bit {bit}");
            }
        }
        for len in 0..file.len() {
            // Between blocks a file may end.
            let whole = write_whole(io::sink(), &name("example."), file_records()).unwrap() as usize;
            assert_eq!(read(&file[..len]).is_ok(), len == whole, "{len} octets");
        }
        assert!(StateReader::new(&file[..], &name("other.")).is_err());
    }

    fn file_records() -> impl Iterator<Item = Record> {
        file().1.into_iter()
    }

    proptest! {
        #[test]
        fn no_octets_make_the_reader_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&tail);
            let _ = read(&[MAGIC, b"Z\x07example\x00", &tail].concat());
        }
    }
}

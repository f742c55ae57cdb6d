//! Writing a response: the header, the question exactly as it was asked, ready records with their pointers set right, and
//! the OPT record. Names are never searched for: the caller says where in the message each owner already stands.

use super::numbers::{HEADER_LEN, Rcode, class, flag, rtype};
use super::{NameError, NameKey, OptAnswer, Query, short};

/// Largest offset that a compression pointer can hold (RFC 1035, section 4.1.4).
pub const POINTER_OFFSET_MAX: usize = 0x3fff;
/// Where the question's name stands in every message.
pub const QNAME_OFFSET: usize = HEADER_LEN;
/// Octets of the ID that a header begins with.
const ID_LEN: usize = 2;
/// The two bits that make a label length a pointer.
const POINTER: u16 = 0xc000;
/// Offsets within a ready record: what is behind its owner pointer, its TTL, its RDLENGTH, its RDATA.
const OWNER_LEN: usize = 2;
const TTL_AT: usize = 6;
const RDLENGTH_AT: usize = 10;
const RDATA_AT: usize = 12;

/// Ready records of one RRset: each begins with a pointer to offset 12, then TYPE, CLASS, TTL, RDLENGTH, RDATA. Each
/// pointer named in `fixups` is relative to the apex of a zone.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    /// The records, one behind the other.
    pub octets: &'a [u8],
    /// Offsets in `octets` of pointers relative to the apex.
    pub fixups: &'a [u16],
    /// How many records.
    pub count: u16,
}

/// A section of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What was asked for.
    Answer,
    /// Who is responsible.
    Authority,
    /// What comes in handy.
    Additional,
}

impl Section {
    /// So many records of this section among the four counts of the header.
    const fn counted(self, records: u16) -> u64 {
        (records as u64) << (32 - 16 * self as u32)
    }
}

/// The records do not fit; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A response being written.
///
/// *Invariant:* `question_end <= len <= end <= octets.len()`, and between `end` and the limit there is room for the OPT
/// record that was announced.
pub struct Response<'o> {
    octets: &'o mut [u8],
    len: usize,
    end: usize,
    question_end: usize,
    /// The four counts of the header as they stand there.
    counts: u64,
    flags: u16,
}

impl<'o> Response<'o> {
    /// Begins the response to `query`, whose octets are `message`, in the first `len_max` octets of `out`, of which the
    /// last `reserved` are kept for the OPT record.
    ///
    /// Panics when header, question and OPT record do not fit; 512 octets are enough for any of them.
    #[inline(always)]
    #[must_use]
    pub fn begin(out: &'o mut [u8], len_max: usize, reserved: usize, query: &Query, message: &[u8]) -> Self {
        let question_end = HEADER_LEN + query.question_len();
        // The rest of the header is written when all of it is known.
        out[..ID_LEN].copy_from_slice(&message[..ID_LEN]);
        short::copy(&mut out[HEADER_LEN..question_end], &message[HEADER_LEN..question_end]);
        let end = len_max.min(out.len()) - reserved;
        assert!(question_end <= end, "no room for a question");
        Self { octets: out, len: question_end, end, question_end, counts: 0, flags: flag::QR | query.flags_to_copy() }
    }

    /// Sets one of the constants in [`flag`].
    pub const fn set_flag(&mut self, flag: u16) {
        self.flags |= flag;
    }

    /// Clears one of the constants in [`flag`].
    pub const fn clear_flag(&mut self, flag: u16) {
        self.flags &= !flag;
    }

    /// Whether one of the constants in [`flag`] is set.
    #[must_use]
    pub const fn has_flag(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Forgets all records.
    pub const fn clear_records(&mut self) {
        self.len = self.question_end;
        self.counts = 0;
    }

    /// Copies an RRset to the end of the message and returns where its first record begins there. Its owner is the name
    /// at offset `owner`, the zone's apex stands at offset `apex`, and `ttl` replaces the stored TTL.
    ///
    /// Sections must be written in order. An owner that no pointer reaches is spelled out, in which case the offsets of
    /// names within the records are not what they were.
    #[inline(never)]
    pub fn rrset(
        &mut self,
        section: Section,
        records: Records<'_>,
        owner: usize,
        apex: usize,
        ttl: Option<u32>,
    ) -> Result<usize, Full> {
        self.rrset_here(section, records, owner, apex, ttl)
    }

    /// As [`Self::rrset`], as a part of its caller: for the RRset that most responses are.
    #[inline(always)]
    pub fn rrset_here(
        &mut self,
        section: Section,
        records: Records<'_>,
        owner: usize,
        apex: usize,
        ttl: Option<u32>,
    ) -> Result<usize, Full> {
        if owner > POINTER_OFFSET_MAX {
            return self.rrset_spelled(section, records, owner, ttl);
        }
        let start = self.len;
        let behind = start + records.octets.len();
        if behind > self.end {
            return Err(Full);
        }
        let room = &mut self.octets[start..behind];
        short::copy(room, records.octets);
        for &at in records.fixups {
            let at = usize::from(at);
            let pointer = usize::from(u16::from_be_bytes([room[at], room[at + 1]])) + apex;
            let Some(pointer) = u16::try_from(pointer).ok() else { return Err(Full) };
            room[at..at + 2].copy_from_slice(&pointer.to_be_bytes());
        }
        if owner != QNAME_OFFSET || ttl.is_some() {
            patch(room, (owner != QNAME_OFFSET).then_some(owner as u16), ttl);
        }
        self.len = behind;
        self.counts += section.counted(records.count);
        Ok(start)
    }

    /// Copies an RRset with its signatures, whose owner is `labels` in front of the name at offset `below`: written once
    /// and pointed at. Without labels the owner is that name.
    pub fn rrset_of(
        &mut self,
        section: Section,
        parts: [Records<'_>; 2],
        labels: &[u8],
        below: usize,
        ttl: u32,
    ) -> Result<(), Full> {
        let start = self.len;
        if below > POINTER_OFFSET_MAX {
            return Err(Full);
        }
        for part in parts {
            let mut rest = part.octets;
            while !rest.is_empty() {
                let (record, behind) = rest.split_at(record_len(rest));
                let is_spelled = self.len == start || start > POINTER_OFFSET_MAX;
                let (labels, owner) = if is_spelled { (labels, below) } else { (&[][..], start) };
                let at = self.len + labels.len();
                if at + record.len() > self.end {
                    return Err(Full);
                }
                short::copy(&mut self.octets[self.len..at], labels);
                let room = &mut self.octets[at..at + record.len()];
                short::copy(room, record);
                if let Some(header) = room.first_chunk_mut::<RDATA_AT>() {
                    header[..OWNER_LEN].copy_from_slice(&(POINTER | owner as u16).to_be_bytes());
                    header[TTL_AT..RDLENGTH_AT].copy_from_slice(&ttl.to_be_bytes());
                }
                self.len = at + record.len();
                rest = behind;
            }
            self.counts += section.counted(part.count);
        }
        Ok(())
    }

    /// The same as [`Self::rrset`] for an owner behind the reach of pointers: every record gets the whole name. Such RRsets must have no
    /// pointers of their own, which is so for addresses; others do not come that late in a message.
    #[cold]
    fn rrset_spelled(
        &mut self,
        section: Section,
        records: Records<'_>,
        owner: usize,
        ttl: Option<u32>,
    ) -> Result<usize, Full> {
        let start = self.len;
        let name_len = self.name_len(owner);
        // The root's name is shorter than a pointer.
        let count = usize::from(records.count);
        let len = count * name_len + records.octets.len() - count * OWNER_LEN;
        if !records.fixups.is_empty() || start + len > self.end {
            return Err(Full);
        }
        let mut rest = records.octets;
        while !rest.is_empty() {
            let (record, behind) = rest.split_at(record_len(rest));
            self.spell(owner);
            let fixed = self.len;
            let body = &record[OWNER_LEN..];
            self.octets[fixed..fixed + body.len()].copy_from_slice(body);
            if let Some(ttl) = ttl {
                let at = fixed + TTL_AT - OWNER_LEN;
                self.octets[at..at + 4].copy_from_slice(&ttl.to_be_bytes());
            }
            self.len += body.len();
            rest = behind;
        }
        self.counts += section.counted(records.count);
        Ok(start)
    }

    /// Adds a CNAME record to the answer section: from the name at offset `owner`, which no pointer may be too short for,
    /// to its first `labels` labels in front of `suffix`, an uncompressed name. Returns where its target begins.
    pub fn cname_under(&mut self, owner: usize, labels: usize, suffix: &[u8], ttl: u32) -> Result<usize, Full> {
        let labels_len: usize = self.labels(owner).take(labels).map(|(_, len)| 1 + len).sum();
        let rdata_at = self.len + RDATA_AT;
        let behind = rdata_at + labels_len + suffix.len();
        if behind > self.end || owner > POINTER_OFFSET_MAX {
            return Err(Full);
        }
        let [owner_high, owner_low] = (POINTER | owner as u16).to_be_bytes();
        let [type_high, type_low] = rtype::CNAME.to_be_bytes();
        let [class_high, class_low] = class::IN.to_be_bytes();
        let [t0, t1, t2, t3] = ttl.to_be_bytes();
        let [len_high, len_low] = ((behind - rdata_at) as u16).to_be_bytes();
        let fixed =
            [owner_high, owner_low, type_high, type_low, class_high, class_low, t0, t1, t2, t3, len_high, len_low];
        self.octets[self.len..rdata_at].copy_from_slice(&fixed);
        let (mut from, mut to) = (owner, rdata_at);
        for _ in 0..labels {
            from = self.follow(from);
            let len = 1 + usize::from(self.octets[from]);
            self.octets.copy_within(from..from + len, to);
            (from, to) = (from + len, to + len);
        }
        self.octets[to..behind].copy_from_slice(suffix);
        self.len = behind;
        self.counts += Section::Answer.counted(1);
        Ok(rdata_at)
    }

    /// Sets `name` to the uncompressed name at offset `at`.
    pub fn read_name(&self, at: usize, name: &mut NameKey) -> Result<(), NameError> {
        name.set(&self.octets[at..self.len]).map(|_| ())
    }

    /// The labels of the name at `at`, pointers followed, as ranges of the message without their length octets.
    fn labels(&self, mut at: usize) -> impl Iterator<Item = (usize, usize)> {
        std::iter::from_fn(move || {
            at = self.follow(at);
            let len = usize::from(self.octets[at]);
            let label = (at + 1, len);
            at += 1 + len;
            (len > 0).then_some(label)
        })
    }

    /// `at`, or where the pointer there leads. Every pointer in this message was written by this server and points back.
    fn follow(&self, mut at: usize) -> usize {
        while self.octets[at] & 0xc0 == 0xc0 {
            at = usize::from(u16::from_be_bytes([self.octets[at], self.octets[at + 1]]) & !POINTER);
        }
        at
    }

    /// Octets of the name at `at` when it is spelled out.
    fn name_len(&self, at: usize) -> usize {
        1 + self.labels(at).map(|(_, len)| 1 + len).sum::<usize>()
    }

    /// Writes the whole name at `owner` to the end of the message, where there is room for it.
    fn spell(&mut self, owner: usize) {
        let mut at = self.follow(owner);
        loop {
            let len = 1 + usize::from(self.octets[at]);
            self.octets.copy_within(at..at + len, self.len);
            self.len += len;
            if len == 1 {
                return;
            }
            at = self.follow(at + len);
        }
    }

    /// Where the name at offset `at` without its first `stripped` labels stands in the message.
    #[must_use]
    pub fn suffix(&self, mut at: usize, stripped: usize) -> usize {
        for _ in 0..stripped {
            at = self.follow(at);
            at += 1 + usize::from(self.octets[at]);
        }
        self.follow(at)
    }

    /// Ends the message with its OPT record, where there is one, and its header; returns its length.
    #[inline(always)]
    pub fn finish(&mut self, rcode: Rcode, opt: Option<&OptAnswer<'_>>) -> usize {
        let mut counts = self.counts | u64::from(self.question_end > HEADER_LEN) << 48;
        if let Some(opt) = opt {
            self.len += opt.write(rcode, &mut self.octets[self.len..]);
            counts += Section::Additional.counted(1);
        }
        let flags = self.flags | (rcode.0 & 0xf);
        if let Some(header) = self.octets.first_chunk_mut::<HEADER_LEN>() {
            header[2..4].copy_from_slice(&flags.to_be_bytes());
            header[4..].copy_from_slice(&counts.to_be_bytes());
        }
        self.len
    }
}

/// Octets of the first of some ready records.
fn record_len(records: &[u8]) -> usize {
    RDATA_AT + usize::from(u16::from_be_bytes([records[RDLENGTH_AT], records[RDLENGTH_AT + 1]]))
}

/// Sets owner pointer and TTL, where they are given, in each of some ready records.
#[inline(always)]
fn patch(mut records: &mut [u8], owner: Option<u16>, ttl: Option<u32>) {
    while let Some((header, behind)) = records.split_first_chunk_mut::<RDATA_AT>() {
        if let Some(owner) = owner {
            header[..OWNER_LEN].copy_from_slice(&(POINTER | owner).to_be_bytes());
        }
        if let Some(ttl) = ttl {
            header[TTL_AT..RDLENGTH_AT].copy_from_slice(&ttl.to_be_bytes());
        }
        records = behind.get_mut(record_len(header) - RDATA_AT..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;

//! What changed of a zone (RFC 1995): for each change the old SOA with what went, the new SOA with what came. A client
//! that is up to date gets the SOA alone; one whose version is not remembered the whole zone.

use super::history::{Delta, History};
use super::outbound::{Broken, Sending, Sent};
use super::request::{Asked, Outbox};
use super::{axfr, serial};
use crate::wire::numbers::flag;
use crate::wire::{Full, Section, rtype};
use crate::zone::{Record, Zone};
use std::sync::Arc;

/// Answers a request for what changed.
pub async fn send(zone: &Zone, history: &History, asked: &Asked, outbox: &mut Outbox) -> Result<Sent, Broken> {
    // The client's SOA says which version it has.
    let theirs = asked.section(Section::Authority).find(|record| record.rtype == rtype::SOA);
    let theirs = theirs.and_then(|record| record.clone().into_record().soa_serial()).ok_or(Broken::Request)?;
    let soa = zone.records().next().ok_or(Broken::TooLong)?;
    if !serial::is_newer(zone.serial(), theirs) {
        return send_all([&soa], asked, outbox, "up_to_date").await;
    }
    let changes = changes_since(zone, history, theirs);
    if asked.is_stream {
        return match changes {
            Some(changes) => send_all(in_order(&soa, &changes), asked, outbox, "ixfr").await,
            None => axfr::send_as(zone, asked, outbox, "axfr_for_ixfr").await,
        };
    }
    if let Some(changes) = changes
        && let Ok((message, records)) = in_one_message(in_order(&soa, &changes), asked, outbox.signature_len())
    {
        let octets = message.len() as u64;
        outbox.send(message).await?;
        return Ok(Sent { form: "ixfr", records, octets });
    }
    // The SOA alone: newer than the client's, it says that the answer does not fit (RFC 1995, section 4).
    send_all([&soa], asked, outbox, "ixfr_too_long").await
}

/// The changes that lead from the client's version to the one that is live; `None` when they are not remembered, or are
/// longer than the zone.
fn changes_since(zone: &Zone, history: &History, theirs: u32) -> Option<Vec<Arc<Delta>>> {
    let changes = history.since(theirs)?;
    let records: usize = changes.iter().map(|delta| delta.removed.len() + delta.added.len()).sum();
    let leads_here = changes.last().is_some_and(|last| last.to == zone.serial());
    (leads_here && records <= zone.record_count()).then_some(changes)
}

/// The records of an incremental transfer, first to last.
fn in_order<'r>(soa: &'r Record, changes: &'r [Arc<Delta>]) -> impl Iterator<Item = &'r Record> {
    let changed = changes.iter().flat_map(|delta| delta.removed.iter().chain(&delta.added));
    std::iter::once(soa).chain(changed).chain(std::iter::once(soa))
}

async fn send_all<'r>(
    records: impl IntoIterator<Item = &'r Record>,
    asked: &Asked,
    outbox: &mut Outbox,
    form: &'static str,
) -> Result<Sent, Broken> {
    let mut sending = Sending::new(asked, outbox);
    for record in records {
        sending.push(record).await?;
    }
    sending.finish(form).await
}

/// All records in one message, and how many they are.
fn in_one_message<'r>(
    records: impl Iterator<Item = &'r Record>,
    asked: &Asked,
    reserved: usize,
) -> Result<(Vec<u8>, u64), Full> {
    let mut writer = asked.answer(reserved);
    writer.set_flag(flag::AA);
    for record in records {
        writer.push(Section::Answer, record)?;
    }
    let count = writer.record_count() as u64;
    Ok((asked.finish(writer), count))
}

//! Whole zones out (RFC 5936): the SOA, everything else, the SOA. Holds one version of the zone and copies none of it.

use super::outbound::{Broken, Sending, Sent};
use super::request::{Asked, Outbox};
use crate::zone::Zone;

/// Sends the zone over a stream. Over UDP that is no request (RFC 5936, section 4.2).
pub async fn send(zone: &Zone, asked: &Asked, outbox: &mut Outbox) -> Result<Sent, Broken> {
    if !asked.is_stream {
        return Err(Broken::Request);
    }
    send_as(zone, asked, outbox, "axfr").await
}

/// Sends the zone; `form` says in the log why.
pub async fn send_as(zone: &Zone, asked: &Asked, outbox: &mut Outbox, form: &'static str) -> Result<Sent, Broken> {
    let mut sending = Sending::new(asked, outbox);
    let mut records = zone.records();
    let Some(soa) = records.next() else { return Err(Broken::TooLong) };
    sending.push(&soa).await?;
    for record in records {
        sending.push(&record).await?;
    }
    sending.push(&soa).await?;
    sending.finish(form).await
}

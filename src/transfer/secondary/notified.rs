//! NOTIFY from primaries (RFC 1996): whom to believe, and what to answer.

use super::SecondariesHandle;
use crate::transfer::Asked;
use crate::transfer::spec::SecondarySpec;
use crate::wire::numbers::flag;
use crate::wire::{Name, Rcode, Section, class, rtype};
use crate::zone::Record;
use std::net::IpAddr;

impl SecondariesHandle {
    /// A NOTIFY for `apex` has come from `source`, signed with `key`, perhaps telling a serial. Makes the zone be compared
    /// soon; returns what to answer.
    #[must_use]
    pub fn notified(&self, apex: &Name, source: IpAddr, key: Option<&Name>, serial: Option<u32>) -> Rcode {
        let live = self.shared.zones.get(apex);
        let transfers = live.map(|live| live.transfers());
        let spec = transfers.as_ref().and_then(|transfers| transfers.role.secondary());
        let (Some(spec), Some(follower)) = (spec, self.follower(apex)) else {
            return Rcode::NOTAUTH;
        };
        let Some(primary) = primary_of(spec, source, key) else {
            return Rcode::REFUSED;
        };
        tracing::debug!(zone = %apex, %source, serial, "NOTIFY");
        follower.notified(primary, serial);
        Rcode::NOERROR
    }

    /// Whether there is any secondary zone.
    #[must_use]
    pub fn has_any(&self) -> bool {
        !super::lock(&self.shared.followers).is_empty()
    }

    /// The answer to a NOTIFY, and its RCODE.
    #[must_use]
    pub fn answer_notify(&self, asked: &Asked) -> (Vec<u8>, Rcode) {
        let serial = asked.section(Section::Answer).find(|record| record.owner == asked.question.name);
        let serial = serial.cloned().map(crate::transfer::message::MessageRecord::into_record);
        let serial = serial.as_ref().and_then(Record::soa_serial);
        let key = asked.key.as_ref().map(|key| key.name());
        let question = &asked.question;
        let rcode = match (question.qclass, question.qtype) {
            (class::IN, rtype::SOA) => self.notified(&question.name, asked.source.ip(), key, serial),
            // Of nothing else one can be told (RFC 1996, section 3.3).
            (class::IN, _) => Rcode::NOTIMP,
            _ => Rcode::NOTAUTH,
        };
        let mut writer = asked.answer(0);
        writer.set_rcode(rcode);
        if rcode == Rcode::NOERROR {
            writer.set_flag(flag::AA);
        }
        (asked.finish(writer), rcode)
    }
}

/// The number of the primary that a message may come from: its address, and the key that is agreed on with it.
fn primary_of(spec: &SecondarySpec, source: IpAddr, key: Option<&Name>) -> Option<usize> {
    let source = source.to_canonical();
    spec.primaries.iter().position(|primary| {
        let is_key = primary.key.as_ref().is_none_or(|wanted| key == Some(wanted));
        primary.address.ip().to_canonical() == source && is_key
    })
}

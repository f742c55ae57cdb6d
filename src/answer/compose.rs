//! Writing what one name leads to.

use super::plan::{Plan, Question, Step};
use super::positive::ZonePlace;
use super::rate_limit::Charge;
use super::steered::Steered;
use super::{dnssec, negative, positive, referral};
use crate::wire::name::NAME_LEN_MAX;
use crate::wire::response::{QNAME_OFFSET, Section};
use crate::wire::{ExtendedError, Full, NameKey, Rcode, Records, Response, rtype};
use crate::zone::RrsetRef;

/// Octets in front of the RDATA of a record.
const RDATA_AT: usize = crate::zone::rrset::RECORD_HEADER_LEN;

/// Why a response has no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// What must be in it does not fit.
    Full,
    /// No member of a balanced name may be answered.
    AllDown,
    /// The zone has no data.
    Unavailable,
    /// Nothing is known yet of the target of an alias.
    AliasUnknown,
    /// An alias leads to an alias, or round in circles.
    AliasLoop,
}

impl From<Full> for Stop {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

/// How it goes on after a name's part was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The response is complete.
    Ended(Rcode),
    /// A CNAME was written.
    Alias {
        /// Offset of its target in the message.
        target: usize,
    },
}

/// A response being composed, and what is remembered for its end.
pub struct Composer<'o, 's> {
    /// What was asked.
    pub question: Question<'s>,
    /// The octets.
    pub response: Response<'o>,
    /// Largest scope of the steered RRsets written so far.
    pub scope: u8,
    /// Whether servers of another zone were named.
    pub referred: bool,
    /// Whether signatures are wanted (RFC 3225).
    pub dnssec_ok: bool,
    /// What the links of a chain have to prove.
    pub expansions: dnssec::Expansions<'s>,
    /// What the response counts as where clients are limited.
    pub charge: Charge,
    /// Why there is no better answer.
    pub error: Option<ExtendedError>,
}

/// A variant of a pool's answers, as the writer takes it.
const fn variant(steered: Steered<'_>) -> Records<'_> {
    Records { octets: steered.answer.octets, fixups: &[], count: steered.answer.records }
}

impl<'s> Composer<'_, 's> {
    /// Writes what `name` leads to, which stands at offset `owner` of the message.
    #[inline(never)]
    pub fn write(&mut self, plan: Plan<'s>, name: &NameKey, owner: usize, scratch: &mut NameKey) -> Result<Next, Stop> {
        let zone = plan.zone;
        let apex_at = match owner {
            QNAME_OFFSET => QNAME_OFFSET + name.offset(plan.apex_stripped),
            _ => self.response.suffix(owner, plan.apex_stripped),
        };
        let signs = self.dnssec_ok && (zone.is_signed() || !self.expansions.is_empty());
        let apex_labels = name.label_count() - plan.apex_stripped;
        let place = ZonePlace { zone, apex: name.suffix(plan.apex_stripped), apex_labels, apex_at };
        if signs {
            return dnssec::write(self, &plan, place, (name, owner), scratch);
        }
        let response = &mut self.response;
        match plan.step {
            Step::Answer(rrset) => {
                positive::write(response, place, rrset, owner, scratch)?;
                Ok(Next::Ended(Rcode::NOERROR))
            }
            Step::Cname(rrset) => {
                let start = response.rrset(Section::Answer, positive::records(rrset), owner, apex_at, None)?;
                Ok(Next::Alias { target: start + usize::from(rrset.targets()[0]) })
            }
            Step::Steered(steered) => self.write_steered(steered, owner, apex_at),
            Step::NoData { ttl_max } => {
                negative::write(response, zone, apex_at, ttl_max, false)?;
                Ok(Next::Ended(Rcode::NOERROR))
            }
            Step::NxDomain => {
                negative::write(response, zone, apex_at, u32::MAX, false)?;
                Ok(Next::Ended(Rcode::NXDOMAIN))
            }
            Step::Referral { ns, stripped } => {
                referral::write(response, place, (ns, stripped), name, owner, scratch)?;
                self.referred = true;
                Ok(Next::Ended(Rcode::NOERROR))
            }
            Step::Dname { rrset, owner_stripped, repeated } => {
                if !repeated {
                    let dname_owner = response.suffix(owner, owner_stripped);
                    response.rrset(Section::Answer, positive::records(rrset), dname_owner, apex_at, None)?;
                }
                self.write_cname_of_dname(rrset, owner_stripped, name, owner)
            }
            Step::AliasUnknown => Err(Stop::AliasUnknown),
            Step::AliasLoop => Err(Stop::AliasLoop),
            Step::AllDown => Err(Stop::AllDown),
            Step::Unavailable => Err(Stop::Unavailable),
        }
    }

    /// Writes a variant of a pool's answers.
    pub fn write_steered(&mut self, steered: Steered<'s>, owner: usize, apex_at: usize) -> Result<Next, Stop> {
        let answer = steered.answer;
        let start = self.response.rrset(Section::Answer, variant(steered), owner, apex_at, Some(steered.ttl))?;
        self.scope = self.scope.max(steered.scope);
        if answer.rtype != rtype::CNAME || self.question.takes_cname() {
            return Ok(Next::Ended(Rcode::NOERROR));
        }
        Ok(Next::Alias { target: start + RDATA_AT })
    }

    /// Writes the CNAME that follows from a DNAME above `name` (RFC 6672, section 3.2).
    #[cold]
    pub fn write_cname_of_dname(
        &mut self,
        rrset: RrsetRef<'s>,
        owner_stripped: usize,
        name: &NameKey,
        owner: usize,
    ) -> Result<Next, Stop> {
        // A DNAME has one record, whose name is stored uncompressed (RFC 6672, section 2.5).
        let target = &rrset.octets()[RDATA_AT..];
        if name.offset(owner_stripped) + target.len() > NAME_LEN_MAX {
            return Ok(Next::Ended(Rcode::YXDOMAIN));
        }
        let target = self.response.cname_under(owner, owner_stripped, target, rrset.ttl())?;
        if self.question.takes_cname() {
            return Ok(Next::Ended(Rcode::NOERROR));
        }
        Ok(Next::Alias { target })
    }

    /// Sets `name` to the target of the CNAME that `plan` led to, which stands at offset `at`; false when there is none,
    /// which only a broken pool of names could cause.
    pub fn read_target(&self, plan: &Plan<'s>, at: usize, name: &mut NameKey) -> bool {
        if let Step::Cname(rrset) = plan.step {
            plan.zone.target(rrset, rrset.targets()[0], name);
            return true;
        }
        self.response.read_name(at, name).is_ok()
    }
}

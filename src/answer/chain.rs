//! CNAME chains, followed through all our zones. The RCODE is that of the last name (RFC 2308, section 2.1; RFC 6604).

use super::compose::{Composer, Next, Stop};
use super::plan::{Plan, Question, Step, find};
use crate::wire::{NameKey, Rcode};
use crate::zone::rrset::RECORD_HEADER_LEN;

/// Longest chain of CNAMEs in one response. A longer one is given as far as that: its last target is where a resolver goes
/// on by itself.
pub const CNAME_CHAIN_LEN_MAX: usize = 16;

/// What a chain has come by, so that it does not go round in circles. Names are known by their hash: a chance of one in
/// 2^64 to take two for one ends a chain early, where a resolver goes on by itself.
struct Visited {
    names: [u64; CNAME_CHAIN_LEN_MAX],
    /// Addresses of DNAME RRsets; 0 where a link has none.
    dnames: [usize; CNAME_CHAIN_LEN_MAX],
    len: usize,
}

impl Visited {
    /// Remembers a name and what it leads to, and marks a DNAME that was used before; false when the chain shall end: at a
    /// name that was there before, at a DNAME that makes names grow for ever, or when there are too many.
    fn add(&mut self, name: &NameKey, plan: &mut Plan<'_>) -> bool {
        if self.len == CNAME_CHAIN_LEN_MAX || self.names[..self.len].contains(&name.hash(0)) {
            return false;
        }
        let mut dname = 0;
        if let Step::Dname { rrset, owner_stripped, repeated } = &mut plan.step {
            dname = rrset.octets().as_ptr().addr();
            *repeated = self.dnames[..self.len].contains(&dname);
            let grows = rrset.octets().len() - RECORD_HEADER_LEN > name.suffix(*owner_stripped).len();
            if *repeated && grows {
                return false;
            }
        }
        (self.names[self.len], self.dnames[self.len]) = (name.hash(0), dname);
        self.len += 1;
        true
    }
}

/// Goes on after the first name, `first`, where `plan` led to a CNAME whose target stands at offset `at` of the message.
/// `name` is scratch space for the names of the chain.
#[cold]
pub fn follow<'s>(
    composer: &mut Composer<'_, 's>,
    first: &NameKey,
    mut plan: Plan<'s>,
    mut at: usize,
    name: &mut NameKey,
    scratch: &mut NameKey,
) -> Result<Rcode, Stop> {
    let mut visited = Visited { names: [0; CNAME_CHAIN_LEN_MAX], dnames: [0; CNAME_CHAIN_LEN_MAX], len: 0 };
    visited.add(first, &mut plan);
    while composer.read_target(&plan, at, name) {
        // Each link draws its own number, or links would choose alike.
        let random = composer.question.random.rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        composer.question = Question { random, ..composer.question };
        let Some(next) = find(&composer.question, name) else { break };
        plan = next;
        if !visited.add(name, &mut plan) || composer.expansions.is_full() {
            break;
        }
        match composer.write(plan, name, at, scratch)? {
            Next::Ended(rcode) => return Ok(rcode),
            Next::Alias { target } => at = target,
        }
    }
    composer.write_expansions()?;
    Ok(Rcode::NOERROR)
}

//! CNAME chains, followed through all our zones. The RCODE is that of the last name (RFC 2308, section 2.1; RFC 6604).

use super::compose::{Composer, Next, Stop, Target};
use super::plan::{Question, find};
use crate::wire::{NameKey, Rcode};

/// Longest chain of CNAMEs in one response. A longer one is given as far as that: its last target is where a resolver goes
/// on by itself.
pub const CNAME_CHAIN_LEN_MAX: usize = 16;

/// Names that a resolver would be sent to again and again are recognised by their hash: a chance of one in 2^64 to take
/// two names for one ends a chain early, which a resolver then follows by itself.
type Visited = [u64; CNAME_CHAIN_LEN_MAX];

/// Goes on after the first CNAME, whose owner is `first` and whose target stands at offset `at` of the message. `name` is
/// scratch space for the names of the chain.
#[cold]
pub fn follow<'s>(
    composer: &mut Composer<'_, 's>,
    first: &NameKey,
    mut at: usize,
    mut target: Target<'s>,
    name: &mut NameKey,
    scratch: &mut NameKey,
) -> Result<Rcode, Stop> {
    let mut visited: Visited = [0; CNAME_CHAIN_LEN_MAX];
    visited[0] = first.hash(0);
    for links in 1..=CNAME_CHAIN_LEN_MAX {
        if links == CNAME_CHAIN_LEN_MAX || !composer.read_target(at, target, name) {
            break;
        }
        if visited[..links].contains(&name.hash(0)) {
            break;
        }
        visited[links] = name.hash(0);
        // Each link draws its own number, or links would choose alike.
        let random = composer.question.random.rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        composer.question = Question { random, ..composer.question };
        let Some(plan) = find(&composer.question, name) else { break };
        match composer.write(&plan, name, at, scratch)? {
            Next::Ended(rcode) => return Ok(rcode),
            Next::Alias { at: next_at, target: next } => (at, target) = (next_at, next),
        }
    }
    Ok(Rcode::NOERROR)
}

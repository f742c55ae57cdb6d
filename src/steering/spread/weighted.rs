//! Draws by weight in constant time (Walker's alias method): every position is one slot, which the position shares with
//! at most one other. Whole numbers only, so that the same weights make the same shares everywhere.

/// A slot: with `random < threshold` its own position, else `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::steering) struct Draw {
    threshold: u32,
    other: u32,
}

/// Parts that a slot is divided into.
const WHOLE: u64 = 1 << 32;

/// Adds the slots for `weights`, which are not all 0.
pub(in crate::steering) fn push_draws(weights: &[u32], slots: &mut Vec<Draw>) {
    if weights.iter().all(|weight| *weight == weights[0]) {
        // Among equals each slot is wholly its own.
        slots.extend((0..weights.len()).map(|own| Draw { threshold: 0, other: own as u32 }));
    } else {
        slots.extend(draws(weights));
    }
}

/// The slots for `weights`.
fn draws(weights: &[u32]) -> Vec<Draw> {
    let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
    let count = weights.len() as u64;
    let (mut small, mut large): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    // What is left of each position, in parts of `total`, a slot having `total` of them.
    let mut left: Vec<u64> = weights.iter().map(|&weight| u64::from(weight).saturating_mul(count)).collect();
    let mut slots: Vec<Draw> = (0..weights.len()).map(|own| Draw { threshold: 0, other: own as u32 }).collect();
    for (position, &parts) in left.iter().enumerate() {
        if parts < total { small.push(position) } else { large.push(position) }
    }
    while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
        let threshold = u128::from(left[poor]) * u128::from(WHOLE) / u128::from(total.max(1));
        slots[poor] = Draw { threshold: threshold as u32, other: rich as u32 };
        left[rich] -= total - left[poor];
        if left[rich] < total {
            large.pop();
            small.push(rich);
        }
    }
    // The slots of the rest are wholly their own: `other` is the position itself.
    slots
}

/// The position that `random` draws.
pub(in crate::steering) fn draw(slots: &[Draw], random: u64) -> u32 {
    let own = ((random >> 32) * slots.len() as u64) >> 32;
    let slot = slots[own as usize];
    if (random as u32) < slot.threshold { own as u32 } else { slot.other }
}

/// The probability of each position, as `draw` makes it.
pub(in crate::steering) fn shares(slots: &[Draw]) -> Vec<f64> {
    let mut shares = vec![0.0; slots.len()];
    for (own, slot) in slots.iter().enumerate() {
        let kept = f64::from(slot.threshold) / WHOLE as f64 / slots.len() as f64;
        shares[own] += kept;
        shares[slot.other as usize] += 1.0 / slots.len() as f64 - kept;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::{draw, draws, push_draws, shares};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_are_proportional_to_weights(weights in prop::collection::vec(1_u32..=u32::MAX, 1..40)) {
            let total: f64 = weights.iter().copied().map(f64::from).sum();
            for (share, &weight) in shares(&draws(&weights)).iter().zip(&weights) {
                prop_assert!((share - f64::from(weight) / total).abs() < 1e-8, "{weights:?}");
            }
        }

        #[test]
        fn every_draw_is_a_position(weights in prop::collection::vec(1_u32..100, 1..9), random: u64) {
            prop_assert!((draw(&draws(&weights), random) as usize) < weights.len());
        }
    }

    #[test]
    fn slots_are_added_as_they_would_be_made_alone() {
        for weights in [&[7_u32, 7, 7][..], &[1], &[1, 2, 5]] {
            let mut slots = draws(&[3, 1]);
            push_draws(weights, &mut slots);
            assert_eq!(slots[2..], draws(weights), "{weights:?}");
        }
    }

    #[test]
    fn draws_follow_the_shares() {
        let slots = draws(&[1, 2, 5]);
        let mut counts = [0_u32; 3];
        for step in 0..80_000_u64 {
            counts[draw(&slots, step.wrapping_mul(0x9e37_79b9_7f4a_7c15)) as usize] += 1;
        }
        for (count, expected) in counts.into_iter().zip([10_000_u32, 20_000, 50_000]) {
            assert!(count.abs_diff(expected) < 500, "{counts:?}");
        }
    }
}

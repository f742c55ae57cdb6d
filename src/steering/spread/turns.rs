//! Turns by weight, evenly mixed (smooth weighted round-robin): every position gains its weight each turn, the richest has the
//! turn and pays the sum. The whole cycle is laid out when answers are built, so that a turn costs one look.

/// Longest cycle: weights that would make a longer one are scaled down, each to at least one turn.
const CYCLE_LEN_MAX: u64 = 1024;

/// The positions of one cycle for `weights`, none of which is 0; one turn each if there are more than [`CYCLE_LEN_MAX`].
pub(in crate::steering) fn cycle(weights: &[u32]) -> Vec<u16> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let mut shares: Vec<i64> = weights.iter().map(|&weight| i64::from(weight / divisor)).collect();
    let total: u64 = shares.iter().map(|&share| share as u64).sum();
    if total > CYCLE_LEN_MAX {
        for share in &mut shares {
            *share = (*share as u64 * CYCLE_LEN_MAX / total).max(1) as i64;
        }
    }
    let total: i64 = shares.iter().sum();
    let mut credits = vec![0_i64; shares.len()];
    let turn = |_| {
        for (credit, share) in credits.iter_mut().zip(&shares) {
            *credit += share;
        }
        let mut richest = 0;
        for (position, credit) in credits.iter().enumerate() {
            if *credit > credits[richest] {
                richest = position;
            }
        }
        credits[richest] -= total;
        richest as u16
    };
    (0..total).map(turn).collect()
}

const fn gcd(a: u32, b: u32) -> u32 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::cycle;

    #[test]
    fn heavy_positions_do_not_come_in_a_row() {
        assert_eq!(cycle(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(cycle(&[2000, 1000]), [0, 1, 0]);
    }

    #[test]
    fn equal_weights_take_turns_in_order() {
        assert_eq!(cycle(&[7, 7, 7]), [0, 1, 2]);
        assert_eq!(cycle(&[]), [0_u16; 0]);
    }

    #[test]
    fn a_cycle_has_each_position_as_often_as_it_weighs() {
        let weights = [7_u32, 13, 1, 29];
        let cycle = cycle(&weights);
        for (position, &weight) in weights.iter().enumerate() {
            assert_eq!(cycle.iter().filter(|&&turn| usize::from(turn) == position).count(), weight as usize);
        }
    }

    #[test]
    fn a_long_cycle_is_cut_and_leaves_nobody_out() {
        let cycle = cycle(&[1_000_000, 1, 500_000]);
        assert!(cycle.len() <= 1026, "{}", cycle.len());
        assert!(cycle.contains(&1));
    }
}

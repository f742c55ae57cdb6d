//! Which pool answers are to be looked at, and in which order: a change must wait neither for all that came before it nor for
//! ever. Knows nothing of what they are.

use std::collections::VecDeque;

/// Numbers that wait, each once.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Told since the last portion was taken.
    fresh: VecDeque<u32>,
    /// What earlier portions had no room for, the oldest first.
    left_over: VecDeque<u32>,
    /// By number: whether it waits.
    waits: Vec<bool>,
}

impl Queue {
    /// Adds those that do not wait yet.
    pub(super) fn extend(&mut self, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            let at = number as usize;
            if at >= self.waits.len() {
                self.waits.resize(at + 1, false);
            }
            if !std::mem::replace(&mut self.waits[at], true) {
                self.fresh.push_back(number);
            }
        }
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.left_over.is_empty()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the next, until `room` is used up, of which each takes as much as `size` says; at least one. Half of the room is for
    /// those that wait longest, so that they are not put off for ever; then come those that are new, then again the oldest.
    pub(super) fn take_portion(&mut self, room: usize, size: impl Fn(u32) -> usize) -> Vec<u32> {
        let mut portion = Vec::new();
        let mut used = 0;
        let mut take = |from: &mut VecDeque<u32>, room: usize| {
            while used < room
                && let Some(number) = from.pop_front()
            {
                used = used.saturating_add(size(number));
                portion.push(number);
            }
        };
        take(&mut self.left_over, room / 2);
        take(&mut self.fresh, room);
        take(&mut self.left_over, room);
        self.left_over.append(&mut self.fresh);
        for number in &portion {
            self.waits[*number as usize] = false;
        }
        portion
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

    fn queue(numbers: impl IntoIterator<Item = u32>) -> Queue {
        let mut queue = Queue::default();
        queue.extend(numbers);
        queue
    }

    #[test]
    fn what_waits_already_is_not_added() {
        let mut queue = queue([3, 1, 3]);
        assert_eq!(queue.take_portion(usize::MAX, |_| 1), [3, 1]);
        assert!(queue.is_empty());
        queue.extend([3]);
        assert_eq!(queue.take_portion(usize::MAX, |_| 1), [3], "once it was taken it may come again");
    }

    #[test]
    fn what_is_new_does_not_wait_for_all_that_is_left_over() {
        let mut queue = queue(0..100);
        assert_eq!(queue.take_portion(4, |_| 1), [0, 1, 2, 3]);
        queue.extend([500, 50]);
        assert_eq!(queue.take_portion(4, |_| 1), [4, 5, 500, 6], "50 waits already, in its place");
    }

    #[test]
    fn what_is_left_over_goes_on_however_much_is_new() {
        let mut queue = queue(0..10);
        queue.take_portion(2, |_| 1);
        for round in 1..5 {
            queue.extend(100 * round..100 * round + 50);
            assert_eq!(queue.take_portion(4, |_| 1)[..2], [2 * round, 2 * round + 1]);
        }
    }

    #[test]
    fn a_portion_holds_what_has_room_and_at_least_one() {
        let mut queue = queue([1, 2, 3]);
        assert_eq!(queue.take_portion(5, |number| if number == 1 { 4 } else { 2 }), [1, 2]);
        assert_eq!(queue.take_portion(1, |_| 1_000), [3]);
        assert!(queue.is_empty());
    }
}

//! Partitions of an address family into runs of equal values, and their overlay. Knows no places: values are numbers,
//! and 0 means that nothing is said.

use super::bits::Bits;

/// A family cut into runs: each begins at `starts[i]`, ends before the next one, and has `values[i]`. The first begins at
/// the first address; neighbours differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Runs<A> {
    starts: Vec<A>,
    values: Vec<u32>,
}

impl<A: Bits> Runs<A> {
    /// One run that says nothing.
    pub(super) fn new() -> Self {
        Self { starts: vec![A::MIN], values: vec![0] }
    }

    /// From `start` on, which must not be before the last run, the value is `value`.
    pub(super) fn push(&mut self, start: A, value: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.values.pop();
        }
        if self.values.last() != Some(&value) {
            self.starts.push(start);
            self.values.push(value);
        }
    }

    /// Every run as its first address and its value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (A, u32)> {
        self.starts.iter().copied().zip(self.values.iter().copied())
    }

    /// How many runs.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Gives back what growing reserved in advance.
    pub(super) fn shrink(&mut self) {
        self.starts.shrink_to_fit();
        self.values.shrink_to_fit();
    }
}

/// Nested blocks, each with a number: `value_of` is asked for the value of the addresses that lie inside exactly the given
/// blocks, outermost first (and of equal blocks the one given first).
pub(super) fn nested<A: Bits>(blocks: &[(A, u8, usize)], mut value_of: impl FnMut(&[usize]) -> u32) -> Runs<A> {
    let mut sorted: Vec<&(A, u8, usize)> = blocks.iter().collect();
    sorted.sort_by_key(|(start, length, _)| (*start, *length));
    let mut runs = Runs::new();
    let mut open: Vec<(A, usize)> = Vec::new();
    let mut inside: Vec<usize> = Vec::new();
    let mut say = |runs: &mut Runs<A>, start: A, open: &[(A, usize)]| {
        inside.clear();
        inside.extend(open.iter().map(|(_, number)| *number));
        runs.push(start, if inside.is_empty() { 0 } else { value_of(&inside) });
    };
    for (index, &&(start, length, number)) in sorted.iter().enumerate() {
        close(&mut open, Some(start), |after, open| say(&mut runs, after, open));
        open.push((start.block_end(length), number));
        // Of blocks with the same first address the innermost, which comes last, says what holds there.
        if sorted.get(index + 1).is_none_or(|next| next.0 != start) {
            say(&mut runs, start, &open);
        }
    }
    close(&mut open, None, |after, open| say(&mut runs, after, open));
    runs
}

/// Takes from `open` the blocks that end before `start` (all, without one), innermost first, and tells `after` where what
/// is left goes on.
fn close<A: Bits>(open: &mut Vec<(A, usize)>, start: Option<A>, mut after: impl FnMut(A, &[(A, usize)])) {
    while let Some(&(end, _)) = open.last() {
        if start.is_some_and(|start| end >= start) {
            break;
        }
        open.pop();
        if let Some(next) = end.next() {
            after(next, open);
        }
    }
}

/// Goes through all lists at once: `interval` gets the first address of each interval in which no list changes, and the
/// value of each list there.
pub(super) fn overlay<A: Bits>(lists: &[&Runs<A>], mut interval: impl FnMut(A, &[u32])) {
    let mut positions = vec![0_usize; lists.len()];
    let mut values: Vec<u32> = lists.iter().map(|list| list.values[0]).collect();
    let mut start = A::MIN;
    loop {
        interval(start, &values);
        let upcoming = lists.iter().zip(&positions).filter_map(|(list, &at)| list.starts.get(at + 1)).min();
        let Some(&next) = upcoming else { break };
        for ((list, at), value) in lists.iter().zip(&mut positions).zip(&mut values) {
            if list.starts.get(*at + 1) == Some(&next) {
                *at += 1;
                *value = list.values[*at];
            }
        }
        start = next;
    }
}

/// The fewest blocks that make up `start..=end`, in order, each as first address and length.
pub(super) fn blocks<A: Bits>(start: A, end: A, mut block: impl FnMut(A, u8)) {
    let mut start = start;
    loop {
        let length = start.largest_block(end);
        block(start, length);
        let last = start.block_end(length);
        match last.next() {
            Some(next) if last < end => start = next,
            _ => break,
        }
    }
}

//! Huge pages for large tables that are read all over: with pages of 4 KiB, finding out where a page is costs more than reading
//! from it. Linux alone is asked; everywhere else nothing happens.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "advice about memory is given by address"))]

/// Most processors have pages of this size beside the small ones.
#[cfg(target_os = "linux")]
const HUGE_PAGE_LEN: usize = 2 << 20;

/// `MADV_COLLAPSE`, since Linux 6.1, which not every C library names.
#[cfg(target_os = "linux")]
const COLLAPSE: libc::c_int = 25;

/// Asks the kernel to keep a table in huge pages, as far as it fills whole ones. What the kernel will not do stays as it was.
#[cfg(target_os = "linux")]
pub fn prefer<T>(table: &[T]) {
    let octets = table.as_ptr_range();
    let start = octets.start.addr().next_multiple_of(HUGE_PAGE_LEN);
    let end = octets.end.addr() / HUGE_PAGE_LEN * HUGE_PAGE_LEN;
    if start >= end {
        return;
    }
    let first = octets.start.cast_mut().cast::<libc::c_void>().with_addr(start);
    // The first for whatever the kernel moves later by itself, the second for now.
    for advice in [libc::MADV_HUGEPAGE, COLLAPSE] {
        // SAFETY: the range lies inside `table`, which is borrowed, so it is mapped; this advice changes which pages hold the
        // memory, and nothing of what is in it.
        let _ = unsafe { libc::madvise(first, end - start, advice) };
    }
}

/// Does nothing.
#[cfg(not(target_os = "linux"))]
pub fn prefer<T>(_table: &[T]) {}

#[cfg(test)]
mod tests {
    use super::prefer;

    #[test]
    fn a_table_holds_what_it_held() {
        let table: Vec<u32> = (0..3 << 20).collect();
        prefer(&table);
        prefer(&table[..7]);
        prefer::<u64>(&[]);
        assert!(table.iter().zip(0..).all(|(&held, expected)| held == expected));
    }
}

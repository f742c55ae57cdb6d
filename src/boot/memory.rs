//! Frees what nobody needs any more on a thread that stands back behind all others, and gives the memory back to the system: a
//! large zone or table takes a good part of a second to free, in which the publisher has better things to do.
#![cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "the allocator's own function has no safe interface"))]

use super::run::stand_back;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// What took longer than this to free was much.
const MUCH: Duration = Duration::from_millis(2);
/// Memory is given back when nothing was left over for so long: parts of a generation come one after the other.
const QUIET: Duration = Duration::from_millis(500);

/// Whatever is left over.
pub(super) type LeftOver = Box<dyn Send>;

/// Takes what is left over; may be shared and cloned. Its thread ends with the last of them.
#[derive(Clone)]
pub(super) struct Reaper(Sender<LeftOver>);

impl Reaper {
    /// Starts the thread.
    pub(super) fn start() -> std::io::Result<Self> {
        let (sender, left_overs) = channel();
        std::thread::Builder::new().name("reaper".into()).spawn(move || {
            stand_back();
            run(&left_overs, give_back);
        })?;
        Ok(Self(sender))
    }

    /// Frees this, later.
    pub(super) fn take(&self, left_over: LeftOver) {
        // Without a thread it is freed here.
        let _ = self.0.send(left_over);
    }
}

/// Drops what comes, and calls `give_back` after much was freed.
fn run(left_overs: &Receiver<LeftOver>, mut give_back: impl FnMut()) {
    let mut was_much = false;
    loop {
        let next = match was_much {
            true => left_overs.recv_timeout(QUIET),
            false => left_overs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok(left_over) => {
                let begun = Instant::now();
                drop(left_over);
                was_much |= begun.elapsed() >= MUCH;
            }
            Err(RecvTimeoutError::Timeout) => {
                give_back();
                was_much = false;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The allocator keeps what was freed in each thread's own arena, and the thread of the next reload would take from another one:
/// without this a server that has reloaded a million names a few times holds three times what it needs.
fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: it takes no pointer and may be called at any time from any thread; it gives whole pages of free memory back.
        _ = unsafe { libc::malloc_trim(0) };
    }
}

#[cfg(test)]
mod tests {
    use super::{LeftOver, MUCH, run};
    use std::sync::mpsc::channel;

    /// Takes its time to be freed.
    struct Large;

    impl Drop for Large {
        fn drop(&mut self) {
            std::thread::park_timeout(2 * MUCH);
        }
    }

    #[test]
    fn memory_is_given_back_once_after_much_was_freed() {
        let (sender, left_overs) = channel::<LeftOver>();
        let (given, gave_back) = channel();
        let thread = std::thread::spawn(move || run(&left_overs, || given.send(()).unwrap_or_default()));
        for _ in 0..3 {
            assert!(sender.send(Box::new(Large)).is_ok());
        }
        assert!(gave_back.recv().is_ok());
        assert!(sender.send(Box::new(7_u8)).is_ok());
        drop(sender);
        assert!(thread.join().is_ok());
        assert!(gave_back.try_recv().is_err(), "not for a trifle");
    }
}

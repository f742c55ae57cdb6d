//! Work that may block forever, on threads beside the scheduler's: each kind of it has its own few, so that a hanging disk
//! keeps no other kind waiting. Knows no checks.

use std::io;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

/// Threads for one kind of work. There is one only while there is work for it.
#[derive(Debug)]
pub struct Workers {
    name: &'static str,
    room: Semaphore,
}

/// A thread that may be started.
#[derive(Debug)]
pub struct Worker {
    name: &'static str,
    permit: SemaphorePermit<'static>,
}

impl Workers {
    /// At most `threads_max` threads at a time, of this name.
    #[must_use]
    pub const fn new(name: &'static str, threads_max: usize) -> Self {
        Self { name, room: Semaphore::const_new(threads_max) }
    }

    /// Waits until there may be one more thread.
    pub async fn worker(&'static self) -> io::Result<Worker> {
        let permit = self.room.acquire().await.map_err(io::Error::other)?;
        Ok(Worker { name: self.name, permit })
    }
}

impl Worker {
    /// Does the work. When it is no longer waited for it goes on, and what it makes is dropped on its thread.
    ///
    /// # Errors
    ///
    /// The system grants no thread, or the work panicked.
    pub async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let Self { name, permit } = self;
        let (done, is_done) = oneshot::channel();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let made = work();
            // The thread is as good as gone; who hears of its end may start the next.
            drop(permit);
            // Nobody may be waiting any more.
            drop(done.send(made));
        })?;
        is_done.await.map_err(|_| io::Error::other("the work panicked; please report this"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]

    use super::*;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(10);

    static STUCK: Workers = Workers::new("test-stuck", 2);
    static OTHERS: Workers = Workers::new("test-others", 1);
    static PANICKING: Workers = Workers::new("test-panics", 1);

    #[tokio::test]
    async fn work_that_hangs_holds_up_neither_the_caller_nor_other_kinds_and_is_bounded() {
        let mut releases = Vec::new();
        for _ in 0..2 {
            let (release, released) = sync_channel::<()>(1);
            releases.push(release);
            let worker = STUCK.worker().await.unwrap();
            tokio::spawn(worker.run(move || released.recv().is_ok()));
        }
        assert_eq!(OTHERS.worker().await.unwrap().run(|| 7).await.unwrap(), 7);
        let mut third = tokio::spawn(STUCK.worker());
        tokio::task::yield_now().await;
        assert!(!third.is_finished(), "two are stuck, and there are two at most");
        releases.pop().unwrap().send(()).unwrap();
        let third = tokio::time::timeout(PATIENCE, &mut third).await.unwrap().unwrap().unwrap();
        assert_eq!(third.run(|| 8).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn what_is_made_for_nobody_is_dropped_and_a_panic_costs_no_thread() {
        let (dropped, is_dropped) = sync_channel(1);
        struct Made(std::sync::mpsc::SyncSender<()>);
        impl Drop for Made {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
            }
        }
        let (release, released) = sync_channel::<()>(1);
        let working = tokio::spawn(OTHERS.worker().await.unwrap().run(move || {
            released.recv().unwrap();
            Made(dropped)
        }));
        tokio::task::yield_now().await;
        working.abort();
        assert!(working.await.is_err());
        release.send(()).unwrap();
        is_dropped.recv_timeout(PATIENCE).unwrap();
        for _ in 0..2 {
            let panicked = PANICKING.worker().await.unwrap().run(|| -> u8 { panic!("on purpose") });
            assert!(panicked.await.is_err());
        }
    }
}

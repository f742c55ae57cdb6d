//! Work that takes long or blocks, each piece on a thread that stands back behind the workers, some at a time.

use std::io;
use tokio::sync::{Semaphore, oneshot};

/// Pieces of work of one kind at a time.
const JOBS_MAX: usize = 16;
/// How far they stand back behind the workers.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// What the work waits for. Work of one kind never waits for the end of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A primary, which may take its time.
    Transfer,
    /// The disk.
    Write,
    /// Nothing for long.
    Expiry,
}

/// Runs work elsewhere.
pub struct Jobs {
    /// By the kind of work.
    places: [Semaphore; 3],
}

impl Default for Jobs {
    fn default() -> Self {
        Self { places: [(); 3].map(|()| Semaphore::new(JOBS_MAX)) }
    }
}

impl Jobs {
    /// Runs `job` and returns what it does. When the caller stops waiting the job runs to its end all the same.
    pub async fn run<T: Send + 'static>(&self, work: Work, job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        // It is never closed.
        let _place = self.places[work as usize].acquire().await.map_err(io::Error::other)?;
        let (sender, receiver) = oneshot::channel();
        std::thread::Builder::new().name("transfer-in".into()).spawn(move || {
            // On Linux this concerns the thread alone.
            #[cfg(target_os = "linux")]
            if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
                tracing::debug!(%error, "cannot lower the priority of a transfer");
            }
            // Nobody waits any more when the zone has gone.
            let _ = sender.send(job());
        })?;
        receiver.await.map_err(|_| io::Error::other("its thread has panicked"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{JOBS_MAX, Jobs, Work};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::sync::mpsc;

    /// Never to be reached unless something is broken.
    const PATIENCE: Duration = Duration::from_secs(120);

    #[tokio::test]
    async fn work_waits_for_its_own_kind_alone() {
        let jobs = Arc::new(Jobs::default());
        let (begins, mut begun) = mpsc::unbounded_channel();
        let (gate, gates): (Vec<_>, Vec<_>) = (0..JOBS_MAX).map(|_| std::sync::mpsc::channel::<()>()).unzip();
        for gate in gates {
            let (jobs, begins) = (Arc::clone(&jobs), begins.clone());
            tokio::spawn(async move {
                let wait = move || {
                    begins.send(()).unwrap();
                    gate.recv().is_err()
                };
                jobs.run(Work::Transfer, wait).await
            });
        }
        for _ in 0..JOBS_MAX {
            begun.recv().await.unwrap();
        }
        for work in [Work::Expiry, Work::Write] {
            let ended = tokio::time::timeout(PATIENCE, jobs.run(work, || ())).await;
            assert!(ended.is_ok(), "{work:?} waits for transfers");
        }
        drop(gate);
    }
}

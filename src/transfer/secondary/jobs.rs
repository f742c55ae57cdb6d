//! Work that takes long or blocks, each piece on a thread that stands back behind the workers, some at a time.

use std::io;
use tokio::sync::{Semaphore, oneshot};

/// Pieces of work at a time, transfers among them.
const JOBS_MAX: usize = 16;
/// How far they stand back behind the workers.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Runs work elsewhere.
pub struct Jobs {
    places: Semaphore,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { places: Semaphore::new(JOBS_MAX) }
    }
}

impl Jobs {
    /// Runs `job` and returns what it does. When the caller stops waiting the job runs to its end all the same.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        // It is never closed.
        let _place = self.places.acquire().await.map_err(io::Error::other)?;
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

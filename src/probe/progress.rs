//! How far a probe has come, so that one that runs out of time can say what took so long. Knows no protocol.

use crate::base::Trouble;
use crate::probe::deadline;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// What a probe is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// The connection is being made.
    Connecting,
    /// TLS is being agreed on.
    ShakingHands,
    /// Nothing of an answer has come.
    Waiting,
    /// The answer is being read.
    Reading,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Connecting, Self::ShakingHands, Self::Waiting, Self::Reading];

    fn words(self) -> &'static str {
        match self {
            Self::Connecting => "while connecting",
            Self::ShakingHands => "during the TLS handshake",
            Self::Waiting => "while waiting for the response",
            Self::Reading => "while reading the body",
        }
    }
}

/// How far one probe has come.
#[derive(Debug)]
pub struct Progress(AtomicU8);

impl Default for Progress {
    fn default() -> Self {
        Self(AtomicU8::new(Stage::Connecting as u8))
    }
}

impl Progress {
    /// The probe is doing this now.
    pub fn reach(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Relaxed);
    }

    fn stage(&self) -> Stage {
        let reached = self.0.load(Ordering::Relaxed);
        Stage::ALL.into_iter().find(|stage| *stage as u8 == reached).unwrap_or(Stage::Connecting)
    }
}

/// Does `work`, which notes its progress, and gives it up after `timeout`.
///
/// # Errors
///
/// What `work` says, or that it took too long and at what.
pub async fn within<T>(
    timeout: Duration,
    progress: &Progress,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    match deadline::timeout(timeout, work).await {
        Ok(done) => done,
        Err(_elapsed) => Err(timed_out(timeout, progress.stage().words())),
    }
}

/// A probe took too long.
pub fn timed_out(timeout: Duration, doing: &str) -> Trouble {
    Trouble::Failed(format!("timed out after {timeout:?} {doing}"))
}

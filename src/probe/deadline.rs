//! The timeout of a probe, measured while this process runs: when the process itself was late to look, the probe gets the
//! time that was lost, so that a busy or suspended machine fails no target. Knows no probes.

use std::time::Duration;
use tokio::time::Instant;

/// What has happened on a socket is seen this much late at most on a machine that keeps up.
const LATE_MIN: Duration = Duration::from_millis(20);

/// The time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

/// Waits for `future` at most for `timeout`, which begins when this is first polled.
pub async fn timeout<F: Future>(timeout: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut deadline = Instant::now() + timeout;
    let mut future = std::pin::pin!(future);
    let mut was_late = false;
    loop {
        match tokio::time::timeout_at(deadline, &mut future).await {
            Ok(output) => return Ok(output),
            Err(_elapsed) => {
                let lost = Instant::now().saturating_duration_since(deadline);
                if was_late || lost < LATE_MIN {
                    return Err(Elapsed);
                }
                // Once only: however busy the machine, there is an end.
                was_late = true;
                deadline = Instant::now() + lost.min(timeout);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(40);

    /// The whole process stands still for longer than the timeout.
    fn stall() {
        std::thread::sleep(2 * TIMEOUT);
    }

    #[tokio::test]
    async fn a_probe_without_a_verdict_ends_after_the_timeout() {
        assert_eq!(timeout(TIMEOUT, std::future::pending::<()>()).await, Err(Elapsed));
        assert_eq!(timeout(TIMEOUT, async { 1 }).await, Ok(1));
    }

    #[tokio::test]
    async fn time_that_this_process_lost_is_given_back() {
        let stalled = timeout(TIMEOUT, async {
            stall();
            tokio::time::sleep(TIMEOUT / 8).await;
        });
        assert_eq!(stalled.await, Ok(()));
    }

    #[tokio::test]
    async fn lost_time_is_given_back_once() {
        let stalled = timeout(TIMEOUT, async {
            loop {
                stall();
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(stalled.await, Err(Elapsed));
    }
}

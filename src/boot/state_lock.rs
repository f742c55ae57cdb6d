//! One server uses one state folder: two would lose each other's orders. The second one says so, and starts: several servers on one
//! machine that keep nothing may well share a folder that nobody named.

use super::server::StartError;
use super::token;
use crate::admin::operate::Prepared;
use crate::config::Config;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::path::Path;

/// Held as long as the server runs; the system lets go of it however the server ends.
#[derive(Debug)]
pub(super) struct StateLock(#[expect(dead_code, reason = "held, not read")] Option<File>);

impl StateLock {
    /// Takes the folder for this server; the error is what to warn of when another one has it. A folder that can not be locked
    /// for another reason is told of by whoever writes there.
    pub(super) fn take(folder: &Path) -> Result<Self, String> {
        let path = folder.join("lock");
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let Ok(file) = opened else { return Ok(Self(None)) };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(format!(
                "another server uses the state folder `{}`, and each may lose what operators tell the other: give this one a \
                 `[server] state_dir` of its own, or stop the other",
                folder.display()
            )),
            Ok(()) => Ok(Self(Some(file))),
            Err(_) => Ok(Self(None)),
        }
    }
}

/// The state folder for this server alone; what operators have said before, and a token for what they will say.
pub(super) fn recall(config: &Config) -> Result<(StateLock, Prepared), StartError> {
    // It makes the folder where there is none yet.
    token::prepare(config);
    let state_lock = StateLock::take(&config.server.state_dir).unwrap_or_else(|warning| {
        tracing::warn!("{warning}");
        StateLock(None)
    });
    Ok((state_lock, Prepared::load(&config.server.state_dir).map_err(StartError::System)?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::StateLock;

    #[test]
    fn a_folder_is_for_one_server_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = StateLock::take(folder.path()).unwrap();
        assert!(StateLock::take(folder.path()).unwrap_err().contains("another server"));
        drop(first);
        StateLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_locks_nobody_out() {
        StateLock::take(std::path::Path::new("/nowhere/at/all")).unwrap();
    }
}

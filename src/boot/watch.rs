//! The opt-in file watcher: a reload once files have changed and then been quiet.

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long files must be quiet after a change before they are read: editors write in several steps.
pub const QUIET: Duration = Duration::from_secs(5);

/// Watches the folders of some files and calls back after each change that is followed by a quiet time. Stops when dropped.
pub struct FileWatcher {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
}

impl FileWatcher {
    /// Starts watching; `quiet` is how long nothing must change before `on_quiet` is called. Folders are watched rather
    /// than files, since editors replace files by renaming.
    pub fn start(files: &[PathBuf], quiet: Duration, on_quiet: impl Fn() + Send + 'static) -> notify::Result<Self> {
        let (sender, receiver) = channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // The receiver is gone only while this watcher is being dropped.
                let _ = sender.send(());
            }
        })?;
        std::thread::Builder::new().name("watch".into()).spawn(move || call_when_quiet(&receiver, quiet, on_quiet))?;
        let mut watching = Self { watcher, folders: BTreeSet::new() };
        watching.watch(files)?;
        Ok(watching)
    }

    /// Watches the folders of these files instead of those watched so far.
    pub fn watch(&mut self, files: &[PathBuf]) -> notify::Result<()> {
        let parent = |file: &PathBuf| match file.parent() {
            Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
            Some(folder) => folder.to_path_buf(),
            None => PathBuf::from("/"),
        };
        let folders: BTreeSet<PathBuf> = files.iter().map(parent).collect();
        for gone in self.folders.difference(&folders) {
            // A folder that was deleted is no longer watched anyway.
            let _ = self.watcher.unwatch(gone);
        }
        for new in folders.difference(&self.folders) {
            self.watcher.watch(new, RecursiveMode::NonRecursive)?;
        }
        self.folders = folders;
        Ok(())
    }
}

fn call_when_quiet(changes: &Receiver<()>, quiet: Duration, on_quiet: impl Fn()) {
    while changes.recv().is_ok() {
        loop {
            match changes.recv_timeout(quiet) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        on_quiet();
    }
}

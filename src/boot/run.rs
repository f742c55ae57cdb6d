//! Signals: reload on SIGHUP, end on SIGTERM and SIGINT.

use super::load::Report;
use super::server::Server;
use super::watch::{FileWatcher, QUIET};
use crate::base::Severity;
use std::io;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, oneshot};

/// How far reloads stand back behind the workers.
#[cfg(target_os = "linux")]
const RELOAD_NICENESS: i32 = 10;

/// The signals of this process. SIGHUP is waited for from the start on, because until somebody does it ends a process; one
/// that comes early is served when the server runs.
pub struct Signals {
    runtime: Runtime,
    hangup: Signal,
}

impl Signals {
    /// Waits for SIGHUP from now on.
    pub fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let hangup = {
            let _entered = runtime.enter();
            signal(SignalKind::hangup())?
        };
        Ok(Self { runtime, hangup })
    }

    /// Serves until SIGTERM or SIGINT, then stops the server. A reload that is running then is left to itself: it ends with
    /// the process.
    pub fn run_until_stopped(self, mut server: Server) -> io::Result<()> {
        let Self { runtime, mut hangup } = self;
        runtime.block_on(serve(&mut server, &mut hangup))?;
        server.stop();
        Ok(())
    }
}

async fn serve(server: &mut Server, hangup: &mut Signal) -> io::Result<()> {
    let changed = Arc::new(Notify::new());
    let mut watcher = start_watcher(server, &changed);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    loop {
        // What comes while a reload runs is remembered, and causes another one afterwards.
        let reloaded = async {
            let cause = tokio::select! {
                _ = hangup.recv() => "SIGHUP",
                () = changed.notified() => "changed files",
            };
            reload(server, cause).await;
        };
        tokio::select! {
            () = reloaded => {}
            signal = ended(&mut terminate, &mut interrupt) => {
                tracing::info!(signal, "stopping");
                return Ok(());
            }
        }
        match &mut watcher {
            Some(watcher) if server.loaded().config.server.watch => {
                if let Err(error) = watcher.watch(&server.files()) {
                    tracing::warn!(%error, "cannot watch the configuration's folders; reload by SIGHUP");
                }
            }
            _ => watcher = start_watcher(server, &changed),
        }
    }
}

async fn ended(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

fn start_watcher(server: &Server, changed: &Arc<Notify>) -> Option<FileWatcher> {
    if !server.loaded().config.server.watch {
        return None;
    }
    let changed = Arc::clone(changed);
    match FileWatcher::start(&server.files(), QUIET, move || changed.notify_one()) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "cannot watch the configuration's folders; reload by SIGHUP");
            None
        }
    }
}

async fn reload(server: &mut Server, cause: &str) {
    let reloaded = match at_low_priority(server.reload_job()).await {
        Ok((loaded, report)) => server.apply(loaded, report),
        Err(error) => return tracing::error!(cause, %error, "reload failed; the running configuration stays in use"),
    };
    let published = match reloaded {
        Ok((Some(publish), report)) => match at_low_priority(publish).await {
            Ok(published) => server.published(published, report),
            Err(error) => return tracing::error!(cause, %error, "reload failed; restart this server"),
        },
        Ok((None, _)) if cause == "SIGHUP" => return tracing::info!(cause, "nothing changed"),
        Ok((None, _)) => return tracing::debug!(cause, "nothing changed"),
        Err(report) => Err(report),
    };
    match published {
        Ok(report) => {
            report.log();
            tracing::info!(cause, generation = server.publisher().metrics().generation, "configuration reloaded");
        }
        Err(report) => {
            report.log();
            let (errors, _) = report.counts();
            let generation = server.publisher().metrics().generation;
            tracing::error!(cause, errors, generation, "reload refused; the running configuration stays in use");
        }
    }
}

/// Runs `job` on a thread of its own that stands back behind the workers, so that this one can go on waiting for signals.
async fn at_low_priority<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name("reload".into()).spawn(move || {
        stand_back();
        // Nobody waits any more when the server has stopped.
        let _ = sender.send(job());
    })?;
    receiver.await.map_err(|_| io::Error::other("the thread of the reload has panicked"))
}

/// Lowers the priority of this thread.
pub(super) fn stand_back() {
    // On Linux this concerns the thread alone.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, RELOAD_NICENESS) {
        tracing::debug!(%error, "cannot lower the priority of reloads");
    }
}

impl Report {
    /// Logs each diagnostic as one line.
    pub fn log(&self) {
        for diagnostic in self.refused_zones.iter().chain(&self.diagnostics) {
            let line = diagnostic.one_line(&self.sources);
            match diagnostic.severity {
                Severity::Error => tracing::error!("{line}"),
                Severity::Warning => tracing::warn!("{line}"),
            }
        }
    }
}

//! Signals: reload on SIGHUP, end on SIGTERM and SIGINT.

use super::load::Report;
use super::server::Server;
use super::watch::{FileWatcher, QUIET};
use crate::base::Severity;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

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
    pub fn listen() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let hangup = {
            let _entered = runtime.enter();
            signal(SignalKind::hangup())?
        };
        Ok(Self { runtime, hangup })
    }

    /// Serves until SIGTERM or SIGINT, then stops the server.
    pub fn run_until_stopped(self, mut server: Server) -> std::io::Result<()> {
        // From here on this thread only loads configurations: the workers go first. On Linux this concerns the thread alone.
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::setpriority_process(None, RELOAD_NICENESS) {
            tracing::debug!(%error, "cannot lower the priority of reloads");
        }
        let Self { runtime, mut hangup } = self;
        runtime.block_on(serve(&mut server, &mut hangup))?;
        server.stop();
        Ok(())
    }
}

async fn serve(server: &mut Server, hangup: &mut Signal) -> std::io::Result<()> {
    let changed = Arc::new(Notify::new());
    let mut watcher = start_watcher(server, &changed);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    loop {
        tokio::select! {
            _ = hangup.recv() => reload(server, "SIGHUP"),
            () = changed.notified() => reload(server, "changed files"),
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

fn reload(server: &mut Server, cause: &str) {
    match server.reload() {
        Ok((true, report)) => {
            log_report(&report);
            tracing::info!(cause, generation = server.publisher().metrics().generation, "configuration reloaded");
        }
        Ok((false, _)) if cause == "SIGHUP" => tracing::info!(cause, "nothing changed"),
        Ok((false, _)) => tracing::debug!(cause, "nothing changed"),
        Err(report) => {
            log_report(&report);
            let (errors, _) = report.counts();
            let generation = server.publisher().metrics().generation;
            tracing::error!(cause, errors, generation, "reload refused; the running configuration stays in use");
        }
    }
}

/// Each diagnostic as one log line.
fn log_report(report: &Report) {
    for diagnostic in &report.diagnostics {
        let line = diagnostic.one_line(&report.sources);
        match diagnostic.severity {
            Severity::Error => tracing::error!("{line}"),
            Severity::Warning => tracing::warn!("{line}"),
        }
    }
}

//! What an operator sees of a running server and says to it: health, metrics, explanations and commands over HTTP, on an
//! address of its own and a thread of its own.

pub mod explain;
mod feeds;
mod http;
pub mod latency;
mod metrics;
pub mod operate;
pub mod status;

use crate::admin::http::Access;
use crate::admin::latency::Latencies;
use crate::admin::operate::OperatorHandle;
use crate::admin::status::rates::{self, Rates};
use crate::feed::{Feeder, FeederHandle};
use crate::health::{TargetKey, TargetState};
use crate::probe::Prober;
use crate::probe::metrics::Metrics as ProbeMetrics;
use crate::snapshot::PublisherHandle;
use crate::transfer::Counters as TransferCounters;
use crate::transfer::alias::AliasCounters;
use crate::transfer::secondary::SecondariesHandle;
use crate::transfer::update::Updates;
use crate::transport::{Service, StreamCounters, WorkerCounters};
use dashmap::DashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{Notify, Semaphore};

/// Zones that are written out at a time: each is a text of its whole size in memory.
const EXPORTS_MAX: usize = 1;

/// What the admin server reads. Everything in it is shared with the parts that write it.
#[derive(Clone)]
pub struct AdminState {
    publisher: PublisherHandle,
    targets: Arc<DashMap<TargetKey, TargetState>>,
    probes: Arc<ProbeMetrics>,
    feeds: FeederHandle,
    serving: Arc<OnceLock<Serving>>,
    reloads: Arc<Reloads>,
    secondaries: Arc<OnceLock<SecondariesHandle>>,
    aliases: Arc<AliasCounters>,
    operator: Arc<OnceLock<OperatorHandle>>,
    rates: Arc<Rates>,
    latencies: Arc<OnceLock<Arc<dyn Latencies>>>,
    exports: Arc<Semaphore>,
}

/// What the threads that serve queries count.
struct Serving {
    workers: Vec<WorkerCounters>,
    streams: Arc<StreamCounters>,
    transfers: Arc<TransferCounters>,
    updates: Updates,
}

/// How reloads went.
#[derive(Debug, Default)]
pub struct Reloads {
    /// Configurations that went live.
    pub applied: AtomicU64,
    /// Configurations that were refused.
    pub refused: AtomicU64,
}

impl Reloads {
    /// Counts one reload.
    pub fn count(&self, applied: bool) {
        let counter = if applied { &self.applied } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl AdminState {
    /// Over the running parts; `reloads` is counted by whoever reloads.
    #[must_use]
    pub fn new(
        publisher: PublisherHandle,
        prober: &Prober,
        feeder: &Feeder,
        reloads: &Arc<Reloads>,
        aliases: &Arc<AliasCounters>,
    ) -> Self {
        Self {
            publisher,
            targets: prober.states(),
            probes: prober.metrics(),
            feeds: feeder.handle().clone(),
            serving: Arc::default(),
            reloads: Arc::clone(reloads),
            secondaries: Arc::default(),
            aliases: Arc::clone(aliases),
            operator: Arc::default(),
            rates: Arc::default(),
            latencies: Arc::default(),
            exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
        }
    }

    /// From now on commands of operators are taken.
    pub fn operated_by(&self, operator: OperatorHandle) {
        // Set once, by the one thread that starts the server.
        let _ = self.operator.set(operator);
    }

    /// From now on tables of latencies are taken.
    pub fn measured_by(&self, latencies: Arc<dyn Latencies>) {
        // Set once, by the one thread that starts the server.
        let _ = self.latencies.set(latencies);
    }

    /// From now on the primaries of these zones are followed.
    pub fn following(&self, secondaries: SecondariesHandle) {
        // Set once, by the one thread that starts the server.
        let _ = self.secondaries.set(secondaries);
    }

    /// From now on queries are answered, and counted by these threads.
    pub fn serving(&self, service: &Service, transfers: Arc<TransferCounters>, updates: Updates) {
        let (workers, streams) = (service.workers().to_vec(), Arc::clone(service.streams()));
        let serving = Serving { workers, streams, transfers, updates };
        // Set once, by the one thread that starts the server.
        let _ = self.serving.set(serving);
    }
}

/// Remembers how many answers there were, again and again.
async fn take_rates(state: &AdminState) {
    loop {
        state.rates.take(&state.publisher.totals(), Instant::now());
        tokio::time::sleep(rates::INTERVAL).await;
    }
}

/// The running admin server.
pub struct Admin {
    address: SocketAddr,
    stop: Arc<Notify>,
    thread: JoinHandle<()>,
}

impl Admin {
    /// Serves on a bound socket whoever knows the token in this file, and on loopback others too.
    pub fn start(socket: TcpListener, token_file: PathBuf, state: AdminState) -> std::io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let access = Access::new(token_file, address.ip());
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let taken = state.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("admin".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    served = http::serve(socket, access, state) => {
                        if let Err(error) = served {
                            tracing::error!(%error, "the admin server ended");
                        }
                    }
                    () = take_rates(&taken) => {}
                    () = stopped.notified() => {}
                }
            });
        })?;
        Ok(Self { address, stop, thread })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends, with whatever requests are under way.
    pub fn stop(self) {
        self.stop.notify_one();
        // A panic there has been reported by its own thread.
        let _ = self.thread.join();
    }
}

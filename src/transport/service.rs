//! The threads that serve queries: started together, stopped together.

use super::bind::Listeners;
use super::random;
use super::slow::SlowDoor;
use super::stream::{self, StreamCounters, StreamLimits};
use super::udp::{self, Worker};
use crate::answer::{Counters, Guard, Responder};
use crate::snapshot::SnapshotStore;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use tokio::sync::watch;

/// The threads that serve queries.
pub struct Service {
    workers: Vec<WorkerCounters>,
    streams: Arc<StreamCounters>,
    stop_udp: Arc<AtomicBool>,
    stop_streams: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    #[cfg(all(feature = "xdp", target_os = "linux"))]
    xdp: Option<super::xdp::Attached>,
}

/// What one worker counts.
#[derive(Clone, Debug)]
pub struct WorkerCounters {
    /// `udp`, `xdp` (UDP past the sockets) or `tcp`.
    pub transport: &'static str,
    /// Where the worker listens; `None` when it serves every address.
    pub address: Option<SocketAddr>,
    /// Queries and responses.
    pub answers: Arc<Counters>,
    /// Trouble with the socket.
    pub io: Arc<IoCounters>,
}

/// Trouble of one worker with its socket.
#[derive(Debug, Default)]
pub struct IoCounters {
    receive_failures: AtomicU64,
    send_failures: AtomicU64,
    slow_drops: AtomicU64,
}

impl IoCounters {
    /// Receiving failed, for another reason than that there was nothing.
    pub(super) fn receive_failed(&self) {
        self.receive_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Replies could not be sent.
    pub(super) fn send_failed(&self, replies: usize) {
        self.send_failures.fetch_add(replies as u64, Ordering::Relaxed);
    }

    /// A message found the slow door crowded.
    pub(super) fn slow_dropped(&self) {
        self.slow_drops.fetch_add(1, Ordering::Relaxed);
    }

    /// How often receiving failed.
    #[must_use]
    pub fn receive_failures(&self) -> u64 {
        self.receive_failures.load(Ordering::Relaxed)
    }

    /// How many messages were dropped because the slow door was crowded.
    #[must_use]
    pub fn slow_drops(&self) -> u64 {
        self.slow_drops.load(Ordering::Relaxed)
    }

    /// How many replies could not be sent.
    #[must_use]
    pub fn send_failures(&self) -> u64 {
        self.send_failures.load(Ordering::Relaxed)
    }
}

impl Service {
    /// Starts serving. The workers of UDP count in the first shards of the snapshot, in the order in which their sockets
    /// were bound (all of one address, then all of the next); those of XDP behind them, and then the stream thread. So the
    /// snapshot needs [`Listeners::shard_count`] shards; what a worker without a shard would count there is lost.
    ///
    /// What is behind `slow_door` gets transfers, signed messages, NOTIFY and UPDATE; without one they are refused.
    pub fn start(
        #[cfg_attr(
            not(all(feature = "xdp", target_os = "linux")),
            expect(unused_mut, reason = "XDP takes its part out")
        )]
        mut listeners: Listeners,
        store: Arc<SnapshotStore>,
        limits: StreamLimits,
        slow_door: Option<Arc<dyn SlowDoor>>,
    ) -> io::Result<Self> {
        let (stop_streams, stream_stop) = watch::channel(false);
        let mut service = Self {
            workers: Vec::new(),
            streams: Arc::default(),
            stop_udp: Arc::default(),
            stop_streams,
            threads: Vec::new(),
            #[cfg(all(feature = "xdp", target_os = "linux"))]
            xdp: None,
        };
        // One for all workers: whose limit and whose cookie it is must not hang on which of them is asked.
        let guard = Arc::new(Guard::new(store.load().settings.rate_limit.table_size, random::secret()?));
        let streams_shard = listeners.shard_count() - 1;
        #[cfg(all(feature = "xdp", target_os = "linux"))]
        service.start_xdp(&mut listeners, &|shard| {
            let responder = Responder::new(shard).with_slow_door(slow_door.is_some()).guarded(Arc::clone(&guard));
            udp::Desk::new(responder, Arc::clone(&store), slow_door.clone())
        })?;
        for (shard, listener) in listeners.udp.into_iter().enumerate() {
            let responder = Responder::new(shard).with_slow_door(slow_door.is_some()).guarded(Arc::clone(&guard));
            let io = service.count_worker("udp", Some(listener.address), &responder);
            let desk = udp::Desk::new(responder, Arc::clone(&store), slow_door.clone());
            let worker = Worker::new(listener, desk, io, Arc::clone(&service.stop_udp));
            service.spawn(format!("udp-{shard}"), move || worker.run())?;
        }
        let responder = Responder::new(streams_shard).with_slow_door(slow_door.is_some()).guarded(guard);
        let io = service.count_worker("tcp", None, &responder);
        let desk = stream::Desk::new(responder, store, limits, Arc::clone(&service.streams), slow_door.zip(Some(io)));
        let (tcp, runtime) = (listeners.tcp, stream::runtime()?);
        service.spawn("tcp".to_owned(), move || stream::run(&runtime, tcp, desk, stream_stop))?;
        Ok(service)
    }

    /// Starts the workers of XDP, which count behind those of UDP sockets.
    #[cfg(all(feature = "xdp", target_os = "linux"))]
    fn start_xdp(&mut self, listeners: &mut Listeners, desk: &dyn Fn(usize) -> udp::Desk) -> io::Result<()> {
        let mut attachments = std::mem::take(&mut listeners.xdp);
        if attachments.is_empty() {
            return Ok(());
        }
        let ways = Arc::new(super::xdp::Ways::through(&listeners.udp)?);
        let mut shard = listeners.udp.len();
        for attachment in &mut attachments {
            for queue in std::mem::take(&mut attachment.queues) {
                let desk = desk(shard);
                let io = self.count_worker("xdp", None, &desk.responder);
                let (ways, stop) = (Arc::clone(&ways), Arc::clone(&self.stop_udp));
                let worker = super::xdp::Worker::new(queue, &attachment.interface, desk, ways, io, stop);
                self.spawn(format!("xdp-{shard}"), move || worker.run())?;
                shard += 1;
            }
        }
        self.xdp = Some(super::xdp::Attached::follow(attachments)?);
        Ok(())
    }

    fn count_worker(
        &mut self,
        transport: &'static str,
        address: Option<SocketAddr>,
        responder: &Responder,
    ) -> Arc<IoCounters> {
        let io = Arc::<IoCounters>::default();
        self.workers.push(WorkerCounters { transport, address, answers: responder.counters(), io: Arc::clone(&io) });
        io
    }

    fn spawn(&mut self, name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        // After an error the threads that run already end with the service: see `Drop`.
        self.threads.push(thread::Builder::new().name(name).spawn(run)?);
        Ok(())
    }

    /// What each worker counts, to be read at any time.
    #[must_use]
    pub fn workers(&self) -> &[WorkerCounters] {
        &self.workers
    }

    /// What the stream thread counts of its connections.
    #[must_use]
    pub const fn streams(&self) -> &Arc<StreamCounters> {
        &self.streams
    }

    /// Answers what is queued and ends all threads, within a second.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // From here on the sockets have it all.
        #[cfg(all(feature = "xdp", target_os = "linux"))]
        drop(self.xdp.take());
        self.stop_udp.store(true, Ordering::Relaxed);
        // Nobody listens any more when the stream thread has ended by itself.
        let _ = self.stop_streams.send(true);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that serves queries had panicked");
            }
        }
    }
}

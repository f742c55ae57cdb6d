//! What operators say of regions, pools and members: taken in one after the other, judged by the guards, kept, put in force,
//! ended at their times, and logged. The one writer of the operator's file. Knows no routes.

mod change;
pub mod file;
pub mod request;
pub mod token;

use crate::probe::Clock;
use crate::snapshot::PublisherHandle;
use crate::steering::control::operator::{OperatorTable, Order};
use crate::steering::spec::Guard;
use file::{Kept, Memory};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Everything behind the commands of operators, to share.
#[derive(Clone)]
pub struct OperatorHandle(Arc<Shared>);

struct Shared {
    state_dir: PathBuf,
    node: String,
    clock: Clock,
    publisher: PublisherHandle,
    state: Mutex<State>,
    /// The table has changed, or there is an end to it all.
    woken: Condvar,
}

struct State {
    table: OperatorTable,
    memory: Memory,
    guards: Vec<Guard>,
    is_stopping: bool,
}

/// The thread that ends orders at their times.
pub struct Operator {
    handle: OperatorHandle,
    thread: Option<JoinHandle<()>>,
}

impl Operator {
    /// Puts in force what was kept, as far as its time is not over, and starts the thread.
    pub fn start(
        publisher: PublisherHandle,
        state_dir: &Path,
        kept: Kept,
        guards: Vec<Guard>,
    ) -> std::io::Result<Self> {
        let state = State { table: kept.table, memory: kept.memory, guards, is_stopping: false };
        let shared = Shared {
            state_dir: state_dir.to_path_buf(),
            node: node_name(),
            clock: Clock::anchored(),
            publisher,
            state: Mutex::new(state),
            woken: Condvar::new(),
        };
        let handle = OperatorHandle(Arc::new(shared));
        handle.0.restore();
        let shared = Arc::clone(&handle.0);
        let thread = std::thread::Builder::new().name("operator".into()).spawn(move || shared.end_orders())?;
        Ok(Self { handle, thread: Some(thread) })
    }

    /// A handle to share.
    #[must_use]
    pub const fn handle(&self) -> &OperatorHandle {
        &self.handle
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.handle.0.state().is_stopping = true;
        self.handle.0.woken.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

impl OperatorHandle {
    /// The guards that commands are judged by from now on.
    pub fn guard_by(&self, guards: Vec<Guard>) {
        self.0.state().guards = guards;
    }

    /// What operators have said, with what is over until the thread has taken it out.
    #[must_use]
    pub fn table(&self) -> OperatorTable {
        self.0.state().table.clone()
    }

    /// The time by which orders end.
    #[must_use]
    pub fn now(&self) -> crate::base::UnixTime {
        self.0.clock.now()
    }

    /// What this node is called.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.0.node
    }

    /// What steering asked to remember.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.0.state().memory.clone()
    }

    /// Keeps what steering asks to remember over restarts, if that is something new.
    pub fn remember(&self, memory: Memory) -> std::io::Result<()> {
        let mut state = self.0.state();
        if state.memory == memory {
            return Ok(());
        }
        file::save(&self.0.state_dir, &state.table, &memory)?;
        state.memory = memory;
        Ok(())
    }
}

impl Shared {
    /// A panic while the lock is held leaves nothing half-done that the next holder could stumble over.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn restore(&self) {
        let mut state = self.state();
        self.take_out_what_is_over(&mut state, "the time was over when the server started");
        for order in state.table.orders() {
            log(order, "the server has started", "order of an operator is still in force");
        }
        if !state.table.orders().is_empty() {
            self.publisher.operate(Arc::new(state.table.clone()));
        }
    }

    /// Takes out what is over; whether anything was.
    fn take_out_what_is_over(&self, state: &mut State, cause: &str) -> bool {
        let over = state.table.expire(self.clock.now());
        for order in &over {
            log(order, cause, "order of an operator has ended");
        }
        if over.is_empty() {
            return false;
        }
        if let Err(error) = file::save(&self.state_dir, &state.table, &state.memory) {
            // It has its times in it: nothing that is over comes back.
            tracing::warn!(%error, file = %file::path_of(&self.state_dir).display(), "cannot write what operators have said");
        }
        true
    }

    fn end_orders(&self) {
        let mut state = self.state();
        while !state.is_stopping {
            if self.take_out_what_is_over(&mut state, "its time is over") {
                self.publisher.operate(Arc::new(state.table.clone()));
            }
            let now = self.clock.now();
            state = match state.table.next_expiry(now) {
                Some(end) => {
                    let waited = self.woken.wait_timeout(state, end.since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.woken.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

fn log(order: &Order, cause: &str, message: &str) {
    tracing::info!(
        cause,
        action = order.action.words(),
        pattern = %order.pattern,
        until = order.until.map(crate::base::UnixTime::utc_text),
        by = &*order.by,
        reason = &*order.reason,
        "{message}"
    );
}

/// What this machine is called.
fn node_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "this node".to_owned() } else { name.to_owned() }
}

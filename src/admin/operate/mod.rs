//! What operators say of regions, pools and members: taken in one after the other, judged by the guards, kept, put in force,
//! ended at their times, and logged. The one writer of the operator's file. Knows no routes.

mod caches;
mod change;
mod clear;
pub mod file;
mod judge;
pub mod request;
pub mod token;

use crate::base::UnixTime;
use crate::feed::FeederHandle;
use crate::probe::Clock;
use crate::snapshot::{PairMemory, Past, PublisherHandle};
use crate::steering::control::operator::{OperatorTable, Order};
use crate::steering::spec::Guard;
use caches::Dry;
use file::Kept;
pub use judge::GoingLive;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

/// Everything behind the commands of operators, to share.
#[derive(Clone)]
pub struct OperatorHandle(Arc<Shared>);

struct Shared {
    state_dir: PathBuf,
    node: String,
    clock: Clock,
    publisher: PublisherHandle,
    /// *Invariant:* the publisher's thread never takes it, since whoever holds it may wait for that thread.
    state: Mutex<State>,
    messages: Mutex<Sender<Message>>,
    feeds: OnceLock<FeederHandle>,
}

struct State {
    table: OperatorTable,
    memories: Vec<PairMemory>,
    guards: Vec<Guard>,
    /// What earlier configurations have answered. A restart forgets it.
    dry: Dry,
}

enum Message {
    /// The table has changed, and with it the time of the next end.
    Changed,
    /// The publisher's steering remembers something else.
    Remember(Vec<PairMemory>),
    Stop,
}

/// What was kept, before there is a publisher.
pub struct Prepared {
    state_dir: PathBuf,
    clock: Clock,
    kept: Kept,
    over: Vec<Order>,
    messages: Sender<Message>,
    inbox: Receiver<Message>,
}

impl Prepared {
    /// Reads what was kept. The error has its place and a remedy.
    pub fn load(state_dir: &Path) -> Result<Self, String> {
        let mut kept = file::load(state_dir)?;
        let clock = Clock::anchored();
        let over = kept.table.expire(clock.now());
        let (messages, inbox) = channel();
        Ok(Self { state_dir: state_dir.to_path_buf(), clock, kept, over, messages, inbox })
    }

    /// What the publisher goes on with.
    #[must_use]
    pub fn past(&self) -> Past {
        Past { operator: Arc::new(self.kept.table.clone()), memories: self.kept.memories.clone() }
    }

    /// What takes from the publisher's thread what must not be forgotten. Never blocks.
    pub fn on_memory(&self) -> impl Fn(&[PairMemory]) + Send + use<> {
        let messages = self.messages.clone();
        move |memories| {
            // Without an operator nothing is kept any more.
            let _ = messages.send(Message::Remember(memories.to_vec()));
        }
    }
}

/// The thread that ends orders at their times, and writes down what steering remembers.
pub struct Operator {
    handle: OperatorHandle,
    thread: Option<JoinHandle<()>>,
}

impl Operator {
    /// Takes commands from now on; `publisher` has been started with [`Prepared::past`].
    pub fn start(prepared: Prepared, publisher: PublisherHandle, guards: Vec<Guard>) -> std::io::Result<Self> {
        let Prepared { state_dir, clock, kept: Kept { table, memories }, over, messages, inbox } = prepared;
        for order in table.orders() {
            log(order, "the server has started", "order of an operator is still in force");
        }
        let state = Mutex::new(State { table, memories, guards, dry: Dry::default() });
        let node = node_name();
        let shared = Arc::new(Shared {
            state_dir,
            node,
            clock,
            publisher,
            state,
            messages: Mutex::new(messages),
            feeds: OnceLock::new(),
        });
        if !over.is_empty() {
            shared.tell_of_ended(&shared.state(), &over, "its time was over when the server started");
        }
        let handle = OperatorHandle(Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("operator".into()).spawn(move || shared.run(&inbox))?;
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
        self.handle.0.tell(Message::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

impl OperatorHandle {
    /// Whose words a `clear` forgets from now on.
    pub fn fed_by(&self, feeds: FeederHandle) {
        // Set once, by the one thread that starts the server.
        let _ = self.0.feeds.set(feeds);
    }

    /// What operators have said, with what is over until the thread has taken it out.
    #[must_use]
    pub fn table(&self) -> OperatorTable {
        self.0.state().table.clone()
    }

    /// The time by which orders end.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.0.clock.now()
    }

    /// What this node is called.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.0.node
    }
}

impl Shared {
    /// A panic while the lock is held leaves nothing half-done that the next holder could stumble over.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, message: Message) {
        // The thread ends with its owner alone.
        let _ = self.messages.lock().unwrap_or_else(PoisonError::into_inner).send(message);
    }

    fn save(&self, state: &State) {
        if let Err(error) = file::save(&self.state_dir, &state.table, &state.memories) {
            let file = file::path_of(&self.state_dir);
            tracing::error!(%error, file = %file.display(), "cannot write what a restart must not forget");
        }
    }

    /// Logs orders that are no longer in the table. They have their times in the file: should it not be written, they do not
    /// come back all the same.
    fn tell_of_ended(&self, state: &State, over: &[Order], cause: &str) {
        for order in over {
            log(order, cause, "order of an operator has ended");
        }
        self.save(state);
    }

    fn run(&self, inbox: &Receiver<Message>) {
        loop {
            self.end_orders();
            let now = self.clock.now();
            let end = self.state().table.next_expiry(now);
            let message = match end {
                Some(end) => inbox.recv_timeout(end.since(now)),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(Message::Changed) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Remember(memories)) => {
                    let mut state = self.state();
                    state.memories = memories;
                    self.save(&state);
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn end_orders(&self) {
        let mut state = self.state();
        let over = state.table.expire(self.clock.now());
        if !over.is_empty() {
            self.tell_of_ended(&state, &over, "its time is over");
            self.publisher.operate(Arc::new(state.table.clone()));
        }
    }
}

fn log(order: &Order, cause: &str, message: &str) {
    tracing::info!(
        cause,
        action = order.action.words(),
        pattern = %order.pattern,
        until = order.until.map(UnixTime::utc_text),
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

//! Single keys from the terminal, and the signals that end the demo.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// What the operator did.
pub enum Event {
    /// Pressed a key.
    Key(char),
    /// Asked to end.
    Stop,
}

/// The keyboard in single-key mode; the terminal is as it was once this is dropped.
pub struct Keyboard {
    events: Receiver<Event>,
    saved: Option<Termios>,
}

impl Keyboard {
    /// Starts listening. Where standard input is no terminal, whole lines arrive as keys.
    pub fn start() -> io::Result<Self> {
        let (sender, events) = channel();
        let keys = sender.clone();
        std::thread::Builder::new().name("keyboard".into()).spawn(move || {
            for octet in io::stdin().lock().bytes().map_while(Result::ok) {
                if keys.send(Event::Key(char::from(octet))).is_err() {
                    return;
                }
            }
        })?;
        stop_on_signals(sender)?;
        let saved = tcgetattr(io::stdin()).ok();
        if let Some(saved) = &saved {
            let mut single_keys = saved.clone();
            // Signals stay on, so that Ctrl-C works.
            single_keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            tcsetattr(io::stdin(), OptionalActions::Now, &single_keys)?;
        }
        Ok(Self { events, saved })
    }

    /// The next event, if there is one within `limit`.
    pub fn wait(&self, limit: Duration) -> Option<Event> {
        self.events.recv_timeout(limit).ok()
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        if let Some(saved) = &self.saved {
            // The terminal may be gone; then there is nothing to restore.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, saved);
        }
    }
}

fn stop_on_signals(sender: Sender<Event>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // The demo has ended already when nobody receives.
        let _ = sender.send(Event::Stop);
    })?;
    Ok(())
}

//! The terminal while something is watched, and the signals that end it. The terminal is as it was afterwards.

use rustix::termios::tcgetwinsize;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Lines of a terminal that does not say how many it has.
const HEIGHT_DEFAULT: u16 = 24;

/// A screen of its own, above what was there. Whoever drops it gets that back.
pub struct Screen(());

impl Screen {
    /// Switches to it.
    pub fn open() -> Self {
        // A terminal that cannot be written to shows nothing anyway.
        let _ = io::stdout().write_all(b"\x1b[?1049h\x1b[?25l");
        Self(())
    }

    /// Shows the lines of a text that fit.
    pub fn show(&self, text: &str) -> io::Result<()> {
        let height = height(tcgetwinsize(io::stdout()).ok().map(|size| size.ws_row));
        let lines: Vec<&str> = text.lines().collect();
        let fitting = usize::from(height.max(2)) - 1;
        let mut out = String::from("\x1b[H");
        for line in lines.iter().take(if lines.len() > fitting { fitting - 1 } else { fitting }) {
            // Each line is wiped behind its end, so that nothing flickers.
            out.push_str(line);
            out.push_str("\x1b[K\r\n");
        }
        if lines.len() > fitting {
            let hidden = lines.len() - (fitting - 1);
            out.push_str(&format!("... {hidden} more lines: a larger window or a PATTERN shows them\x1b[K\r\n"));
        }
        out.push_str("\x1b[J");
        let mut stdout = io::stdout().lock();
        stdout.write_all(out.as_bytes())?;
        stdout.flush()
    }
}

/// Lines of a terminal by what it says. One that says 0, as pseudo terminals do whose size nobody set, does not know.
fn height(said: Option<u16>) -> u16 {
    said.filter(|&lines| lines > 0).unwrap_or(HEIGHT_DEFAULT)
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut stdout = io::stdout().lock();
        // The terminal may be gone; then there is nothing to bring back.
        let _ = stdout.write_all(b"\x1b[?25h\x1b[?1049l").and_then(|()| stdout.flush());
    }
}

/// SIGINT, SIGTERM and SIGHUP, waited for instead of ending the program at once.
pub struct Interrupt(Receiver<()>);

impl Interrupt {
    /// Waits for them from now on.
    pub fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [mut interrupt, mut terminate, mut hangup] = {
            let _context = runtime.enter();
            let [first, second, third] = kinds.map(signal);
            [first?, second?, third?]
        };
        let (sender, receiver) = channel();
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
            });
            // Nobody receives any more when it has ended already.
            let _ = sender.send(());
        })?;
        Ok(Self(receiver))
    }

    /// Whether one comes within this time.
    pub fn comes_within(&self, limit: Duration) -> bool {
        self.0.recv_timeout(limit).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{HEIGHT_DEFAULT, height};

    #[test]
    fn a_terminal_of_no_lines_does_not_know_how_many_it_has() {
        assert_eq!([None, Some(0), Some(50)].map(height), [HEIGHT_DEFAULT, HEIGHT_DEFAULT, 50]);
    }
}

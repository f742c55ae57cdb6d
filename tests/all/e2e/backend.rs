//! HTTP backends that can be killed, hung and revived.

use super::server::free_port;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the accepting thread sleeps between looks: a test never waits for it longer than that.
const LOOK: Duration = Duration::from_millis(2);

const SERVE: u8 = 0;
const HANG: u8 = 1;
const FAIL: u8 = 2;

/// One HTTP server on loopback that answers every request with 200 and the text `ok`.
pub struct Backend {
    pub address: SocketAddr,
    mode: Arc<AtomicU8>,
    requests: Arc<AtomicUsize>,
    running: Option<Running>,
}

struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Backend {
    pub fn start() -> Self {
        // One that nobody takes while the backend is dead.
        let listener = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
        let address = listener.local_addr().unwrap();
        let mut backend = Self { address, mode: Arc::default(), requests: Arc::default(), running: None };
        backend.run(listener);
        backend
    }

    fn run(&mut self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (mode, requests, stopped) = (Arc::clone(&self.mode), Arc::clone(&self.requests), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            // Connections that hang are kept open until the backend dies or serves again.
            let mut hung = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        requests.fetch_add(1, Ordering::Relaxed);
                        match mode.load(Ordering::Relaxed) {
                            HANG => hung.push(stream),
                            FAIL => answer(stream, "500 Internal Server Error", "broken"),
                            _ => answer(stream, "200 OK", "ok"),
                        }
                    }
                    Err(_) => std::thread::sleep(LOOK),
                }
            }
        });
        self.running = Some(Running { stop, thread });
    }

    /// Connections are refused from now on.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.store(true, Ordering::Relaxed);
            running.thread.join().unwrap();
        }
    }

    /// Listens again where it did, and serves.
    pub fn revive(&mut self) {
        self.mode.store(SERVE, Ordering::Relaxed);
        if self.running.is_none() {
            self.run(TcpListener::bind(self.address).unwrap());
        }
    }

    /// Accepts connections and says nothing.
    pub fn hang(&self) {
        self.mode.store(HANG, Ordering::Relaxed);
    }

    /// Answers 500.
    pub fn fail(&self) {
        self.mode.store(FAIL, Ordering::Relaxed);
    }

    /// Connections accepted so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

fn answer(mut stream: TcpStream, status: &str, body: &str) {
    let length = body.len();
    let response = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    // A checker may hang up at any time.
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let _ = stream.read(&mut [0; 2048]);
    let _ = stream.write_all(response.as_bytes());
}

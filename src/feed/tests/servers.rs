//! Servers for one test each, some of them hostile. They end with the value that stands for them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A server on loopback; a thread for each connection.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What a server remembers, and what it says.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) connections: AtomicUsize,
    pub(super) heard: Mutex<Vec<u8>>,
    pub(super) says: Mutex<String>,
    ending: AtomicBool,
    /// When it came as far as it goes.
    reached: OnceLock<Instant>,
}

impl Server {
    pub(super) fn start(behavior: impl Fn(TcpStream, &Shared) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let thread = {
            let (shared, behavior) = (Arc::clone(&shared), Arc::new(behavior));
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if shared.is_ending() {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    shared.connections.fetch_add(1, Ordering::Relaxed);
                    let (shared, behavior) = (Arc::clone(&shared), Arc::clone(&behavior));
                    std::thread::spawn(move || behavior(stream, &shared));
                }
            })
        };
        Self { address, shared, thread: Some(thread) }
    }

    /// An agent that says what it was told to say.
    pub(super) fn agent(says: &str) -> Self {
        let server = Self::start(|mut stream, shared| {
            let line = shared.says.lock().unwrap().clone();
            let _ = stream.write_all(line.as_bytes());
        });
        server.say(says);
        server
    }

    /// A web server that answers everything with this.
    pub(super) fn page(says: &str) -> Self {
        let server = Self::start(|mut stream, shared| {
            shared.read_request(&mut stream);
            let body = shared.says.lock().unwrap().clone();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        });
        server.say(says);
        server
    }

    /// Sends these octets after a request, and closes.
    pub(super) fn raw(answer: &'static [u8]) -> Self {
        Self::start(move |mut stream, shared| {
            shared.read_request(&mut stream);
            let _ = stream.write_all(answer);
        })
    }

    pub(super) fn say(&self, says: &str) {
        says.clone_into(&mut self.shared.says.lock().unwrap());
    }

    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    pub(super) fn heard(&self) -> String {
        String::from_utf8(self.shared.heard.lock().unwrap().clone()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Notes that a server which hangs has come as far as it goes.
    pub(super) fn reach(&self) {
        self.reached.get_or_init(Instant::now);
    }

    pub(super) fn reached(&self) -> Option<Instant> {
        self.reached.get().copied()
    }

    pub(super) fn wait_for_end(&self) {
        while !self.is_ending() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Reads the head of one request.
    pub(super) fn read_request(&self, stream: &mut TcpStream) {
        let mut request = Vec::new();
        let mut octet = [0];
        while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut octet), Ok(1)) {
            request.push(octet[0]);
        }
        *self.heard.lock().unwrap() = request;
    }
}

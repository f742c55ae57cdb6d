//! The demo's regions: small HTTP servers on loopback that can be killed and revived.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};

/// Longest request that a backend reads, in octets.
const REQUEST_LEN_MAX: usize = 4096;

/// All backends, on a runtime thread of their own.
pub struct Backends {
    runtime: Runtime,
    running: HashMap<SocketAddr, JoinHandle<()>>,
}

impl Backends {
    /// No backends yet.
    pub fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("backends")
            .enable_all()
            .build()?;
        Ok(Self { runtime, running: HashMap::new() })
    }

    /// Starts a backend that answers every request with `text`; nothing happens when it runs already.
    pub fn start(&mut self, address: SocketAddr, text: String) -> io::Result<()> {
        if self.running.contains_key(&address) {
            return Ok(());
        }
        let listener = self.runtime.block_on(TcpListener::bind(address))?;
        self.running.insert(address, self.runtime.spawn(serve(listener, text)));
        Ok(())
    }

    /// Kills a backend with its connections: from now on the port refuses.
    pub fn kill(&mut self, address: SocketAddr) {
        if let Some(task) = self.running.remove(&address) {
            task.abort();
            // Aborted or ended, the listener is closed once this returns.
            let _ = self.runtime.block_on(task);
        }
    }
}

async fn serve(listener: TcpListener, text: String) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(answer(stream, text.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One response to one request, whatever it asks; a client that goes away in the middle is no concern.
async fn answer(mut stream: TcpStream, text: String) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < REQUEST_LEN_MAX {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all((head + &text).as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::Backends;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};

    fn get(address: SocketAddr) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn a_killed_backend_refuses_until_it_is_revived() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut backends = Backends::new().unwrap();
        backends.start(address, "hello".into()).unwrap();
        assert!(get(address).unwrap().ends_with("\r\n\r\nhello"));
        backends.kill(address);
        assert!(get(address).is_err());
        backends.start(address, "hello again".into()).unwrap();
        assert!(get(address).unwrap().ends_with("hello again"));
    }
}

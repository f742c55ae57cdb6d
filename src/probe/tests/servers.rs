//! Servers for one test each. They end with the value that stands for them.

use hyper::body::{Body, Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, SockRef, Socket, Type};
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;

pub(super) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

const EVERYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// What one server does with one connection.
type Behavior = dyn Fn(TcpStream, &Shared) + Send + Sync;

/// A server on loopback; a thread for each connection.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What a server remembers.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) connections: AtomicUsize,
    pub(super) requests: Mutex<Vec<String>>,
    /// Ends all connections and the server.
    ending: AtomicBool,
    /// HTTP answers say 503 while set.
    pub(super) sick: AtomicBool,
    /// When it came as far as it goes.
    reached: OnceLock<Instant>,
}

impl Server {
    pub(super) fn start(behavior: impl Fn(TcpStream, &Shared) + Send + Sync + 'static) -> Self {
        Self::start_at(LOOPBACK, behavior)
    }

    fn start_at(at: SocketAddr, behavior: impl Fn(TcpStream, &Shared) + Send + Sync + 'static) -> Self {
        let behavior: Arc<Behavior> = Arc::new(behavior);
        let listener = TcpListener::bind(at).unwrap();
        let address = SocketAddr::new(LOOPBACK.ip(), listener.local_addr().unwrap().port());
        let shared = Arc::new(Shared::default());
        let thread = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if shared.ending.load(Ordering::Relaxed) {
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

    /// Answers every GET with this status and body; 503 while sick.
    pub(super) fn http(status: u16, body: &'static str) -> Self {
        Self::start(move |mut stream, shared| {
            let status = if shared.sick.load(Ordering::Relaxed) { 503 } else { status };
            answer(&mut stream, shared, status, body);
        })
    }

    /// The same at each address of this machine.
    pub(super) fn http_everywhere(status: u16) -> Self {
        Self::start_at(EVERYWHERE, move |mut stream, shared| answer(&mut stream, shared, status, ""))
    }

    /// Accepts at each address of this machine and says nothing until it ends.
    pub(super) fn hanging_everywhere() -> Self {
        Self::start_at(EVERYWHERE, |stream, shared| {
            shared.wait_for_end();
            drop(stream);
        })
    }

    /// Several of them that are sick together.
    pub(super) fn group(count: usize) -> (Vec<Self>, Arc<AtomicBool>) {
        let sick = Arc::new(AtomicBool::new(false));
        let server = |_| {
            let sick = Arc::clone(&sick);
            Self::start(move |mut stream, shared| {
                let status = if sick.load(Ordering::Relaxed) { 503 } else { 200 };
                answer(&mut stream, shared, status, "");
            })
        };
        ((0..count).map(server).collect(), sick)
    }

    /// The same over TLS.
    pub(super) fn https(certificates: &Certificates) -> Self {
        Self::https_with(certificates.config())
    }

    pub(super) fn https_with(config: ServerConfig) -> Self {
        let config = Arc::new(config);
        Self::start(move |stream, shared| {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            shared.read_request(&mut stream);
            let name = stream.conn.server_name().unwrap_or("none");
            let note = format!("SNI {name}, handshake {:?}", stream.conn.handshake_kind());
            shared.requests.lock().unwrap().push(note);
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        })
    }

    /// Speaks HTTP/2, with TLS where there is a configuration for it.
    pub(super) fn http2<S, B>(tls: Option<ServerConfig>, service: S) -> Self
    where
        S: Fn(Request<Incoming>) -> Pin<Box<dyn Future<Output = Response<B>> + Send>> + Send + Sync + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (tls, service) = (tls.map(|config| TlsAcceptor::from(Arc::new(config))), Arc::new(service));
        Self::start(move |stream, shared| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let answering = service_fn(|request: Request<Incoming>| {
                let line = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
                shared.requests.lock().unwrap().push(line);
                let answer = service(request);
                async { Ok::<_, Infallible>(answer.await) }
            });
            // A client that goes away is no mistake of the test's.
            let local = tokio::task::LocalSet::new();
            let _ = local.block_on(&runtime, async {
                stream.set_nonblocking(true).unwrap();
                let stream = tokio::net::TcpStream::from_std(stream).unwrap();
                let builder = hyper::server::conn::http2::Builder::new(LocalExecutor);
                let serving: Pin<Box<dyn Future<Output = _>>> = match &tls {
                    None => Box::pin(builder.serve_connection(TokioIo::new(stream), answering)),
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => Box::pin(builder.serve_connection(TokioIo::new(stream), answering)),
                        Err(_) => return Ok(()),
                    },
                };
                serving.await
            });
        })
    }

    /// Accepts and says nothing until it ends.
    pub(super) fn hanging() -> Self {
        Self::start(|stream, shared| {
            shared.wait_for_end();
            drop(stream);
        })
    }

    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    pub(super) fn request(&self) -> String {
        self.shared.requests.lock().unwrap().first().cloned().unwrap_or_default()
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

    /// Reads the head of one request and remembers it.
    pub(super) fn read_request(&self, stream: &mut impl Read) {
        let mut request = Vec::new();
        let mut octet = [0];
        while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut octet), Ok(1)) {
            request.push(octet[0]);
        }
        if !request.is_empty() {
            self.requests.lock().unwrap().push(String::from_utf8(request).unwrap());
        }
    }
}

/// Runs what an HTTP/2 connection starts on the thread of its server.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

pub(super) fn answer(stream: &mut (impl Read + Write), shared: &Shared, status: u16, body: &str) {
    shared.read_request(stream);
    let len = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Said\r\nContent-Length: {len}\r\nLocation: http://127.0.0.1:1/\r\n\r\n{body}"
    );
}

/// Ends a connection with a reset.
pub(super) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// A port where connections are refused for as long as the value lives.
pub(super) fn refusing() -> (Socket, SocketAddr) {
    refusing_at(LOOPBACK).unwrap()
}

/// The same at a certain port, if nobody has it.
pub(super) fn refusing_at(address: SocketAddr) -> std::io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&address.into())?;
    let address = socket.local_addr()?.as_socket().unwrap();
    Ok((socket, address))
}

/// A port where nobody takes datagrams for as long as the value lives: its socket takes those of one stranger alone, and for
/// others the system answers as if there were none.
pub(super) fn deaf() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(LOOPBACK).unwrap();
    socket.connect((Ipv4Addr::LOCALHOST, 9)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A port where connections are neither accepted nor refused: its queue is full.
pub(super) fn full() -> (Socket, Vec<TcpStream>, SocketAddr) {
    let (socket, address) = refusing();
    socket.listen(0).unwrap();
    let mut streams = Vec::new();
    // The system accepts at once as long as there is room, so that this is more than it takes on any machine.
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
        streams.push(stream);
    }
    (socket, streams, address)
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// An authority, and a certificate that it has issued.
pub(super) struct Certificates {
    pub(super) authority_pem: String,
    server: rcgen::Certificate,
    server_key: rcgen::KeyPair,
}

impl Certificates {
    /// A certificate for these names and addresses, valid between these years.
    pub(super) fn new(names: &[&str], first_year: i32, last_year: i32) -> Self {
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let server_key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut server = rcgen::CertificateParams::new(names).unwrap();
        server.not_before = rcgen::date_time_ymd(first_year, 1, 1);
        server.not_after = rcgen::date_time_ymd(last_year, 1, 1);
        let server = server.signed_by(&server_key, &issuer).unwrap();
        Self { authority_pem, server, server_key }
    }

    /// The authority's certificate in a PEM file that lives as long as the value.
    pub(super) fn authority_file(&self) -> NamedTempFile {
        file(&self.authority_pem)
    }

    /// A server with a certificate of its own making.
    pub(super) fn self_signed_config() -> ServerConfig {
        let key = rcgen::KeyPair::generate().unwrap();
        let server = rcgen::CertificateParams::new(vec!["www.example.com".to_owned()]).unwrap();
        let server = server.self_signed(&key).unwrap();
        Self { authority_pem: String::new(), server, server_key: key }.config()
    }

    /// The server's certificate as it is sent.
    pub(super) fn leaf(&self) -> CertificateDer<'static> {
        self.server.der().clone()
    }

    /// The same certificate shown by a client: files in PEM form.
    pub(super) fn client_files(&self) -> (NamedTempFile, NamedTempFile) {
        (file(&self.server.pem()), file(&self.server_key.serialize_pem()))
    }

    /// A server that shows this certificate.
    pub(super) fn config(&self) -> ServerConfig {
        self.config_with(rustls::ALL_VERSIONS, None)
    }

    /// The same with these versions of TLS, and for clients with a certificate from an authority, where there is one.
    pub(super) fn config_with(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        clients: Option<&Certificates>,
    ) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(versions).unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(clients.authority_pem.as_bytes()).unwrap()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        builder.with_single_cert(vec![self.server.der().clone()], self.key()).unwrap()
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.server_key.serialize_der().into())
    }
}

//! Connections of probes: TCP, with TLS on top where that is asked for, and how they end. A connection reads a bounded
//! number of octets, whatever a server sends. Knows no protocol above.

use crate::base::Trouble;
use crate::probe::progress::{Progress, Stage};
use crate::probe::route::peer;
use rustls::pki_types::{CertificateDer, ServerName};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Most octets that are read from one connection: what a check looks at, with room for headers and certificates.
const RECEIVED_LEN_MAX: u64 = 512 * 1024;

/// How long a server may take to close its side after ours.
const CLOSE_TIME_MAX: Duration = Duration::from_millis(500);

/// Most octets of what a server says unasked that are read, so that the connection ends without a reset.
const UNREAD_LEN_MAX: usize = 16 * 1024;

/// Connections at a time that are closed in order; any more are just closed, so that slow servers cost no descriptors.
static CLOSING_MAX: Semaphore = Semaphore::const_new(256);

/// Makes connections to one address.
#[derive(Clone)]
pub struct Dialer {
    address: SocketAddr,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialer {
    /// Connections in clear.
    #[must_use]
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// Connections with TLS. For a server name that is an address none is sent (RFC 6066, section 3).
    #[must_use]
    pub fn tls(address: SocketAddr, connector: TlsConnector, name: ServerName<'static>) -> Self {
        Self { address, tls: Some((connector, name)) }
    }

    /// Where connections lead.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether connections have TLS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Makes a connection.
    ///
    /// # Errors
    ///
    /// Why there is none, for operators.
    pub async fn dial(&self, progress: &Progress) -> Result<Stream, Trouble> {
        progress.reach(Stage::Connecting);
        let stream =
            TcpStream::connect(self.address).await.map_err(|error| Trouble::of_io(&error, Some(peer(self.address))))?;
        // Probes write what they have to say at once; nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        let stream = Metered { stream, left: RECEIVED_LEN_MAX };
        let Some((connector, name)) = &self.tls else { return Ok(Stream::Plain(stream)) };
        progress.reach(Stage::ShakingHands);
        match connector.connect(name.clone(), stream).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let reason = "TLS: the server closed the connection during the handshake";
                Err(Trouble::Failed(reason.to_owned()))
            }
            Err(error) => Err(Trouble::of_error(&error, peer(self.address), "TLS")),
        }
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.tls.as_ref().map(|(_, name)| name);
        f.debug_struct("Dialer").field("address", &self.address).field("tls", &name).finish()
    }
}

/// A connection of one probe.
#[derive(Debug)]
pub enum Stream {
    /// In clear.
    Plain(Metered),
    /// With TLS.
    Tls(Box<TlsStream<Metered>>),
}

impl Stream {
    /// The server's own certificate, where there is TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<&CertificateDer<'static>> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream.get_ref().1.peer_certificates()?.first(),
        }
    }

    /// The protocol that was agreed on with the server by ALPN (RFC 7301).
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol(),
        }
    }

    /// Closes in order, in the background: our end first, then what the server had to say is read until it closes. Closing
    /// with unread data would reset the connection, which servers log as an error.
    pub fn close(mut self) {
        let Ok(permit) = CLOSING_MAX.try_acquire() else { return };
        tokio::spawn(async move {
            let _permit = permit;
            let closing = async {
                self.shutdown().await?;
                let mut unread = [0; 1024];
                let mut len = 0;
                while len < UNREAD_LEN_MAX {
                    match self.read(&mut unread).await? {
                        0 => break,
                        read => len += read,
                    }
                }
                Ok::<_, io::Error>(())
            };
            // The verdict is out; however this ends, the socket is closed.
            let _ = tokio::time::timeout(CLOSE_TIME_MAX, closing).await;
        });
    }
}

/// A TCP connection from which a bounded number of octets is read.
#[derive(Debug)]
pub struct Metered {
    stream: TcpStream,
    left: u64,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            let error = format!("the server sent more than {} KiB", RECEIVED_LEN_MAX / 1024);
            return Poll::Ready(Err(io::Error::other(error)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        self.left = self.left.saturating_sub(read as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

//! The `http` and `https` checks: one GET over a fresh connection. Knows no schedule and no counters.

use crate::health::{Endpoint, Observation};
use crate::probe::spec::{BODY_LEN_MAX, HttpCheck};
use crate::probe::tls::TlsStore;
use crate::probe::trouble::Trouble;
use reqwest::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use rustls::pki_types::DnsName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// What the server's log shows.
const USER_AGENT: &str = concat!("azimuth-probe/", env!("CARGO_PKG_VERSION"));

/// The name that stands in the URL where the server has none; it is never looked up and never sent.
const NAMELESS: &str = "target.invalid";

/// A connection attempt ends this much before the whole probe does, so that the error says which of both took too long.
const CONNECT_MARGIN: Duration = Duration::from_millis(2);

/// Longest piece of an expected text that is quoted in messages, in characters.
const QUOTE_LEN_MAX: usize = 40;

/// Longest value of a response header that is handed on, in octets; a longer one is as if it were not there.
const CAPTURED_LEN_MAX: usize = 1024;

/// One GET of one address, ready to be sent again and again. It costs about 3 KiB and 25 µs to make, mostly the client's,
/// so that 10,000 of them need no sharing.
#[derive(Debug)]
pub struct HttpProbe {
    client: Client,
    url: Url,
    address: SocketAddr,
    timeout: Duration,
    expect_status: Vec<(u16, u16)>,
    expect_body: Option<String>,
    capture_header: Option<HeaderName>,
    has_tls: bool,
}

/// How far a probe has come.
#[repr(u8)]
enum Stage {
    Sending,
    Reading,
}

impl HttpProbe {
    /// Prepares probes of `address`, which is `endpoint` or one of its addresses. An error says, for operators, why there
    /// can be none.
    pub fn new(
        check: &HttpCheck,
        endpoint: &Endpoint,
        address: SocketAddr,
        timeout: Duration,
        tls_store: &mut TlsStore,
    ) -> Result<Self, String> {
        let host = host_header(check, endpoint, address);
        let (scheme, url_host, tls) = match &check.tls {
            None => ("http", NAMELESS.to_owned(), tls_store.unused()?),
            Some(tls) => match server_name(tls.server_name.as_deref(), check.host.as_deref(), endpoint)? {
                ServerName::Dns(name) => ("https", name, tls_store.config(tls, None)?),
                ServerName::Address(ip) => ("https", NAMELESS.to_owned(), tls_store.config(tls, Some(ip))?),
            },
        };
        let url = format!("{scheme}://{url_host}:{}{}", address.port(), check.path);
        let url = Url::parse(&url).map_err(|error| format!("`{url}` cannot be asked for: {error}"))?;
        let header = |text: &str| HeaderValue::from_str(text).map_err(|_| format!("`{text}` cannot be a Host header"));
        let headers = HeaderMap::from_iter([(HOST, header(&host)?), (CONNECTION, HeaderValue::from_static("close"))]);
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .resolve(url.host_str().unwrap_or(NAMELESS), address)
            .default_headers(headers)
            .user_agent(USER_AGENT)
            .http1_only()
            .pool_max_idle_per_host(0)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(timeout.saturating_sub(CONNECT_MARGIN).max(timeout / 2))
            .build()
            .map_err(|error| format!("the HTTP client cannot be built: {error}"))?;
        Ok(Self {
            client,
            url,
            address,
            timeout,
            expect_status: check.expect_status.clone(),
            expect_body: check.expect_body.clone(),
            capture_header: check.capture_header.as_deref().map(header_name).transpose()?,
            has_tls: check.tls.is_some(),
        })
    }

    /// Asks once.
    pub async fn probe(&self) -> Observation {
        let started = Instant::now();
        let stage = AtomicU8::new(Stage::Sending as u8);
        match tokio::time::timeout(self.timeout, self.ask(&stage)).await {
            Ok(Ok(captured)) => Observation::Passed { latency: started.elapsed(), warning: None, captured },
            Ok(Err(trouble)) => trouble.into(),
            Err(_elapsed) if stage.load(Ordering::Relaxed) == Stage::Reading as u8 => {
                self.timed_out("while reading the body").into()
            }
            Err(_elapsed) => self.timed_out("while waiting for the response").into(),
        }
    }

    /// Returns what was captured of the answer.
    async fn ask(&self, stage: &AtomicU8) -> Result<Option<Arc<str>>, Trouble> {
        let mut response = self.client.get(self.url.clone()).send().await.map_err(|error| self.trouble(&error))?;
        let status = response.status().as_u16();
        if !self.expect_status.iter().any(|&(first, last)| (first..=last).contains(&status)) {
            return Err(Trouble::Failed(format!("status {status}, expected {}", ranges(&self.expect_status))));
        }
        let captured = self.capture_header.as_ref().and_then(|name| captured(response.headers().get(name)?));
        let Some(expected) = &self.expect_body else { return Ok(captured) };
        stage.store(Stage::Reading as u8, Ordering::Relaxed);
        let mut body = Search::new(expected);
        while let Some(chunk) = response.chunk().await.map_err(|error| self.trouble(&error))? {
            if body.is_found_with(&chunk) {
                return Ok(captured);
            }
            if body.is_at_limit() {
                break;
            }
        }
        if body.is_found_with(&[]) {
            return Ok(captured);
        }
        let within = if body.is_at_limit() { " in its first 65536 octets" } else { "" };
        Err(Trouble::Failed(format!("body does not contain \"{}\"{within}", quoted(expected))))
    }

    fn trouble(&self, error: &reqwest::Error) -> Trouble {
        if error.is_connect() && error.is_timeout() {
            let what = if self.has_tls { "while connecting or shaking hands" } else { "while connecting" };
            return self.timed_out(what);
        }
        Trouble::of_http(error, self.address)
    }

    fn timed_out(&self, doing: &str) -> Trouble {
        Trouble::Failed(format!("timed out after {:?} {doing}", self.timeout))
    }
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` cannot be the name of a header"))
}

/// The value of a header that is handed on: text of a bounded length.
fn captured(value: &HeaderValue) -> Option<Arc<str>> {
    let text = value.to_str().ok()?.trim();
    (text.len() <= CAPTURED_LEN_MAX).then(|| text.into())
}

/// What the Host header says: as configured; else the host name or the address, with the port unless that is the
/// scheme's own (RFC 9110, section 7.2).
fn host_header(check: &HttpCheck, endpoint: &Endpoint, address: SocketAddr) -> String {
    if let Some(host) = &check.host {
        return host.clone();
    }
    let host = match endpoint {
        Endpoint::Host(name, _) => without_root_dot(name).to_owned(),
        Endpoint::Socket(_) => match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        },
    };
    let own_port = if check.tls.is_some() { 443 } else { 80 };
    if address.port() == own_port { host } else { format!("{host}:{}", address.port()) }
}

/// Who the certificate must be for.
enum ServerName {
    Dns(String),
    Address(IpAddr),
}

fn server_name(configured: Option<&str>, host: Option<&str>, endpoint: &Endpoint) -> Result<ServerName, String> {
    let name = match (configured, host, endpoint) {
        (Some(name), _, _) => name,
        (None, Some(host), _) => without_port(host),
        (None, None, Endpoint::Host(name, _)) => name,
        (None, None, Endpoint::Socket(socket)) => return Ok(ServerName::Address(socket.ip())),
    };
    let name = without_root_dot(name);
    match name.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(ip) => Ok(ServerName::Address(ip)),
        Err(_) if DnsName::try_from(name).is_ok() => Ok(ServerName::Dns(name.to_owned())),
        Err(_) => Err(format!("`{name}` cannot be the server name of a certificate")),
    }
}

fn without_root_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// A Host header without its port. Colons inside an IPv6 address are not the port's.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => {
            let is_bare_ipv6 = name.contains(':') && !name.ends_with(']');
            if is_bare_ipv6 { host } else { name }
        }
        _ => host,
    }
}

/// `200-299, 404`.
fn ranges(ranges: &[(u16, u16)]) -> String {
    let texts: Vec<String> = ranges
        .iter()
        .map(|&(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    texts.join(", ")
}

/// The text, shortened, with control characters escaped.
fn quoted(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTE_LEN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTE_LEN_MAX).is_some() {
        quoted.push_str("...");
    }
    quoted
}

/// Looks for a text in a body that comes in pieces.
struct Search<'a> {
    expected: &'a [u8],
    seen: Vec<u8>,
}

impl<'a> Search<'a> {
    fn new(expected: &'a str) -> Self {
        Self { expected: expected.as_bytes(), seen: Vec::new() }
    }

    fn is_found_with(&mut self, chunk: &[u8]) -> bool {
        if self.expected.is_empty() {
            return true;
        }
        // A match may begin in what came before.
        let from = self.seen.len().saturating_sub(self.expected.len() - 1);
        let room = BODY_LEN_MAX - self.seen.len();
        self.seen.extend_from_slice(&chunk[..chunk.len().min(room)]);
        self.seen[from..].windows(self.expected.len()).any(|window| window == self.expected)
    }

    fn is_at_limit(&self) -> bool {
        self.seen.len() >= BODY_LEN_MAX
    }
}

//! The `http` and `https` checks: one request over a fresh connection, and where that is asked for those that redirects
//! lead to. Knows no schedule and no counters.

pub mod connection;
mod redirect;

use crate::base::Trouble;
use crate::health::{Endpoint, Observation};
use crate::probe::progress::{Progress, Stage, within};
use crate::probe::route::peer;
use crate::probe::search::Search;
use crate::probe::spec::{HttpCheck, HttpVersion};
use crate::probe::tls::{Protocol, TlsDialer, TlsStore};
use connection::{CheckRequest, exchange};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use redirect::Redirect;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the server's log shows.
pub const AGENT: &str = concat!("azimuth-probe/", env!("CARGO_PKG_VERSION"));

/// Longest value of a response header that is handed on, in octets; a longer one is as if it were not there.
const CAPTURED_LEN_MAX: usize = 1024;

/// Requests to one address, ready to be sent again and again.
#[derive(Debug)]
pub struct HttpProbe {
    dialer: TlsDialer,
    check: Arc<HttpCheck>,
    timeout: Duration,
    method: Method,
    /// `http` or `https`.
    scheme: &'static str,
    /// What is asked for by name: the `Host` header, or `:authority`.
    authority: String,
    headers: HeaderMap,
    body: Bytes,
    capture: Option<HeaderName>,
}

/// What one request has come to.
enum Answer {
    /// It passes, with what was captured of it.
    Good(Option<Arc<str>>),
    /// It leads on.
    Elsewhere(Redirect),
}

/// Why one request has failed.
enum Error {
    Trouble(Trouble),
    Http(hyper::Error),
}

impl From<hyper::Error> for Error {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

impl HttpProbe {
    /// Prepares probes of `address`, which is `endpoint` or one of its addresses.
    ///
    /// # Errors
    ///
    /// Why there can be none, for operators.
    pub fn new(
        check: &HttpCheck,
        endpoint: &Endpoint,
        address: SocketAddr,
        timeout: Duration,
        store: &mut TlsStore,
    ) -> Result<Self, String> {
        let protocol = match check.version {
            HttpVersion::Http1 => Protocol::Http1,
            HttpVersion::Http2 => Protocol::Http2,
        };
        let dialer = TlsDialer::new(check.tls.as_ref(), check.host.as_deref(), endpoint, address, protocol, store)?;
        let own_port = if dialer.has_tls() { 443 } else { 80 };
        let authority = authority(check.host.as_deref(), endpoint, address, own_port);
        let probe = Self {
            method: Method::from_bytes(check.method.as_bytes())
                .map_err(|_| format!("`{}` cannot be a method", check.method))?,
            scheme: if dialer.has_tls() { "https" } else { "http" },
            headers: headers(check, &authority)?,
            body: Bytes::from(check.body.clone()),
            capture: check.capture_header.as_deref().map(header_name).transpose()?,
            check: Arc::new(check.clone()),
            authority,
            dialer,
            timeout,
        };
        probe.uri(&probe.check.path)?;
        Ok(probe)
    }

    /// Asks once.
    pub async fn probe(&self) -> Observation {
        let started = Instant::now();
        let progress = Progress::default();
        match within(self.timeout, &progress, self.ask(&progress)).await {
            Ok((captured, warning)) => Observation::Passed { latency: started.elapsed(), warning, captured },
            Err(trouble) => trouble.into(),
        }
    }

    /// Asks, and goes where redirects lead. Returns what was captured of the last answer, and a warning.
    async fn ask(&self, progress: &Progress) -> Result<(Option<Arc<str>>, Option<Arc<str>>), Trouble> {
        let mut method = self.method.clone();
        let mut path = self.check.path.clone();
        for followed in 0.. {
            let (stream, warning) = self.dialer.dial(progress).await?;
            if self.check.version == HttpVersion::Http2 && self.dialer.has_tls() && stream.protocol() != Some(b"h2") {
                return Err(Trouble::Failed("TLS: the server does not offer HTTP/2 (ALPN)".to_owned()));
            }
            progress.reach(Stage::Waiting);
            let request = self.request(&method, &path).map_err(Trouble::Local)?;
            let read = |response| self.read(response, followed, progress);
            let answer = exchange(stream, self.check.version, request, read).await.map_err(|error| match error {
                Error::Trouble(trouble) => trouble,
                Error::Http(error) => Trouble::of_error(&error, peer(self.dialer.address()), "no valid HTTP answer"),
            })?;
            match answer {
                Answer::Good(captured) => return Ok((captured, warning)),
                Answer::Elsewhere(redirect) => {
                    path = redirect::next_path(&redirect, self.scheme, &self.authority, &path)?;
                    method = redirect::next_method(&redirect, method);
                }
            }
        }
        Ok((None, None))
    }

    /// Judges a response, to which `followed` redirects have led.
    async fn read(
        &self,
        mut response: Response<Incoming>,
        followed: u32,
        progress: &Progress,
    ) -> Result<Answer, Error> {
        let failed = |reason| Err(Error::Trouble(Trouble::Failed(reason)));
        let status = response.status();
        if followed < self.check.redirects_max
            && let Some(location) = response.headers().get(LOCATION)
            && redirect::leads_on(status)
        {
            let location = String::from_utf8_lossy(location.as_bytes()).into_owned();
            return Ok(Answer::Elsewhere(Redirect { status, location }));
        }
        let code = status.as_u16();
        if !self.check.expect_status.iter().any(|&(first, last)| (first..=last).contains(&code)) {
            let behind = match followed {
                0 => String::new(),
                1 => " behind a redirect".to_owned(),
                _ => format!(" behind {followed} redirects"),
            };
            return failed(format!("status {code}{behind}, expected {}", ranges(&self.check.expect_status)));
        }
        let captured = self.capture.as_ref().and_then(|name| captured(response.headers().get(name)?));
        if self.check.expect_body.is_empty() {
            return Ok(Answer::Good(captured));
        }
        progress.reach(Stage::Reading);
        let mut body = Search::new(&self.check.expect_body);
        while let Some(frame) = response.body_mut().frame().await {
            let Ok(piece) = frame?.into_data() else { continue };
            if body.is_found_with(&piece) {
                return Ok(Answer::Good(captured));
            }
            if body.is_at_limit() {
                break;
            }
        }
        if body.is_found() {
            return Ok(Answer::Good(captured));
        }
        failed(format!("body {}", body.complaint()))
    }

    fn request(&self, method: &Method, path: &str) -> Result<CheckRequest, String> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = self.uri(path)?;
        *request.headers_mut() = self.headers.clone();
        // A redirect may have turned the method into one without a body.
        if *method == self.method {
            *request.body_mut() = Full::new(self.body.clone());
        }
        *request.method_mut() = method.clone();
        Ok(request)
    }

    /// The target of a request: the path alone for HTTP/1.1 (RFC 9112, section 3.2.1), all of it for HTTP/2, where the host
    /// is part of it (RFC 9113, section 8.3.1).
    fn uri(&self, path: &str) -> Result<Uri, String> {
        let text = match self.check.version {
            HttpVersion::Http1 => path.to_owned(),
            HttpVersion::Http2 => format!("{}://{}{path}", self.scheme, self.authority),
        };
        text.parse().map_err(|error| format!("`{text}` cannot be asked for: {error}"))
    }
}

/// The headers of each request: those configured, and ours where they say nothing else.
fn headers(check: &HttpCheck, authority: &str) -> Result<HeaderMap, String> {
    let value = |name: &str, text: &str| {
        HeaderValue::from_str(text).map_err(|_| format!("`{}` cannot be a {name} header", text.escape_debug()))
    };
    let mut headers = HeaderMap::with_capacity(check.headers.len() + 4);
    let host = value("Host", authority)?;
    if check.version == HttpVersion::Http1 {
        headers.insert(HOST, host);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    for (name, text) in &check.headers {
        headers.insert(header_name(name)?, value(name, text)?);
    }
    Ok(headers)
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` cannot be the name of a header"))
}

/// The value of a header that is handed on: text of a bounded length.
fn captured(value: &HeaderValue) -> Option<Arc<str>> {
    let text = value.to_str().ok()?.trim();
    (text.len() <= CAPTURED_LEN_MAX).then(|| text.into())
}

/// Who is asked by name: as configured; else the host name or the address, with the port unless that is the scheme's own
/// (RFC 9110, section 7.2).
pub fn authority(host: Option<&str>, endpoint: &Endpoint, address: SocketAddr, own_port: u16) -> String {
    if let Some(host) = host {
        return host.to_owned();
    }
    let host = match endpoint {
        Endpoint::Host(name, _) => name.strip_suffix('.').unwrap_or(name).to_owned(),
        Endpoint::Socket(_) => match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        },
    };
    if address.port() == own_port { host } else { format!("{host}:{}", address.port()) }
}

/// `200-299, 404`.
fn ranges(ranges: &[(u16, u16)]) -> String {
    let texts: Vec<String> = ranges
        .iter()
        .map(|&(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    texts.join(", ")
}

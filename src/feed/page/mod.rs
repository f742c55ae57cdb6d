//! Gets a page by HTTP, with a limit of size and of time. Knows no kinds and no schedule.

mod tls;

use super::spec::{Page, Placeholder, Template};
use crate::base::Trouble;
use reqwest::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// Longest page that is read, in octets.
pub const PAGE_LEN_MAX: usize = 4 << 20;

/// Most headers that a page may be asked for with.
pub const HEADERS_MAX: usize = 16;

/// Most octets of all pages together that are held at a time, in KiB.
const PAGES_KIB_MAX: usize = 64 << 10;

/// Room for pages, in KiB.
static ROOM: Semaphore = Semaphore::const_new(PAGES_KIB_MAX);

/// What the server's log shows.
const USER_AGENT: &str = concat!("azimuth-feed/", env!("CARGO_PKG_VERSION"));

/// Clients by what they trust. Certificates are read when first needed and never again: a reload brings a new store.
#[derive(Debug, Default)]
pub struct Clients {
    /// By whether TLS is spoken, and the file of roots.
    known: HashMap<(bool, Option<PathBuf>), Result<Client, String>>,
}

impl Clients {
    /// The client for a page at `url`. An error says, for operators, why there can be none.
    pub fn of(&mut self, page: &Page, url: &str) -> Result<Client, String> {
        let has_tls = url.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("https:"));
        let key = (has_tls, page.ca_file.clone().filter(|_| has_tls));
        self.known.entry(key).or_insert_with_key(|(has_tls, ca_file)| client(*has_tls, ca_file.as_deref())).clone()
    }
}

fn client(has_tls: bool, ca_file: Option<&std::path::Path>) -> Result<Client, String> {
    let headers = HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]);
    Client::builder()
        .tls_backend_preconfigured(tls::config(has_tls, ca_file)?)
        .default_headers(headers)
        .user_agent(USER_AGENT)
        .http1_only()
        .pool_max_idle_per_host(0)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .build()
        .map_err(|error| format!("the HTTP client cannot be built: {error}"))
}

/// A page, and the room that it takes.
pub struct Body {
    /// The page.
    pub octets: Vec<u8>,
    room: Vec<SemaphorePermit<'static>>,
}

impl Body {
    /// Adds a piece once there is room for it.
    async fn add(&mut self, chunk: &[u8]) {
        let kib = (self.octets.len() + chunk.len()).div_ceil(1024) - self.octets.len().div_ceil(1024);
        // The room is never closed.
        self.room.extend(ROOM.acquire_many(u32::try_from(kib).unwrap_or(u32::MAX)).await);
        self.octets.extend_from_slice(chunk);
    }
}

/// Gets a page.
pub async fn get(client: &Client, url: &str, headers: &[(String, String)], timeout: Duration) -> Result<Body, Trouble> {
    let deadline = Instant::now() + timeout;
    let late = |doing: &str| Trouble::Failed(format!("timed out after {timeout:?} while {doing}"));
    let url = Url::parse(url).map_err(|error| Trouble::Failed(format!("its URL cannot be asked for: {error}")))?;
    let mut request = client.get(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut response = match timeout_at(deadline, request.send()).await {
        Ok(answered) => answered.map_err(|error| of_http(&error))?,
        Err(_elapsed) => return Err(late("waiting for the response")),
    };
    if !response.status().is_success() {
        return Err(Trouble::Failed(format!("status {}, expected 200", response.status().as_u16())));
    }
    let too_long = || Trouble::Failed(format!("the page is longer than {PAGE_LEN_MAX} octets"));
    if response.content_length().is_some_and(|len| len > PAGE_LEN_MAX as u64) {
        return Err(too_long());
    }
    let mut body = Body { octets: Vec::new(), room: Vec::new() };
    loop {
        let chunk = match timeout_at(deadline, response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| of_http(&error))?,
            Err(_elapsed) => return Err(late("reading the page")),
        };
        let Some(chunk) = chunk else { return Ok(body) };
        if body.octets.len() + chunk.len() > PAGE_LEN_MAX {
            return Err(too_long());
        }
        if timeout_at(deadline, body.add(&chunk)).await.is_err() {
            let why = "too many long pages are being read at a time; read them more seldom, or from fewer places";
            return Err(Trouble::Local(why.to_owned()));
        }
    }
}

/// What an error of the HTTP client means. The URL is in none of the words: it may hold a password.
fn of_http(error: &reqwest::Error) -> Trouble {
    Trouble::understood(error, None).unwrap_or_else(|deepest| {
        // The outermost error would tell the URL.
        let deepest = if deepest.is::<reqwest::Error>() { "it is none".to_owned() } else { deepest.to_string() };
        let what = if error.is_connect() { "cannot connect" } else { "no valid HTTP answer" };
        Trouble::Failed(format!("{what}: {deepest}"))
    })
}

/// Why nothing can be got from a URL, if so, whatever its placeholders stand for.
pub fn check_url(url: &Template) -> Result<(), String> {
    let filled = url.fill(|place| match place {
        Placeholder::Address => "192.0.2.1".to_owned(),
        Placeholder::Name | Placeholder::Region => "name".to_owned(),
    });
    if !["http://", "https://"].iter().any(|start| filled.starts_with(start)) {
        return Err("a URL begins with `http://` or `https://`".to_owned());
    }
    let url = Url::parse(&filled).map_err(|error| format!("it is no URL: {error}"))?;
    match url.fragment() {
        Some(_) => Err("what is behind `#` is never sent to a server".to_owned()),
        None => Ok(()),
    }
}

/// Why a header cannot be sent, if so.
pub fn check_header(name: &str, value: &str) -> Result<(), String> {
    HeaderName::try_from(name).map_err(|_| format!("`{}` cannot be the name of a header", name.escape_debug()))?;
    // The value may be a secret.
    HeaderValue::try_from(value).map_err(|_| "a header's value is a line of visible ASCII".to_owned())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_with_their_placeholders_filled() {
        for url in
            ["http://{address}:9100/metrics", "https://user:secret@lb.example/{region}?a={name};csv", "http://[::1]/"]
        {
            assert_eq!(check_url(&Template::from(url)), Ok(()), "{url}");
        }
        for url in ["", "lb.example/x", "ftp://lb.example/", "http://", "http://a b/", "http://a:99999/", "http://a/#x"]
        {
            assert!(check_url(&Template::from(url)).is_err(), "{url}");
        }
    }

    #[test]
    fn headers_are_lines() {
        assert_eq!(check_header("Authorization", "Bearer x"), Ok(()));
        assert!(check_header("a b", "x").is_err() && check_header("", "x").is_err());
        assert!(check_header("a", "x\r\nb: c").is_err());
    }
}

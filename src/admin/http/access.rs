//! Who may ask the admin server what. On a loopback address whoever is on this machine may read; to change anything takes the
//! token, and so do whole zones, and everything but `/healthz` on any other address. Wrong tokens wait for each other. Knows no
//! routes beyond these.

use crate::admin::operate::token::{self, WRONG_TOKEN_DELAY};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Free to everybody everywhere.
const HEALTH: &str = "/healthz";
/// A whole zone: that is more than who asks for one name after the other learns.
const WHOLE_ZONE: &str = "/api/v1/zone/export";
/// Wrong tokens are told of in the log at most so often.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// What access is judged by.
#[derive(Clone, Debug)]
pub struct Access {
    token_file: Arc<PathBuf>,
    reads_are_free: bool,
    wrong: Arc<Mutex<WrongTokens>>,
}

/// Those that came, one at a time.
#[derive(Debug, Default)]
struct WrongTokens {
    told: Option<Instant>,
    /// Came since then.
    untold: u64,
}

impl WrongTokens {
    /// Counts one; how many there are to tell of in the log, if it is time to.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < LOG_INTERVAL) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl Access {
    /// By the token in this file, for a server that listens at this address.
    #[must_use]
    pub fn new(token_file: PathBuf, address: IpAddr) -> Self {
        Self { token_file: Arc::new(token_file), reads_are_free: address.is_loopback(), wrong: Arc::default() }
    }

    /// Whether a request may pass; else the answer. The file is read each time, so that a new token counts at once.
    fn judge(&self, request: &Request) -> Result<(), (StatusCode, String, String)> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let path = request.uri().path();
        if path == HEALTH {
            return Ok(());
        }
        if is_read && self.reads_are_free && path != WHOLE_ZONE {
            if is_for_here(request.headers()) {
                return Ok(());
            }
            // A page in somebody's browser can give a name of its own this address, and would read the answers then.
            if !request.headers().contains_key(header::AUTHORIZATION) {
                let help = "ask for the address itself or for `localhost`, or send the token".to_owned();
                return Err((
                    StatusCode::FORBIDDEN,
                    "by this name (`Host`) nothing is read without the token".into(),
                    help,
                ));
            }
        }
        let file = self.token_file.display();
        let expected = token::read(&self.token_file).map_err(|why| {
            let help =
                format!("make one: `(umask 077; openssl rand -hex 32 > {file})`, readable for the server's user");
            (StatusCode::SERVICE_UNAVAILABLE, format!("nobody can prove who they are: {why}"), help)
        })?;
        let refused = |error: &str| {
            let help = format!("send `Authorization: Bearer TOKEN` with the token in `{file}` of this node");
            (StatusCode::UNAUTHORIZED, error.to_owned(), help)
        };
        match request.headers().get(header::AUTHORIZATION) {
            None => Err(refused("this needs the token")),
            Some(given) if given.to_str().is_ok_and(|given| token::proves(given, &expected)) => Ok(()),
            Some(_) => Err(refused("the token is wrong")),
        }
    }
}

/// Whether a request names an address or `localhost` as what it is for; one that names nothing comes from no browser.
fn is_for_here(headers: &HeaderMap) -> bool {
    headers.get_all(header::HOST).iter().all(|host| {
        let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
        host.is_some_and(|host| {
            let name = host.host().trim_start_matches('[').trim_end_matches(']');
            name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
        })
    })
}

/// Lets requests pass that may.
pub async fn require(State(access): State<Access>, request: Request, next: Next) -> Response {
    match access.judge(&request) {
        Ok(()) => next.run(request).await,
        Err((status, error, help)) => {
            if request.headers().contains_key(header::AUTHORIZATION) {
                // One after the other: many connections guess no faster than one.
                let mut wrong = access.wrong.lock().await;
                if let Some(count) = wrong.count(Instant::now()) {
                    let path = request.uri().path();
                    tracing::warn!(path, error, count, "requests to the admin server were refused");
                }
                tokio::time::sleep(WRONG_TOKEN_DELAY).await;
            }
            let body = Json(serde_json::json!({ "error": error, "help": help }));
            (status, [(header::WWW_AUTHENTICATE, "Bearer")], body).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Access, LOG_INTERVAL, WrongTokens};
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use std::time::{Duration, Instant};

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn status(access: &Access, method: &str, path: &str, token: Option<&str>) -> Option<StatusCode> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        access.judge(&request.body(Body::empty()).unwrap()).err().map(|(status, ..)| status)
    }

    #[test]
    fn loopback_is_read_freely_and_changed_with_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let access = Access::new(file.clone(), [127, 0, 0, 1].into());
        let change = |token| status(&access, "POST", "/api/v1/operate", token);
        assert_eq!(status(&access, "GET", "/api/v1/status", None), None);
        assert_eq!(change(Some(TOKEN)), Some(StatusCode::SERVICE_UNAVAILABLE), "there is no token to prove");
        std::fs::write(&file, TOKEN).unwrap();
        assert_eq!(change(None), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(change(Some("0123456789abcdef")), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(change(Some(TOKEN)), None);
        std::fs::write(&file, "another-token-of-mine").unwrap();
        assert_eq!(change(Some(TOKEN)), Some(StatusCode::UNAUTHORIZED), "a new token counts at once");
    }

    #[test]
    fn only_who_names_an_address_or_localhost_reads_without_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, TOKEN).unwrap();
        let access = Access::new(file, [127, 0, 0, 1].into());
        let status = |path: &str, host: &str, token: Option<&str>| {
            let mut request = Request::builder().uri(path).header("host", host);
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            access.judge(&request.body(Body::empty()).unwrap()).err().map(|(status, ..)| status)
        };
        for host in ["127.0.0.1:9153", "[::1]:9153", "[::1]", "localhost:9153", "LOCALHOST", "192.0.2.1"] {
            assert_eq!(status("/api/v1/status", host, None), None, "{host}");
        }
        for host in ["rebound.example:9153", "127.0.0.1.rebound.example", "localhost.example", ""] {
            assert_eq!(status("/api/v1/status", host, None), Some(StatusCode::FORBIDDEN), "{host}");
            assert_eq!(status("/api/v1/status", host, Some(TOKEN)), None, "{host}");
            assert_eq!(status("/healthz", host, None), None, "{host}");
        }
        assert_eq!(status("/api/v1/zone/export?zone=example.com", "127.0.0.1", None), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(status("/api/v1/zone/export?zone=example.com", "127.0.0.1", Some(TOKEN)), None);
    }

    #[test]
    fn wrong_tokens_are_logged_now_and_then_and_all_counted() {
        let (mut wrong, begun) = (WrongTokens::default(), Instant::now());
        assert_eq!(wrong.count(begun), Some(1));
        assert_eq!([1, 2, 3].map(|second| wrong.count(begun + Duration::from_secs(second))), [None; 3]);
        assert_eq!(wrong.count(begun + LOG_INTERVAL), Some(4));
    }

    #[test]
    fn elsewhere_all_but_the_health_of_the_server_needs_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, TOKEN).unwrap();
        for address in ["0.0.0.0", "192.0.2.1", "::"] {
            let access = Access::new(file.clone(), address.parse().unwrap());
            assert_eq!(status(&access, "GET", "/healthz", None), None);
            for path in ["/metrics", "/api/v1/status", "/api/v1/explain", "/healthz/x"] {
                assert_eq!(status(&access, "GET", path, None), Some(StatusCode::UNAUTHORIZED), "{path}");
                assert_eq!(status(&access, "GET", path, Some(TOKEN)), None, "{path}");
            }
        }
    }
}

//! Who may ask the admin server what. On a loopback address whoever is on this machine may read; to change anything takes the
//! token, and so does everything but `/healthz` on any other address. Knows no routes beyond that one.

use crate::admin::operate::token::{self, WRONG_TOKEN_DELAY};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// What access is judged by.
#[derive(Clone, Debug)]
pub struct Access {
    token_file: Arc<PathBuf>,
    reads_are_free: bool,
}

impl Access {
    /// By the token in this file, for a server that listens at this address.
    #[must_use]
    pub fn new(token_file: PathBuf, address: IpAddr) -> Self {
        Self { token_file: Arc::new(token_file), reads_are_free: address.is_loopback() }
    }

    /// Whether a request may pass; else the answer. The file is read each time, so that a new token counts at once.
    fn judge(&self, request: &Request) -> Result<(), (StatusCode, String, String)> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if request.uri().path() == "/healthz" || (is_read && self.reads_are_free) {
            return Ok(());
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

/// Lets requests pass that may.
pub async fn require(State(access): State<Access>, request: Request, next: Next) -> Response {
    match access.judge(&request) {
        Ok(()) => next.run(request).await,
        Err((status, error, help)) => {
            if request.headers().contains_key(header::AUTHORIZATION) {
                tracing::warn!(path = request.uri().path(), error, "request to the admin server was refused");
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
    use super::Access;
    use axum::body::Body;
    use axum::http::{Request, StatusCode};

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

//! The admin server's routes: from a request to text or JSON. Decides nothing.

mod access;
mod connections;
pub mod operator;
pub mod status;

pub use access::Access;

use super::explain::{self, Explanation};
use super::feeds::Feeds;
use super::{AdminState, metrics};
use crate::wire::Name;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router, middleware};
use serde::Deserialize;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Answers until the process or the thread ends.
pub(super) async fn serve(socket: TcpListener, access: Access, state: AdminState) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics_text))
        .route("/api/v1/explain", get(explain_answer))
        .route("/api/v1/zone/export", get(zone_export))
        .route("/api/v1/status", get(status::show))
        .route("/api/v1/operator", get(operator::standing))
        .route("/api/v1/operate", post(operator::operate))
        .route("/api/v1/latency", put(super::latency::put).layer(DefaultBodyLimit::max(super::latency::BODY_LEN_MAX)))
        .layer(DefaultBodyLimit::max(operator::BODY_LEN_MAX))
        .layer(middleware::from_fn_with_state(access, access::require))
        .with_state(state);
    connections::serve(tokio::net::TcpListener::from_std(socket)?, routes).await
}

/// 200 while queries are answered, 503 before (the first round of probes is still under way).
async fn healthz(State(state): State<AdminState>) -> (StatusCode, &'static str) {
    match state.serving.get() {
        Some(_) => (StatusCode::OK, "ok\n"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
    }
}

/// Prometheus text, or OpenMetrics for a client that asks for it.
async fn metrics_text(State(state): State<AdminState>, headers: HeaderMap) -> Response {
    let accepts = |kind: &str| {
        headers.get_all(header::ACCEPT).iter().any(|value| value.to_str().is_ok_and(|text| text.contains(kind)))
    };
    let (kind, body) = if accepts("application/openmetrics-text") {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", metrics::open_metrics(&state))
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", metrics::prometheus_text(&state))
    };
    match body {
        Ok(body) => ([(header::CONTENT_TYPE, kind)], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[derive(Deserialize)]
struct ExplainQuery {
    name: String,
    #[serde(default = "type_default", rename = "type")]
    rtype: String,
    from: String,
}

fn type_default() -> String {
    "A".to_owned()
}

async fn explain_answer(
    State(state): State<AdminState>,
    query: Result<Query<ExplainQuery>, QueryRejection>,
) -> Response {
    let question = query
        .map_err(|error| format!("{}; ask with `?name=NAME&type=TYPE&from=ADDRESS`", error.body_text()))
        .and_then(|Query(query)| explain::Question::parse(&query.name, &query.rtype, &query.from));
    match question {
        Ok(question) => {
            let explanation: Explanation =
                explain::explain_with(&state.publisher, Feeds::known(&state.feeds), &question);
            Json(explanation).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, Json(serde_json::json!({ "error": error }))).into_response(),
    }
}

/// How long an export waits for the one before it.
const EXPORT_WAIT: Duration = Duration::from_secs(30);

/// A zone's text. The next one is written when this one has been sent.
struct Exported {
    text: String,
    _turn: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Exported {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

#[derive(Deserialize)]
struct ZoneQuery {
    zone: String,
}

/// A zone as a master file, as it is now.
async fn zone_export(State(state): State<AdminState>, query: Result<Query<ZoneQuery>, QueryRejection>) -> Response {
    let refused = |status: StatusCode, why: String| (status, why + "\n").into_response();
    let apex =
        query.map_err(|error| format!("{}; ask with `?zone=ORIGIN`", error.body_text())).and_then(|Query(query)| {
            Name::from_text(query.zone.as_bytes(), Some(&Name::root()))
                .map_err(|error| format!("`{}` is no name: {error}", query.zone))
        });
    let apex = match apex {
        Ok(apex) => apex,
        Err(why) => return refused(StatusCode::BAD_REQUEST, why),
    };
    let current = state.publisher.current();
    let zones = &current.snapshot.zones;
    let Some(zone) = zones.zones().iter().find(|zone| *zone.apex() == apex).cloned() else {
        return refused(StatusCode::NOT_FOUND, format!("no zone `{apex}` is served here"));
    };
    if !zone.is_available() {
        return refused(StatusCode::SERVICE_UNAVAILABLE, format!("zone `{apex}` has no data now"));
    }
    let turn = tokio::time::timeout(EXPORT_WAIT, Arc::clone(&state.exports).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "other zones are being exported; ask again".to_owned());
    };
    // A large zone takes its time, in which others are answered.
    match tokio::task::spawn_blocking(move || Exported { text: zone.to_text(), _turn: turn }).await {
        Ok(exported) => {
            ([(header::CONTENT_TYPE, "text/dns; charset=utf-8")], Bytes::from_owner(exported)).into_response()
        }
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

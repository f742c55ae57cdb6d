//! The route of measured latencies.

use crate::admin::{AdminState, latency};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Takes a table in the place of the one before.
pub async fn put(State(state): State<AdminState>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let refused = |status: StatusCode, why: String| (status, Json(serde_json::json!({ "error": why }))).into_response();
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refused(rejection.status(), rejection.body_text()),
    };
    let Some(latencies) = state.latencies.get().map(Arc::clone) else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "the server is starting".to_owned());
    };
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    // Millions of lines take their time, in which others are answered.
    match tokio::task::spawn_blocking(move || latency::put(&*latencies, kind.as_deref(), &body)).await {
        Ok((status, answer)) => {
            (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(answer)).into_response()
        }
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

//! The route of the status.

use crate::admin::AdminState;
use crate::admin::operate::request::Refused;
use crate::admin::status;
use crate::steering::control::operator::Pattern;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct StatusQuery {
    pattern: Option<String>,
}

/// How everything stands, or what a pattern means.
pub async fn show(State(state): State<AdminState>, query: Result<Query<StatusQuery>, QueryRejection>) -> Response {
    let refused = |status: StatusCode, why: Refused| (status, Json(why)).into_response();
    let Query(query) = match query {
        Ok(query) => query,
        Err(rejection) => return refused(StatusCode::BAD_REQUEST, Refused::mistake(rejection.body_text())),
    };
    let pattern = match query.pattern.as_deref().map(str::parse::<Pattern>).transpose() {
        Ok(pattern) => pattern,
        Err(error) => return refused(StatusCode::BAD_REQUEST, Refused::mistake(error.why).help(error.hint)),
    };
    // Thousands of members take their time, in which others are answered.
    match tokio::task::spawn_blocking(move || status::status(&state, pattern.as_ref())).await {
        Ok(Ok(status)) => Json(status).into_response(),
        Ok(Err(why)) => refused(StatusCode::NOT_FOUND, Refused::mistake(why)),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, Refused::mistake(error.to_string())),
    }
}

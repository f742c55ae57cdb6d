//! The routes of operators: changes, and what stands. Decides nothing itself.

use crate::admin::AdminState;
use crate::admin::operate::file::OrderForm;
use crate::admin::operate::request::{Kind, Refused, Request};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// Most octets of a request.
pub const BODY_LEN_MAX: usize = 16 * 1024;

/// What stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The node that says so.
    pub node: String,
    /// Its time, in seconds since 1970-01-01 00:00:00 UTC.
    pub now: u64,
    /// The orders that are in force, the oldest first.
    pub orders: Vec<OrderForm>,
}

/// Does what the body asks for.
pub async fn operate(State(state): State<AdminState>, body: Result<Json<Request>, JsonRejection>) -> Response {
    let Json(request) = match body {
        Ok(request) => request,
        Err(rejection) => return refused(rejection.status(), &Refused::mistake(rejection.body_text())),
    };
    let Some(operator) = state.operator.get().cloned() else {
        let starting = Refused::mistake("the server is starting").help("ask again in a moment");
        return refused(StatusCode::SERVICE_UNAVAILABLE, &starting);
    };
    // It writes to the disk, while others are answered.
    match tokio::task::spawn_blocking(move || operator.change(&request)).await {
        Ok(Ok(done)) => Json(done).into_response(),
        Ok(Err(why)) => {
            let status = match why.kind {
                Kind::Mistake => StatusCode::BAD_REQUEST,
                Kind::NothingMatches => StatusCode::NOT_FOUND,
                Kind::Guarded => StatusCode::CONFLICT,
                Kind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            };
            refused(status, &why)
        }
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, &Refused::mistake(error.to_string())),
    }
}

fn refused(status: StatusCode, why: &Refused) -> Response {
    (status, Json(why)).into_response()
}

/// What stands.
pub async fn standing(State(state): State<AdminState>) -> Response {
    match state.operator.get() {
        Some(operator) => {
            let (now, table) = (operator.now(), operator.table());
            let orders = table.active(now).map(OrderForm::from).collect();
            Json(Standing { node: operator.node().to_owned(), now: now.as_secs(), orders }).into_response()
        }
        None => refused(StatusCode::SERVICE_UNAVAILABLE, &Refused::mistake("the server is starting")),
    }
}

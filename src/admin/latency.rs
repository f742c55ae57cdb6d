//! `PUT /api/v1/latency`: a table of measured latencies in the place of the one that was given before. Knows no rankings.

use super::AdminState;
use crate::geo::latency::file::Format;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a table was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// These are wrong with it.
    Mistakes(Vec<String>),
    /// It cannot be kept: nobody's mistake who gave it.
    Failed(String),
}

/// Who takes tables of latencies.
pub trait Latencies: Send + Sync {
    /// Keeps a table and makes it live in the background; an empty one takes back what was given before. How many latencies it
    /// has, or every mistake in it. Writes to disk: to be called where that may take its time.
    fn replace(&self, octets: &[u8], format: Format) -> Result<usize, NotTaken>;
}

/// Largest body that is taken, in octets.
pub const BODY_LEN_MAX: usize = 64 << 20;

/// Takes a table.
pub async fn put(State(state): State<AdminState>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(latencies) = state.latencies.get().cloned() else {
        let starting = json!({ "error": "the server is starting", "help": "ask again in a moment" });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(starting)).into_response();
    };
    let format = format_of(headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()));
    // It writes to the disk, while others are answered.
    match tokio::task::spawn_blocking(move || latencies.replace(&body, format)).await {
        Ok(Ok(count)) => {
            let note = "they go live in the background, on this node only";
            (StatusCode::ACCEPTED, Json(json!({ "latencies": count, "note": note }))).into_response()
        }
        Ok(Err(NotTaken::Failed(error))) => {
            let help = "nothing was changed; make room on that disk, or see to its rights";
            (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": error, "help": help }))).into_response()
        }
        Ok(Err(NotTaken::Mistakes(mistakes))) => {
            let help = "nothing was changed; `azimuth` documents the form in docs/manual/ranking.md";
            let body = json!({ "error": mistakes.join("\n"), "errors": mistakes, "help": help });
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": error.to_string() }))).into_response(),
    }
}

/// JSON is what calls itself so; everything else is CSV.
fn format_of(content_type: Option<&str>) -> Format {
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") { Format::Json } else { Format::Csv }
}

#[cfg(test)]
mod tests {
    use super::{Format, format_of};

    #[test]
    fn the_content_type_says_how_the_body_is_written() {
        for csv in [None, Some("text/csv"), Some("application/x-www-form-urlencoded"), Some("")] {
            assert_eq!(format_of(csv), Format::Csv, "{csv:?}");
        }
        assert_eq!(format_of(Some("Application/JSON; charset=utf-8")), Format::Json);
    }
}

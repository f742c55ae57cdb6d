//! `PUT /api/v1/latency`: a table of measured latencies in the place of the one that was given before. Knows no rankings.

use crate::geo::latency::file::Format;
use serde_json::{Value, json};

/// Who takes tables of latencies.
pub trait Latencies: Send + Sync {
    /// Keeps a table and makes it live in the background; an empty one takes back what was given before. How many latencies it
    /// has, or every mistake in it. Writes to disk: to be called where that may take its time.
    fn replace(&self, octets: &[u8], format: Format) -> Result<usize, Vec<String>>;
}

/// Largest body that is taken, in octets.
pub const BODY_LEN_MAX: usize = 64 << 20;

/// Takes the body of a request whose client may do so; gives the status and the body of the response. JSON is what calls itself
/// so, everything else is CSV.
pub fn put(latencies: &dyn Latencies, content_type: Option<&str>, body: &[u8]) -> (u16, Value) {
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    let format = if essence.eq_ignore_ascii_case("application/json") { Format::Json } else { Format::Csv };
    match latencies.replace(body, format) {
        Ok(count) => (202, json!({ "latencies": count, "note": "they go live in the background, on this node only" })),
        Err(mistakes) => (400, json!({ "errors": mistakes })),
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Latencies, put};

    struct Counts;

    impl Latencies for Counts {
        fn replace(&self, octets: &[u8], format: Format) -> Result<usize, Vec<String>> {
            match format {
                Format::Csv => Ok(octets.len()),
                Format::Json => Err(vec!["body:1:1: no".to_owned()]),
            }
        }
    }

    #[test]
    fn the_content_type_says_how_the_body_is_written() {
        assert_eq!(put(&Counts, None, b"123").0, 202);
        assert_eq!(put(&Counts, Some("text/csv"), b"123").1["latencies"], 3);
        let (status, answer) = put(&Counts, Some("application/json; charset=utf-8"), b"");
        assert_eq!((status, &answer["errors"][0]), (400, &"body:1:1: no".into()));
    }
}

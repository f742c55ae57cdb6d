//! The configuration as a JSON Schema. Knows only what `keys` says.

/// A JSON Schema of the configuration files.
pub fn schema() -> serde_json::Value {
    serde_json::json!({})
}

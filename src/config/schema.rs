//! The configuration as a JSON Schema (draft 7, which TOML editors read). Knows only what `keys` says.

use super::keys::{Key, Kind, Presence, TABLES, TableDef, top};
use super::report::Report;
use super::syntax;
use super::tree;
use crate::base::{Continent, Sources};
use serde_json::{Map, Value, json};

/// A JSON Schema of the configuration files.
pub fn schema() -> Value {
    let mut schema = table(&top::TABLE);
    let definitions: Map<String, Value> =
        TABLES.iter().filter(|def| def.id != top::TABLE.id).map(|def| (def.id.to_owned(), table(def))).collect();
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("Azimuth configuration");
    schema["definitions"] = Value::Object(definitions);
    schema
}

fn table(def: &TableDef) -> Value {
    let properties: Map<String, Value> = def.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> =
        def.keys.iter().filter(|key| key.presence == Presence::Required).map(|key| key.name).collect();
    let mut table = json!({
        "type": "object",
        "description": def.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table
}

fn property(key: &Key) -> Value {
    let mut property = of_kind(key.kind);
    // Draft 7 ignores what stands beside a reference, so that references are wrapped.
    if property.get("$ref").is_some() {
        property = json!({ "allOf": [property] });
    }
    property["description"] = json!(key.doc);
    if let Presence::Default(text) = key.presence {
        property["default"] = value(text);
    }
    if !key.example.is_empty() {
        property["examples"] = json!([value(key.example)]);
    }
    property
}

/// What `azimuth check` takes for a duration, as far as a pattern can say.
const DURATION_PATTERN: &str = "^([0-9]+(ms|s|m|h|d))+$";

/// The same for a size.
const SIZE_PATTERN: &str = "^[0-9]+ ?(B|KiB|MiB)$";

fn of_kind(kind: Kind) -> Value {
    let reference = |def: &TableDef| json!({ "$ref": format!("#/definitions/{}", def.id) });
    let number_or_text = |min: u64, max: u64, pattern: &str| {
        json!({ "anyOf": [
            { "type": "integer", "minimum": min, "maximum": max },
            { "type": "string", "pattern": pattern },
        ] })
    };
    match kind {
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
        Kind::Duration { .. } => json!({ "type": "string", "pattern": DURATION_PATTERN }),
        Kind::SwitchOrDuration { .. } => {
            json!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": DURATION_PATTERN }] })
        }
        Kind::AddressesOrPolicy => {
            json!({ "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "items": { "type": "string", "minLength": 1 } },
            ] })
        }
        Kind::Size { min, max } => number_or_text(min, max, SIZE_PATTERN),
        Kind::Seconds => number_or_text(0, super::scalars::TTL_MAX.into(), DURATION_PATTERN),
        Kind::Ttl(def) => json!({ "anyOf": [of_kind(Kind::Seconds), reference(def)] }),
        Kind::Words { known, .. } => json!({ "type": "string", "enum": known }),
        Kind::Coordinates => {
            let bounded = |limit: i64| json!({ "type": "number", "minimum": -limit, "maximum": limit });
            json!({ "type": "array", "items": [bounded(90), bounded(180)], "minItems": 2, "maxItems": 2 })
        }
        Kind::Country => json!({ "type": "string", "pattern": "^[A-Za-z]{2}$" }),
        Kind::Continent => json!({ "type": "string", "enum": Continent::ALL.map(|(_, code, _)| code) }),
        Kind::Asn => number_or_text(1, u32::MAX.into(), "^([Aa][Ss])?[0-9]+$"),
        Kind::HttpStatus => number_or_text(100, 999, "^([1-9][0-9]{2}( *- *[1-9][0-9]{2})?|[1-9][xX]{2})$"),
        Kind::SocketOrNone => json!({ "type": "string" }),
        Kind::TextOrNone { max } => json!({ "type": "string", "maxLength": max }),
        Kind::Text
        | Kind::Path
        | Kind::PathPattern
        | Kind::Address
        | Kind::Prefix
        | Kind::Socket
        | Kind::ProbeAddress
        | Kind::DomainName
        | Kind::Host
        | Kind::City
        | Kind::Subdivision
        | Kind::Name(_) => json!({ "type": "string", "minLength": 1 }),
        Kind::List(element) => json!({ "type": "array", "items": of_kind(*element) }),
        Kind::OneOrList(element) => {
            let one = of_kind(*element);
            json!({ "anyOf": [one, { "type": "array", "items": one }] })
        }
        Kind::Table(def) => reference(def),
        Kind::Tables(def) => json!({ "type": "array", "items": reference(def) }),
        Kind::TablesOr(def, single) => {
            json!({ "type": "array", "items": { "anyOf": [of_kind(*single), reference(def)] } })
        }
        Kind::Named(def) => json!({ "type": "object", "additionalProperties": reference(def) }),
        Kind::ByName(kind) => json!({ "type": "object", "additionalProperties": of_kind(*kind) }),
    }
}

/// A TOML value of `keys` as JSON.
fn value(text: &str) -> Value {
    let mut sources = Sources::default();
    let line = format!("value = {text}");
    let source = sources.add("", line.as_bytes());
    let root = syntax::parse(&line, source, &mut Report::default());
    root.get("value").map_or(Value::Null, |entry| as_json(&entry.node.value))
}

fn as_json(value: &tree::Value) -> Value {
    match value {
        tree::Value::String(text) => json!(text),
        tree::Value::Integer(number) => json!(number),
        tree::Value::Float(number) => json!(number),
        tree::Value::Boolean(value) => json!(value),
        tree::Value::Array(array) => array.elements.iter().map(|node| as_json(&node.value)).collect(),
        tree::Value::Table(table) => {
            Value::Object(table.entries().iter().map(|e| (e.key.value.clone(), as_json(&e.node.value))).collect())
        }
        tree::Value::DateTime | tree::Value::Broken => Value::Null,
    }
}

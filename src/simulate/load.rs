//! How busy regions are, as a file tells it: CSV with the columns `region`, `load` and perhaps `capacity`, or JSON.

use serde_json::Value;
use std::collections::BTreeMap;

/// How busy a region is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegionLoad {
    /// In whatever unit: of it the capacity is.
    pub load: f64,
    /// The most it can take.
    pub capacity: Option<f64>,
}

/// By region's name.
pub type Loads = BTreeMap<String, RegionLoad>;

/// Reads CSV or JSON: what begins with a bracket is JSON, an object with regions as keys, or a list of objects with the key
/// `region`. Each region has `load` and perhaps `capacity`, in one unit, or `utilisation` (1 is all of its capacity). Errors
/// are for operators.
pub fn parse(text: &str) -> Result<Loads, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let loads = if text.starts_with(['{', '[']) { json(text)? } else { csv(text)? };
    if loads.is_empty() {
        return Err("it tells of no region".to_owned());
    }
    Ok(loads)
}

fn csv(text: &str) -> Result<Loads, String> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let mut columns = vec!["region", "load", "capacity"];
    let mut loads = Loads::new();
    let mut first = true;
    for (index, line) in lines.by_ref() {
        let fields: Vec<&str> = line.split([',', ';', '\t']).map(str::trim).collect();
        if std::mem::take(&mut first) && fields[0].eq_ignore_ascii_case("region") {
            columns = fields;
            continue;
        }
        let field = |wanted: &[&str]| {
            let at = columns.iter().position(|column| wanted.iter().any(|wanted| column.eq_ignore_ascii_case(wanted)));
            at.and_then(|at| fields.get(at)).filter(|field| !field.is_empty())
        };
        let number = |wanted: &[&str]| field(wanted).map(|text| text.parse::<f64>().unwrap_or(f64::NAN));
        let read = region_load(number(&["load"]), number(&["capacity"]), number(&UTILISATION));
        let load = read.map_err(|reason| format!("line {}: {reason}: `{line}`", index + 1))?;
        let name = field(&["region"]).ok_or_else(|| format!("line {} names no region: `{line}`", index + 1))?;
        put(&mut loads, name, load)?;
    }
    Ok(loads)
}

/// As either side of the ocean writes it.
const UTILISATION: [&str; 2] = ["utilisation", "utilization"];

fn json(text: &str) -> Result<Loads, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut loads = Loads::new();
    let of = |name: &str, value: &Value| {
        let number = |key: &str| value.get(key).map(|value| value.as_f64().unwrap_or(f64::NAN));
        let utilisation = UTILISATION.iter().find_map(|key| number(key));
        let load = if value.is_number() { value.as_f64() } else { number("load") };
        region_load(load, number("capacity"), utilisation).map_err(|reason| format!("region `{name}`: {reason}"))
    };
    match &value {
        Value::Object(regions) => {
            for (name, value) in regions {
                put(&mut loads, name, of(name, value)?)?;
            }
        }
        Value::Array(regions) => {
            for value in regions {
                let name = value.get("region").and_then(Value::as_str).ok_or("an entry has no `region`")?;
                put(&mut loads, name, of(name, value)?)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(loads)
}

fn put(loads: &mut Loads, name: &str, load: RegionLoad) -> Result<(), String> {
    match loads.insert(name.to_owned(), load) {
        None => Ok(()),
        Some(_) => Err(format!("region `{name}` comes twice")),
    }
}

fn region_load(load: Option<f64>, capacity: Option<f64>, utilisation: Option<f64>) -> Result<RegionLoad, String> {
    let bad = |number: &f64| !number.is_finite() || *number < 0.0;
    if [load, capacity, utilisation].iter().flatten().any(bad) || capacity == Some(0.0) {
        return Err("loads are numbers of 0 or more, capacities greater than 0".to_owned());
    }
    match (load, utilisation) {
        (Some(load), None) => Ok(RegionLoad { load, capacity }),
        (None, Some(share)) => {
            Ok(RegionLoad { load: share * capacity.unwrap_or(1.0), capacity: Some(capacity.unwrap_or(1.0)) })
        }
        (Some(_), Some(_)) => Err("give `load` or `utilisation`, not both".to_owned()),
        (None, None) => Err("there is no `load`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{RegionLoad, parse};

    #[test]
    fn csv_is_read_with_and_without_a_first_line_of_columns() {
        let plain = parse("eu-west,700,1000\nus-east, 300\n").unwrap();
        assert_eq!(plain["eu-west"], RegionLoad { load: 700.0, capacity: Some(1000.0) });
        assert_eq!(plain["us-east"], RegionLoad { load: 300.0, capacity: None });
        let named = parse("# now\nregion,utilisation\neu-west,0.7\n").unwrap();
        assert_eq!(named["eu-west"], RegionLoad { load: 0.7, capacity: Some(1.0) });
    }

    #[test]
    fn json_is_read_in_both_shapes() {
        let expected = RegionLoad { load: 700.0, capacity: Some(1000.0) };
        assert_eq!(parse(r#"{"eu-west": {"load": 700, "capacity": 1000}}"#).unwrap()["eu-west"], expected);
        assert_eq!(
            parse(r#"[{"region": "eu-west", "utilization": 0.7, "capacity": 1000}]"#).unwrap()["eu-west"],
            expected
        );
        assert_eq!(parse(r#"{"a": 5}"#).unwrap()["a"], RegionLoad { load: 5.0, capacity: None });
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        for (text, said) in [
            ("", "no region"),
            ("eu,700\neu,1", "twice"),
            ("eu,-1", "line 1"),
            ("eu", "no `load`"),
            ("region,load,utilisation\neu,1,1", "line 2"),
            (r#"{"eu": {"load": 1, "capacity": 0}}"#, "region `eu`"),
            ("[{}]", "no `region`"),
            ("{", "EOF"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}

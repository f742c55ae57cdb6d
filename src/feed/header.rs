//! The `header` kind: the load that a server tells in a response header of its health check. Pure.

use super::reading::{Reading, number, quoted, set};
use super::spec::{Measure, Scaled};
use serde_json::Value;

/// What a header says: a number (`0.75`, `75%`), or an ORCA load report as in `endpoint-load-metrics`: names with values
/// (`TEXT cpu_utilization=0.3,rps_fractional=20`) or an object (`JSON {"cpu_utilization": 0.3}`).
pub fn read(value: &str, scaled: Scaled) -> Result<Reading, String> {
    let text = value.trim();
    if let Some(plain) = number(text) {
        let mut reading = Reading::default();
        set(&mut reading.load, scaled.measure, scaled.of(plain)?)?;
        return Ok(reading);
    }
    let (format, body) = text.split_once(' ').unwrap_or(("", text));
    let body = match format {
        "TEXT" | "JSON" => body.trim_start(),
        _ => text,
    };
    let metrics = if body.starts_with('{') { of_object(body) } else { of_pairs(body) };
    let metrics = metrics.ok_or_else(|| {
        let shown = quoted(text.as_bytes());
        format!("`{shown}` in the header is neither a number nor a load report such as `cpu_utilization=0.3`")
    })?;
    orca(&metrics).map_err(|why| format!("the load report in the header: {why}"))
}

/// Names with their values.
type Metrics = Vec<(String, f64)>;

fn of_pairs(body: &str) -> Option<Metrics> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once(['=', ':'])?;
        Some((name.trim().to_owned(), number(value)?))
    };
    body.split(',').filter(|part| !part.trim().is_empty()).map(pair).collect()
}

fn of_object(body: &str) -> Option<Metrics> {
    let Ok(Value::Object(members)) = serde_json::from_str(body) else { return None };
    // Named metrics are objects of their own, which nothing here reads.
    Some(members.into_iter().filter_map(|(name, value)| Some((name, value.as_f64()?))).collect())
}

/// The load by an ORCA report: the application's own utilisation, else that of the CPU, and requests a second.
fn orca(metrics: &Metrics) -> Result<Reading, String> {
    let of = |name: &str| metrics.iter().find(|(known, _)| known == name).map(|&(_, value)| value);
    let mut reading = Reading::default();
    let own = of("application_utilization").filter(|&own| own != 0.0);
    if let Some(utilisation) = own.or_else(|| of("cpu_utilization")) {
        set(&mut reading.load, Measure::Utilisation, utilisation)?;
    }
    if let Some(requests) = of("rps_fractional").or_else(|| of("rps")) {
        set(&mut reading.load, Measure::Requests, requests)?;
    }
    if reading.load == crate::health::Load::default() {
        return Err("it has none of `application_utilization`, `cpu_utilization` and `rps_fractional`".to_owned());
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;

    const PLAIN: Scaled = Scaled { measure: Measure::Utilisation, scale: 1.0 };

    #[test]
    fn numbers_and_percentages_are_what_the_feed_says_they_measure() {
        assert_eq!(read("0.75", PLAIN).unwrap().load.utilisation, Some(0.75));
        assert_eq!(read(" 75% ", PLAIN).unwrap().load.utilisation, Some(0.75));
        let millis = Scaled { measure: Measure::ResponseTime, scale: 0.001 };
        assert_eq!(read("250", millis).unwrap().load.response_time, Some(0.25));
    }

    #[test]
    fn load_reports_say_themselves_what_they_measure() {
        for text in [
            "cpu_utilization=0.3,mem_utilization=0.8,rps_fractional=20.5",
            "TEXT cpu_utilization=0.3, rps_fractional=20.5",
            "cpu_utilization:0.3,rps_fractional:20.5,application_utilization:0",
            r#"JSON {"cpu_utilization": 0.3, "rps_fractional": 20.5, "named_metrics": {"x": 1}}"#,
            r#"{"application_utilization": 0.3, "cpu_utilization": 0.9, "rps_fractional": 20.5}"#,
        ] {
            let load = read(text, PLAIN).unwrap().load;
            assert_eq!((load.utilisation, load.requests), (Some(0.3), Some(20.5)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_an_error() {
        for text in [
            "",
            "-1",
            "nan",
            "busy",
            "cpu_utilization=",
            "cpu_utilization=-0.1",
            "cpu_utilization=inf",
            "mem_utilization=1",
            "JSON {",
            "BIN CgkR",
            "101",
            "a=b=c",
            "{}",
            ",",
        ] {
            assert!(read(text, PLAIN).is_err(), "{text}");
        }
    }
}

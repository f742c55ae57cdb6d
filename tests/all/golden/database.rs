//! Small location databases for tests, in the shape of MaxMind's City databases.

use azimuth::base::Prefix;
use mmdb_writer::{Value, Writer};
use std::net::IpAddr;

/// A database of lines `PREFIX [country=CC] [continent=CC] [at=LATITUDE,LONGITUDE] [asn=N] [city=NAME] [subdivision=CODE]`; `_` in
/// a name is a blank, `#` begins a comment.
pub fn build(text: &str) -> Result<Vec<u8>, String> {
    let mut writer = Writer::builder("GeoIP2-City").build();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fault = |what: &str| format!("{what} in the database line `{line}`");
        let (prefix, facts) = line.split_once([' ', '\t']).ok_or_else(|| fault("no facts"))?;
        let mut record = Vec::new();
        for fact in facts.split_whitespace() {
            let (key, value) = fact.split_once('=').ok_or_else(|| fault("no `=`"))?;
            match key {
                "country" => record.push(("country", Value::map([("iso_code", Value::from(value))]))),
                "asn" => {
                    let number: u32 = value.parse().map_err(|_| fault("no number"))?;
                    record.push(("autonomous_system_number", Value::from(number)));
                }
                "city" => {
                    let name = value.replace('_', " ");
                    record.push(("city", Value::map([("names", Value::map([("en", Value::from(name.as_str()))]))])));
                }
                "subdivision" => {
                    let subdivision = Value::map([("iso_code", Value::from(value))]);
                    record.push(("subdivisions", Value::array([subdivision])));
                }
                "continent" => record.push(("continent", Value::map([("code", Value::from(value))]))),
                "at" => {
                    let (latitude, longitude) = value.split_once(',').ok_or_else(|| fault("no point"))?;
                    let degrees = |text: &str| text.parse::<f64>().map(Value::from).map_err(|_| fault("no number"));
                    let point = [("latitude", degrees(latitude)?), ("longitude", degrees(longitude)?)];
                    record.push(("location", Value::map(point)));
                }
                _ => return Err(fault("an unknown key")),
            }
        }
        let prefix: Prefix = prefix.parse().map_err(|_| fault("no prefix"))?;
        writer
            .insert_range(prefix.address(), last_address(prefix), &Value::map(record))
            .map_err(|error| fault(&error.to_string()))?;
    }
    writer.to_bytes().map_err(|error| error.to_string())
}

pub fn last_address(prefix: Prefix) -> IpAddr {
    match prefix.address() {
        IpAddr::V4(first) => {
            let hosts = u32::MAX.checked_shr(prefix.length().into()).unwrap_or(0);
            IpAddr::V4((first.to_bits() | hosts).into())
        }
        IpAddr::V6(first) => {
            let hosts = u128::MAX.checked_shr(prefix.length().into()).unwrap_or(0);
            IpAddr::V6((first.to_bits() | hosts).into())
        }
    }
}

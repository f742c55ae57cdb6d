//! Configurations, as an operator would write them.

use super::zones::ORIGIN;
use std::fmt::Write;

/// A region of the worlds that are measured, and what a database says of its continent.
pub struct Site {
    pub name: &'static str,
    pub continent: &'static str,
    pub country: &'static str,
    pub latitude: f64,
    pub longitude: f64,
}

const fn site(name: &'static str, codes: [&'static str; 2], latitude: f64, longitude: f64) -> Site {
    Site { name, continent: codes[0], country: codes[1], latitude, longitude }
}

/// Site N, counted from 1, has the addresses 127.0.N.1 and 127.0.N.2, which are this machine's: they can be probed.
pub const SITES: [Site; 6] = [
    site("eu", ["EU", "DE"], 50.11, 8.68),
    site("na", ["NA", "US"], 39.04, -77.49),
    site("sa", ["SA", "BR"], -23.55, -46.63),
    site("as", ["AS", "SG"], 1.35, 103.82),
    site("af", ["AF", "ZA"], -26.2, 28.04),
    site("oc", ["OC", "AU"], -33.87, 151.21),
];

fn server(databases: &str) -> String {
    format!("[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 1\n\n[geoip]\ndatabases = [{databases}]\n\n")
}

fn zone(file: &str, balances: &str) -> String {
    format!("[zone.\"{ORIGIN}\"]\nfile = \"{file}\"\n{balances}")
}

/// A zone file and nothing else.
pub fn only_a_zone(file: &str) -> String {
    server("") + &zone(file, "")
}

/// Six regions, and one balanced name that gives both addresses of the closest.
pub fn geographic(file: &str, database: &str) -> String {
    let mut text = server(&format!("\"{database}\""));
    for site in &SITES {
        writeln!(text, "[region.{}]\ncoordinates = [{}, {}]\n", site.name, site.latitude, site.longitude).unwrap();
    }
    text += "[pool.web]\nmembers = [\n";
    for (site, number) in SITES.iter().zip(1..) {
        for last in [1, 2] {
            writeln!(text, "    {{ region = \"{}\", address = \"127.0.{number}.{last}\" }},", site.name).unwrap();
        }
    }
    text += "]\n\n[policy.closest-all]\norder = \"closest\"\nspread = \"all\"\nanswers = 2\n\n";
    text + &zone(file, "balance.www = { pool = \"web\", policy = \"closest-all\", ttl = 60 }\n")
}

/// So many regions all over the earth, with one member each.
pub fn many_regions(file: &str, database: &str, regions: u32) -> String {
    let mut text = server(&format!("\"{database}\""));
    let mut members = String::new();
    for number in 0..regions {
        // Points of a spiral from pole to pole are about equally far from each other.
        let latitude = (1.0 - (f64::from(number) + 0.5) * 2.0 / f64::from(regions)).asin().to_degrees();
        let longitude = (f64::from(number) * 137.507_764 + 180.0).rem_euclid(360.0) - 180.0;
        writeln!(text, "[region.r{number}]\ncoordinates = [{latitude:.3}, {longitude:.3}]\n").unwrap();
        let [high, low] = (number as u16).to_be_bytes();
        writeln!(members, "    {{ region = \"r{number}\", address = \"127.1.{high}.{low}\" }},").unwrap();
    }
    writeln!(text, "[pool.web]\nmembers = [\n{members}]\n").unwrap();
    text + &zone(file, "balance.www = { pool = \"web\", ttl = 60 }\n")
}

/// So many pools of two members in two regions, each with a balanced name of its own.
pub fn many_pools(file: &str, pools: u32) -> String {
    let mut text =
        server("") + "[region.eu]\ncoordinates = [50.11, 8.68]\n[region.na]\ncoordinates = [39.04, -77.49]\n\n";
    let mut balances = String::new();
    for number in 0..pools {
        let [_, _, high, low] = number.to_be_bytes();
        writeln!(text, "[pool.p{number}]\nmembers = [").unwrap();
        writeln!(text, "    {{ region = \"eu\", address = \"127.2.{high}.{low}\" }},").unwrap();
        writeln!(text, "    {{ region = \"na\", address = \"127.3.{high}.{low}\" }},\n]").unwrap();
        writeln!(balances, "balance.pool{number:05} = {{ pool = \"p{number}\", ttl = 60 }}").unwrap();
    }
    text + &zone(file, &balances)
}

//! `azimuth geoip build`.

use crate::base::Sources;
use crate::cli::{EXIT_MISTAKE, failed};
use crate::geo::country_build;
use crate::geo::country_table::CountryTable;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `geoip build`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Country databases, most trusted first
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    country_mmdb: Vec<PathBuf>,
    /// A CSV file with the columns name,country,lat,lon,population
    #[arg(long, value_name = "FILE")]
    cities: PathBuf,
    /// Where to write the table
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The sources and their dates, kept in the table; without it the databases' own words
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,
}

/// Builds a table, reads it back, and writes it.
pub fn run(args: &Args) -> ExitCode {
    let table = match country_build::build(&args.country_mmdb, &args.cities, args.about.clone()) {
        Ok(table) => table,
        Err(diagnostics) => {
            for diagnostic in diagnostics {
                eprintln!("{}\n", diagnostic.render(&Sources::default(), false));
            }
            return ExitCode::from(EXIT_MISTAKE);
        }
    };
    let octets = match table.encode() {
        Ok(octets) => octets,
        Err(error) => return failed(format!("the table cannot be packed: {error}")),
    };
    if CountryTable::decode(&octets).as_ref() != Ok(&table) {
        return failed("the table does not read back as it was written; this is a mistake in azimuth");
    }
    if let Err(error) = std::fs::write(&args.out, &octets) {
        return failed(format!("`{}` cannot be written: {error}", args.out.display()));
    }
    let (countries, v4, v6) = table.counts();
    println!(
        "{}: {} octets, {countries} countries, {v4} runs of IPv4 and {v6} of IPv6 addresses\n{}",
        args.out.display(),
        octets.len(),
        table.about()
    );
    ExitCode::SUCCESS
}

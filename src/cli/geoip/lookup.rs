//! `azimuth geoip lookup`.

use crate::base::prefix::PrefixError;
use crate::base::{Diagnostic, Prefix, Severity, Sources};
use crate::cli::{EXIT_MISTAKE, failed, print_diagnostics};
use crate::geo::details::{Detail, details};
use crate::geo::spec::{DatabaseFile, GeoSpec};
use crate::geo::{Client, Disguise, Locator};
use serde::Serialize;
use std::fmt::Write;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `geoip lookup`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whom to look up: addresses, or prefixes as a resolver sends them with EDNS Client Subnet
    #[arg(value_name = "ADDRESS|PREFIX", required = true)]
    clients: Vec<String>,
    /// Look up what this configuration knows: its databases and its `[[network]]` tables
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Look up this database; may be given several times, most trusted first. Without this and --config, the country table
    /// inside the binary is used
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    database: Vec<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Where addresses are looked up, and the names of what the configuration speaks of.
struct World {
    spec: GeoSpec,
    locator: Locator,
    regions: Vec<String>,
}

/// Where one client is.
#[derive(Debug, PartialEq, Serialize)]
struct Finding {
    /// As asked.
    client: String,
    /// The IPv4 address inside an IPv6 one, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    looked_up_as: Option<IpAddr>,
    /// The entry of the prefix table, all of whose addresses are at this place.
    prefix: String,
    /// How many entries lie inside the prefix that was asked for; the answer is that of the first.
    entries: u32,
    country: Option<String>,
    country_source: Option<String>,
    continent: Option<String>,
    /// Degrees north and east.
    coordinates: Option<[f64; 2]>,
    coordinates_source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asn: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asn_organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asn_source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city_source: Option<String>,
    /// By code and by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subdivisions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subdivisions_source: Option<String>,
    /// `[[network]] region`.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// Networks that rules of policies name and that hold these addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rule_networks: Vec<String>,
    /// What rules of policies name and holds of these addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rule_facts: Vec<String>,
}

/// Prints where each client is.
pub fn run(args: &Args) -> ExitCode {
    let mut clients = Vec::new();
    for text in &args.clients {
        match text.parse::<Prefix>() {
            // Host bits are no mistake here: the client is who it is.
            Ok(prefix) | Err(PrefixError::HostBits(prefix)) => clients.push((text, prefix)),
            Err(error) => {
                eprintln!(
                    "error: `{text}`: {error}\nhelp: give an address such as 192.0.2.1, or a prefix such as 192.0.2.0/24"
                );
                return ExitCode::from(EXIT_MISTAKE);
            }
        }
    }
    let world = match world(args) {
        Ok(world) => world,
        Err(code) => return code,
    };
    let mut out = String::new();
    for (index, (text, prefix)) in clients.iter().enumerate() {
        let finding = find(&world, text, *prefix);
        if args.json {
            match serde_json::to_string(&finding) {
                Ok(line) => out.extend([line.as_str(), "\n"]),
                Err(error) => return failed(error),
            }
        } else {
            if index > 0 {
                out.push('\n');
            }
            out.push_str(&text_of(&finding));
        }
    }
    // Who closes the pipe early has read enough.
    let _ = std::io::stdout().write_all(out.as_bytes());
    ExitCode::SUCCESS
}

/// Reads what the options name, or prints what is wrong with it.
fn world(args: &Args) -> Result<World, ExitCode> {
    let mut sources = Sources::default();
    let mut spec = GeoSpec::default();
    let mut regions = Vec::new();
    if let Some(path) = &args.config {
        let (config, diagnostics) = crate::config::load(path, &mut sources);
        let Some(config) = config else {
            return Err(mistakes(&diagnostics, &sources));
        };
        regions = config.regions.iter().map(|region| region.name.to_string()).collect();
        let mut found = Vec::new();
        spec = crate::boot::geo_spec(&config, &mut sources, &mut found);
        if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            return Err(mistakes(&found, &sources));
        }
    }
    spec.databases.extend(args.database.iter().map(|path| DatabaseFile { path: path.clone(), span: None }));
    let locator = Locator::build(&spec).map_err(|diagnostics| mistakes(&diagnostics, &sources))?;
    Ok(World { spec, locator, regions })
}

fn mistakes(diagnostics: &[Diagnostic], sources: &Sources) -> ExitCode {
    print_diagnostics(diagnostics, sources);
    ExitCode::from(EXIT_MISTAKE)
}

fn find(world: &World, text: &str, prefix: Prefix) -> Finding {
    let locator = &world.locator;
    let client = Client::new(prefix.address(), prefix.length());
    let first = locator.leaf(client.address);
    let place = &locator.places()[locator.place_of(first).0 as usize];
    let source = |number: Option<u16>| number.map(|number| locator.source_names()[usize::from(number)].clone());
    let found = details(&world.spec, client.address);
    let (asn, asn_source) = parts(found.asn);
    let (asn, asn_organization) = asn.unzip();
    let (city, city_source) = parts(found.city);
    let (subdivisions, subdivisions_source) = parts(found.subdivisions);
    let marks = place.marks.iter().filter_map(|mark| locator.marks().get(usize::from(*mark)));
    Finding {
        client: text.to_owned(),
        looked_up_as: (client.disguise != Disguise::None).then_some(client.address),
        prefix: locator.leaf_prefix(client.address).to_string(),
        entries: locator.leaf(last_address(client)).0 - first.0 + 1,
        country: place.country.map(|country| country.as_str().to_owned()),
        country_source: source(place.country_source),
        continent: place.continent.map(|continent| continent.as_str().to_owned()),
        coordinates: place.point.map(|point| [point.latitude(), point.longitude()]),
        coordinates_source: source(place.point_source),
        region: place.prefers.map(|region| match world.regions.get(region.index()) {
            Some(name) => name.clone(),
            None => format!("number {}", region.0),
        }),
        asn,
        asn_organization: asn_organization.flatten(),
        asn_source,
        city,
        city_source,
        subdivisions: subdivisions.unwrap_or_default(),
        subdivisions_source,
        rule_networks: marks.map(Prefix::to_string).collect(),
        rule_facts: place.named.iter().map(|fact| locator.named()[usize::from(*fact)].to_string()).collect(),
    }
}

/// A fact and its source.
fn parts<T>(detail: Option<Detail<T>>) -> (Option<T>, Option<String>) {
    detail.map(|detail| (detail.value, detail.source)).unzip()
}

/// The last address of the prefix that a client was given as.
fn last_address(client: Client) -> IpAddr {
    let known = u32::from(client.known_bits);
    match client.address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() | u32::MAX.checked_shr(known).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() | u128::MAX.checked_shr(known).unwrap_or(0)).into()),
    }
}

/// A finding for a person.
fn text_of(finding: &Finding) -> String {
    let mut text = format!("{}\n", finding.client);
    let mut line = |what: &str, value: &str, source: Option<&str>| {
        let source = source.map(|source| format!("  ({source})")).unwrap_or_default();
        let _ = writeln!(text, "  {what:<12} {value}{source}");
    };
    if let Some(address) = finding.looked_up_as {
        line("looked up as", &format!("{address}, the IPv4 address inside"), None);
    }
    line("country", finding.country.as_deref().unwrap_or("unknown"), finding.country_source.as_deref());
    let continent = finding.continent.as_deref().and_then(crate::base::Continent::new);
    line(
        "continent",
        &continent.map_or("unknown".to_owned(), |c| format!("{}, {}", c.as_str(), c.english_name())),
        None,
    );
    let coordinates = finding.coordinates.map_or("unknown".to_owned(), |[lat, lon]| format!("{lat}, {lon}"));
    line("coordinates", &coordinates, finding.coordinates_source.as_deref());
    if let Some(asn) = finding.asn {
        let organization = finding.asn_organization.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        line("network of", &format!("AS{asn}{organization}"), finding.asn_source.as_deref());
    }
    if let Some(city) = &finding.city {
        line("city", city, finding.city_source.as_deref());
    }
    if !finding.subdivisions.is_empty() {
        line("subdivision", &finding.subdivisions.join(", "), finding.subdivisions_source.as_deref());
    }
    if let Some(region) = &finding.region {
        line("region", &format!("{region} first, by [[network]]"), None);
    }
    let of_rules = [finding.rule_networks.as_slice(), &finding.rule_facts].concat();
    if !of_rules.is_empty() {
        line("rules name", &of_rules.join(", "), None);
    }
    line("prefix", &finding.prefix, None);
    if finding.entries > 1 {
        let more = format!("{} has {} entries in the table; this is the first", finding.client, finding.entries);
        line("note", &more, None);
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Args, World, find, text_of, world};
    use crate::base::{Point, RegionId};
    use crate::geo::Locator;
    use crate::geo::spec::{GeoSpec, Network, NetworkFact};

    fn small_world() -> World {
        let network = Network::located("192.0.2.0/24".parse().unwrap(), NetworkFact::Region(RegionId(0)));
        let spec = GeoSpec {
            networks: vec![network],
            regions: vec![Point::new(50.0, 8.5)],
            marks: vec!["192.0.2.128/25".parse().unwrap()],
            ..GeoSpec::default()
        };
        World { locator: Locator::build(&spec).unwrap(), spec, regions: vec!["fra".to_owned()] }
    }

    #[test]
    fn tells_everything_and_who_said_so() {
        let world = small_world();
        let text = text_of(&find(&world, "192.0.2.129", "192.0.2.129".parse().unwrap()));
        assert_eq!(
            text,
            "192.0.2.129\n  country      unknown\n  continent    unknown\n  \
             coordinates  50, 8.5  ([[network]] 192.0.2.0/24)\n  region       fra first, by [[network]]\n  \
             rules name   192.0.2.128/25\n  prefix       192.0.2.128/25\n"
        );
        let json =
            serde_json::to_value(find(&world, "::ffff:81.2.69.160", "::ffff:81.2.69.160".parse().unwrap())).unwrap();
        assert_eq!(json["looked_up_as"], "81.2.69.160");
        assert_eq!(json["country"], "GB");
        assert_eq!(json["country_source"], "embedded country table");
        assert_eq!(json["continent"], "EU");
        assert_eq!(json["entries"], 1);
        assert!(json["coordinates"][0].as_f64().unwrap() > 50.0);
        let wide = find(&world, "192.0.2.0/24", "192.0.2.0/24".parse().unwrap());
        assert_eq!((wide.prefix.as_str(), wide.entries), ("192.0.2.0/25", 2));
        assert!(text_of(&wide).contains("192.0.2.0/24 has 2 entries in the table; this is the first"));
    }

    #[test]
    fn a_missing_database_is_a_mistake() {
        let args = Args { clients: vec![], config: None, database: vec!["no-such.mmdb".into()], json: false };
        assert!(world(&args).is_err());
    }
}

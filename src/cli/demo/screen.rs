//! What the demo shows: commands to try, and the live table.

use super::ask;
use super::world::World;
use crate::base::Continent;
use crate::health::Status;
use comfy_table::presets::UTF8_NO_BORDERS;
use comfy_table::{ContentArrangement, LineStyle, Table};
use rustix::termios::tcgetwinsize;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;

/// A network on each inhabited continent: universities, carriers and an exchange that have held it for decades.
pub const CLIENTS: [(Continent, &str, [u8; 3]); 6] = [
    (Continent::NorthAmerica, "University of Minnesota, US", [128, 101, 101]),
    (Continent::SouthAmerica, "Universidade de São Paulo, BR", [143, 107, 253]),
    (Continent::Europe, "RIPE NCC, NL", [193, 0, 6]),
    (Continent::Africa, "Telkom, ZA", [196, 25, 1]),
    (Continent::Asia, "University of Tokyo, JP", [133, 11, 0]),
    (Continent::Oceania, "Telstra, AU", [139, 130, 4]),
];

const SUBNET_LEN: u8 = 24;
/// Columns of the tables where no terminal says how many there are.
const WIDTH_DEFAULT: u16 = 100;

fn subnet([a, b, c]: [u8; 3]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
}

/// The balanced name that the demo speaks of: `www` of the first zone that has one, else the first there is.
fn balanced_name(world: &World) -> String {
    let zones = &world.server().loaded().config.zones;
    let mut owners = zones.iter().flat_map(|zone| &zone.spec.balanced).map(|balanced| &balanced.owner);
    let www = owners.clone().find(|owner| owner.labels().next() == Some(b"www"));
    www.or_else(|| owners.next()).map(|owner| owner.to_string().trim_end_matches('.').to_owned()).unwrap_or_default()
}

/// The commands to try, and how to kill a region.
pub fn introduction(world: &World) -> String {
    let server = world.server();
    let address = server.listening()[0];
    let name = balanced_name(world);
    let dig = format!("dig @{} -p {} {name} +short", address.ip(), address.port());
    let config = world.folder().join("azimuth.toml");
    let mut text = format!("Azimuth answers on {address}. Try, in another terminal:\n\n");
    for (continent, who, network) in CLIENTS {
        text += &format!("  # {}: {who}\n  {dig} +subnet={}/{SUBNET_LEN}\n", continent.english_name(), subnet(network));
    }
    text += "  # you: 127.0.0.1 itself has no location, so regions come in configured order\n";
    text += &format!("  {dig}\n");
    if let Some(port) = world.regions().iter().flat_map(|r| r.addresses()).map(|a| a.port()).next() {
        text += &format!("  # reach the backend that was answered\n  curl http://$({dig} | head -1):{port}/\n");
    }
    let [a, b, c] = CLIENTS[2].2;
    text += &format!("  # why?\n  {} explain {name} --from {a}.{b}.{c}.1 \\\n", program());
    text += &format!("    --config {}\n", config.display());
    if let Some(admin) = server.admin_address() {
        text += &format!("  curl http://{admin}/metrics\n");
    }
    text
}

/// This program as it can be typed here.
fn program() -> String {
    let Ok(program) = std::env::current_exe() else { return "azimuth".to_owned() };
    let here = std::env::current_dir().unwrap_or_default();
    program.strip_prefix(here).unwrap_or(&program).display().to_string()
}

/// The live table as data: regions with their members, and what each continent is answered now.
#[derive(Default, PartialEq)]
pub struct View {
    regions: Vec<[String; 5]>,
    /// Client, addresses, region.
    answers: Vec<[String; 3]>,
    /// The checker seems blind.
    held: bool,
}

impl View {
    /// What there is to see now.
    pub fn of(world: &World) -> Self {
        let regions = world.regions().iter().enumerate().map(|(index, region)| {
            let members: Vec<_> = region.members.iter().map(|(shown, _)| shown.as_str()).collect();
            let up = region.members.iter().filter(|(_, target)| world.status(target) == Status::Up).count();
            let status = match members.len() - up {
                0 => "up".to_owned(),
                _ if up == 0 => "down".to_owned(),
                _ => format!("{up} of {} up", members.len()),
            };
            let backends = if region.alive { "running" } else { "killed" };
            [(index + 1).to_string(), region.name.clone(), backends.to_owned(), members.join(" "), status]
        });
        let name = format!("{}.", balanced_name(world));
        let answers = CLIENTS.map(|(continent, who, network)| {
            let asked = ask::addresses(world.server().listening()[0], &name, (subnet(network), SUBNET_LEN));
            let (addresses, region) = match asked {
                Ok(addresses) => {
                    let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                    (shown.join(", "), addresses.first().map(|&a| region_of(world, a)).unwrap_or_default())
                }
                Err(error) => (error.to_string(), String::new()),
            };
            [format!("{} ({who})", continent.english_name()), addresses, region]
        });
        let held = world.server().prober().metrics().held.load(Ordering::Relaxed) > 0;
        Self { regions: regions.collect(), answers: answers.into(), held }
    }

    /// What is worth a new table where the old one cannot be painted over: states, and which region answers whom.
    pub fn news(&self) -> (&[[String; 5]], Vec<&str>, bool) {
        (&self.regions, self.answers.iter().map(|[_, _, region]| region.as_str()).collect(), self.held)
    }

    /// Shows it; on a terminal in the place of the one shown before.
    pub fn show(&self, before: &Self, live: bool) -> std::io::Result<()> {
        let size = if live { tcgetwinsize(std::io::stdout()).ok() } else { None };
        let (rows, columns) = room(size.map(|size| (size.ws_row, size.ws_col)));
        let was = if *before == Self::default() { 0 } else { before.text(columns).lines().count() };
        let clear = match was {
            _ if !live => String::new(),
            0 => String::new(),
            // What has scrolled out of the window cannot be painted over.
            lines if lines >= rows => "\x1b[2J\x1b[H".to_owned(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{clear}{}", self.text(columns))?;
        out.flush()
    }

    /// Both tables, at most `columns` wide.
    fn text(&self, columns: u16) -> String {
        let table = || {
            let mut table = Table::new();
            table.load_style(UTF8_NO_BORDERS.row_separator(LineStyle::none()));
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
            table
        };
        let (mut regions, mut answers) = (table(), table());
        regions.set_header(["key", "region", "backends", "members", "status"]).add_rows(&self.regions);
        answers.set_header(["client", "is answered now", "region"]).add_rows(&self.answers);
        let held = match self.held {
            true => "\nEverything began failing at once: states are held for up to 30 s, as the checker may be blind.",
            false => "",
        };
        let last = self.regions.len().min(9);
        format!("{regions}\n\n{answers}{held}\n\n1 to {last}: kill or revive a region   q: end")
    }
}

/// Rows and columns of a terminal by what it says. One that says 0, as pseudo terminals do whose size nobody set, does not know.
fn room(said: Option<(u16, u16)>) -> (usize, u16) {
    let (rows, columns) = said.unwrap_or_default();
    (if rows > 0 { rows.into() } else { usize::MAX }, if columns > 0 { columns } else { WIDTH_DEFAULT })
}

/// The region of the member with this address.
fn region_of(world: &World, address: IpAddr) -> String {
    let shown = address.to_string();
    let of = |region: &&super::world::DemoRegion| region.members.iter().any(|(member, _)| *member == shown);
    world.regions().iter().find(of).map(|region| region.name.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{CLIENTS, WIDTH_DEFAULT, room, subnet};
    use crate::geo::{Locator, spec::GeoSpec};

    #[test]
    fn a_terminal_of_no_rows_and_columns_does_not_know_how_many_it_has() {
        for said in [None, Some((0, 0))] {
            assert_eq!(room(said), (usize::MAX, WIDTH_DEFAULT));
        }
        assert_eq!([room(Some((24, 0))), room(Some((0, 80)))], [(24, WIDTH_DEFAULT), (usize::MAX, 80)]);
        assert_eq!(room(Some((24, 80))), (24, 80));
    }

    #[test]
    fn every_client_is_on_the_continent_it_stands_for() {
        let locator = Locator::build(&GeoSpec::default()).unwrap();
        for (continent, who, network) in CLIENTS {
            let place = locator.place_of(locator.leaf(subnet(network)));
            assert_eq!(locator.places()[place.0 as usize].continent, Some(continent), "{who}");
        }
    }
}

//! Configurations of any number of regions and pools, to see what an answer costs as they grow: `workbench answers` takes them, as
//! their balanced names are called as its names.

use crate::Chance;
use std::fmt::Write;
use std::path::Path;

/// The zone of the balanced names.
pub const ORIGIN: &str = "world.test";

/// Writes `azimuth.toml` and the zone file into `folder`: `regions` regions all over the world, and `pools` pools with a member in
/// each of them, one for each balanced name.
pub fn write(folder: &Path, regions: u32, pools: u32) {
    let mut chance = Chance(2);
    let mut degrees = |most: u64| chance.below(2 * most * 100) as f64 / 100.0 - most as f64;
    let mut toml = String::from("[monitor.web]\ntype = \"tcp\"\nport = 80\n");
    for region in 0..regions {
        writeln!(toml, "[region.r{region}]\ncoordinates = [{:?}, {:?}]", degrees(60), degrees(180)).unwrap();
    }
    for pool in 0..pools {
        writeln!(toml, "[pool.p{pool}]\nmonitor = \"web\"\nmembers = [").unwrap();
        for region in 0..regions {
            let (network, host) = (pool % 250, region % 250 + 1);
            writeln!(toml, "  {{ region = \"r{region}\", address = \"10.{network}.{}.{host}\" }},", region / 250)
                .unwrap();
        }
        toml.push_str("]\n");
    }
    writeln!(toml, "[zone.\"{ORIGIN}\"]\nfile = \"zone\"").unwrap();
    for pool in 0..pools {
        writeln!(toml, "balance.h{pool:07} = {{ pool = \"p{pool}\" }}").unwrap();
    }
    std::fs::write(folder.join("azimuth.toml"), toml).unwrap();
    let zone = "@ 3600 SOA ns host 1 7200 3600 1209600 300\n@ 3600 NS ns.example.net.\n";
    std::fs::write(folder.join("zone"), zone).unwrap();
}

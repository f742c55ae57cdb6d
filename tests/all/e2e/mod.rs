//! End to end: the real binary, the real `dig`, real HTTP backends, on loopback. Nothing here asserts how long something
//! takes; what must come is waited for.

mod backend;
mod commands;
mod failover;
mod load;
mod operator;
mod reload;
mod server;
mod simulate;
mod sockets;
mod transfers;
mod updates;

use backend::Backend;

/// A zone with `www` balanced over two backends in regions `near` and `far`, which are listed in that order. Checks are so
/// patient that no backend fails because the machine is busy.
fn two_regions(near: &Backend, far: &Backend) -> String {
    two_regions_checked(near, far, "10s")
}

/// The same for backends that are killed and revived, with checks every second so that tests are short. It takes three of them,
/// each a second late, to take a busy backend for a dead one; but the first one decides alone, so who starts with both of
/// them up waits for that.
fn two_regions_in_motion(near: &Backend, far: &Backend) -> String {
    two_regions_checked(near, far, "1s")
}

fn two_regions_checked(near: &Backend, far: &Backend, interval: &str) -> String {
    format!(
        r#"
[region.near]
coordinates = [52.5, 13.4]
[region.far]
coordinates = [40.7, -74.0]

[monitor.web]
type = "http"
port = 80
path = "/healthz"
interval = "{interval}"
timeout = "{interval}"
retry_interval = "50ms"
fall = 3
rise = 2

[pool.web]
monitor = "web"
members = [
  {{ region = "near", address = "192.0.2.1", probe_address = "{}" }},
  {{ region = "far", address = "192.0.2.2", probe_address = "{}" }},
]

[zone."example.test"]
file = "example.test.zone"
balance.www = {{ pool = "web", ttl = {{ max = 60, min = 5 }} }}
"#,
        near.address, far.address
    )
}

const ZONE: &str = "\
$ORIGIN example.test.
$TTL 3600
@     SOA ns1 host 1 7200 3600 1209600 300
@     NS  ns1
ns1   A   192.0.2.53
plain A   192.0.2.80
";

//! Host names to addresses, by the system's resolver. Knows no targets.

use std::net::SocketAddr;
use std::time::Duration;

/// Most addresses of one host name that are probed; the rest, in order of address, is not.
pub const HOST_ADDRESSES_MAX: usize = 16;

/// Look-ups of one host name are at least this far apart, however short the interval.
pub const RESOLVE_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Look-ups at a time: the system's resolver blocks a thread for each.
pub const RESOLVE_THREADS_MAX: usize = 8;

/// The addresses of an absolute host name, sorted, without duplicates; never empty. An error is for operators.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let host = host.strip_suffix('.').unwrap_or(host);
    // The final dot keeps search domains out of it, but the system's hosts file does not know names that have one.
    let found = match lookup(&format!("{host}."), port).await {
        Ok(found) => Ok(found),
        Err(_) => lookup(host, port).await,
    };
    found.map_err(|error| format!("`{host}` has no address: {error}"))
}

async fn lookup(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(|error| error.to_string())?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(HOST_ADDRESSES_MAX);
    if addresses.is_empty() {
        return Err("the resolver returned none".to_owned());
    }
    Ok(addresses)
}

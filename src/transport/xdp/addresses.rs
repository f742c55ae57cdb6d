//! Which destinations are ours: the kernel's map of them, kept as the addresses of this machine change. Knows no frame.

use super::bpf::Map;
use super::interface::local_addresses;
use super::program::{ADDRESS_KEY_LEN, AddressKey, address_key};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Destinations of one interface at most: addresses times ports times VLANs.
const DESTINATIONS_MAX: u32 = 65_536;

/// The destinations that queries are taken for.
#[derive(Debug)]
pub struct Addresses {
    map: Map<ADDRESS_KEY_LEN>,
    known: BTreeSet<AddressKey>,
    listen: Vec<SocketAddr>,
    vlans: Vec<u16>,
}

impl Addresses {
    /// A map of what `listen` comes to now.
    pub fn new(listen: Vec<SocketAddr>, vlans: Vec<u16>) -> io::Result<Self> {
        let map = Map::of_numbers(DESTINATIONS_MAX)?;
        let mut addresses = Self { map, known: BTreeSet::new(), listen, vlans };
        addresses.refresh()?;
        Ok(addresses)
    }

    /// The descriptor of the map.
    pub fn descriptor(&self) -> i32 {
        self.map.descriptor()
    }

    /// Brings the map to the addresses that this machine has now. What it does not hold yet is answered over sockets.
    pub fn refresh(&mut self) -> io::Result<()> {
        let wanted = destinations(&self.listen, &local_addresses()?, &self.vlans);
        let gone: Vec<AddressKey> = self.known.difference(&wanted).copied().collect();
        for key in gone {
            self.map.remove(key)?;
            self.known.remove(&key);
        }
        for key in wanted {
            if !self.known.contains(&key) {
                self.map.insert(key, 1)?;
                self.known.insert(key);
            }
        }
        Ok(())
    }
}

/// Keys for all that `listen` says, where an unspecified address stands for all `local` ones of its family.
fn destinations(listen: &[SocketAddr], local: &[IpAddr], vlans: &[u16]) -> BTreeSet<AddressKey> {
    let mut keys = BTreeSet::new();
    for listen in listen {
        let all = local.iter().copied().filter(|local| local.is_ipv4() == listen.is_ipv4());
        let addresses: Vec<IpAddr> = if listen.ip().is_unspecified() { all.collect() } else { vec![listen.ip()] };
        for address in addresses {
            let destination = SocketAddr::new(address, listen.port());
            keys.extend(vlans.iter().map(|&vlan| address_key(destination, vlan)));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{address_key, destinations};
    use std::collections::BTreeSet;

    #[test]
    fn an_unspecified_address_stands_for_all_of_its_family() {
        let local = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|address| address.parse().unwrap());
        let keys = |listen: &[&str], vlans: &[u16]| {
            destinations(&listen.iter().map(|listen| listen.parse().unwrap()).collect::<Vec<_>>(), &local, vlans)
        };
        let wanted = |destinations: &[(&str, u16)]| -> BTreeSet<_> {
            destinations.iter().map(|(destination, vlan)| address_key(destination.parse().unwrap(), *vlan)).collect()
        };
        assert_eq!(keys(&["0.0.0.0:53"], &[0]), wanted(&[("192.0.2.1:53", 0), ("192.0.2.2:53", 0)]));
        assert_eq!(keys(&["[::]:53"], &[0, 7]), wanted(&[("[2001:db8::1]:53", 0), ("[2001:db8::1]:53", 7)]));
        assert_eq!(keys(&["192.0.2.2:5300"], &[0]), wanted(&[("192.0.2.2:5300", 0)]));
        // One that was bound before it came to this machine.
        assert_eq!(keys(&["203.0.113.1:53"], &[0]), wanted(&[("203.0.113.1:53", 0)]));
    }
}

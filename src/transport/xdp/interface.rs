//! What is to be known of a network interface, and the addresses of this machine. Read from the system's files and tables;
//! knows no queue and no program.

use super::ethtool::takes_tags_off;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// Hardware of that type is Ethernet, or looks like it (`ARPHRD_ETHER`).
const ETHERNET: &str = "1";

/// An Ethernet interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number in this network namespace.
    pub index: u32,
    /// Its hardware address.
    pub hardware_address: [u8; 6],
    /// The longest packet, in octets.
    pub mtu: usize,
    /// How many queues it receives by.
    pub queues: u32,
    /// Whether there is no hardware behind it.
    pub is_virtual: bool,
    /// VLANs that this machine takes part in through it; 0 stands for frames without a tag.
    pub vlans: Vec<u16>,
}

/// Why an interface cannot be used, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong.
    pub why: String,
    /// The remedy.
    pub help: &'static str,
}

impl Trouble {
    pub(super) fn new(why: impl Into<String>, help: &'static str) -> Self {
        Self { why: why.into(), help }
    }
}

impl Interface {
    /// The interface of that name.
    pub fn find(name: &str) -> Result<Self, Trouble> {
        let index = if_nametoindex(name)
            .map_err(|_| Trouble::new("there is no such interface", "`ip link` shows those that there are"))?;
        let folder = PathBuf::from("/sys/class/net").join(name);
        let fact = |file: &str| fs::read_to_string(folder.join(file)).map(|text| text.trim().to_owned());
        let unreadable = |error: io::Error| {
            Trouble::new(format!("/sys tells nothing of it: {error}"), "mount sysfs of this network namespace at /sys")
        };
        if fact("ifindex").map_err(unreadable)? != index.to_string() {
            let help = "mount sysfs of this network namespace at /sys, as `ip netns exec` does";
            return Err(Trouble::new("/sys shows another network namespace", help));
        }
        let address = fact("address").map_err(unreadable)?;
        let hardware_address = hardware_address(&address).filter(|_| fact("type").is_ok_and(|kind| kind == ETHERNET));
        let Some(hardware_address) = hardware_address else {
            return Err(Trouble::new("it is no Ethernet interface", "name one that carries Ethernet frames"));
        };
        let mtu = fact("mtu").map_err(unreadable)?.parse().unwrap_or(super::frame::MTU);
        let queues = fs::read_dir(folder.join("queues")).map_err(unreadable)?;
        let queues = queues.flatten().filter(|queue| queue.file_name().to_string_lossy().starts_with("rx-")).count();
        let is_virtual = !folder.join("device").exists();
        // There is no such file where no VLAN is configured.
        let vlans = vlans_of(name, &fs::read_to_string("/proc/net/vlan/config").unwrap_or_default());
        if vlans.len() > 1 && takes_tags_off(name) {
            let help = "switch it off (`ethtool -K INTERFACE rxvlan off`), or leave the interface to sockets";
            return Err(Trouble::new(
                "it carries VLANs and takes their tags off, so that replies would go without",
                help,
            ));
        }
        let name = name.to_owned();
        Ok(Self { name, index, hardware_address, mtu, queues: queues.max(1) as u32, is_virtual, vlans })
    }
}

fn hardware_address(text: &str) -> Option<[u8; 6]> {
    let octets: Result<Vec<u8>, _> = text.split(':').map(|octet| u8::from_str_radix(octet, 16)).collect();
    octets.ok()?.try_into().ok()
}

/// VLANs over the interface `name`, by the text of `/proc/net/vlan/config`: device, VLAN and interface between bars. 0, which
/// stands for frames without a tag, comes first.
fn vlans_of(name: &str, config: &str) -> Vec<u16> {
    let vlan = |line: &str| {
        let mut fields = line.split('|').map(str::trim).skip(1);
        let (vlan, below) = (fields.next()?.parse().ok()?, fields.next()?);
        (below == name).then_some(vlan)
    };
    [0].into_iter().chain(config.lines().filter_map(vlan)).collect()
}

/// The addresses at which others reach this machine, whatever interface they belong to. Those that mean something on one
/// link only are left out.
pub fn local_addresses() -> io::Result<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for address in getifaddrs()?.filter_map(|interface| interface.address) {
        if let Some(address) = address.as_sockaddr_in() {
            addresses.push(IpAddr::V4(address.ip()));
        } else if let Some(address) = address.as_sockaddr_in6() {
            addresses.push(IpAddr::V6(address.ip()));
        }
    }
    addresses.retain(|address| match address {
        IpAddr::V4(address) => !address.is_loopback(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    });
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::{Interface, hardware_address, vlans_of};

    #[test]
    fn vlans_are_those_over_the_interface() {
        let config = "VLAN Dev name    | VLAN ID\n\
                      Name-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\n\
                      eth0.10        | 10  | eth0\n\
                      backbone       | 4094  | eth0\n\
                      eth01.7        | 7  | eth01\n";
        assert_eq!(vlans_of("eth0", config), [0, 10, 4094]);
        assert_eq!(vlans_of("eth01", config), [0, 7]);
        assert_eq!(vlans_of("eth1", config), [0]);
        assert_eq!(vlans_of("eth1", ""), [0]);
    }

    #[test]
    fn hardware_addresses_have_six_octets() {
        assert_eq!(hardware_address("02:00:0a:ff:10:01"), Some([2, 0, 10, 255, 16, 1]));
        for other in ["", "02:00:0a:ff:10", "02:00:0a:ff:10:01:02", "02:00:0a:ff:10:g1"] {
            assert_eq!(hardware_address(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_ethernet_is_refused() {
        let why = |name| Interface::find(name).map_err(|trouble| trouble.why);
        assert_eq!(why("no-such-thing-0"), Err("there is no such interface".to_owned()));
        assert_eq!(why("lo"), Err("it is no Ethernet interface".to_owned()));
    }
}

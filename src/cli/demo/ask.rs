//! What a resolver somewhere would be answered: a real query with a client subnet to the demo's own server.

use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_proto::rr::{Name, RecordType};
use std::io::{self, Error, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

/// How long the server, a few microseconds away, may take.
const TIMEOUT: Duration = Duration::from_millis(500);

/// The A records that a client in `subnet` (address and prefix length) is answered for `name`.
pub fn addresses(server: SocketAddr, name: &str, subnet: (IpAddr, u8)) -> io::Result<Vec<IpAddr>> {
    let broken = |error: &dyn std::fmt::Display| Error::new(ErrorKind::InvalidData, error.to_string());
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::new(subnet.0, subnet.1, 0)));
    let mut query = Message::query();
    query.add_query(Query::query(Name::from_utf8(name).map_err(|e| broken(&e))?, RecordType::A));
    query.set_edns(edns);
    let local: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(local)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.connect(server)?;
    socket.send(&query.to_vec().map_err(|e| broken(&e))?)?;
    let mut response = [0; 4096];
    let len = socket.recv(&mut response)?;
    let response = Message::from_vec(&response[..len]).map_err(|e| broken(&e))?;
    Ok(response.answers.iter().filter_map(|record| record.data.ip_addr()).collect())
}

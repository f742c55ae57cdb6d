//! One monitor for one address, ready to run: where the kinds of monitors meet. Knows no schedule.

use crate::health::{Endpoint, Observation};
use crate::probe::dns::DnsProbe;
use crate::probe::exec::ExecProbe;
use crate::probe::file::FileProbe;
use crate::probe::grpc::GrpcProbe;
use crate::probe::http::HttpProbe;
use crate::probe::icmp::IcmpProbe;
use crate::probe::spec::{Monitor, MonitorKind};
use crate::probe::tcp::TcpProbe;
use crate::probe::tls::{TlsProbe, TlsStore};
use crate::probe::udp::UdpProbe;
use std::net::SocketAddr;
use std::sync::Arc;

/// A check that can be run any number of times.
#[derive(Clone, Debug)]
pub enum Check {
    /// Connects, and may say and expect something.
    Tcp(Arc<TcpProbe>),
    /// One request.
    Http(Arc<HttpProbe>),
    /// A handshake.
    Tls(Arc<TlsProbe>),
    /// One call.
    Grpc(Arc<GrpcProbe>),
    /// A question.
    Dns(Arc<DnsProbe>),
    /// Echo requests.
    Icmp(Arc<IcmpProbe>),
    /// A datagram.
    Udp(Arc<UdpProbe>),
    /// A program.
    Exec(Arc<ExecProbe>),
    /// What a file says.
    File(Arc<FileProbe>),
    /// Cannot be run for a reason on this side.
    Broken(Arc<str>),
}

impl Check {
    /// Prepares what `monitor` asks of `address`, which is `endpoint` or one of its addresses.
    pub fn new(monitor: &Monitor, endpoint: &Endpoint, address: SocketAddr, tls_store: &mut TlsStore) -> Self {
        let timeout = monitor.timing.timeout;
        let made =
            match &monitor.kind {
                MonitorKind::Tcp(check) => Ok(Self::Tcp(Arc::new(TcpProbe::new(check, address, timeout)))),
                MonitorKind::Http(check) => HttpProbe::new(check, endpoint, address, timeout, tls_store)
                    .map(|probe| Self::Http(Arc::new(probe))),
                MonitorKind::Tls(check) => {
                    TlsProbe::new(check, endpoint, address, timeout, tls_store).map(|probe| Self::Tls(Arc::new(probe)))
                }
                MonitorKind::Grpc(check) => GrpcProbe::new(check, endpoint, address, timeout, tls_store)
                    .map(|probe| Self::Grpc(Arc::new(probe))),
                MonitorKind::Dns(check) => Ok(Self::Dns(Arc::new(DnsProbe::new(check, address, timeout)))),
                MonitorKind::Icmp(check) => Ok(Self::Icmp(Arc::new(IcmpProbe::new(*check, address, timeout)))),
                MonitorKind::Udp(check) => Ok(Self::Udp(Arc::new(UdpProbe::new(check, address, timeout)))),
                MonitorKind::Exec(check) => {
                    Ok(Self::Exec(Arc::new(ExecProbe::new(check, &monitor.name, endpoint, address, timeout))))
                }
                MonitorKind::File(check) => Ok(Self::File(Arc::new(FileProbe::new(check, endpoint, address, timeout)))),
            };
        made.unwrap_or_else(|reason| Self::Broken(reason.into()))
    }

    /// Runs it once.
    pub async fn run(&self) -> Observation {
        match self {
            Self::Tcp(probe) => probe.probe().await,
            Self::Http(probe) => probe.probe().await,
            Self::Tls(probe) => probe.probe().await,
            Self::Grpc(probe) => probe.probe().await,
            Self::Dns(probe) => probe.probe().await,
            Self::Icmp(probe) => probe.probe().await,
            Self::Udp(probe) => probe.probe().await,
            Self::Exec(probe) => probe.probe().await,
            Self::File(probe) => probe.probe().await,
            Self::Broken(reason) => Observation::LocalError { reason: Arc::clone(reason) },
        }
    }
}

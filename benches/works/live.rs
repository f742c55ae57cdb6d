//! A world made live in this process, without sockets, and a responder to ask.

use azimuth::answer::{Moment, Outcome, Request, Responder, TransportProfile};
use azimuth::base::UnixTime;
use azimuth::boot::{self, Overrides};
use azimuth::snapshot::{Core, Past, Snapshot};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// Room for a response over UDP.
const OUT_LEN: usize = 1232;

/// A world, its responder, and room for a response.
pub struct Live {
    pub snapshot: Arc<Snapshot>,
    responder: Responder,
    out: [u8; OUT_LEN],
}

impl Live {
    /// Loads the configuration at `path`; all its members are up, since worlds have no monitors.
    pub fn load(path: &Path) -> Self {
        let (loaded, report) = boot::load(path, &Overrides::default(), None);
        let shown = || report.diagnostics.iter().map(|mistake| mistake.one_line(&report.sources)).collect::<Vec<_>>();
        let Some(loaded) = loaded else { panic!("{:#?}", shown()) };
        let mut core = Core::new(loaded.inputs, &Past::default(), UnixTime::from_secs(1));
        Self { snapshot: core.snapshot(), responder: Responder::new(0), out: [0; OUT_LEN] }
    }

    /// Answers one query; returns the response.
    #[inline]
    pub fn answer(&mut self, octets: &[u8], random: u64) -> &[u8] {
        let source: IpAddr = [127, 0, 0, 1].into();
        let profile = &TransportProfile::DATAGRAM;
        let request = Request { octets, source, profile, random, now: Moment::default() };
        match self.responder.respond(&self.snapshot, request, &mut self.out) {
            Outcome::Reply { len } => &self.out[..len],
            other => panic!("{other:?} instead of a response"),
        }
    }
}

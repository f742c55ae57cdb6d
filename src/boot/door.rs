//! Between the transports and the desk of slow requests, neither of which knows the other; and the engine as the desk asks
//! it.

use crate::answer::{Outcome, Request, Responder, TransportProfile};
use crate::snapshot::SnapshotStore;
use crate::transfer::desk::Engine;
use crate::transfer::{DeskHandle, Reply, Submission};
use crate::transport::clock;
use crate::transport::{SlowDoor, SlowReply, SlowRequest};
use std::sync::{Arc, Mutex, PoisonError};

/// The slow door with the desk behind it.
pub struct Door(pub DeskHandle);

impl SlowDoor for Door {
    fn submit(&self, request: SlowRequest) -> bool {
        let SlowRequest { octets, source, is_stream, reply } = request;
        let reply = match reply {
            SlowReply::Datagram(reply) => Reply::Datagram(Box::new(move |message| reply.send(message))),
            SlowReply::Stream(sender) => Reply::Stream(sender),
        };
        self.0.submit(Submission { octets, source, is_stream, reply })
    }
}

/// The engine for messages that the desk leaves to it. `shard` is that of no worker: these answers are counted as nobody's.
pub fn engine(store: Arc<SnapshotStore>, shard: usize) -> Box<Engine> {
    let responder = Mutex::new((Responder::new(shard), vec![0; usize::from(u16::MAX)].into_boxed_slice()));
    Box::new(move |octets, source, is_stream| {
        let profile = if is_stream { &TransportProfile::STREAM } else { &TransportProfile::DATAGRAM };
        let mut random = [0; 8];
        // Without entropy the first choice is as good as any.
        let _ = getrandom::fill(&mut random);
        let request = Request { octets, source, profile, random: u64::from_le_bytes(random), now: clock::now() };
        // After a panic everything is in order: parsing sets the scratch space anew.
        let mut responder = responder.lock().unwrap_or_else(PoisonError::into_inner);
        let (responder, out) = &mut *responder;
        match responder.respond(&store.load(), request, out) {
            Outcome::Reply { len } => out[..len].to_vec(),
            Outcome::Drop | Outcome::Slow => Vec::new(),
        }
    })
}

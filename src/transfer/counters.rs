//! What this room counts, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Each with its word in metrics and logs, in the order of the enum.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$variant, $word),)*];

            /// Its word in metrics and logs.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

kinds! {
    /// What is asked for.
    Kind {
        /// A query with a signature.
        Query = "query",
        /// A whole zone.
        Axfr = "axfr",
        /// What changed of a zone.
        Ixfr = "ixfr",
        /// A primary tells of a new serial.
        Notify = "notify",
        /// A change of a zone.
        Update = "update",
    }
}

kinds! {
    /// How a request ended.
    End {
        /// As the client wished.
        Done = "done",
        /// The client may not have it, or it cannot be had.
        Refused = "refused",
        /// Too many transfers are under way.
        Busy = "busy",
        /// The client went away, or took too long.
        Broken = "broken",
    }
}

kinds! {
    /// What became of a NOTIFY of ours.
    Told {
        /// It was acknowledged.
        Acknowledged = "acknowledged",
        /// The answer was another RCODE, or its signature is wrong.
        Odd = "odd_answer",
        /// There was no answer to any try.
        Silent = "no_answer",
    }
}

/// What this room counts. Several threads write.
#[derive(Debug, Default)]
pub struct Counters {
    requests: [[AtomicU64; End::ALL.len()]; Kind::ALL.len()],
    notifies: [AtomicU64; Told::ALL.len()],
    signatures_refused: AtomicU64,
    records_sent: AtomicU64,
    octets_sent: AtomicU64,
}

impl Counters {
    /// A request ended.
    pub fn ended(&self, kind: Kind, end: End) {
        self.requests[kind as usize][end as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A NOTIFY of ours came to its end.
    pub fn told(&self, told: Told) {
        self.notifies[told as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The signature of a request does not hold.
    pub fn signature_refused(&self) {
        self.signatures_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A transfer has sent so much.
    pub fn sent(&self, records: u64, octets: u64) {
        self.records_sent.fetch_add(records, Ordering::Relaxed);
        self.octets_sent.fetch_add(octets, Ordering::Relaxed);
    }

    /// Requests by kind and end.
    pub fn requests(&self) -> impl Iterator<Item = (Kind, End, u64)> {
        let all = Kind::ALL.iter().flat_map(|(kind, _)| End::ALL.iter().map(move |(end, _)| (*kind, *end)));
        all.map(|(kind, end)| (kind, end, self.requests[kind as usize][end as usize].load(Ordering::Relaxed)))
    }

    /// NOTIFYs of ours by what became of them.
    pub fn notifies(&self) -> impl Iterator<Item = (Told, u64)> {
        Told::ALL.iter().map(|(told, _)| (*told, self.notifies[*told as usize].load(Ordering::Relaxed)))
    }

    /// Requests whose signature did not hold.
    #[must_use]
    pub fn signatures_refused_count(&self) -> u64 {
        self.signatures_refused.load(Ordering::Relaxed)
    }

    /// Records and octets that transfers sent.
    #[must_use]
    pub fn sent_totals(&self) -> (u64, u64) {
        (self.records_sent.load(Ordering::Relaxed), self.octets_sent.load(Ordering::Relaxed))
    }
}

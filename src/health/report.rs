//! What regions and members report of themselves, beside what probes see: words of their own balancer, a weight, and load.
//! Knows no feeds and no pools: those are named in words.

use std::fmt;
use std::sync::Arc;

/// What a region's own balancer says of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// It works.
    Up,
    /// It may have traffic again.
    Ready,
    /// It does not work.
    Down,
    /// It was stopped.
    Stopped,
    /// It takes no new clients.
    Drain,
    /// It is under maintenance.
    Maint,
}

impl Word {
    /// Whether the member may not answer new clients by this word. Such a word holds when the feed falls silent.
    #[must_use]
    pub const fn forbids(self) -> bool {
        matches!(self, Self::Down | Self::Stopped | Self::Drain | Self::Maint)
    }

    /// Of two words for one thing the one that counts: what takes it out of service on purpose before what says that it
    /// fails, because members out of service answer nobody, whatever fails beside them.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        const fn rank(word: Word) -> u8 {
            match word {
                Word::Up => 0,
                Word::Ready => 1,
                Word::Down => 2,
                Word::Stopped => 3,
                Word::Drain => 4,
                Word::Maint => 5,
            }
        }
        if rank(other) > rank(self) { other } else { self }
    }

    /// The word as configuration, files of state and agents write it, in letters of either case; `fail` is `down` in other
    /// words.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const WORDS: [(&str, Word); 7] = [
            ("up", Word::Up),
            ("ready", Word::Ready),
            ("down", Word::Down),
            ("fail", Word::Down),
            ("stopped", Word::Stopped),
            ("drain", Word::Drain),
            ("maint", Word::Maint),
        ];
        WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|&(_, word)| word)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Ready => "ready",
            Self::Down => "down",
            Self::Stopped => "stopped",
            Self::Drain => "drain",
            Self::Maint => "maint",
        })
    }
}

/// How much something has to do. What is there is finite and not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Of its capacity; 1 is all of it.
    pub utilisation: Option<f64>,
    /// At a time.
    pub connections: Option<f64>,
    /// Octets a second.
    pub bandwidth: Option<f64>,
    /// A second.
    pub packets: Option<f64>,
    /// A second.
    pub requests: Option<f64>,
    /// Seconds.
    pub response_time: Option<f64>,
}

impl Load {
    /// The share of `capacity` that is in use, where that can be told: what is reported as such, else the requests,
    /// connections or octets a second, whichever is there first, of the capacity.
    #[must_use]
    pub fn utilisation_of(&self, capacity: Option<f64>) -> Option<f64> {
        self.utilisation.or_else(|| {
            let used = self.requests.or(self.connections).or(self.bandwidth)?;
            Some(used / capacity.filter(|&capacity| capacity > 0.0)?)
        })
    }
}

/// What is known of one subject from all its feeds together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// Its word, if it has one.
    pub word: Option<Word>,
    /// Of its configured weight, in percent.
    pub weight_percent: Option<u16>,
    /// How much it has to do; nothing when stale.
    pub load: Load,
    /// There is a report that is not stale: it ends probation.
    pub is_fresh: bool,
}

/// Who is reported of. The order is that of status pages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A region as a whole, by its name.
    Region(Arc<str>),
    /// A member.
    Member {
        /// The pool's name.
        pool: Arc<str>,
        /// Its address, or its name in lower case with a final dot.
        target: Arc<str>,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(name) => write!(f, "region/{name}"),
            Self::Member { pool, target } => write!(f, "pool/{pool} {target}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Word;

    const WORDS: [Word; 6] = [Word::Up, Word::Ready, Word::Down, Word::Stopped, Word::Drain, Word::Maint];

    #[test]
    fn every_word_is_read_as_it_is_shown_in_either_case() {
        for word in WORDS {
            assert_eq!(Word::parse(&word.to_string()), Some(word));
            assert_eq!(Word::parse(&word.to_string().to_uppercase()), Some(word));
        }
        assert_eq!(Word::parse("FAIL"), Some(Word::Down));
        for text in ["", "ok", "up ", "down#"] {
            assert_eq!(Word::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_worse_of_two_words_is_out_of_service_before_failing_before_working() {
        for (index, &better) in WORDS.iter().enumerate() {
            for &worse in &WORDS[index..] {
                assert_eq!((better.worse(worse), worse.worse(better)), (worse, worse));
                assert!(worse.forbids() || !better.forbids());
            }
        }
    }
}

//! The lines of a script: what is asked and how, and what is set.

use crate::message::{ECS, Edns, Query, ecs, type_number};
use crate::world::Over;
use azimuth::base::Prefix;
use azimuth::health::{Observation, Report, Status, Subject, Word};
use azimuth::steering::control::operator::Action;
use std::net::IpAddr;
use std::time::Duration;

/// A line of a script, understood.
#[derive(Debug)]
pub enum Command {
    Health {
        member: String,
        monitor: Option<String>,
        status: Status,
        wavering: bool,
    },
    /// What probes of a member see.
    Probed {
        member: String,
        monitor: Option<String>,
        seen: Observation,
        times: u32,
    },
    /// What the source that a feed asks about somebody answers.
    Answered {
        feed: String,
        subject: Subject,
        answer: String,
    },
    /// The server stops and starts again.
    Restart,
    /// What the resolvers say of an alias's target.
    Resolved {
        target: String,
        addresses: Vec<IpAddr>,
        expires: u32,
    },
    Counters,
    /// What a region or a member reports.
    Report {
        subject: Subject,
        report: Report,
    },
    /// What an operator says; nothing: what was said is taken back.
    Order {
        pattern: String,
        action: Option<Action>,
        lasts: Option<Duration>,
    },
    /// Time goes by.
    After(Duration),
    Ask(Box<Ask>),
}

/// One query, or many alike.
#[derive(Debug)]
pub struct Ask {
    pub octets: Vec<u8>,
    pub source: IpAddr,
    pub over: Over,
    /// How often; more than once shows shares.
    pub times: u32,
    /// Where the random numbers begin.
    pub seed: u64,
    /// Whether only the header and the first answers are shown, for long ones.
    pub brief: bool,
    /// Whether records are shown in the order of their text: for answers whose order is chance.
    pub sorted: bool,
}

impl Command {
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["health", member, rest @ ..] => {
                let (member, monitor) = checked(member);
                let (status, wavering) = match rest {
                    ["up"] => (Status::Up, false),
                    ["up", "wavering"] => (Status::Up, true),
                    ["down"] => (Status::Down, false),
                    ["down", "wavering"] => (Status::Down, true),
                    ["unknown"] => (Status::Unknown, false),
                    _ => {
                        return Err(format!("`{text}`: after the member stands up, down or unknown, perhaps wavering"));
                    }
                };
                Ok(Self::Health { member, monitor, status, wavering })
            }
            ["probe", member, seen, rest @ ..] => {
                let (member, monitor) = checked(member);
                let (times, rest) = match rest {
                    ["times", times, rest @ ..] => (number(times)?, rest),
                    rest => (1, rest),
                };
                Ok(Self::Probed { member, monitor, seen: observation(seen, rest)?, times })
            }
            ["feed", feed, subject, ..] => {
                let answer = text.splitn(4, ' ').nth(3).unwrap_or_default().replace("\\n", "\n");
                Ok(Self::Answered { feed: (*feed).to_owned(), subject: subject_of(subject)?, answer })
            }
            ["restart"] => Ok(Self::Restart),
            ["resolved", target, expires, addresses @ ..] => {
                let addresses = addresses.iter().map(|text| number(text)).collect::<Result<_, _>>()?;
                Ok(Self::Resolved { target: (*target).to_owned(), addresses, expires: number(expires)? })
            }
            ["counters"] => Ok(Self::Counters),
            ["report", subject, figures @ ..] => {
                Ok(Self::Report { subject: subject_of(subject)?, report: report_of(figures)? })
            }
            ["drain", pattern, rest @ ..] => {
                let (percent, rest) = match rest {
                    ["percent", percent, rest @ ..] => (number(percent)?, rest),
                    rest => (100, rest),
                };
                Self::order(pattern, Some(Action::Drain { percent }), rest)
            }
            ["force", "up", pattern, rest @ ..] => Self::order(pattern, Some(Action::ForceUp), rest),
            ["force", "down", pattern, rest @ ..] => Self::order(pattern, Some(Action::ForceDown), rest),
            ["clear", pattern] => Self::order(pattern, None, &[]),
            ["after", seconds] => Ok(Self::After(Duration::from_secs(number(seconds)?))),
            ["raw", hex, rest @ ..] => {
                let mut ask = Ask::plain(octets_of_hex(hex)?);
                ask.options(&mut Query::new(".", 1), rest)?;
                Ok(Self::Ask(Box::new(ask)))
            }
            [name, rtype, rest @ ..] => {
                let rtype = type_number(rtype).ok_or_else(|| format!("`{rtype}` is no type"))?;
                let mut query = Query::new(name, rtype);
                let mut ask = Ask::plain(Vec::new());
                ask.options(&mut query, rest)?;
                ask.octets = query.octets();
                Ok(Self::Ask(Box::new(ask)))
            }
            _ => Err(format!("`{text}` is no command")),
        }
    }
}

impl Command {
    fn order(pattern: &str, action: Option<Action>, rest: &[&str]) -> Result<Self, String> {
        let lasts = match rest {
            [] => None,
            ["for", seconds] => Some(Duration::from_secs(number(seconds)?)),
            _ => return Err(format!("`{}`: only `for SECONDS` may follow", rest.join(" "))),
        };
        Ok(Self::Order { pattern: pattern.to_owned(), action, lasts })
    }
}

/// `MEMBER` or `MEMBER@MONITOR`.
fn checked(text: &str) -> (String, Option<String>) {
    text.split_once('@').map_or((text.to_owned(), None), |(member, by)| (member.to_owned(), Some(by.to_owned())))
}

/// `passed` with the milliseconds that it took, `failed`, or `local-error`.
fn observation(word: &str, rest: &[&str]) -> Result<Observation, String> {
    match (word, rest) {
        ("passed", []) => Ok(Observation::passed(Duration::from_millis(10))),
        ("passed", ["within", millis]) => Ok(Observation::passed(Duration::from_millis(number(millis)?))),
        ("failed", []) => Ok(Observation::Failed { reason: "refused".into() }),
        ("local-error", []) => Ok(Observation::LocalError { reason: "no descriptors".into() }),
        _ => Err(format!(
            "`{word} {}`: a probe has passed, perhaps within MS, or failed, or local-error",
            rest.join(" ")
        )),
    }
}

/// `region/NAME` or `pool/NAME/TARGET`.
fn subject_of(text: &str) -> Result<Subject, String> {
    match text.splitn(3, '/').collect::<Vec<_>>()[..] {
        ["region", name] => Ok(Subject::Region(name.into())),
        ["pool", pool, target] => Ok(Subject::Member { pool: pool.into(), target: target.into() }),
        _ => Err(format!("`{text}` is neither region/NAME nor pool/NAME/TARGET")),
    }
}

/// `stale`, a word of a balancer, or figures such as `utilisation=0.9`.
fn report_of(figures: &[&str]) -> Result<Report, String> {
    let mut report = Report { is_fresh: true, ..Report::default() };
    for figure in figures {
        match figure.split_once('=') {
            None if *figure == "stale" => report.is_fresh = false,
            None => {
                let words = [Word::Up, Word::Ready, Word::Down, Word::Stopped, Word::Drain, Word::Maint];
                let word = words.into_iter().find(|word| word.to_string() == *figure);
                report.word = Some(word.ok_or_else(|| format!("`{figure}` is no word of a balancer"))?);
            }
            Some(("weight", percent)) => report.weight_percent = Some(number(percent)?),
            Some(("utilisation", value)) => report.load.utilisation = Some(number(value)?),
            Some(("connections", value)) => report.load.connections = Some(number(value)?),
            Some(("bandwidth", value)) => report.load.bandwidth = Some(number(value)?),
            Some(("packets", value)) => report.load.packets = Some(number(value)?),
            Some(("requests", value)) => report.load.requests = Some(number(value)?),
            Some(("response_time", value)) => report.load.response_time = Some(number(value)?),
            Some((name, _)) => return Err(format!("`{name}` is no figure of a report")),
        }
    }
    Ok(report)
}

impl Ask {
    fn plain(octets: Vec<u8>) -> Self {
        let source = IpAddr::from([192, 0, 2, 53]);
        Self { octets, source, over: Over::Udp, times: 1, seed: 0, brief: false, sorted: false }
    }

    fn options(&mut self, query: &mut Query, words: &[&str]) -> Result<(), String> {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().copied().ok_or_else(|| format!("`{word}` needs a value"));
            match *word {
                "from" => self.source = number(value()?)?,
                "tcp" => self.over = Over::Tcp,
                "times" => self.times = number(value()?)?,
                "seed" => self.seed = number(value()?)?,
                "brief" => self.brief = true,
                "sorted" => self.sorted = true,
                "rd" => query.flags |= 0x0100,
                "cd" => query.flags |= 0x0010,
                "flags" => query.flags |= hex_number(value()?)?,
                "opcode" => query.flags |= number::<u16>(value()?)? << 11,
                "class" => query.class = number(value()?)?,
                "edns" => query.edns().size = number(value()?)?,
                "version" => query.edns().version = number(value()?)?,
                "do" => query.edns().flags |= 0x8000,
                "z" => query.edns().flags |= hex_number(value()?)?,
                "ecs" => {
                    let prefix: Prefix = number(value()?)?;
                    query.edns().options.push((ECS, ecs(prefix.address(), prefix.length())));
                }
                "ecs-octets" => {
                    let data = octets_of_hex(value()?)?;
                    query.edns().options.push((ECS, data));
                }
                "option" => {
                    let (code, data) = value()?.split_once(':').ok_or("`option` needs CODE:HEX")?;
                    let option = (number(code)?, octets_of_hex(data)?);
                    query.edns().options.push(option);
                }
                _ => return Err(format!("`{word}` is no option of a query")),
            }
        }
        Ok(())
    }
}

impl Query {
    fn edns(&mut self) -> &mut Edns {
        self.edns.get_or_insert_default()
    }
}

fn number<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}

fn hex_number(text: &str) -> Result<u16, String> {
    u16::from_str_radix(text.trim_start_matches("0x"), 16).map_err(|error| format!("`{text}`: {error}"))
}

fn octets_of_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<char> = text.chars().filter(|c| *c != '_').collect();
    let octet = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok();
    let octets: Option<Vec<u8>> = digits.chunks(2).map(octet).collect();
    octets.filter(|_| digits.len().is_multiple_of(2)).ok_or_else(|| format!("`{text}` is not pairs of hex digits"))
}

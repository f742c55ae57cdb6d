//! What must survive a restart of what operators have said, and what steering remembers, in one file of the state folder. It
//! is replaced as a whole, so that a full disk or a crash leaves the one before. Knows no commands.
//!
//! A file that cannot be understood is an error with its place, and the server does not start: to answer without a drain would
//! send clients to servers that somebody is working on, and nobody would notice. Where several servers answer for a zone, one
//! that is not there is noticed at once and harms nobody.

use crate::base::UnixTime;
use crate::snapshot::PairMemory;
use crate::steering::control::operator::{Action, OperatorTable, Order, Pattern};
use crate::steering::control::{RegionMemory, Remembered};
use crate::transfer::state_name::{FILE_MODE, create_folder};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file in the state folder.
pub const FILE_NAME: &str = "operator.json";
/// What this version reads and writes.
const VERSION: u64 = 1;

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// What operators have said.
    pub table: OperatorTable,
    /// What steering remembers.
    pub memories: Vec<PairMemory>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u64,
    #[serde(default)]
    orders: Vec<OrderForm>,
    #[serde(default)]
    memory: Vec<MemoryForm>,
}

/// What is remembered of a pool under a policy in a region; times in seconds since 1970-01-01 00:00:00 UTC.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryForm {
    pool: String,
    policy: String,
    region: String,
    state: String,
    since: u64,
    failed: u64,
}

/// Each region on its own, as a person would look for it.
fn forms_of(memories: &[PairMemory]) -> Vec<MemoryForm> {
    let form = |pair: &PairMemory, region: &RegionMemory| MemoryForm {
        pool: pair.pool.to_string(),
        policy: pair.policy.to_string(),
        region: region.region.to_string(),
        state: region.state.word().to_owned(),
        since: region.since.as_secs(),
        failed: region.failed.as_secs(),
    };
    memories.iter().flat_map(|pair| pair.regions.iter().map(move |region| form(pair, region))).collect()
}

fn memories_of(forms: &[MemoryForm]) -> Result<Vec<PairMemory>, String> {
    let mut memories: Vec<PairMemory> = Vec::new();
    for form in forms {
        let state = Remembered::of_word(&form.state).ok_or_else(|| {
            let known = Remembered::ALL.map(|state| format!("`{}`", state.word())).join(", ");
            format!("`{}` is no state of a region that is remembered; they are {known}", form.state)
        })?;
        let region = RegionMemory {
            region: form.region.as_str().into(),
            state,
            since: UnixTime::from_secs(form.since),
            failed: UnixTime::from_secs(form.failed),
        };
        match memories.iter_mut().find(|pair| *pair.pool == *form.pool && *pair.policy == *form.policy) {
            Some(pair) => pair.regions.push(region),
            None => {
                let (pool, policy) = (form.pool.as_str().into(), form.policy.as_str().into());
                memories.push(PairMemory { pool, policy, regions: vec![region] });
            }
        }
    }
    Ok(memories)
}

/// An order as it is kept and shown; times in seconds since 1970-01-01 00:00:00 UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderForm {
    /// What it is about.
    pub pattern: PatternText,
    /// `drain`, `force-up` or `force-down`.
    pub action: ActionWord,
    /// Of a drain: 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// When it was said.
    pub since: u64,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Who said it.
    #[serde(default)]
    pub by: String,
}

/// A pattern in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternText(pub Pattern);

impl Serialize for PatternText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PatternText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// What is asked for, without its percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionWord {
    /// New clients are led elsewhere.
    Drain,
    /// It answers as if it were up.
    ForceUp,
    /// It answers nobody.
    ForceDown,
}

impl From<&Order> for OrderForm {
    fn from(order: &Order) -> Self {
        let (action, percent) = match order.action {
            Action::Drain { percent } => (ActionWord::Drain, Some(percent)),
            Action::ForceUp => (ActionWord::ForceUp, None),
            Action::ForceDown => (ActionWord::ForceDown, None),
        };
        Self {
            pattern: PatternText(order.pattern.clone()),
            action,
            percent,
            since: order.since.as_secs(),
            // Never earlier than it was promised.
            until: order.until.map(|until| until.0.div_ceil(1_000_000)),
            reason: order.reason.to_string(),
            by: order.by.to_string(),
        }
    }
}

impl OrderForm {
    /// As an order; the error says what is wrong with it.
    pub fn order(&self) -> Result<Order, String> {
        let action = match (self.action, self.percent) {
            (ActionWord::Drain, percent) => Action::Drain { percent: percent.unwrap_or(100) },
            (ActionWord::ForceUp, None) => Action::ForceUp,
            (ActionWord::ForceDown, None) => Action::ForceDown,
            (ActionWord::ForceUp | ActionWord::ForceDown, Some(_)) => {
                return Err("`percent` goes with `drain` only".to_owned());
            }
        };
        let order = Order {
            pattern: self.pattern.0.clone(),
            action,
            since: UnixTime::from_secs(self.since),
            until: self.until.map(UnixTime::from_secs),
            reason: self.reason.as_str().into(),
            by: self.by.as_str().into(),
        };
        order.check().map(|()| order)
    }
}

/// The path of the file.
#[must_use]
pub fn path_of(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE_NAME)
}

/// Reads the file; nothing kept where there is none. The error has the place and a remedy.
pub fn load(state_dir: &Path) -> Result<Kept, String> {
    let path = path_of(state_dir);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => return Err(unusable(&path, &format!("{}: cannot be read: {error}", path.display()))),
    };
    parse(&text).map_err(|(place, why)| unusable(&path, &format!("{}{place}: {why}", path.display())))
}

fn unusable(path: &Path, what: &str) -> String {
    let path = path.display();
    format!(
        "{what}\n  help: the orders of operators (drains, forced states) are kept there, and without them clients would be led \
         to what was taken out of service: mend the file, or bring back a copy of it. To start with no orders at all, put it \
         aside: `mv {path} {path}.broken`"
    )
}

/// The error is a place, `:LINE:COLUMN` or nothing, and a reason.
fn parse(text: &[u8]) -> Result<Kept, (String, String)> {
    let place = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        // The library writes the place behind the reason.
        let reason = error.to_string();
        let reason = reason.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&reason);
        (format!(":{line}:{column}"), reason.to_owned())
    };
    let Versioned { version } = serde_json::from_slice(text).map_err(place)?;
    if version != VERSION {
        let why = format!("its version is {version}, and this version of Azimuth knows {VERSION} only");
        return Err((String::new(), why));
    }
    let contents: Contents = serde_json::from_slice(text).map_err(place)?;
    let mut table = OperatorTable::default();
    for (number, form) in (1..).zip(&contents.orders) {
        let said = form.order().and_then(|order| table.say(order));
        said.map_err(|why| (String::new(), format!("order {number} (`{}`): {why}", form.pattern.0)))?;
    }
    let memories = memories_of(&contents.memory).map_err(|why| (String::new(), why))?;
    Ok(Kept { table, memories })
}

/// Replaces the file. After an error the one before is there still.
pub fn save(state_dir: &Path, table: &OperatorTable, memories: &[PairMemory]) -> io::Result<()> {
    let orders = table.orders().iter().map(OrderForm::from).collect();
    let contents = Contents { version: VERSION, orders, memory: forms_of(memories) };
    let mut text = serde_json::to_vec_pretty(&contents)?;
    text.push(b'\n');
    create_folder(state_dir)?;
    let (path, new) = (path_of(state_dir), state_dir.join(format!("{FILE_NAME}.new")));
    let written = write_new(&new, &text).and_then(|()| std::fs::rename(&new, &path));
    if written.is_err() {
        // It holds half a file at best; the error that matters is the first one.
        let _ = std::fs::remove_file(&new);
    }
    written?;
    File::open(state_dir)?.sync_all()
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Kept, load, parse, path_of, save};
    use crate::base::UnixTime;
    use crate::snapshot::PairMemory;
    use crate::steering::control::operator::{Action, OperatorTable, Order};
    use crate::steering::control::{RegionMemory, Remembered};

    fn table() -> OperatorTable {
        let mut table = OperatorTable::default();
        for (action, pattern, until) in [
            (Action::Drain { percent: 30 }, "region/eu-*", Some(2_000)),
            (Action::ForceDown, "pool/\"a*b\"/r/lb.example.", None),
            (Action::ForceUp, "pool/web", None),
        ] {
            let order = Order {
                pattern: pattern.parse().unwrap(),
                action,
                since: UnixTime::from_secs(1_000),
                until: until.map(UnixTime::from_secs),
                reason: "a \"reason\"\u{e9}".into(),
                by: "ops@host".into(),
            };
            table.say(order).unwrap();
        }
        table
    }

    #[test]
    fn what_is_written_is_read_again_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("not/yet/there");
        assert_eq!(load(&state), Ok(Kept::default()));
        let region = |region: &str, state| RegionMemory {
            region: region.into(),
            state,
            since: UnixTime::from_secs(20),
            failed: UnixTime::from_secs(10),
        };
        let pair = |pool: &str, regions| PairMemory { pool: pool.into(), policy: "closest".into(), regions };
        let both = vec![region("a", Remembered::HeldBack), region("b", Remembered::Failing)];
        let memories = vec![pair("web", both), pair("api", vec![region("a", Remembered::Down)])];
        save(&state, &table(), &memories).unwrap();
        assert_eq!(load(&state), Ok(Kept { table: table(), memories: memories.clone() }));
        save(&state, &OperatorTable::default(), &memories).unwrap();
        assert_eq!(load(&state), Ok(Kept { table: OperatorTable::default(), memories }));
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn a_time_is_never_kept_shorter_than_it_was_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = OperatorTable::default();
        let order = table_order(Some(UnixTime(2_000_000_001)));
        table.say(order).unwrap();
        save(folder.path(), &table, &[]).unwrap();
        assert_eq!(load(folder.path()).unwrap().table.orders()[0].until, Some(UnixTime::from_secs(2_001)));
    }

    fn table_order(until: Option<UnixTime>) -> Order {
        let pattern = "region/r".parse().unwrap();
        Order {
            pattern,
            action: Action::ForceUp,
            since: UnixTime::from_secs(1),
            until,
            reason: "".into(),
            by: "".into(),
        }
    }

    #[test]
    fn a_write_that_fails_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), &table(), &[]).unwrap();
        // What the new file would be written to cannot be opened.
        std::fs::create_dir(folder.path().join("operator.json.new")).unwrap();
        assert!(save(folder.path(), &OperatorTable::default(), &[]).is_err());
        assert_eq!(load(folder.path()).unwrap().table, table());
        std::fs::remove_dir(folder.path().join("operator.json.new")).unwrap();
        // What a crash has left half written is written over.
        std::fs::write(folder.path().join("operator.json.new"), "{ \"version\"").unwrap();
        assert_eq!(load(folder.path()).unwrap().table, table());
        save(folder.path(), &OperatorTable::default(), &[]).unwrap();
        assert_eq!(load(folder.path()), Ok(Kept::default()));
    }

    #[test]
    fn a_broken_file_is_told_with_its_place_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        for (text, place, why) in [
            ("", ":1:0", "EOF"),
            ("{ \"version\": 1,\n  \"orders\": [ }", ":2:15", "expected value"),
            ("{ \"version\": 2 }", "", "knows 1 only"),
            (
                "{ \"version\": 1, \"memory\": [{ \"pool\": \"a\", \"policy\": \"b\", \"region\": \"c\", \"state\": \"held\", \"since\": 1, \"failed\": 1 }] }",
                "",
                "`held-back`",
            ),
            ("{ \"version\": 1, \"order\": [] }", ":1:", "unknown field `order`"),
            (
                "{ \"version\": 1, \"orders\": [\n{ \"pattern\": \"regoin/x\", \"action\": \"drain\", \"since\": 1 }]}",
                ":2:",
                "did you mean `region`",
            ),
            (
                "{ \"version\": 1, \"orders\": [{ \"pattern\": \"region/x\", \"action\": \"stop\", \"since\": 1 }]}",
                ":1:",
                "stop",
            ),
            (
                "{ \"version\": 1, \"orders\": [{ \"pattern\": \"pool/x\", \"action\": \"drain\", \"percent\": 5, \"since\": 1 }]}",
                "",
                "order 1 (`pool/x`)",
            ),
        ] {
            std::fs::write(path_of(folder.path()), text).unwrap();
            let said = load(folder.path()).unwrap_err();
            let start = format!("{}{place}", path_of(folder.path()).display());
            assert!(said.starts_with(&start) && said.contains(why) && said.contains("help: "), "{text}: {said}");
        }
        assert!(parse(b"{ \"version\": 1 }").is_ok(), "what is not there is empty");
    }
}

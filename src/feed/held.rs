//! Words that hold, kept over restarts: a file of JSON in the state folder, written anew when they change. Knows no feeds
//! beyond their names.

use crate::health::{Subject, Word};
use serde_json::{Map, Value, json};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Its place in the state folder.
const FOLDER: &str = "feeds";
const FILE: &str = "held.json";
/// For the server's user and group.
const FOLDER_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;
/// Longest file that is read, in octets.
const FILE_LEN_MAX: u64 = 64 << 20;

/// What one feed has said of one subject that holds until it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldWord {
    /// The feed's name.
    pub feed: Arc<str>,
    /// Of whom.
    pub subject: Subject,
    /// Up, down or stopped.
    pub operational: Option<Word>,
    /// Ready, drain or maint.
    pub administrative: Option<Word>,
}

/// The file, and what it holds.
#[derive(Debug)]
pub struct HeldWords {
    folder: PathBuf,
    written: Vec<HeldWord>,
    /// The last writing failed, and that was logged.
    is_failing: bool,
}

impl HeldWords {
    /// The file of a server with this state folder.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self { folder: state_dir.join(FOLDER), written: Vec::new(), is_failing: false }
    }

    /// What was held when the server stopped; nothing where nothing can be read, which is logged.
    pub fn read(&mut self) -> Vec<HeldWord> {
        let path = self.folder.join(FILE);
        match read(&path) {
            Ok(held) => self.written = held,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => tracing::error!(
                file = %path.display(),
                %error,
                "cannot read which words of feeds were held; members that they held out of service answer until their \
                 feeds say so again"
            ),
        }
        self.written.clone()
    }

    /// Writes them, unless that is what the file holds.
    pub fn write(&mut self, held: Vec<HeldWord>) {
        if held == self.written {
            return;
        }
        match write(&self.folder, &held) {
            Ok(()) => {
                self.written = held;
                self.is_failing = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::error!(
                        folder = %self.folder.display(),
                        %error,
                        "cannot write which words of feeds are held; after a restart they hold no longer"
                    );
                }
            }
        }
    }
}

fn write(folder: &Path, held: &[HeldWord]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    let new = folder.join(format!(".{FILE}.new"));
    let text = to_json(held).to_string();
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(&new, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}

fn read(path: &Path) -> io::Result<Vec<HeldWord>> {
    if fs::metadata(path)?.len() > FILE_LEN_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is too long to be such a file"));
    }
    let document: Value = serde_json::from_slice(&fs::read(path)?)?;
    from_json(&document).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "it is no list of words of feeds"))
}

fn to_json(held: &[HeldWord]) -> Value {
    let entry = |held: &HeldWord| {
        let mut entry = Map::new();
        let mut put = |key: &str, text: String| entry.insert(key.to_owned(), Value::String(text));
        put("feed", held.feed.to_string());
        match &held.subject {
            Subject::Region(name) => {
                put("region", name.to_string());
            }
            Subject::Member { pool, target } => {
                put("pool", pool.to_string());
                put("target", target.to_string());
            }
        }
        for (key, word) in [("operational", held.operational), ("administrative", held.administrative)] {
            if let Some(word) = word {
                put(key, word.to_string());
            }
        }
        Value::Object(entry)
    };
    json!({ "version": 1, "held": held.iter().map(entry).collect::<Vec<Value>>() })
}

fn from_json(document: &Value) -> Option<Vec<HeldWord>> {
    let entry = |entry: &Value| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).map(Arc::<str>::from);
        let word = |key: &str| match entry.get(key) {
            Some(word) => Word::parse(word.as_str()?).map(Some),
            None => Some(None),
        };
        let subject = match (text("region"), text("pool"), text("target")) {
            (Some(region), None, None) => Subject::Region(region),
            (None, Some(pool), Some(target)) => Subject::Member { pool, target },
            _ => return None,
        };
        let (operational, administrative) = (word("operational")?, word("administrative")?);
        Some(HeldWord { feed: text("feed")?, subject, operational, administrative })
    };
    if document.get("version")?.as_u64()? != 1 {
        return None;
    }
    document.get("held")?.as_array()?.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;

    fn held() -> Vec<HeldWord> {
        let member = Subject::Member { pool: "web \"1\"".into(), target: "2001:db8::1".into() };
        vec![
            HeldWord {
                feed: "stats".into(),
                subject: Subject::Region("eu".into()),
                operational: None,
                administrative: Some(Word::Maint),
            },
            HeldWord {
                feed: "agent".into(),
                subject: member,
                operational: Some(Word::Stopped),
                administrative: Some(Word::Ready),
            },
        ]
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = HeldWords::new(folder.path());
        assert_eq!(file.read(), []);
        file.write(held());
        assert_eq!(HeldWords::new(folder.path()).read(), held());
        file.write(Vec::new());
        assert_eq!(HeldWords::new(folder.path()).read(), []);
    }

    #[test]
    fn a_broken_file_holds_nothing_and_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "{", "[]", r#"{"version":2,"held":[]}"#, r#"{"version":1,"held":[{"feed":"x"}]}"#] {
            fs::create_dir_all(folder.path().join(FOLDER)).unwrap();
            fs::write(folder.path().join(FOLDER).join(FILE), text).unwrap();
            let mut file = HeldWords::new(folder.path());
            assert_eq!(file.read(), [], "{text}");
            file.write(held());
            assert_eq!(HeldWords::new(folder.path()).read(), held(), "{text}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_no_more_than_a_line_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FOLDER), "a file").unwrap();
        let mut file = HeldWords::new(folder.path());
        file.write(held());
        assert_eq!(file.read(), []);
    }
}

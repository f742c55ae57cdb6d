//! The form of a scenario file; `tests/golden/README.md` describes it.

use std::collections::BTreeMap;
use std::path::Path;

/// A scenario file, read.
#[derive(Debug, Default)]
pub struct Scenario {
    /// The files to lay out, by name.
    pub files: BTreeMap<String, String>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// A line of the script with what is expected of it.
#[derive(Debug)]
pub struct Step {
    /// The line without its mark.
    pub command: String,
    /// The line's number in the file, from 1.
    pub line: usize,
    /// The lines under it up to an empty one, each with a line feed.
    pub expected: String,
    /// Octets of the file that `expected` covers.
    pub span: std::ops::Range<usize>,
}

const SCRIPT: &str = "script";

impl Scenario {
    /// Reads a scenario and those it builds on (`use NAME`, looked for in `base/`).
    pub fn read(path: &Path, text: &str) -> Result<Self, String> {
        let mut scenario = Self::default();
        let mut section: Option<(String, bool)> = None;
        let mut offset = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let start = offset;
            offset += line.len();
            let words = line.trim_end();
            let fault = |what: &str| Err(format!("{}:{}: {what}: {words}", path.display(), index + 1));
            if let Some(name) = words.strip_prefix("--- ") {
                section = Some((name.to_owned(), false));
                if name != SCRIPT {
                    scenario.files.insert(name.to_owned(), String::new());
                }
                continue;
            }
            if let Some(name) = words.strip_prefix("+++ ") {
                section = Some((name.to_owned(), true));
                if name == SCRIPT || !scenario.files.contains_key(name) {
                    return fault("there is nothing to add to");
                }
                continue;
            }
            match &section {
                Some((name, _)) if name == SCRIPT => scenario.script_line(words, index + 1, start, offset),
                Some((name, _)) => scenario.files.get_mut(name).unwrap().push_str(line),
                None if words.is_empty() || words.starts_with('#') => {}
                None => match words.strip_prefix("use ") {
                    Some(name) => scenario.build_on(path, name)?,
                    None => return fault("before the first section only comments and `use NAME` may stand"),
                },
            }
        }
        Ok(scenario)
    }

    fn build_on(&mut self, path: &Path, name: &str) -> Result<(), String> {
        let folder = path.parent().unwrap();
        let folder = if folder.ends_with("base") { folder.to_owned() } else { folder.join("base") };
        let base = folder.join(format!("{name}.scenario"));
        let text = std::fs::read_to_string(&base).map_err(|error| format!("{}: {error}", base.display()))?;
        let base = Self::read(&base, &text)?;
        self.files.extend(base.files);
        self.steps.extend(base.steps);
        Ok(())
    }

    fn script_line(&mut self, words: &str, line: usize, start: usize, end: usize) {
        let step = |command: &str| Step { command: command.to_owned(), line, expected: String::new(), span: end..end };
        if words.starts_with('#') {
            return;
        }
        if let Some(command) = words.strip_prefix("? ").or_else(|| words.strip_prefix("! ")) {
            self.steps.push(step(command));
            return;
        }
        // An empty line ends what is expected: the next line of it would not join on.
        if let Some(last) = self.steps.last_mut().filter(|last| !words.is_empty() && last.span.end == start) {
            last.expected.push_str(words);
            last.expected.push('\n');
            last.span.end = end;
        } else if !words.is_empty() {
            let mut stray = step("stray");
            stray.expected = words.to_owned();
            self.steps.push(stray);
        }
    }
}

//! A Rust file as the rules see it: code without comments and literals, code without tests, functions, paths.
//! A small lexer rather than a parser: it must never be the reason why a file cannot be checked.

use std::path::{Path, PathBuf};

/// One file of the tree.
pub struct Source {
    /// Relative to the repository, with slashes: `src/zone/mod.rs`.
    pub path: String,
    /// As it stands on disk.
    pub text: String,
    /// `text` with comments and the insides of string and character literals blanked; offsets and lines are the same.
    pub code: String,
    /// `code` with `#[cfg(test)]` items blanked too; empty for a file that is a test module as a whole.
    pub production: String,
}

impl Source {
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let code = blank_comments_and_literals(&text);
        let production = blank_test_items(&code);
        Self { path, text, code, production }
    }

    /// The room that a file of `src/` belongs to: `zone` for `src/zone/tree.rs`; none elsewhere.
    pub fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        Some(inside.split(['/', '.']).next().unwrap_or(inside))
    }

    /// Whether this is the file in which `super` means the crate root.
    pub fn is_room_root(&self) -> bool {
        let inside = self.path.strip_prefix("src/").unwrap_or("");
        inside.split('/').count() == 1 || (inside.split('/').count() == 2 && inside.ends_with("/mod.rs"))
    }

    /// `path:line` of an offset.
    pub fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.path, line_of(&self.text, offset))
    }
}

/// The line, from 1, that an offset is in.
pub fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|&&b| b == b'\n').count()
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80
}

/// Offsets at which `word` stands in `code` with no word character on either side of it.
pub fn words<'c>(code: &'c str, word: &'c str) -> impl Iterator<Item = usize> + 'c {
    let octets = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let free_before = at == 0 || !is_word(octets[at - 1]) || !is_word(word.as_bytes()[0]);
        let end = at + word.len();
        let free_behind = end >= octets.len() || !is_word(octets[end]) || !is_word(word.as_bytes()[word.len() - 1]);
        free_before && free_behind
    })
}

/// The text with everything blanked that is no code: comments, and what stands between quotes.
fn blank_comments_and_literals(text: &str) -> String {
    let octets = text.as_bytes();
    let mut out = octets.to_vec();
    let mut at = 0;
    while at < octets.len() {
        let end = match octets[at] {
            b'/' if octets.get(at + 1) == Some(&b'/') => line_end(octets, at),
            b'/' if octets.get(at + 1) == Some(&b'*') => block_comment_end(octets, at),
            b'"' => string_end(octets, at),
            b'r' | b'b' | b'c' if at == 0 || !is_word(octets[at - 1]) => match raw_string_end(octets, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            b'\'' => match character_end(octets, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            _ => {
                at += 1;
                continue;
            }
        };
        blank(&mut out[at..end]);
        at = end;
    }
    String::from_utf8(out).unwrap()
}

fn blank(octets: &mut [u8]) {
    for octet in octets.iter_mut().filter(|octet| **octet != b'\n') {
        *octet = b' ';
    }
}

fn line_end(octets: &[u8], at: usize) -> usize {
    octets[at..].iter().position(|&b| b == b'\n').map_or(octets.len(), |n| at + n)
}

fn block_comment_end(octets: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while at < octets.len() {
        if octets[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if octets[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    octets.len()
}

fn string_end(octets: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < octets.len() {
        match octets[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    octets.len()
}

/// Behind `r"…"`, `br#"…"#` and so on; `None` when no raw string begins here (`r#word`, a plain name).
fn raw_string_end(octets: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while at < octets.len() && matches!(octets[at], b'b' | b'c') {
        at += 1;
    }
    if octets.get(at) != Some(&b'r') {
        return None;
    }
    let hashes = octets[at + 1..].iter().take_while(|&&b| b == b'#').count();
    let open = at + 1 + hashes;
    if octets.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.extend(std::iter::repeat_n(b'#', hashes));
    let behind = octets[open + 1..].windows(close.len()).position(|window| window == close);
    Some(behind.map_or(octets.len(), |n| open + 1 + n + close.len()))
}

/// Behind a character literal; `None` for a lifetime.
fn character_end(octets: &[u8], start: usize) -> Option<usize> {
    if octets.get(start + 1) == Some(&b'\\') {
        let rest = octets.get(start + 3..)?;
        return rest.iter().position(|&b| b == b'\'').map(|n| start + 3 + n + 1);
    }
    let length = std::str::from_utf8(&octets[start + 1..octets.len().min(start + 5)])
        .map_or_else(|error| error.valid_up_to(), str::len);
    let first = std::str::from_utf8(&octets[start + 1..start + 1 + length]).ok()?.chars().next()?;
    let close = start + 1 + first.len_utf8();
    (octets.get(close) == Some(&b'\'')).then_some(close + 1)
}

/// Behind the brace that closes the one at `open`.
fn block_end(code: &[u8], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, &b) in code.iter().enumerate().skip(open) {
        match b {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Behind the item that begins at `at`: its block, or its semicolon. `None` where it has neither.
pub fn item_end(code: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut nesting = 0_isize;
    for (offset, &b) in code.iter().enumerate().skip(at) {
        match b {
            b'(' | b'[' => nesting += 1,
            b')' | b']' => nesting -= 1,
            b'{' if nesting == 0 => return Some((offset, block_end(code, offset))),
            b';' if nesting == 0 => return Some((offset, offset + 1)),
            _ => {}
        }
    }
    None
}

fn blank_test_items(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for (start, _) in code.match_indices("#[cfg(") {
        let close = code[start..].find(']').map_or(code.len(), |n| start + n + 1);
        if words(&code[start..close], "test").next().is_some() && !code[start..close].contains("not(test") {
            let end = item_end(code.as_bytes(), close).map_or(code.len(), |(_, end)| end);
            blank(&mut out[start..end]);
        }
    }
    String::from_utf8(out).unwrap()
}

/// Names of modules that a file declares under `#[cfg(test)]` and that live in files of their own.
fn test_modules(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (start, _) in code.match_indices("#[cfg(test)]") {
        let item = &code[start + "#[cfg(test)]".len()..];
        let Some((stop, _)) = item_end(item.as_bytes(), 0) else { continue };
        let declaration: Vec<&str> = item[..stop].split_whitespace().collect();
        if item.as_bytes()[stop] == b';'
            && let Some(at) = declaration.iter().position(|&word| word == "mod")
            && let Some(&name) = declaration.get(at + 1)
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// A function with a body.
pub struct Function {
    pub name: String,
    pub offset: usize,
    /// From the line of `fn` to the line of the closing brace.
    pub lines: usize,
}

/// Every function of `code` that has a body.
pub fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for offset in words(code, "fn") {
        let behind = &code[offset + 2..];
        let name: String = behind.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() {
            continue; // the type `fn(A) -> B`
        }
        if let Some((stop, end)) = item_end(code.as_bytes(), offset)
            && code.as_bytes()[stop] == b'{'
        {
            let lines = line_of(code, end) - line_of(code, offset) + 1;
            found.push(Function { name, offset, lines });
        }
    }
    found
}

/// A path that begins at a root such as `crate`, without the root: `["zone", "Lookup"]`; `*` and `self` stand for
/// themselves. A group gives one path for each of its members.
pub struct PathUse {
    pub segments: Vec<String>,
    pub offset: usize,
}

/// Every path behind `root::`, through nested and many-line groups.
pub fn paths_from(code: &str, root: &str) -> Vec<PathUse> {
    let mut found = Vec::new();
    for offset in words(code, root) {
        let behind = code[offset + root.len()..].trim_start();
        if let Some(tree) = behind.strip_prefix("::") {
            expand(tree, &mut Vec::new(), &mut |segments| {
                found.push(PathUse { segments: segments.to_vec(), offset });
            });
        }
    }
    found
}

/// Calls `each` with every path of the tree that `text` begins with; returns what follows the tree.
fn expand<'t>(text: &'t str, prefix: &mut Vec<String>, each: &mut dyn FnMut(&[String])) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            match rest.as_bytes().first() {
                None => return rest,
                Some(b'}') => return &rest[1..],
                Some(b',') => rest = &rest[1..],
                Some(_) => {
                    let before = rest.len();
                    rest = expand(rest, prefix, each);
                    // `a as b`, or something that is no tree at all: on to the next comma or brace.
                    let next = rest.find([',', '}']).unwrap_or(rest.len());
                    rest = &rest[next..];
                    if rest.len() == before {
                        return rest;
                    }
                }
            }
        }
    }
    let length = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '*' | '#'))).unwrap_or(text.len());
    if length == 0 {
        each(prefix);
        return text;
    }
    prefix.push(text[..length].trim_start_matches("r#").to_owned());
    let rest = &text[length..];
    let rest = match rest.trim_start().strip_prefix("::") {
        Some(tree) if !tree.trim_start().starts_with('<') => expand(tree, prefix, each),
        _ => {
            each(prefix);
            rest
        }
    };
    prefix.pop();
    rest
}

/// All Rust files below a folder of the repository, in the order of their paths.
pub fn rust_files(root: &Path, folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    walk(&root.join(folder), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let mut sources: Vec<Source> =
        paths.iter().map(|path| Source::new(shown(root, path), std::fs::read_to_string(path).unwrap())).collect();
    blank_test_files(&mut sources);
    sources
}

/// Modules declared under `#[cfg(test)]` in one file and written in another are no production code.
fn blank_test_files(sources: &mut [Source]) {
    let mut test_files = Vec::new();
    for source in &*sources {
        let folder = match source.path.strip_suffix("/mod.rs").or_else(|| source.path.strip_suffix("/lib.rs")) {
            Some(folder) => folder,
            None => source.path.trim_end_matches(".rs"),
        };
        test_files.extend(test_modules(&source.code).into_iter().map(|name| format!("{folder}/{name}")));
    }
    for source in sources {
        let inside = |module: &String| {
            source.path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        if test_files.iter().any(inside) {
            source.production = String::new();
        }
    }
}

/// Every file below `dir`, sorted; build output and version control are left out.
pub fn walk(dir: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if matches!(&*name, "target" | ".git" | "node_modules" | "__pycache__") {
            continue;
        }
        if path.is_dir() {
            walk(&path, into);
        } else {
            into.push(path);
        }
    }
}

/// A path relative to the repository, with slashes.
pub fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .components()
        .map(|c| c.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}

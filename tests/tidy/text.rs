//! Lengths, `unsafe`, headers, and words that must not be left behind.

use super::source::{Source, functions, item_end, line_of, words};

pub const FILE_LINES_MAX: usize = 500;
pub const FUNCTION_LINES_MAX: usize = 70;

/// Files that may hold `unsafe`, each with the reason.
const UNSAFE_FILES: &[(&str, &str)] = &[
    ("src/base/huge_pages.rs", "advice about memory is given by address"),
    ("src/transport/udp/mmsg.rs", "recvmmsg and sendmmsg have no safe interface"),
    ("tests/workbench/datagrams.rs", "recvmmsg and sendmmsg have no safe wrapper that costs as little"),
    ("src/boot/memory.rs", "only the allocator can give back what it keeps"),
    ("src/transport/xdp/bpf.rs", "bpf(2) has no safe interface, and kept crates load ELF files only"),
    ("src/transport/xdp/ethtool.rs", "the ioctl of ethtool has no safe interface"),
    ("src/transport/xdp/queue.rs", "rings and frames of AF_XDP are memory shared with the kernel"),
    ("tests/zero_alloc.rs", "a global allocator that counts is an unsafe trait"),
];

/// Files that may be longer than [`FILE_LINES_MAX`], each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// The files that the lists above name.
pub fn listed_files() -> impl Iterator<Item = &'static str> {
    UNSAFE_FILES.iter().chain(LONG_FILES).map(|(path, _)| *path)
}

pub fn files_are_short(file: &Source) -> Vec<String> {
    let lines = file.text.lines().count();
    if lines <= FILE_LINES_MAX || LONG_FILES.iter().any(|(path, _)| *path == file.path) {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines, at most {FILE_LINES_MAX}; split it by subject", file.path)]
}

pub fn functions_are_short(file: &Source) -> Vec<String> {
    functions(&file.production)
        .into_iter()
        .filter(|function| function.lines > FUNCTION_LINES_MAX)
        .map(|function| {
            format!(
                "{}: function `{}` has {} lines, at most {FUNCTION_LINES_MAX}; give its steps names of their own",
                file.place(function.offset),
                function.name,
                function.lines
            )
        })
        .collect()
}

/// How many lines above an `unsafe` its `SAFETY:` comment may begin.
const SAFETY_LINES: usize = 8;

pub fn unsafe_has_its_place_and_its_reason(file: &Source) -> Vec<String> {
    let listed = UNSAFE_FILES.iter().any(|(path, _)| *path == file.path);
    let lines: Vec<&str> = file.text.lines().collect();
    let mut errors = Vec::new();
    for at in words(&file.code, "unsafe") {
        if !listed {
            errors.push(format!(
                "{}: `unsafe` outside of the files in UNSAFE_FILES (tests/tidy/text.rs); use a safe interface, or add the file \
                 with its reason",
                file.place(at)
            ));
        }
        let line = line_of(&file.text, at) - 1;
        let above = &lines[line.saturating_sub(SAFETY_LINES)..=line];
        if !above.iter().any(|line| line.contains("SAFETY:") || line.contains("# Safety")) {
            errors.push(format!(
                "{}: `unsafe` without a `// SAFETY:` sentence that a stranger can check",
                file.place(at)
            ));
        }
    }
    errors
}

pub fn files_say_what_they_are_for(file: &Source) -> Vec<String> {
    let header = file.text.lines().next().unwrap_or("");
    if header.strip_prefix("//!").is_some_and(|words| words.trim().len() >= 15) {
        return Vec::new();
    }
    vec![format!("{}:1: begin with `//!` and the file's job in one line, and say what it does not know", file.path)]
}

/// Marks of unfinished work, written so that this file has none.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("HA", "CK:"),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
];

/// Any text file, not Rust alone.
pub fn nothing_is_left_unfinished(path: &str, text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    for mark in UNFINISHED {
        for at in words(text, mark) {
            errors.push(format!(
                "{path}:{}: `{mark}`: finish it, or file an issue and say here what holds today",
                line_of(text, at)
            ));
        }
    }
    errors
}

/// Places that exist on one machine only, written so that this file has none.
const MACHINE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("/ro", "ot/"),
    concat!("registry.npm", "js"),
    concat!("crates.io", "/api"),
    concat!("static.", "crates"),
    concat!("files.python", "hosted"),
    concat!("deb.", "debian"),
];

/// Any text file.
pub fn no_machine_is_named(path: &str, text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    for place in MACHINE {
        for (at, _) in text.match_indices(place) {
            errors.push(format!(
                "{path}:{}: `{place}` is a place of one machine; write a relative path or a package name",
                line_of(text, at)
            ));
        }
    }
    errors
}

/// Whether `at` is inside a `macro_rules!`.
fn in_macro(code: &str, at: usize) -> bool {
    words(code, "macro_rules!")
        .any(|start| item_end(code.as_bytes(), start).is_some_and(|(_, end)| (start..end).contains(&at)))
}

/// `#[expect(lint, reason = "…")]` fails when it is no longer needed; `allow` stays for ever. Ignored tests say why.
pub fn excuses_have_reasons(file: &Source) -> Vec<String> {
    let mut errors = Vec::new();
    for start in ["#[allow(", "#![allow("] {
        for (at, _) in file.code.match_indices(start) {
            let attribute = &file.text[at..file.text[at..].find(']').map_or(file.text.len(), |n| at + n)];
            if attribute.contains("reason = ") && in_macro(&file.code, at) {
                continue; // what a macro repeats is needed in one place and not in another
            }
            errors.push(format!(
                "{}: `allow`: write `expect(lint, reason = \"…\")`, which tells when it is no longer needed",
                file.place(at)
            ));
        }
    }
    for (at, _) in file.code.match_indices("#[ignore") {
        let end = file.text[at..].find("]\n").map_or(file.text.len(), |n| at + n);
        if !file.text[at..end].contains("cargo ") {
            errors.push(format!(
                "{}: `#[ignore]` without a reason and the `cargo test` command that runs it",
                file.place(at)
            ));
        }
    }
    errors
}

/// Paths into the tree that a document names in backticks exist.
pub fn documents_name_files_that_exist(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut errors = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for quoted in line.split('`').skip(1).step_by(2) {
            let named = quoted.split([' ', ':']).next().unwrap_or("").trim_end_matches('/');
            let ours = ["src/", "tests/", "docs/", "benches/", "geoip/", "zones/"]
                .iter()
                .any(|folder| named.starts_with(folder));
            let pattern = named.contains(['*', '<', '{', '…', '$'])
                || named.chars().any(|c| c.is_ascii_uppercase()) && !named.ends_with(".md");
            if ours && !pattern && !exists(named) {
                errors
                    .push(format!("{path}:{}: names `{named}`, which does not exist; say where it is now", index + 1));
            }
        }
    }
    errors
}

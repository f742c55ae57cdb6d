//! House rules that the compiler does not check. Each message says what to do instead.

#![expect(clippy::unwrap_used, reason = "test code")]

#[path = "tidy/dependencies.rs"]
mod dependencies;
#[path = "tidy/planted.rs"]
mod planted;
#[path = "tidy/rooms.rs"]
mod rooms;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/text.rs"]
mod text;

use source::{Source, rust_files, shown, walk};
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn report(errors: Vec<String>) {
    assert!(errors.is_empty(), "{} broken rules:\n{}", errors.len(), errors.join("\n"));
}

/// Applies a rule to every file of `src/`.
fn check_src(rule: impl Fn(&Source) -> Vec<String>) {
    let files = rust_files(root(), "src");
    assert!(files.len() > 10, "src/ was found");
    report(files.iter().flat_map(rule).collect());
}

/// Applies a rule to every Rust file of ours.
fn check_all_rust(rule: impl Fn(&Source) -> Vec<String>) {
    let files = ["src", "tests", "benches", "fuzz"].iter().flat_map(|folder| rust_files(root(), folder));
    report(files.flat_map(|file| rule(&file)).collect());
}

/// Applies a rule to every text file of the repository but `Cargo.lock` and octets.
fn check_all_text(rule: impl Fn(&str, &str) -> Vec<String>) {
    let mut paths = Vec::new();
    walk(root(), &mut paths);
    let mut errors = Vec::new();
    for path in paths {
        let name = shown(root(), &path);
        if name == "Cargo.lock" || name.ends_with(".scenario.new") {
            continue;
        }
        if let Ok(text) = String::from_utf8(std::fs::read(&path).unwrap()) {
            errors.extend(rule(&name, &text));
        }
    }
    report(errors);
}

#[test]
fn rooms_name_only_whom_they_may() {
    check_src(rooms::rooms_name_only_whom_they_may);
}

#[test]
fn the_table_is_the_list_of_modules() {
    let lib = Source::new("src/lib.rs", std::fs::read_to_string(root().join("src/lib.rs")).unwrap());
    let exists =
        |room: &str| root().join(format!("src/{room}")).is_dir() || root().join(format!("src/{room}.rs")).is_file();
    report(rooms::the_table_is_the_list_of_modules(&lib, exists));
}

#[test]
fn every_item_has_one_address() {
    check_src(rooms::every_item_has_one_address);
}

#[test]
fn pure_rooms_are_pure() {
    check_src(rooms::pure_rooms_are_pure);
}

#[test]
fn libraries_stay_at_home() {
    check_src(rooms::libraries_stay_at_home);
}

#[test]
fn files_are_short() {
    check_all_rust(text::files_are_short);
}

#[test]
fn functions_are_short() {
    check_src(text::functions_are_short);
}

#[test]
fn unsafe_has_its_place_and_its_reason() {
    check_all_rust(text::unsafe_has_its_place_and_its_reason);
}

#[test]
fn files_say_what_they_are_for() {
    check_all_rust(text::files_say_what_they_are_for);
}

#[test]
fn nothing_is_left_unfinished() {
    check_all_text(text::nothing_is_left_unfinished);
}

#[test]
fn no_machine_is_named() {
    check_all_text(text::no_machine_is_named);
}

#[test]
fn excuses_have_reasons() {
    check_all_rust(text::excuses_have_reasons);
}

#[test]
fn documents_name_files_that_exist() {
    check_all_text(|path, text| {
        if !path.ends_with(".md") || path.starts_with("CHANGELOG") {
            return Vec::new();
        }
        text::documents_name_files_that_exist(path, text, |named| root().join(named).exists())
    });
}

#[test]
fn lists_of_exceptions_name_files_that_exist() {
    let missing = text::listed_files().chain(rooms::exempt_files()).filter(|path| !root().join(path).exists());
    report(
        missing
            .map(|path| format!("{path}: an exception is listed for it, but it does not exist; take it out"))
            .collect(),
    );
}

#[test]
fn dependencies_are_those_we_chose() {
    report(dependencies::check(root()));
}

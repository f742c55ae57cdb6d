//! Broken configurations and the exact text that is printed for each: the folders under `tests/bad/config`.
//! With `UPDATE_EXPECTED=1` in the environment what is printed is written down as expected, to be read before it is kept.

use super::Loaded;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Every case: a folder with an `azimuth.toml` and an `expected.txt`.
fn cases() -> Vec<PathBuf> {
    let root = Path::new("tests/bad/config");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// What is printed, with paths as if the command ran in the case's folder.
fn printed(case: &Path) -> String {
    // What a clone of the repository gives its files, nobody knows.
    for file in std::fs::read_dir(case).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
        }
    }
    let loaded = Loaded::from(&case.join("azimuth.toml"));
    let outcome = if loaded.config.is_some() { "usable" } else { "refused" };
    loaded.rendered().replace(&format!("{}/", case.display()), "") + outcome + "\n"
}

#[test]
fn every_broken_configuration_is_told_in_the_expected_words() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut different = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    for case in cases {
        let printed = printed(&case);
        assert!(printed.contains("error: ") || printed.contains("warning: "), "{} says nothing", case.display());
        let file = case.join("expected.txt");
        if update {
            std::fs::write(&file, &printed).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if printed != expected {
            different.push(format!("{}: printed\n{printed}\nexpected\n{expected}", case.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

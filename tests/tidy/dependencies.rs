//! What is built into the binary: no second TLS provider, licences that fit ours, and no package twice without a reason.
//! Reads `.deny.toml`, so that `cargo deny check` and this test cannot disagree, and asks `cargo tree` what is built.

use super::source::{rust_files, words};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use toml::{Table, Value};

pub struct Package {
    pub name: String,
    pub version: String,
    pub license: String,
}

/// Everything that is built for us on this platform, tests included.
fn built(root: &Path) -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["tree", "--locked", "--prefix", "none", "--edges", "normal,build,dev", "--format", "{p}|{l}"];
    let output = Command::new(cargo).args(arguments).current_dir(root).output().unwrap();
    assert!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    let lines: BTreeSet<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    let mut packages = BTreeMap::new();
    for line in lines {
        let (package, license) = line.split_once('|').unwrap();
        let mut words = package.split_whitespace();
        let (name, version) = (words.next().unwrap(), words.next().unwrap().trim_start_matches('v'));
        let license = license.trim_end_matches("(*)").trim();
        packages.insert((name.to_owned(), version.to_owned()), license.to_owned());
    }
    packages.into_iter().map(|((name, version), license)| Package { name, version, license }).collect()
}

fn strings<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v str> {
    value.as_array().into_iter().flatten().filter_map({
        let key = key.to_owned();
        move |entry| entry.as_str().or_else(|| entry.get(&key).and_then(Value::as_str))
    })
}

/// Whether `expression` (SPDX) can be met with the licences that `accepted` allows.
pub fn licence_fits(expression: &str, accepted: &dyn Fn(&str) -> bool) -> bool {
    // AND binds tighter than OR; `/` and `or` are ways to write OR that are not SPDX's; parentheses do not nest in any package seen so far
    // deeper than this handles.
    let expression = expression.replace(" / ", " OR ").replace('/', " OR ").replace(" or ", " OR ");
    let tokens = expression.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = tokens.split_whitespace().collect();
    let mut at = 0;
    let fits = any_of(&tokens, &mut at, accepted);
    fits && at == tokens.len()
}

fn any_of(tokens: &[&str], at: &mut usize, accepted: &dyn Fn(&str) -> bool) -> bool {
    let mut fits = all_of(tokens, at, accepted);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        fits |= all_of(tokens, at, accepted);
    }
    fits
}

fn all_of(tokens: &[&str], at: &mut usize, accepted: &dyn Fn(&str) -> bool) -> bool {
    let mut fits = one(tokens, at, accepted);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        fits &= one(tokens, at, accepted);
    }
    fits
}

fn one(tokens: &[&str], at: &mut usize, accepted: &dyn Fn(&str) -> bool) -> bool {
    let Some(&token) = tokens.get(*at) else { return false };
    *at += 1;
    if token == "(" {
        let fits = any_of(tokens, at, accepted);
        *at += 1;
        return fits;
    }
    let mut name = token.to_owned();
    if tokens.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", tokens.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    accepted(&name)
}

/// All that is wrong with `packages` by the words of `.deny.toml`.
pub fn judge(packages: &[Package], deny: &Table) -> Vec<String> {
    let mut errors = Vec::new();
    let (licenses, bans) = (&deny["licenses"], &deny["bans"]);
    let banned: BTreeSet<&str> = strings(&bans["deny"], "crate").collect();
    let accepted: BTreeSet<&str> = strings(&licenses["allow"], "").collect();
    for Package { name, version, license } in packages {
        if banned.contains(name.as_str()) {
            errors.push(format!("{name} {version} is built in and .deny.toml bans it; find who wants it with `cargo tree -i {name}` and turn that feature off"));
        }
        if name != "azimuth" && !licence_fits(license, &|wanted| accepted.contains(wanted)) {
            errors.push(format!("{name} {version} is under `{license}`, which `licenses.allow` of .deny.toml does not cover; replace it, or add the licence if it may go with MIT and Apache-2.0"));
        }
    }
    errors.extend(duplicates(packages, bans));
    errors
}

fn duplicates(packages: &[Package], bans: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    let skipped: Vec<(&str, &str)> =
        strings(&bans["skip"], "crate").filter_map(|entry| entry.split_once('@')).collect();
    for (name, versions) in &versions {
        let excused = |version: &str| skipped.contains(&(*name, version));
        if versions.iter().filter(|version| !excused(version)).count() > 1 {
            errors.push(format!("{name} is built in versions {versions:?}; make its users agree, or excuse the older one under `bans.skip` of .deny.toml with a reason and a date"));
        }
    }
    for (name, version) in skipped {
        if !versions.get(name).is_some_and(|built| built.len() > 1 && built.contains(&version)) {
            errors.push(format!(
                ".deny.toml excuses {name}@{version}, which is no duplicate any more; take the line out"
            ));
        }
    }
    errors
}

/// Every excuse has a reason that ends in the day it was given.
pub fn excuses_are_dated(deny: &Table) -> Vec<String> {
    let mut errors = Vec::new();
    for entry in deny["bans"]["skip"].as_array().into_iter().flatten() {
        let reason = entry.get("reason").and_then(Value::as_str).unwrap_or("");
        let date: String = reason.chars().rev().take(10).collect::<Vec<_>>().into_iter().rev().collect();
        let dated = date.len() == 10
            && date.chars().enumerate().all(|(at, c)| if matches!(at, 4 | 7) { c == '-' } else { c.is_ascii_digit() });
        if !dated || reason.len() < 20 {
            errors.push(format!(
                ".deny.toml: {entry}: say who still wants it and end the reason with the date (2026-11-22)"
            ));
        }
    }
    errors
}

pub fn deny_file(root: &Path) -> Table {
    std::fs::read_to_string(root.join(".deny.toml")).unwrap().parse().unwrap()
}

/// Dependencies of the manifest that no code names: `code` and `test_code` are all of it.
pub fn unused(manifest: &Table, code: &[String], test_code: &[String]) -> Vec<String> {
    let mut errors = Vec::new();
    for (table, places) in [("dependencies", &[code][..]), ("dev-dependencies", &[code, test_code])] {
        for name in manifest[table].as_table().into_iter().flat_map(Table::keys) {
            let path = format!("{}::", name.replace('-', "_"));
            if !places.iter().any(|texts| texts.iter().any(|text| words(text, &path).next().is_some())) {
                errors.push(format!("Cargo.toml: nobody names `{name}` of [{table}]; take it out"));
            }
        }
    }
    errors
}

pub fn check(root: &Path) -> Vec<String> {
    let deny = deny_file(root);
    let packages = built(root);
    assert!(packages.len() > 50, "cargo tree lists what is built");
    let mut errors = judge(&packages, &deny);
    errors.extend(excuses_are_dated(&deny));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let code = |folder: &str| rust_files(root, folder).into_iter().map(|file| file.code).collect::<Vec<_>>();
    let test_code = [code("tests"), code("benches")].concat();
    errors.extend(unused(&manifest, &code("src"), &test_code));
    errors
}

//! Shows that every rule catches what it is for, and lets pass what only looks like it.

use super::source::{Source, functions, paths_from};
use super::{dependencies, rooms, text};

/// Checks that `rule` finds exactly as many violations as `wanted` says, and that each message is a whole sentence.
fn check(rule: impl Fn(&Source) -> Vec<String>, path: &str, text: &str, wanted: usize) {
    let errors = rule(&Source::new(path, text));
    assert_eq!(errors.len(), wanted, "in {path}:\n{text:.400}\nfound: {errors:#?}");
    assert!(errors.iter().all(|error| error.starts_with(path) && error.len() > path.len() + 40), "{errors:#?}");
}

#[test]
fn comments_strings_and_tests_are_told_from_code() {
    let text = r##"
//! crate::zone
/* crate::zone /* nested */ crate::zone */
fn f<'a>(x: &'a str) -> char { let _ = "crate::zone \" crate::zone"; let _ = r#"crate::zone " "#; '"' }
fn g() { let _ = ('\'', b'"', '\u{22}', "x"); crate::wire::g(); let r#type = br"crate::zone"; }
#[cfg(test)]
mod tests { use crate::zone; fn long() { { } } }
"##;
    let file = Source::new("src/wire/x.rs", text);
    let named = |code: &str| paths_from(code, "crate").iter().map(|p| p.segments.join("::")).collect::<Vec<_>>();
    assert_eq!(named(&file.code), ["wire::g", "zone"]);
    assert_eq!(named(&file.production), ["wire::g"]);
    assert_eq!(file.code.len(), text.len());
    assert_eq!(file.code.lines().count(), text.lines().count());
}

#[test]
fn every_form_of_import_is_seen() {
    let named =
        |code: &str| paths_from(code, "crate").iter().map(|p| p.segments.join("::")).collect::<Vec<_>>().join(" ");
    assert_eq!(named("use crate::zone::Lookup;"), "zone::Lookup");
    assert_eq!(named("use crate::{zone, wire::{Query, Full as F}, health};"), "zone wire::Query wire::Full health");
    assert_eq!(
        named("use crate::{\n    wire,\n    zone::{\n        self,\n        Lookup,\n    },\n};"),
        "wire zone::self zone::Lookup"
    );
    assert_eq!(named("use crate :: zone :: *;"), "zone::*");
    assert_eq!(named("let x = crate::wire::parse::<u8>(m);"), "wire::parse");
    assert_eq!(named("match x { crate::zone::Lookup::NoData => {} }"), "zone::Lookup::NoData");
    assert_eq!(named("fn f(x: &crate::zone::Zone) {} pub(crate) fn g() {}"), "zone::Zone");
    assert_eq!(named("let z = crate::zone::Zone { apex };"), "zone::Zone");
    assert_eq!(named("macro_rules! m { () => { $crate::geo::leaf() } }"), "geo::leaf");
}

#[test]
fn planted_knowledge_is_caught() {
    let rule = rooms::rooms_name_only_whom_they_may;
    check(rule, "src/wire/query.rs", "use crate::{\n    base::Prefix,\n    zone::Lookup,\n};", 1);
    check(rule, "src/answer/mod.rs", "fn f() { crate::transport::send(); let c: crate::config::Config; }", 2);
    check(rule, "src/zone/tree.rs", "use crate::wire::Name;\nuse crate::zone::spec;\nuse super::rrset;", 0);
    check(rule, "src/geo/mod.rs", "use super::steering::Policy;", 1);
    check(rule, "src/geo/client.rs", "use super::spec;\n#[cfg(test)]\nmod tests { use super::*; }", 0);
    check(rule, "src/config/mod.rs", "use crate::snapshot::Settings;\nuse crate::probe::spec::Monitor;", 0);
    check(rule, "src/config/mod.rs", "use crate::snapshot::Publisher;\nuse crate::probe::Prober;", 2);
    check(rule, "src/health/mod.rs", "use crate::*;", 1);
    check(rule, "src/health/mod.rs", "use crate as root;", 1);
    check(rule, "src/cli/serve.rs", "use crate::boot;\nuse crate::zone;", 0);
    check(rule, "src/admin/mod.rs", "use crate::cli;", 1);
    check(rule, "src/surprise/mod.rs", "use crate::zone;", 1);
}

#[test]
fn planted_detours_are_caught() {
    let rule = rooms::every_item_has_one_address;
    check(rule, "src/zone/master_file/lexer.rs", "use super::super::Zone;", 1);
    check(rule, "src/zone/mod.rs", "pub use crate::wire::Name;", 1);
    check(rule, "src/zone/mod.rs", "pub(crate) use crate::{wire::Name, zone::spec};", 1);
    check(rule, "src/zone/mod.rs", "pub use super::base::Prefix;", 1);
    check(rule, "src/zone/mod.rs", "pub use rrset::RrsetRef;\nuse crate::wire::Name;\npub fn f() {}\nuse std::fmt;", 0);
    check(rule, "src/zone/mod.rs", "#[path = \"../wire/name.rs\"]\nmod name;", 1);
    let lib = Source::new("src/lib.rs", "pub mod base; pub use base::Prefix;");
    let errors = rooms::the_table_is_the_list_of_modules(&lib, |room| room != "wire");
    assert_eq!(
        errors.len(),
        rooms::MAY_KNOW.len() + 1,
        "all rooms but base, wire twice, and the re-export: {errors:#?}"
    );
}

#[test]
fn planted_impurities_are_caught() {
    let rule = rooms::pure_rooms_are_pure;
    check(rule, "src/steering/decide.rs", "fn f() { let t = std::time::Instant::now(); t.elapsed() }", 2);
    check(rule, "src/health/mod.rs", "use std::time::SystemTime;\nfn f() { SystemTime :: now(); }", 0);
    check(rule, "src/health/mod.rs", "fn f() { SystemTime::now(); UnixTime::now(); }", 2);
    check(rule, "src/snapshot/publisher.rs", "fn f() { Instant::now(); }", 0);
    check(rule, "src/snapshot/mod.rs", "fn f() { Instant::now(); }", 1);
    check(rule, "src/probe/schedule.rs", "fn f() { Instant::now(); }", 0);
    check(rule, "src/answer/mod.rs", "fn f() { getrandom::fill(b); let s: UdpSocket; std::fs::read(p); }", 3);
    check(rule, "src/config/mod.rs", "fn f() { println!(\"{x}\"); std::fs::read(p); }", 1);
    check(rule, "src/cli/check.rs", "fn f() { println!(\"{x}\"); }", 0);
    check(rule, "src/geo/mod.rs", "// Instant::now and println! are banned here\nfn blueprintln!() {}", 0);
}

#[test]
fn planted_libraries_are_caught() {
    let rule = rooms::libraries_stay_at_home;
    check(rule, "src/answer/mod.rs", "use tokio::net::UdpSocket;\nfn f() { tracing::info!(); }", 2);
    check(rule, "src/zone/mod.rs", "use hickory_proto::rr::RData;", 0);
    check(rule, "src/answer/mod.rs", "#[cfg(test)]\nmod tests { use hickory_proto::op::Message; }", 0);
    check(rule, "src/cli/mod.rs", "crate::config::toml::read();", 0);
}

#[test]
fn planted_length_is_caught() {
    let long = "//! A file with a header.\n".repeat(text::FILE_LINES_MAX);
    check(text::files_are_short, "src/a.rs", &long, 0);
    check(text::files_are_short, "src/a.rs", &(long + "\n"), 1);
    check(text::files_are_short, "src/a.rs", &"//\n".repeat(text::FILE_LINES_MAX + 1), 1);
    let body =
        |lines: usize| format!("fn f(\n    a: [u8; 3],\n) -> u8 {{\n{}}}\n", "    g(\"}\"); // }\n".repeat(lines));
    check(text::functions_are_short, "src/a.rs", &body(text::FUNCTION_LINES_MAX - 4), 0);
    check(text::functions_are_short, "src/a.rs", &body(text::FUNCTION_LINES_MAX - 3), 1);
    let in_tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", body(200));
    check(text::functions_are_short, "src/a.rs", &in_tests, 0);
    let two =
        functions("trait T { fn a(); fn b() -> u8 { 1 } }\nstruct S { f: fn(u8) -> u8 }\nimpl S { fn c(&self) {} }");
    assert_eq!(two.iter().map(|function| &*function.name).collect::<Vec<_>>(), ["b", "c"]);
}

#[test]
fn planted_unsafe_is_caught() {
    let rule = text::unsafe_has_its_place_and_its_reason;
    check(rule, "src/wire/mod.rs", "// SAFETY: none.\nunsafe { f() }", 1);
    check(rule, "src/transport/udp/mmsg.rs", "fn f() {\n    unsafe { g() }\n}", 1);
    check(rule, "src/transport/udp/mmsg.rs", "// SAFETY: `fd` is open.\nlet n = unsafe { g() };", 0);
    check(rule, "src/wire/mod.rs", "#![deny(unsafe_code)]\n// unsafe\nlet s = \"unsafe\";", 0);
}

#[test]
fn planted_leftovers_are_caught() {
    check(text::files_say_what_they_are_for, "src/a.rs", "use std::fmt;\n//! Too late to be the header.", 1);
    check(text::files_say_what_they_are_for, "src/a.rs", "//! x\n", 1);
    let unfinished = |file: &Source| text::nothing_is_left_unfinished(&file.path, &file.text);
    check(unfinished, "docs/a.md", concat!("Works. TO", "DO: more\n"), 1);
    check(unfinished, "src/a.rs", concat!("fn f() { unimpl", "emented!() }\nfn g() { to", "do!() }"), 2);
    check(unfinished, "src/a.rs", concat!("// TO", "DOS are not marks, nor is a TO", "DO_LIST\n"), 0);
    let machine = |file: &Source| text::no_machine_is_named(&file.path, &file.text);
    check(machine, "docs/a.md", concat!("run /wo", "rk/main/target/azimuth\n"), 1);
    check(machine, "docs/a.md", "run target/release/azimuth, network/host\n", 0);
    check(
        text::excuses_have_reasons,
        "src/a.rs",
        "#[allow(dead_code)]\nfn f() {}\n#[expect(dead_code, reason = \"x\")]\nfn g() {}",
        1,
    );
    let in_macro = "macro_rules! m { () => { #[allow(dead_code, reason = \"x\")] fn f() {} } }\n";
    check(text::excuses_have_reasons, "src/a.rs", in_macro, 0);
    check(text::excuses_have_reasons, "src/a.rs", &in_macro.replace(", reason = \"x\"", ""), 1);
    check(text::excuses_have_reasons, "tests/a.rs", "#[ignore]\nfn f() {}\n#[ignore = \"slow\"]\nfn g() {}\n", 2);
    check(text::excuses_have_reasons, "tests/a.rs", "#[ignore = \"slow; cargo test -- --ignored f\"]\nfn f() {}\n", 0);
    let documents =
        |file: &Source| text::documents_name_files_that_exist(&file.path, &file.text, |path| path == "src/zone");
    check(documents, "docs/a.md", "`src/zone/` and `src/gone.rs` and `src/*/mod.rs` and `cargo test`\n", 1);
}

#[test]
fn planted_dependencies_are_caught() {
    let deny = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "ISC"]
        [bans]
        deny = [{ crate = "ring", reason = "one TLS provider" }]
        skip = [{ crate = "old@1.0.0", reason = "somebody still wants it, 2026-11-22" }, { crate = "bare@1.0.0", reason = "x" }]
    "#;
    let deny = deny.parse().unwrap();
    let package = |name: &str, version: &str, license: &str| dependencies::Package {
        name: name.to_owned(),
        version: version.to_owned(),
        license: license.to_owned(),
    };
    let judge = |packages: &[dependencies::Package]| dependencies::judge(packages, &deny);
    let excused = [
        package("old", "1.0.0", "MIT"),
        package("old", "2.0.0", "MIT"),
        package("bare", "1.0.0", "MIT"),
        package("bare", "2.0.0", "ISC"),
    ];
    assert_eq!(judge(&excused), Vec::<String>::new());
    assert_eq!(judge(&excused[1..]).len(), 1, "an excuse that nobody needs");
    let mut packages = Vec::from(excused);
    packages.push(package("ring", "0.17.0", "Apache-2.0 AND ISC"));
    packages.push(package("copyleft", "1.0.0", "GPL-3.0-only"));
    packages.push(package("twice", "1.0.0", "MIT"));
    packages.push(package("twice", "2.0.0", "MIT"));
    assert_eq!(judge(&packages).len(), 3, "{:#?}", judge(&packages));
    assert_eq!(dependencies::excuses_are_dated(&deny).len(), 1);
}

#[test]
fn planted_unused_dependencies_are_caught() {
    let manifest = "[dependencies]\nused = \"1\"\nhalf-used = \"1\"\nidle = \"1\"\n[dev-dependencies]\ntested = \"1\"\nlazy = \"1\"\n";
    let code = ["use used::Thing; fn f() { half_used::g() }".to_owned()];
    let test_code = ["idle::f(); tested::g();".to_owned()];
    assert_eq!(dependencies::unused(&manifest.parse().unwrap(), &code, &test_code).len(), 2, "idle and lazy");
}

#[test]
fn licence_expressions_are_read_as_spdx_says() {
    let fits =
        |expression: &str| dependencies::licence_fits(expression, &|name| matches!(name, "MIT" | "ISC" | "A WITH B"));
    for expression in
        ["MIT", "GPL OR MIT", "MIT/GPL", "MIT AND ISC", "(GPL OR MIT) AND ISC", "GPL AND X OR ISC", "A WITH B AND MIT"]
    {
        assert!(fits(expression), "{expression}");
    }
    for expression in ["", "GPL", "MIT AND GPL", "(MIT OR ISC) AND GPL", "A", "A WITH C", "MIT ISC"] {
        assert!(!fits(expression), "{expression}");
    }
}

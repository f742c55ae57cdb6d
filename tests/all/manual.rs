//! The examples of the manual are configurations that load. On a page of `docs/manual`, a block whose first line is a comment with
//! the name of a file (`# azimuth.toml`, `; gslb.example.com.zone`) is that file, and a block of which the fence names one
//! (` ```json report.json `) too; an `azimuth.toml` begins a configuration, and the files behind it belong to it. Blocks without
//! a name are fragments. Knows nothing of what the keys mean.

use azimuth::boot::{self, Overrides};
use std::path::{Path, PathBuf};

/// The file of a configuration that others are included from.
const MAIN_FILE: &str = "azimuth.toml";
/// The list of pages, which is none itself.
const INDEX: &str = "README.md";

/// A file as a page shows it.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    /// Where its block begins on the page, from 1.
    line: usize,
    name: String,
    text: String,
}

fn manual() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manual")
}

/// The pages by name, in order.
fn pages() -> Vec<(String, String)> {
    let folder = std::fs::read_dir(manual()).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".md") && name != INDEX).collect();
    names.sort_unstable();
    let read = |name: String| (std::fs::read_to_string(manual().join(&name)).unwrap(), name);
    names.into_iter().map(read).map(|(text, name)| (name, text)).collect()
}

/// The file name that a word is, if it is one.
fn as_file_name(word: &str) -> Option<&str> {
    let word = word.trim();
    let is_name = word.contains('.') && !word.starts_with('.') && !word.ends_with('.');
    let is_plain = word.chars().all(|char| char.is_ascii_alphanumeric() || "-_./".contains(char));
    (is_name && is_plain && !word.contains("..")).then_some(word)
}

/// The blocks of a page that are files.
fn examples(page: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(fence) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```")).collect();
        let first = block.first().copied().unwrap_or_default();
        let of_comment = first.strip_prefix("# ").or_else(|| first.strip_prefix("; ")).and_then(as_file_name);
        let of_fence = fence.split_whitespace().nth(1).and_then(as_file_name);
        if let Some(name) = of_fence.or(of_comment) {
            found.push(Example { line: number + 1, name: name.to_owned(), text: block.join("\n") + "\n" });
        }
    }
    found
}

/// The configurations of a page, each with its files; `Err` says which file belongs to none.
fn configurations(examples: Vec<Example>) -> Result<Vec<Vec<Example>>, String> {
    let mut all: Vec<Vec<Example>> = Vec::new();
    for example in examples {
        if example.name == MAIN_FILE {
            all.push(vec![example]);
        } else if let Some(current) = all.last_mut() {
            if current.iter().any(|other| other.name == example.name) {
                return Err(format!("{}: a second {} of one configuration", example.line, example.name));
            }
            current.push(example);
        } else if example.name.ends_with(".toml") || example.name.ends_with(".zone") {
            return Err(format!("{}: {} stands before the first {MAIN_FILE}", example.line, example.name));
        }
    }
    Ok(all)
}

/// Lays the files out in a folder and loads them as the server does; the errors as `check` would print them.
fn load(files: &[Example]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(&file.name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.text).unwrap();
    }
    let overrides = Overrides { state_dir: Some(folder.path().join("state")), ..Overrides::default() };
    let (_, report) = boot::load(&folder.path().join(MAIN_FILE), &overrides, None);
    if !report.has_errors() {
        return Ok(());
    }
    let shown = report.diagnostics.iter().map(|diagnostic| diagnostic.render(&report.sources, false));
    Err(shown.collect::<Vec<_>>().join("\n"))
}

#[test]
fn every_example_of_the_manual_loads() {
    let mut wrong = Vec::new();
    for (name, text) in pages() {
        match configurations(examples(&text)) {
            Err(place) => wrong.push(format!("docs/manual/{name}:{place}")),
            Ok(found) if found.is_empty() => {
                wrong.push(format!("docs/manual/{name} has no example: a block that begins with `# {MAIN_FILE}`"));
            }
            Ok(found) => wrong.extend(found.iter().filter_map(|files| {
                let errors = load(files).err()?;
                Some(format!("docs/manual/{name}:{}: this example does not load:\n{errors}", files[0].line))
            })),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_of_the_manual_is_in_its_index() {
    let index = std::fs::read_to_string(manual().join(INDEX)).unwrap();
    let missing: Vec<String> =
        pages().into_iter().map(|(name, _)| name).filter(|name| !index.contains(&format!("({name})"))).collect();
    assert!(missing.is_empty(), "docs/manual/{INDEX} has no line for {missing:?}");
    let linked = index.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let lost: Vec<&str> = linked.filter(|link| !manual().join(link).exists()).collect();
    assert!(lost.is_empty(), "docs/manual/{INDEX} leads to what is not there: {lost:?}");
}

#[test]
fn a_page_is_read_as_its_header_says() {
    let page = "# Page\n\n```toml\n# azimuth.toml\na = 1\n```\ntext\n```toml\nfragment = 1\n```\n```dns\n; a.zone\n@ SOA\n```\n\
                ```json report.json\n{}\n```\n```toml\n# azimuth.toml\n```\n";
    let found = configurations(examples(page)).unwrap();
    let names: Vec<Vec<&str>> =
        found.iter().map(|files| files.iter().map(|file| file.name.as_str()).collect()).collect();
    assert_eq!(names, [vec!["azimuth.toml", "a.zone", "report.json"], vec!["azimuth.toml"]]);
    assert_eq!((found[0][0].text.as_str(), found[0][0].line), ("# azimuth.toml\na = 1\n", 3));
    assert!(configurations(examples("```toml\n# pools.toml\n```\n")).unwrap_err().contains("before the first"));
    assert!(load(&found[0]).unwrap_err().contains('a'), "an unknown key is an error");
}

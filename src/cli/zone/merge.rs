//! `azimuth zone merge`.

use super::reload::reload_server;
use super::write::{beside, replace, timestamp};
use super::{Configured, ZoneArgs};
use crate::boot::{self, Overrides, Report};
use crate::cli::check::counted;
use crate::cli::{EXIT_FAILED, EXIT_MISTAKE, failed, print_report};
use crate::transfer::journal::file::Contents;
use crate::transfer::journal::merge::{Conflict, Merged, Prefer, merge};
use crate::transfer::journal::store::Held;
use crate::wire::Name;
use crate::zone::text_out::record_text;
use crate::zone::{Record, Zone, ZoneSpec, places, record_type};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `zone merge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    zone: ZoneArgs,
    /// Ask at this address whether the running server has reloaded, instead of the one that the configuration names
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin: Option<SocketAddr>,
    /// Whose version to take of records that both changed
    #[arg(long, value_enum, value_name = "WHOSE")]
    prefer: Option<Whose>,
    /// Write the updates into the zone file even if nobody edited it
    #[arg(long)]
    flush: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Whose {
    /// The zone file's
    File,
    /// The journal's: what updates made of them
    Journal,
}

/// What an operator must know when the server did not take it.
const NOW: &str = "nothing is lost: the zone file holds both, and the journal is put aside";

/// Merges, writes the zone file and puts the journal aside; or lists the conflicts and touches nothing.
pub fn run(args: &Args) -> Result<ExitCode, ExitCode> {
    let configured = Configured::find(&args.zone)?;
    configured.require_primary(|apex| {
        format!("its primary takes the updates; `azimuth zone export {apex}` shows its data")
    })?;
    let (apex, journals) = (configured.apex(), &configured.journals);
    // Held to the end: a running server makes no update meanwhile.
    let held = journals.hold(apex).map_err(|error| failed(format_args!("{error}\n  help: {}", error.remedy())))?;
    let Some(held) = held else { return Ok(nothing_to_do(args, apex, "there is no journal")) };
    let contents = Contents::parse(&held.octets, &held.path, apex)
        .map_err(|error| failed(format_args!("{error}\n  help: {}", error.remedy())))?;
    let file = configured.load_files()?;
    if contents.header.base_hash == file.content_hash() && !args.flush {
        let why =
            "the zone file was not edited, so that the journal still fits it; `--flush` writes the updates into it";
        return Ok(nothing_to_do(args, apex, why));
    }
    let prefer = args.prefer.map(|whose| match whose {
        Whose::File => Prefer::File,
        Whose::Journal => Prefer::Journal,
    });
    let merged = merge(contents.folded(), &file, contents.serial(), prefer);
    if !merged.conflicts.is_empty() {
        print_conflicts(args, &configured.zone().spec, &merged.conflicts);
        return Ok(ExitCode::from(EXIT_FAILED));
    }
    let zone = file
        .edited(&merged.changes)
        .map_err(|error| failed(format_args!("cannot bring file and journal together: {error}")))?;
    let text = zone.to_text();
    check(&configured.zone().spec, &text)?;
    check_the_rest(args, &configured)?;
    let written = write(&configured.zone().spec, &text, &held)?;
    drop(held);
    let reload = reload_server(&configured, args.admin);
    let included: Vec<String> = file.files().skip(1).map(|file| file.display().to_string()).collect();
    if args.zone.json {
        println!("{:#}", as_json(apex, &merged, &written, reload.word()));
        return Ok(reload.conclude(true, NOW));
    }
    println!("zone `{apex}`: {}", summary(&merged));
    println!("  written to        {}", written.file.display());
    println!("  file as it was    {}", written.backup.display());
    println!("  journal put aside {}", written.journal.display());
    if !included.is_empty() {
        println!("  the file holds what it included before: {}", included.join(", "));
    }
    Ok(reload.conclude(false, NOW))
}

/// What was taken from where. How many RRsets the file alone changed is known to nobody: what it was before is not kept.
fn summary(merged: &Merged) -> String {
    format!(
        "{} taken from the journal, {} that updates changed taken from the file, {} changed alike in both, all others as the \
         file has them; {} settled; serial {}",
        counted(merged.from_journal, "RRset"),
        merged.from_file,
        merged.alike,
        counted(merged.settled, "conflict"),
        merged.serial
    )
}

/// Where a server runs that would refuse to reload for what has nothing to do with the merge, nothing is begun.
fn check_the_rest(args: &Args, configured: &Configured) -> Result<(), ExitCode> {
    if configured.journals.owner().is_none() {
        return Ok(());
    }
    let (_, report) = boot::load(&args.zone.config.config, &Overrides::default(), None);
    if !report.has_errors() {
        return Ok(());
    }
    print_report(&report);
    eprintln!(
        "error: the running server would refuse to reload, as told above; nothing was changed\n  help: mend that first, and \
         merge again; meanwhile updates go on"
    );
    Err(ExitCode::from(EXIT_MISTAKE))
}

fn nothing_to_do(args: &Args, apex: &Name, why: &str) -> ExitCode {
    if args.zone.json {
        println!("{:#}", json!({ "zone": apex.to_string(), "merged": false, "why": why }));
    } else {
        println!("zone `{apex}`: nothing to merge: {why}");
    }
    ExitCode::SUCCESS
}

/// Where everything went.
struct Written {
    file: PathBuf,
    backup: PathBuf,
    journal: PathBuf,
}

fn as_json(apex: &Name, merged: &Merged, written: &Written, reload: &str) -> Value {
    json!({
        "zone": apex.to_string(),
        "merged": true,
        "serial": merged.serial,
        "from_journal": merged.from_journal,
        "from_file": merged.from_file,
        "alike": merged.alike,
        "conflicts_settled": merged.settled,
        "file": written.file.display().to_string(),
        "backup": written.backup.display().to_string(),
        "journal": written.journal.display().to_string(),
        "reload": reload,
    })
}

/// Reads the merged zone as a start would: what may not stand together is found before anything is replaced.
fn check(spec: &ZoneSpec, text: &str) -> Result<(), ExitCode> {
    let file = beside(&spec.file, ".merged");
    let unwritable = |error| failed(format_args!("cannot write `{}`: {error}", file.display()));
    std::fs::write(&file, text).map_err(unwritable)?;
    let mut report = Report::default();
    let (zone, diagnostics) = Zone::load(&ZoneSpec { file: file.clone(), ..spec.clone() }, None, &mut report.sources);
    report.diagnostics = diagnostics;
    if zone.is_some() {
        return std::fs::remove_file(&file).map_err(unwritable);
    }
    print_report(&report);
    eprintln!(
        "error: what was merged is no zone, as told above; nothing was changed\n  help: it is in `{}`: mend the zone file \
         so that it does not contradict the updates, and merge again",
        file.display()
    );
    Err(ExitCode::from(EXIT_MISTAKE))
}

/// The file first: whatever happens between the two, merging once more comes to the same.
fn write(spec: &ZoneSpec, text: &str, held: &Held) -> Result<Written, ExitCode> {
    let time = timestamp();
    let (file, backup) = (spec.file.clone(), beside(&spec.file, &format!(".{time}.bak")));
    replace(&file, text, &backup)
        .map_err(|error| failed(format_args!("cannot write `{}`: {error}", file.display())))?;
    let journal = held
        .put_aside(&format!(".merged-{time}"))
        .map_err(|error| failed(format_args!("cannot rename `{}`: {error}; merge again", held.path.display())))?;
    Ok(Written { file, backup, journal })
}

fn print_conflicts(args: &Args, spec: &ZoneSpec, conflicts: &[Conflict]) {
    let ids: Vec<(Name, u16)> = conflicts.iter().map(|conflict| (conflict.owner.clone(), conflict.rtype)).collect();
    let places = places(spec, &ids);
    let place = |at: usize| match &places[at] {
        Some((path, line)) => format!("{}:{line}", path.display()),
        None => format!("{} (no such record)", spec.file.display()),
    };
    let lines = |records: &[Record]| -> Vec<String> { records.iter().map(record_text).collect() };
    if args.zone.json {
        let conflict_json = |(at, conflict): (usize, &Conflict)| {
            json!({
                "name": conflict.owner.to_string(),
                "type": record_type::name(conflict.rtype),
                "place": place(at),
                "base": lines(&conflict.base),
                "file": lines(&conflict.file),
                "journal": lines(&conflict.journal),
            })
        };
        let all: Vec<Value> = conflicts.iter().enumerate().map(conflict_json).collect();
        println!("{:#}", json!({ "zone": spec.apex.to_string(), "merged": false, "conflicts": all }));
        return;
    }
    for (at, conflict) in conflicts.iter().enumerate() {
        println!("{}: {} {} was changed by both", place(at), conflict.owner, record_type::name(conflict.rtype));
        for (who, records) in [("before", &conflict.base), ("file", &conflict.file), ("updates", &conflict.journal)] {
            let shown = lines(records);
            let shown = if shown.is_empty() { vec!["(none)".to_owned()] } else { shown };
            for line in shown {
                println!("  {who:<8}{}", line.replace('\t', " "));
            }
        }
    }
    println!(
        "\n{} changed by both; nothing was written\n  help: make the file say what shall be, or take one side \
         for all of them with `--prefer file` or `--prefer journal`",
        counted(conflicts.len(), "RRset")
    );
}

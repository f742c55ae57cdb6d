//! `azimuth zone discard-journal`.

use super::write::timestamp;
use super::{Configured, ZoneArgs, reload_server};
use crate::cli::failed;
use crate::transfer::journal::file::Contents;
use crate::transfer::serial::is_newer;
use serde_json::json;
use std::process::ExitCode;

/// Options of `zone discard-journal`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    zone: ZoneArgs,
}

/// Puts the journal aside and says where.
pub fn run(args: &Args) -> Result<ExitCode, ExitCode> {
    let configured = Configured::find(&args.zone)?;
    let (apex, journals) = (configured.apex(), &configured.journals);
    let held = journals.hold(apex).map_err(|error| failed(format_args!("{error}\n  help: {}", error.remedy())))?;
    let Some(held) = held else {
        if args.zone.json {
            println!("{:#}", json!({ "zone": apex.to_string(), "journal": null }));
        } else {
            println!("zone `{apex}` has no journal (`{}`): nothing to do", journals.path(apex).display());
        }
        return Ok(ExitCode::SUCCESS);
    };
    let aside = held
        .put_aside(&format!(".discarded-{}", timestamp()))
        .map_err(|error| failed(format_args!("cannot rename `{}`: {error}", held.path.display())))?;
    // One that cannot be read is put aside as well.
    let contents = Contents::parse(&held.octets, &held.path, apex).ok();
    drop(held);
    let reload = reload_server(journals);
    let changes = contents.as_ref().map(|contents| contents.steps.len());
    if args.zone.json {
        let told = json!({
            "zone": apex.to_string(), "journal": aside.display().to_string(), "changes": changes, "reload": reload.word()
        });
        println!("{told:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let what = changes.map_or_else(|| "which cannot be read".into(), |changes| format!("{changes} changes by updates"));
    println!("the journal of zone `{apex}` ({what}) is now\n  {}", aside.display());
    println!("{}", reload.sentence());
    let (Some(contents), Ok(file)) = (contents, configured.load_files()) else { return Ok(ExitCode::SUCCESS) };
    if is_newer(contents.serial(), file.serial()) {
        println!(
            "warning: the serial goes back from {} to {}: secondaries keep what they have until `{}` has a higher one",
            contents.serial(),
            file.serial(),
            configured.zone().spec.file.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

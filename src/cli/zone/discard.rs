//! `azimuth zone discard-journal`.

use super::reload::reload_server;
use super::write::timestamp;
use super::{Configured, ZoneArgs};
use crate::cli::check::counted;
use crate::cli::failed;
use crate::transfer::journal::file::Contents;
use crate::transfer::serial::is_newer;
use serde_json::json;
use std::net::SocketAddr;
use std::process::ExitCode;

/// Options of `zone discard-journal`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    zone: ZoneArgs,
    /// Ask at this address whether the running server has reloaded, instead of the one that the configuration names
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin: Option<SocketAddr>,
}

/// What an operator must know when the server did not take it.
const NOW: &str = "the journal is put aside, and the zone is what its file says";

/// Puts the journal aside and says where.
pub fn run(args: &Args) -> Result<ExitCode, ExitCode> {
    let configured = Configured::find(&args.zone)?;
    configured.require_primary(|apex| {
        format!("its primary takes the updates; `azimuth zone export {apex}` shows its data")
    })?;
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
    let reload = reload_server(&configured, args.admin);
    let changes = contents.as_ref().map(|contents| contents.steps.len());
    if args.zone.json {
        let told = json!({
            "zone": apex.to_string(), "journal": aside.display().to_string(), "changes": changes, "reload": reload.word()
        });
        println!("{told:#}");
        return Ok(reload.conclude(true, NOW));
    }
    let what =
        changes.map_or_else(|| "which cannot be read".into(), |changes| counted(changes, "change") + " by updates");
    println!("the journal of zone `{apex}` ({what}) is now\n  {}", aside.display());
    let code = reload.conclude(false, NOW);
    let (Some(contents), Ok(file)) = (contents, configured.load_files()) else { return Ok(code) };
    if is_newer(contents.serial(), file.serial()) {
        println!(
            "warning: the serial goes back from {} to {}: secondaries keep what they have until `{}` has a higher one",
            contents.serial(),
            file.serial(),
            configured.zone().spec.file.display()
        );
    }
    Ok(code)
}

//! `azimuth zone`: what a zone is now, and what to do when its file was edited while updates changed it.

mod discard;
mod export;
mod merge;
mod reload;
mod write;

use super::{ConfigArg, EXIT_MISTAKE, failed, print_report};
use crate::base::Sources;
use crate::boot::Report;
use crate::config::{Config, ZoneConfig};
use crate::transfer::Journals;
use crate::wire::Name;
use crate::zone::Zone;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Zones as they are now, and their journals
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print a zone as a zone file, with everything that updates changed
    Export(export::Args),
    /// Write what updates changed into the zone file, which may have been edited meanwhile
    Merge(merge::Args),
    /// Put the journal of a zone aside: what updates changed is given up
    DiscardJournal(discard::Args),
}

/// Which zone.
#[derive(Debug, clap::Args)]
struct ZoneArgs {
    /// The zone's origin, as the configuration names it
    #[arg(value_name = "ORIGIN")]
    origin: String,
    #[command(flatten)]
    config: ConfigArg,
    /// The folder of the server's state, instead of the one that the configuration names
    #[arg(long, value_name = "DIRECTORY")]
    state_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Does what was asked for.
pub fn run(args: &Args) -> ExitCode {
    let done = match &args.verb {
        Verb::Export(args) => export::run(args),
        Verb::Merge(args) => merge::run(args),
        Verb::DiscardJournal(args) => discard::run(args),
    };
    done.unwrap_or_else(|code| code)
}

/// A configured zone, and where its journal would be.
struct Configured {
    config: Config,
    /// Its place among the zones of the configuration.
    number: usize,
    journals: Journals,
}

impl Configured {
    /// The zone that the arguments name.
    fn find(args: &ZoneArgs) -> Result<Self, ExitCode> {
        let mut sources = Sources::default();
        let (config, diagnostics) = crate::config::load(&args.config.config, &mut sources);
        let Some(config) = config else {
            print_report(&Report { sources, diagnostics, ..Report::default() });
            return Err(ExitCode::from(EXIT_MISTAKE));
        };
        let apex = Name::from_text(args.origin.as_bytes(), Some(&Name::root()))
            .map_err(|error| failed(format_args!("`{}` is no name: {error}", args.origin)))?;
        let Some(number) = config.zones.iter().position(|zone| zone.spec.apex == apex) else {
            let known: Vec<String> = config.zones.iter().map(|zone| format!("`{}`", zone.spec.apex)).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(failed(format_args!("zone `{apex}` is not configured\n  help: configured zones: {known}")));
        };
        let journals = Journals::new(args.state_dir.as_deref().unwrap_or(&config.server.state_dir));
        Ok(Self { config, number, journals })
    }

    fn zone(&self) -> &ZoneConfig {
        &self.config.zones[self.number]
    }

    fn apex(&self) -> &Name {
        &self.zone().spec.apex
    }

    /// Fails for a zone that comes from other servers: it has neither file nor journal here.
    fn require_primary(&self, remedy: impl FnOnce(&Name) -> String) -> Result<(), ExitCode> {
        if self.zone().transfers.role.secondary().is_none() {
            return Ok(());
        }
        let apex = self.apex();
        Err(failed(format_args!(
            "zone `{apex}` is a secondary zone: there is neither a zone file nor a journal of it here\n  help: {}",
            remedy(apex)
        )))
    }

    /// The zone as its files have it.
    fn load_files(&self) -> Result<Arc<Zone>, ExitCode> {
        let mut report = Report::default();
        let (zone, diagnostics) = Zone::load(&self.zone().spec, None, &mut report.sources);
        report.diagnostics = diagnostics;
        zone.ok_or_else(|| {
            print_report(&report);
            ExitCode::from(EXIT_MISTAKE)
        })
    }
}

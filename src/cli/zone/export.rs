//! `azimuth zone export`.

use super::write::ZONE_FILE_MODE;
use super::{Configured, ZoneArgs};
use crate::admin::operate::request::Refused;
use crate::cli::{failed, http};
use crate::transfer::journal::Step;
use crate::transfer::journal::file::{Contents, write_whole};
use crate::wire::Name;
use crate::zone::Change;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Options of `zone export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    zone: ZoneArgs,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Ask the server whose admin address this is, instead of the one that the configuration names
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "offline")]
    admin: Option<SocketAddr>,
    /// The file with the token, instead of the one that the configuration names
    #[arg(long, value_name = "FILE", conflicts_with = "offline")]
    token_file: Option<PathBuf>,
    /// Ask no server: read the zone file and the journal
    #[arg(long)]
    offline: bool,
}

/// How long the server may take: large zones take some seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Prints or writes the zone, and says on standard error where it is from.
pub fn run(args: &Args) -> Result<ExitCode, ExitCode> {
    let configured = Configured::find(&args.zone)?;
    let apex = configured.apex();
    let admin = args.admin.or(configured.config.admin.listen).filter(|_| !args.offline);
    let token_file = args.token_file.clone().or_else(|| http::own_token_file(args.admin, &configured.config));
    let (text, source) = match admin.map(|admin| (admin, ask(admin, token_file.as_deref(), apex))) {
        Some((admin, Ok(text))) => (text, format!("the server at {admin}")),
        Some((admin, Err(Unasked::Refused(why)))) => {
            return Err(failed(format_args!("the server at {admin} refuses: {why}")));
        }
        Some((admin, Err(Unasked::Unreachable(why)))) if args.admin.is_some() => {
            return Err(failed(format_args!("cannot ask the server at {admin}: {why}")));
        }
        Some((_, Err(Unasked::Unreachable(_)))) | None => (from_files(&configured)?, "zone file and journal".into()),
    };
    if let Some(output) = &args.output {
        write_whole(output, text.as_bytes(), ZONE_FILE_MODE)
            .map_err(|error| failed(format_args!("cannot write `{}`: {error}", output.display())))?;
    }
    if args.zone.json {
        println!("{:#}", as_json(args, apex, &text, &source));
    } else {
        if args.output.is_none() {
            print!("{text}");
        }
        eprintln!("zone `{apex}`: {} records, from {source}", text.lines().count());
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(args: &Args, apex: &Name, text: &str, source: &str) -> Value {
    let mut told = json!({ "zone": apex.to_string(), "from": source, "record_count": text.lines().count() });
    match &args.output {
        Some(output) => told["file"] = output.display().to_string().into(),
        None => told["records"] = text.lines().map(record_json).collect(),
    }
    told
}

/// A line of ours: owner, TTL, class, type and data, with tabs between them.
fn record_json(line: &str) -> Value {
    let mut parts = line.splitn(5, '\t');
    let mut next = || parts.next().unwrap_or_default();
    let (owner, ttl, _class, rtype, data) = (next(), next(), next(), next(), next());
    json!({ "name": owner, "ttl": ttl.parse::<u32>().unwrap_or_default(), "type": rtype, "data": data })
}

/// Why there is no answer.
enum Unasked {
    /// Nobody is there.
    Unreachable(String),
    /// It answered, but not with the zone.
    Refused(String),
}

fn ask(admin: SocketAddr, token_file: Option<&Path>, apex: &Name) -> Result<String, Unasked> {
    let unreachable = |error: &dyn std::fmt::Display| Unasked::Unreachable(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| unreachable(&e))?;
    runtime.block_on(async {
        let client = http::client_with_token(TIMEOUT, token_file).map_err(|e| unreachable(&e))?;
        let mut url =
            reqwest::Url::parse(&format!("http://{admin}/api/v1/zone/export")).map_err(|e| unreachable(&e))?;
        url.query_pairs_mut().append_pair("zone", &apex.to_string());
        let response = client.get(url).send().await.map_err(|e| unreachable(&e))?;
        let is_success = response.status().is_success();
        let body = response.bytes().await.map_err(|e| Unasked::Refused(e.to_string()))?;
        let text = String::from_utf8_lossy(&body).into_owned();
        if is_success { Ok(text) } else { Err(Unasked::Refused(refusal(&text))) }
    })
}

/// What a refusal says: its own words, or those of whoever checks the token.
fn refusal(text: &str) -> String {
    let said: Option<Refused> = serde_json::from_str(text).ok();
    said.map_or_else(
        || text.trim().to_owned(),
        |said| said.help.map_or_else(|| said.error.clone(), |help| format!("{}\n  help: {help}", said.error)),
    )
}

/// The zone as the next start would have it.
fn from_files(configured: &Configured) -> Result<String, ExitCode> {
    configured.require_primary(|apex| {
        format!(
            "the running server has its data: `azimuth zone export {apex}` asks it at its admin address, without `--offline`"
        )
    })?;
    let file = configured.load_files()?;
    let path = configured.journals.path(configured.apex());
    let contents = Contents::read(&path, configured.apex())
        .map_err(|error| failed(format_args!("{error}\n  help: {}", error.remedy())))?;
    let Some(contents) = contents else { return Ok(file.to_text()) };
    if contents.header.base_hash != file.content_hash() {
        let apex = configured.apex();
        return Err(failed(format_args!(
            "the zone file was edited after updates changed the zone\n  help: `azimuth zone merge {apex}` brings both together"
        )));
    }
    let changes: Vec<Change> = contents.steps.iter().flat_map(Step::changes).collect();
    let zone = file
        .edited(&changes)
        .map_err(|error| failed(format_args!("the journal `{}` does not fit its zone: {error}", path.display())))?;
    Ok(zone.to_text())
}

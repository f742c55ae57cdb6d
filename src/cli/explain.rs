//! `azimuth explain`.

use super::monitor_words::{enough, taken};
use super::{ConfigArg, EXIT_MISTAKE, failed, print_report};
use crate::admin::explain::{self, Explanation, Question};
use crate::boot::Overrides;
use crate::config::Config;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name asked for
    name: String,
    /// The type asked for
    #[arg(value_name = "TYPE", default_value = "A")]
    rtype: String,
    /// The client: an address, or a prefix as a resolver sends it with EDNS Client Subnet
    #[arg(long, value_name = "ADDRESS|PREFIX")]
    from: String,
    #[command(flatten)]
    config: ConfigArg,
    /// Ask the server whose admin address this is, instead of the one that the configuration names
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "offline")]
    admin: Option<SocketAddr>,
    /// The file with the token, for a server that wants it for reading too, instead of the one that the configuration names
    #[arg(long, value_name = "FILE", conflicts_with = "offline")]
    token_file: Option<PathBuf>,
    /// Ask no server: load the configuration and assume every member up
    #[arg(long)]
    offline: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How long the server may take to explain.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Prints the explanation.
pub fn run(args: &Args) -> ExitCode {
    let question = match Question::parse(&args.name, &args.rtype, &args.from) {
        Ok(question) => question,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(EXIT_MISTAKE);
        }
    };
    let explained = if args.offline { offline(args, &question) } else { online(args) };
    let explanation = match explained {
        Ok(explanation) => explanation,
        Err(code) => return code,
    };
    if args.json {
        match serde_json::to_string_pretty(&explanation) {
            Ok(text) => println!("{text}"),
            Err(error) => return failed(error),
        }
    } else {
        print!("{}", text(&explanation));
    }
    ExitCode::SUCCESS
}

fn offline(args: &Args, question: &Question) -> Result<Explanation, ExitCode> {
    let (loaded, report) = crate::boot::load(&args.config.config, &Overrides::default(), None);
    let Some(loaded) = loaded else {
        print_report(&report);
        return Err(ExitCode::from(EXIT_MISTAKE));
    };
    Ok(explain::explain_offline(loaded.inputs, question))
}

fn online(args: &Args) -> Result<Explanation, ExitCode> {
    let (admin, token_file) = match args.admin {
        Some(admin) => (admin, None),
        None => admin_address(args)?,
    };
    ask(admin, args.token_file.as_deref().or(token_file.as_deref()), args).map_err(failed)
}

/// Where the configuration says the admin server is, and its token.
fn admin_address(args: &Args) -> Result<(SocketAddr, Option<PathBuf>), ExitCode> {
    let mut sources = crate::base::Sources::default();
    let (config, diagnostics) = crate::config::load(&args.config.config, &mut sources);
    match config.map(|config: Config| (config.admin.listen, config.token_file())) {
        Some((Some(address), token_file)) => Ok((address, Some(token_file))),
        Some((None, _)) => {
            Err(failed("the configuration switches the admin server off (`[admin] listen = \"\"`); use --offline"))
        }
        None => {
            print_report(&crate::boot::Report { sources, diagnostics, ..Default::default() });
            Err(ExitCode::from(EXIT_MISTAKE))
        }
    }
}

fn ask(admin: SocketAddr, token_file: Option<&Path>, args: &Args) -> Result<Explanation, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let unreachable = |error: &dyn std::fmt::Display| {
        format!(
            "cannot ask the server at {admin}: {error}\n  help: is it running with this configuration? `--admin ADDRESS:PORT` names another, `--offline` needs none"
        )
    };
    runtime.block_on(async {
        let client = super::http::client_with_token(TIMEOUT, token_file).map_err(|e| unreachable(&e))?;
        let mut url = reqwest::Url::parse(&format!("http://{admin}/api/v1/explain")).map_err(|e| e.to_string())?;
        url.query_pairs_mut()
            .append_pair("name", &args.name)
            .append_pair("type", &args.rtype)
            .append_pair("from", &args.from);
        let response = client.get(url).send().await.map_err(|e| unreachable(&e))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|e| unreachable(&e))?;
        if !status.is_success() {
            return Err(unreachable(&format_args!("{status}: {}", String::from_utf8_lossy(&body))));
        }
        serde_json::from_slice(&body).map_err(|e| unreachable(&e))
    })
}

/// The explanation for a human.
fn text(explained: &Explanation) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_text(&mut out, explained);
    out.lines().map(str::trim_end).fold(String::new(), |text, line| text + line + "\n")
}

fn write_text(out: &mut String, explained: &Explanation) -> std::fmt::Result {
    if explained.every_member_assumed_up {
        writeln!(out, "offline: no server was asked, every member is assumed up\n")?;
    }
    let client = &explained.client;
    writeln!(out, "{} {} from {}", explained.name, explained.rtype, client.from)?;
    if let Some(address) = &client.looked_up_as {
        writeln!(out, "  looked up as  {address}")?;
    }
    writeln!(out, "  network       {}", client.network)?;
    let said = |source: &Option<String>| source.as_ref().map(|s| format!("   ({s})")).unwrap_or_default();
    match &client.country {
        Some(country) => {
            let continent = client.continent.as_ref().map(|c| format!(", {c}")).unwrap_or_default();
            writeln!(out, "  country       {country}{continent}{}", said(&client.country_source))?;
        }
        None => writeln!(out, "  country       unknown")?,
    }
    match client.coordinates {
        Some([latitude, longitude]) => {
            writeln!(out, "  located at    {latitude:.4}, {longitude:.4}{}", said(&client.coordinates_source))?;
        }
        None => writeln!(out, "  located at    unknown: regions come in configured order")?,
    }
    if !client.named.is_empty() {
        writeln!(out, "  rules name    {}", client.named.join(", "))?;
    }
    if let Some(region) = &client.prefers {
        writeln!(out, "  prefers       {region}   ([[network]])")?;
    }
    for alias in &explained.aliases {
        writeln!(out, "  alias of      {alias}")?;
    }
    match &explained.zone {
        Some(zone) => writeln!(out, "\nzone {zone}, snapshot {}", explained.generation)?,
        None => writeln!(out, "\nno zone holds this name; snapshot {}", explained.generation)?,
    }
    match &explained.steering {
        Some(steering) => write_steering(out, steering)?,
        None if explained.balanced => {
            writeln!(out, "  the name is balanced, but not for this type: every client gets the same")?
        }
        None => writeln!(out, "  the name is not balanced: every client gets the same answer")?,
    }
    let response = &explained.response;
    writeln!(out, "\nresponse {}{}", response.rcode, if response.authoritative { ", authoritative" } else { "" })?;
    for (section, records) in
        [("answer", &response.answer), ("authority", &response.authority), ("additional", &response.additional)]
    {
        for record in records {
            writeln!(out, "  {section:<10} {record}")?;
        }
    }
    Ok(())
}

fn write_steering(out: &mut String, steering: &explain::Steering) -> std::fmt::Result {
    writeln!(
        out,
        "  pool `{}`, policy `{}`: order {}, spread {}{}",
        steering.pool,
        steering.policy,
        steering.order,
        steering.spread,
        enough(steering.at_least)
    )?;
    if let Some(spread) = &steering.region_spread {
        writeln!(out, "  among equals  {spread}")?;
    }
    if let Some(rule) = &steering.rule {
        writeln!(out, "  rule          {rule}")?;
    }
    writeln!(out, "\nregions in this client's order")?;
    for (index, region) in steering.regions.iter().enumerate() {
        let rank = index + 1;
        if steering.approximate_from == Some(rank) {
            writeln!(out, "      from here on the order is approximate (more than 16 regions)")?;
        }
        let mut distance = region.distance_km.map(|km| format!("{km:.0} km")).unwrap_or_default();
        if let Some(ms) = region.latency_ms {
            let how = if region.measured { "measured" } else { "estimated" };
            let away = region.distance_km.map(|km| format!(", {km:.0} km")).unwrap_or_default();
            distance = format!("{ms:.0} ms {how}{away}");
        }
        if let Some(counts) = region.biased_km.or(region.biased_ms) {
            write!(distance, " (counts as {counts:.0})")?;
        }
        let mark = if region.chosen { "->" } else { "  " };
        writeln!(out, "{mark} {rank:>2}. {:<16} {distance:>10}   {}", region.name, region.verdict)?;
        if let Some(equal) = &region.equal {
            let share = equal.share.map(|share| format!(", share {:.1} %", share * 100.0)).unwrap_or_default();
            writeln!(out, "         weight among equals {}{share}", equal.weight)?;
        }
        for note in &region.notes {
            writeln!(out, "         {note}")?;
        }
        for member in &region.members {
            write_member(out, member)?;
        }
    }
    for region in &steering.left_out {
        writeln!(out, "    -  {region:<16} {:>10}   left out by the policy or its rule", "")?;
    }
    writeln!(out, "\n  verdict       {}", steering.verdict)?;
    writeln!(out, "  TTL           {} s: {}", steering.ttl, steering.ttl_reason)?;
    writeln!(out, "  ECS scope     /{}", steering.scope)?;
    match &steering.fallback {
        Some(fallback) => {
            writeln!(out, "\nfalls back to policy `{}`", fallback.policy)?;
            write_steering(out, fallback)
        }
        None => Ok(()),
    }
}

fn write_member(out: &mut String, member: &explain::Member) -> std::fmt::Result {
    let share = member.share.map(|share| format!("share {:.1} %", share * 100.0)).unwrap_or_default();
    writeln!(out, "         {:<24} weight {:<4} {:<11} {share}", member.target, member.weight, member.status)?;
    for note in &member.notes {
        writeln!(out, "           {note}")?;
    }
    for monitor in &member.monitors {
        let wavering = if monitor.wavering { ", wavering" } else { "" };
        let error = monitor.last_error.as_ref().map(|e| format!("; last error: {e}")).unwrap_or_default();
        if monitor.against || monitor.wavering {
            let status = taken(&monitor.status, monitor.inverted, monitor.watch_only);
            writeln!(out, "           {} of {}: {status}{wavering}{error}", monitor.monitor, monitor.target)?;
        }
        if let Some(warning) = &monitor.warning {
            writeln!(out, "           {} of {}: warning: {warning}", monitor.monitor, monitor.target)?;
        }
    }
    Ok(())
}

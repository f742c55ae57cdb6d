//! Asks the admin server of the running server, which is found by the configuration.

use super::{ConfigArg, EXIT_FAILED, EXIT_MISTAKE, failed, http, print_report};
use crate::admin::operate::request::Refused;
use crate::admin::operate::token;
use crate::base::{Severity, Sources};
use crate::boot::Report;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How long one question may take: a change is on the disk when it is answered.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the server is.
#[derive(Debug, clap::Args)]
pub struct AdminArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Ask the server whose admin address this is, instead of the one that the configuration names
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin: Option<SocketAddr>,
    /// The file with the token, instead of the one that the configuration names
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Asks one admin server.
pub struct AdminClient {
    address: SocketAddr,
    /// Or why there is none.
    token: Result<String, String>,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

/// Why there is no answer, as it was told or found.
#[derive(Debug)]
pub struct Unanswered {
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// What went wrong, and what to do.
    pub refused: Refused,
}

impl Unanswered {
    /// Prints it; gives the exit code.
    pub fn print(&self) -> ExitCode {
        eprintln!("error: {}", self.refused.error);
        if let Some(help) = &self.refused.help {
            eprintln!("  help: {help}");
        }
        ExitCode::from(match self.status {
            Some(400 | 404) => EXIT_MISTAKE,
            Some(409) => super::EXIT_GUARDED,
            _ => EXIT_FAILED,
        })
    }
}

impl AdminClient {
    /// Finds out where the server is and what the token is. A configuration with mistakes will do: whoever edits it may have to
    /// drain a region meanwhile.
    pub fn new(args: &AdminArgs) -> Result<Self, ExitCode> {
        let (address, token_file) = match (args.admin, &args.token_file) {
            (Some(address), Some(file)) => (address, Some(file.clone())),
            (address, file) => {
                let config = configuration(args)?;
                let listen = address.or(config.admin.listen).ok_or_else(|| {
                    failed(
                        "the configuration switches the admin server off (`[admin] listen = \"\"`)\n  help: \
                         `--admin ADDRESS:PORT` names one that listens all the same",
                    )
                })?;
                (listen, file.clone().or_else(|| http::own_token_file(address, &config)))
            }
        };
        let token = match &token_file {
            Some(file) => token::read(file),
            None => Err(format!("the token of this node is not sent to {address}, which is not this node")),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        Ok(Self { address, token, runtime, client: http::client(TIMEOUT).map_err(failed)? })
    }

    /// The body of a page.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<u8>, Unanswered> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.send(self.client.get(url))
    }

    /// The answer to a body of JSON.
    pub fn post(&self, path: &str, body: Vec<u8>) -> Result<Vec<u8>, Unanswered> {
        if let Err(why) = &self.token {
            let help = "changes take the token of the server: run this as the server's user or root, or name a copy with \
                        `--token-file FILE`";
            return Err(Unanswered { status: None, refused: Refused::mistake(why.clone()).help(help) });
        }
        let url = self.url(path)?;
        self.send(self.client.post(url).header("content-type", "application/json").body(body))
    }

    fn url(&self, path: &str) -> Result<reqwest::Url, Unanswered> {
        reqwest::Url::parse(&format!("http://{}{path}", self.address)).map_err(|error| self.unreachable(&error))
    }

    fn send(&self, mut request: reqwest::RequestBuilder) -> Result<Vec<u8>, Unanswered> {
        if let Ok(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let (status, body) = self.runtime.block_on(async {
            let response = request.send().await.map_err(|error| self.unreachable(&error))?;
            let status = response.status();
            let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
            Ok((status, body.to_vec()))
        })?;
        if status.is_success() {
            return Ok(body);
        }
        let text = || Refused::mistake(format!("{} says: {}", self.address, String::from_utf8_lossy(&body).trim()));
        let refused = serde_json::from_slice(&body).unwrap_or_else(|_| text());
        Err(Unanswered { status: Some(status.as_u16()), refused })
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> Unanswered {
        // The last cause says what happened; those before it, what was tried.
        let mut cause = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let refused = Refused::mistake(format!("cannot ask the server at {}: {cause}", self.address))
            .help("is it running with this configuration? `--admin ADDRESS:PORT` names another");
        Unanswered { status: None, refused }
    }
}

fn configuration(args: &AdminArgs) -> Result<crate::config::Config, ExitCode> {
    let mut sources = Sources::default();
    let (config, diagnostics) = crate::config::load_partly(&args.config.config, &mut sources);
    let is_broken = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    if is_broken && !args.config.config.is_file() {
        print_report(&Report { sources, diagnostics, ..Report::default() });
        return Err(ExitCode::from(EXIT_MISTAKE));
    }
    if is_broken {
        eprintln!(
            "warning: the configuration has mistakes, which `azimuth check` shows; what is readable of it is used here"
        );
    }
    Ok(config)
}

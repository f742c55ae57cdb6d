//! Tells the server that uses a journal to reload, and waits for what comes of it.

use super::Configured;
use crate::cli::{EXIT_FAILED, http};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long a reload is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one question to the server may take, and how often it is asked.
const TIMEOUT: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(100);

/// What came of telling a server to reload.
pub enum Reload {
    /// None uses these journals.
    None,
    /// This process did.
    Applied(u32),
    /// This process refused.
    Refused(u32),
    /// What this process does is not known, for this reason.
    Unknown(u32, String),
}

/// Tells the server that uses these journals to reload, if one runs here, and waits for the outcome, which its admin server
/// knows: that at `admin`, or else where the configuration says.
pub fn reload_server(configured: &Configured, admin: Option<SocketAddr>) -> Reload {
    let Some(id) = configured.journals.owner() else { return Reload::None };
    let unknown = |why: String| Reload::Unknown(id, why);
    // In another container the number may mean any process: none but one of ours is told.
    let name = |process: &str| std::fs::read_to_string(format!("/proc/{process}/comm")).ok();
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    let Some(pid) = pid.filter(|_| name(&id.to_string()).is_some_and(|theirs| Some(theirs) == name("self"))) else {
        return unknown("it cannot be told to reload from here: send it SIGHUP".into());
    };
    let counters = match admin.or(configured.config.admin.listen) {
        Some(address) => Counters::of(address, &configured.config.token_file()),
        None => Err("the configuration has no `[admin] listen`".to_owned()),
    };
    let before = counters.and_then(|counters| counters.read().map(|before| (counters, before)));
    if let Err(error) = kill_process(pid, Signal::HUP) {
        return unknown(format!("it cannot be told to reload ({error}): send it SIGHUP"));
    }
    let (counters, before) = match before {
        Ok(before) => before,
        Err(why) => return unknown(format!("it was told to reload, but cannot be asked how that went: {why}")),
    };
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        std::thread::sleep(INTERVAL);
        match counters.read() {
            Ok(now) if now.refused > before.refused => return Reload::Refused(id),
            Ok(now) if now.applied > before.applied => return Reload::Applied(id),
            // It may be busy.
            Ok(_) | Err(_) => {}
        }
    }
    unknown(format!("it was told to reload, and that takes more than {} seconds", PATIENCE.as_secs()))
}

/// Where reloads are counted.
struct Counters {
    address: SocketAddr,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

impl Counters {
    fn of(address: SocketAddr, token_file: &Path) -> Result<Self, String> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        Ok(Self { address, runtime, client: http::client_with_token(TIMEOUT, Some(token_file))? })
    }

    fn read(&self) -> Result<Counted, String> {
        let address = self.address;
        let text = self.runtime.block_on(async {
            let response = self.client.get(format!("http://{address}/metrics")).send().await?;
            response.error_for_status()?.text().await
        });
        let text = text.map_err(|_| format!("no admin server answers at {address}"))?;
        Counted::parse(&text).ok_or_else(|| format!("what answers at {address} is no server of ours"))
    }
}

/// How many reloads there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    applied: u64,
    refused: u64,
}

impl Counted {
    /// From the text of metrics.
    fn parse(metrics: &str) -> Option<Self> {
        let count = |result: &str| {
            let start = format!("azimuth_reloads_total{{result=\"{result}\"}} ");
            metrics.lines().find_map(|line| line.strip_prefix(&start))?.trim().parse().ok()
        };
        Some(Self { applied: count("applied")?, refused: count("refused")? })
    }
}

impl Reload {
    /// Says how it went, with `now` for how the zone is kept; on standard output where that is as it shall be, unless
    /// `json` says that a program reads there. Returns the exit code.
    pub fn conclude(&self, json: bool, now: &str) -> ExitCode {
        match self {
            Self::None | Self::Applied(_) if json => {}
            Self::None => println!("no server is running with these journals; the next start uses it"),
            Self::Applied(id) => println!("the running server (process {id}) has reloaded"),
            Self::Refused(id) => eprintln!(
                "error: the running server (process {id}) refused to reload: its log and `azimuth check` say why\n  help: \
                 {now}; until that is live, the zone is answered as before and updates of it fail. Mend what is wrong, \
                 then send SIGHUP to the server"
            ),
            Self::Unknown(id, why) => eprintln!(
                "error: whether the running server (process {id}) has reloaded is not known: {why}\n  help: {now}; until \
                 that is live, updates of the zone fail. The server's log says how the reload went; `azimuth check` tells \
                 of mistakes; SIGHUP makes it reload again; `--admin ADDRESS:PORT` says where its admin server is"
            ),
        }
        match self {
            Self::None | Self::Applied(_) => ExitCode::SUCCESS,
            Self::Refused(_) | Self::Unknown(..) => ExitCode::from(EXIT_FAILED),
        }
    }

    /// A word for programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Applied(_) => "applied",
            Self::Refused(_) => "refused",
            Self::Unknown(..) => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counted;

    #[test]
    fn reloads_are_read_from_the_metrics() {
        let text = "# TYPE azimuth_reloads counter\nazimuth_reloads_total{result=\"applied\"} 7\n\
                    azimuth_reloads_total{result=\"refused\"} 2\n";
        assert_eq!(Counted::parse(text), Some(Counted { applied: 7, refused: 2 }));
        assert_eq!(Counted::parse("up 1\n"), None);
    }
}

//! The `exec` check: a program of the operator, whose exit status is the verdict. Knows no schedule and no counters.
//!
//! A program runs in a process group of its own, so that it ends with all its children, however the check ends.
//! It is started on a thread of its own, because a program on a hanging disk blocks who starts it.
//! *Invariant:* a group is signalled only while its leader is not reaped, so that its number cannot be somebody else's.

use crate::base::Trouble;
use crate::health::{Endpoint, Observation};
use crate::probe::deadline;
use crate::probe::spec::ExecCheck;
use crate::probe::workers::Workers;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe::Receiver;

/// Most octets that a program may write, to standard output and error together; one that writes more is ended.
const OUTPUT_LEN_MAX: usize = 64 * 1024;

/// Longest line of output that is shown, in characters.
const LINE_LEN_MAX: usize = 200;

/// Where programs that a program calls are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How much is read at a time, in octets.
const READ_LEN: usize = 4096;

/// Starts programs: a thread waits until the system has read enough of one to run it.
static STARTERS: Workers = Workers::new("azimuth-exec", 32);

/// Killed programs that may go on not to end; no program is started while there are so many.
const LINGERING_MAX: usize = 64;

/// Killed programs that have not ended yet.
static LINGERING: AtomicUsize = AtomicUsize::new(0);

/// An `exec` check of one address.
#[derive(Debug)]
pub struct ExecProbe {
    check: ExecCheck,
    environment: Vec<(&'static str, String)>,
    timeout: Duration,
}

impl ExecProbe {
    /// Prepares runs for `address`, which is `endpoint` or one of its addresses.
    #[must_use]
    pub fn new(check: &ExecCheck, monitor: &str, endpoint: &Endpoint, address: SocketAddr, timeout: Duration) -> Self {
        let mut environment = vec![
            ("PATH", PATH.to_owned()),
            ("AZIMUTH_MONITOR", monitor.to_owned()),
            ("AZIMUTH_ADDRESS", address.ip().to_string()),
        ];
        if address.port() != 0 {
            environment.push(("AZIMUTH_PORT", address.port().to_string()));
        }
        if let Endpoint::Host(host, _) = endpoint {
            environment.push(("AZIMUTH_HOST", host.to_string()));
        }
        Self { check: check.clone(), environment, timeout }
    }

    /// Runs the program once and ends all that it has started.
    pub async fn probe(&self) -> Observation {
        let started = Instant::now();
        let mut started_group = None;
        let running = async {
            let group = started_group.insert(self.start().await?);
            group.run().await
        };
        let ended = deadline::timeout(self.timeout, running).await;
        let latency = started.elapsed();
        let Some(mut group) = started_group else {
            return match ended {
                Ok(Err(trouble)) => trouble,
                Ok(Ok(())) | Err(_) => self.not_started_in_time(),
            }
            .into();
        };
        let status = group.end();
        match (ended, status) {
            (Err(_elapsed), _) => {
                let line = group.first_line().map(|line| format!("; it had said: {line}")).unwrap_or_default();
                Trouble::Failed(format!("timed out after {:?}: the program was killed{line}", self.timeout)).into()
            }
            (Ok(Err(trouble)), _) => trouble.into(),
            (Ok(Ok(())), Some(status)) => verdict(status, latency, group.first_line()),
            (Ok(Ok(())), None) => Trouble::Local("the exit status of the program is not known".to_owned()).into(),
        }
    }

    /// Starts the program. If nobody waits for it any more when it has started, it ends at once.
    async fn start(&self) -> Result<Group, Trouble> {
        if LINGERING.load(Ordering::Relaxed) >= LINGERING_MAX {
            let reason =
                format!("{LINGERING_MAX} programs that were killed have not ended yet; do they run as another user?");
            return Err(Trouble::Local(reason));
        }
        let mut command = Command::new(&self.check.program);
        command
            .args(&self.check.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let starting = async { STARTERS.worker().await?.run(move || command.spawn().map(Group::of)).await };
        let mut group = starting.await.flatten().map_err(|error| self.not_started(&error))?;
        group.watch().map_err(|error| Trouble::Local(format!("the program cannot be watched: {error}")))?;
        Ok(group)
    }

    fn not_started_in_time(&self) -> Trouble {
        let (program, timeout) = (self.check.program.display(), self.timeout);
        Trouble::Local(format!("`{program}` could not be started within {timeout:?}; does its file system hang?"))
    }

    fn not_started(&self, error: &io::Error) -> Trouble {
        let program = self.check.program.display();
        Trouble::Local(match error.raw_os_error() {
            Some(libc::EAGAIN) => "this machine or user has as many processes as it may have".to_owned(),
            Some(libc::EMFILE | libc::ENFILE) => "no file descriptors are left to run a program".to_owned(),
            _ => format!("`{program}` cannot be run: {error}"),
        })
    }
}

fn verdict(status: ExitStatus, latency: Duration, line: Option<String>) -> Observation {
    if status.success() {
        return Observation::passed(latency);
    }
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended without a status".to_owned(),
    };
    let line = line.map(|line| format!(": {line}")).unwrap_or_default();
    Trouble::Failed(how + &line).into()
}

/// A program with all that it starts. Dropping it ends them.
struct Group {
    /// Until it is reaped.
    leader: Option<Child>,
    /// Readable when the leader has ended.
    ended: Option<AsyncFd<OwnedFd>>,
    output: [Output; 2],
}

/// One stream of output, and its beginning.
struct Output {
    /// `None` once it has ended.
    pipe: Option<Receiver>,
    seen: Vec<u8>,
}

impl Group {
    /// A program that was just started as the leader of its group. From here on it is ended whatever happens.
    fn of(leader: Child) -> Self {
        let output = || Output { pipe: None, seen: Vec::new() };
        Self { leader: Some(leader), ended: None, output: [output(), output()] }
    }

    /// Watches it, by the runtime of this thread.
    fn watch(&mut self) -> io::Result<()> {
        let Some(leader) = &mut self.leader else { return Ok(()) };
        let pipes = [leader.stdout.take().map(OwnedFd::from), leader.stderr.take().map(OwnedFd::from)];
        for (output, pipe) in self.output.iter_mut().zip(pipes) {
            output.pipe = pipe.map(Receiver::from_owned_fd).transpose()?;
        }
        let id = self.id().ok_or(io::ErrorKind::NotFound)?;
        let ended = pidfd_open(id, PidfdFlags::NONBLOCK)?;
        #[expect(
            deprecated,
            reason = "what its successor has one promise, unsafely, is what OwnedFd does: it stays open"
        )]
        let ended = AsyncFd::with_interest(ended, Interest::READABLE)?;
        self.ended = Some(ended);
        Ok(())
    }

    /// The number of the leader and of its group.
    fn id(&self) -> Option<Pid> {
        self.leader.as_ref().and_then(|leader| i32::try_from(leader.id()).ok()).and_then(Pid::from_raw)
    }

    /// Reads output until the leader has ended; its children may live on and keep the output open. Its end is looked for before
    /// its output, and what it has left in the pipes then is counted as if it had been read, so that the verdict is the same
    /// however late this looks: what it wrote counts, and what children write behind it does not.
    async fn run(&mut self) -> Result<(), Trouble> {
        let Some(ended) = &self.ended else { return Ok(()) };
        let [out, err] = &mut self.output;
        let (mut out_piece, mut err_piece) = ([0; READ_LEN], [0; READ_LEN]);
        let mut len = 0;
        loop {
            let read = tokio::select! {
                biased;
                ended = ended.readable() => {
                    drop(ended.map_err(|error| Trouble::Local(format!("the program cannot be watched: {error}")))?);
                    judge_len(len + out.waiting() + err.waiting())?;
                    out.read_rest();
                    err.read_rest();
                    return Ok(());
                }
                read = out.read(&mut out_piece), if out.pipe.is_some() => read,
                read = err.read(&mut err_piece), if err.pipe.is_some() => read,
            };
            len += read;
            judge_len(len)?;
        }
    }

    /// Ends the whole group. The status of the leader, if it had ended before.
    fn end(&mut self) -> Option<ExitStatus> {
        self.ended = None;
        for output in &mut self.output {
            output.pipe = None;
        }
        if let Some(group) = self.id() {
            // Who is not there any more needs no end; who has become another user must end by himself.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let mut leader = self.leader.take()?;
        match leader.try_wait() {
            Ok(status @ Some(_)) => status,
            Ok(None) | Err(_) => {
                reap(leader);
                None
            }
        }
    }

    /// The first line that says something, of standard output, else of standard error.
    fn first_line(&self) -> Option<String> {
        self.output.iter().find_map(|output| {
            let text = String::from_utf8_lossy(&output.seen);
            let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
            let mut shown: String = line.chars().take(LINE_LEN_MAX).flat_map(shown).collect();
            if line.chars().nth(LINE_LEN_MAX).is_some() {
                shown.push_str("...");
            }
            Some(shown)
        })
    }
}

/// A program has written so many octets.
fn judge_len(len: usize) -> Result<(), Trouble> {
    if len > OUTPUT_LEN_MAX {
        let reason = format!("the program wrote more than {} KiB and was killed", OUTPUT_LEN_MAX / 1024);
        return Err(Trouble::Failed(reason));
    }
    Ok(())
}

/// Control characters would play tricks on whoever reads this in a terminal.
fn shown(c: char) -> impl Iterator<Item = char> {
    let (plain, escaped) = if c.is_control() { (None, Some(c.escape_debug())) } else { (Some(c), None) };
    plain.into_iter().chain(escaped.into_iter().flatten())
}

impl Output {
    /// Reads a piece, and keeps it while it may be part of the first line. Returns its length.
    async fn read(&mut self, piece: &mut [u8]) -> usize {
        let Some(pipe) = &mut self.pipe else { return 0 };
        // An error means the end as well.
        let len = pipe.read(piece).await.unwrap_or(0);
        if len == 0 {
            self.pipe = None;
        }
        self.keep(&piece[..len]);
        len
    }

    /// How many octets are in the pipe now.
    fn waiting(&self) -> usize {
        let waiting = self.pipe.as_ref().and_then(|pipe| rustix::io::ioctl_fionread(pipe).ok());
        waiting.and_then(|len| usize::try_from(len).ok()).unwrap_or(0)
    }

    /// Takes what the leader has left in the pipe, without waiting for more.
    fn read_rest(&mut self) {
        let mut piece = [0; READ_LEN];
        while self.seen.len() < READ_LEN
            && let Some(pipe) = &self.pipe
            && let Ok(len @ 1..) = pipe.try_read(&mut piece)
        {
            self.keep(&piece[..len]);
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = READ_LEN.saturating_sub(self.seen.len());
        self.seen.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for a killed program on a thread of its own: it ends within moments, unless the system itself hangs.
fn reap(mut leader: Child) {
    LINGERING.fetch_add(1, Ordering::Relaxed);
    let reaper = std::thread::Builder::new().name("azimuth-reaper".to_owned());
    let waiting = reaper.spawn(move || {
        // An error means that there is nobody to wait for.
        let _ = leader.wait();
        LINGERING.fetch_sub(1, Ordering::Relaxed);
    });
    if let Err(error) = waiting {
        LINGERING.fetch_sub(1, Ordering::Relaxed);
        tracing::warn!(cause = %error, "a killed program could not be waited for; it stays as a zombie");
    }
}

//! The real binary, started in a folder of its own on free ports of loopback.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for anything that must come: far more than it takes, so that a slow machine fails no test.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `condition` holds; panics with `what` when it never does.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs the binary to its end.
pub fn azimuth(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_azimuth")).args(arguments).current_dir(folder).output();
    output.expect("the binary runs")
}

/// Standard output and standard error, together.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A port of 127.0.0.1 that is free for UDP and TCP, and stays so: it is none that the system gives to clients (those begin at
/// 32768), and no other test gets it. Whoever listens there can end and listen again.
pub fn free_port() -> u16 {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        // Other processes begin elsewhere.
        let number = std::process::id().wrapping_mul(7919).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + number % COUNT).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// What a server is started with.
#[derive(Clone, Copy)]
pub struct Setup<'s> {
    /// Files by name; `[server]` and `[admin]` are put in front of `azimuth.toml`.
    pub files: &'s [(&'s str, &'s str)],
    /// Where it listens, when that is not where it is asked: an address without port.
    pub listen: Option<&'s str>,
    /// Where it is asked.
    pub asked: Ipv4Addr,
    /// The port, when it must be a certain one.
    pub port: Option<u16>,
    /// More lines of `[server]`.
    pub server: &'s str,
}

impl Setup<'_> {
    /// `text` as it is written to file `name`.
    fn complete(&self, name: &str, text: &str, dns: SocketAddr, admin: SocketAddr) -> String {
        if name != "azimuth.toml" {
            return text.to_owned();
        }
        let listen = self.listen.map_or(dns.to_string(), |address| format!("{address}:{}", dns.port()));
        // Whoever is not probed yet when that is over would be taken for unknown.
        let fixed = "state_dir = \"state\"\nworkers = 2\nstartup_grace = \"2m\"";
        let extra = self.server;
        format!("[server]\nlisten = [\"{listen}\"]\n{fixed}\n{extra}\n[admin]\nlisten = \"{admin}\"\n\n{text}")
    }
}

/// A running server.
pub struct Server {
    child: Child,
    folder: tempfile::TempDir,
    pub dns: SocketAddr,
    pub admin: SocketAddr,
}

impl Server {
    /// Starts with these files on 127.0.0.1 and waits until queries are answered.
    pub fn start(files: &[(&str, &str)]) -> Self {
        Self::start_with(&Setup { files, listen: None, asked: Ipv4Addr::LOCALHOST, port: None, server: "" })
    }

    /// Starts and waits until queries are answered.
    pub fn start_with(setup: &Setup<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A server that drops its privileges must still read its files.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        // Between looking for a port and binding it somebody else may take it: then once more.
        for _ in 0..5 {
            let dns = SocketAddr::from((setup.asked, setup.port.unwrap_or_else(free_port)));
            let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
            for (name, text) in setup.files {
                write(folder.path(), name, &setup.complete(name, text, dns, admin));
            }
            let mut child = spawn(folder.path(), &["serve", "--config", "azimuth.toml"]);
            let begun = Instant::now();
            loop {
                if get(admin, "/healthz").is_some_and(|(status, _)| status == 200) {
                    return Self { child, folder, dns, admin };
                }
                if child.try_wait().unwrap().is_some() || begun.elapsed() > PATIENCE {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
            let log = read_log(folder.path());
            assert!(log.contains("cannot listen"), "the server did not start:\n{log}");
        }
        panic!("no port stays free");
    }

    /// Kills it without a word, as a crash would, and starts it again.
    pub fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(self.folder.path(), &["serve", "--config", "azimuth.toml"]);
        let admin = self.admin;
        wait_until("it answers again", || get(admin, "/healthz").is_some_and(|(status, _)| status == 200));
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the configuration anew.
    pub fn write(&self, name: &str, text: &str) {
        let setup = Setup { files: &[], listen: None, asked: Ipv4Addr::LOCALHOST, port: None, server: "" };
        write(self.folder.path(), name, &setup.complete(name, text, self.dns, self.admin));
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends SIGHUP and waits until the log has one more line that says how it went.
    pub fn reload(&self) -> String {
        let verdicts = ["configuration reloaded", "nothing changed", "reload refused"];
        let count = |log: &str| verdicts.iter().map(|verdict| log.matches(verdict).count()).sum::<usize>();
        let before = self.log();
        self.signal(Signal::HUP);
        wait_until("the log tells how the reload went", || count(&self.log()) > count(&before));
        self.log().split_off(before.len())
    }

    /// What the server has said so far.
    pub fn log(&self) -> String {
        read_log(self.folder.path())
    }

    /// The body of an admin page, which must answer 200.
    pub fn page(&self, path: &str) -> String {
        let (status, body) = get(self.admin, path).expect("the admin server answers");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// `azimuth VERB …` against this server's configuration.
    pub fn run(&self, arguments: &[&str]) -> Output {
        azimuth(self.folder(), arguments)
    }

    /// What `dig` prints with `+short`, sorted.
    pub fn dig(&self, arguments: &[&str]) -> Vec<String> {
        let mut lines: Vec<String> =
            self.dig_all(&[&["+short"], arguments].concat()).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// All that `dig` prints.
    pub fn dig_all(&self, arguments: &[&str]) -> String {
        let port = self.dns.port().to_string();
        let fixed = [&*format!("@{}", self.dns.ip()), "-p", &port, "+tries=1", "+time=60", "+norecurse"];
        let output = Command::new("dig").args(fixed).args(arguments).output();
        let output = output.expect("there is no `dig`: run `make setup`");
        text(&output)
    }

    /// Ends the server with SIGTERM.
    pub fn terminate(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        let child = &mut self.child;
        let mut status = None;
        wait_until("the server has ended", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap(), self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}

/// Starts the binary with its output in `azimuth.log`.
pub fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    let log = std::fs::File::create(log_path(folder)).unwrap();
    Command::new(env!("CARGO_BIN_EXE_azimuth"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("the binary starts")
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("azimuth.log")
}

/// What a process started with [`spawn`] has said so far.
pub fn read_log(folder: &Path) -> String {
    std::fs::read_to_string(log_path(folder)).unwrap_or_default()
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A GET request by hand; the status and the body.
pub fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    request(address, &format!("GET {path} HTTP/1.1\r\n"), "")
}

/// A request by hand, with the lines of its head, each ended, and its body; the status and the body of the response.
pub fn request(address: SocketAddr, head: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    write!(stream, "{head}Host: {address}\r\nConnection: close\r\n{length}\r\n{body}").ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    let status = response.split(' ').nth(1)?.parse().ok()?;
    let body = response.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())?;
    Some((status, body))
}

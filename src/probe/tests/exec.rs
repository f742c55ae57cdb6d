//! `exec` checks with programs that end in every way, or not at all.

use super::{BRIEF, PATIENCE, assert_failed, assert_local, assert_passed, monitor, probe_endpoint, timing};
use crate::base::testing::with_time_enough;
use crate::health::{Endpoint, Observation};
use crate::probe::check::Check;
use crate::probe::spec::{ExecCheck, Monitor, MonitorKind};
use crate::probe::tls::TlsStore;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

fn shell(script: &str) -> MonitorKind {
    MonitorKind::Exec(ExecCheck { program: "/bin/sh".into(), arguments: vec!["-c".to_owned(), script.to_owned()] })
}

fn address() -> SocketAddr {
    "192.0.2.7:443".parse().unwrap()
}

fn run(script: &str) -> Observation {
    probe_endpoint(&monitor(shell(script)), &Endpoint::Socket(address()), address())
}

/// Runs a script that writes `parent` last, and hangs. What came of it, and the timeout, which was enough for that.
fn run_until_hung(script: &str, parent: &Path) -> (Duration, Observation) {
    with_time_enough(BRIEF, |timeout| {
        let _ = std::fs::remove_file(parent);
        let began = SystemTime::now();
        let monitor = Monitor { timing: timing(timeout), ..monitor(shell(script)) };
        let seen = probe_endpoint(&monitor, &Endpoint::Socket(address()), address());
        let written = std::fs::metadata(parent).ok().filter(|file| file.len() > 0);
        // The clock of files is some milliseconds behind.
        let took = written.map(|file| file.modified().unwrap().duration_since(began).unwrap_or_default());
        (seen, took)
    })
}

/// Whether the process whose number stands in a file is gone, and not even a zombie.
fn is_gone(file: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(file) else { return false };
    !text.trim().is_empty() && !Path::new("/proc").join(text.trim()).exists()
}

#[track_caller]
fn wait_until_gone(file: &Path) {
    let started = Instant::now();
    while !is_gone(file) {
        assert!(started.elapsed() < PATIENCE, "{} lives on", std::fs::read_to_string(file).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn exit_status_zero_passes_whatever_was_written() {
    assert_passed(&run("echo fine; echo hmm >&2"));
}

#[test]
fn any_other_status_fails_with_the_first_line_of_output() {
    assert_failed(&run("exit 3"), "exit status 3");
    assert_failed(&run("echo; echo '  disk full '; echo more; exit 2"), "exit status 2: disk full");
    assert_failed(&run("echo 'no such host' >&2; exit 1"), "exit status 1: no such host");
    assert_failed(&run("kill -9 $$"), "ended by signal 9");
}

#[test]
fn what_is_shown_of_output_is_short_and_printable() {
    let Observation::Failed { reason } = run("printf '\\033[2Jclear\\377'; exit 1") else { panic!("it passed") };
    assert_eq!(&*reason, "exit status 1: \\u{1b}[2Jclear\u{fffd}");
    let Observation::Failed { reason } = run("head -c 3000 /dev/zero | tr '\\0' x; exit 1") else {
        panic!("it passed")
    };
    assert!(reason.ends_with("xxx...") && reason.len() < 250, "{reason}");
}

#[test]
fn a_program_knows_its_target_and_nothing_else() {
    let script = "test \"$AZIMUTH_ADDRESS $AZIMUTH_PORT $AZIMUTH_MONITOR\" = '192.0.2.7 443 web' \
                  && test -z \"$HOME$CARGO_MANIFEST_DIR$AZIMUTH_HOST\" && test \"$(pwd)\" = / && ! read line";
    assert_passed(&run(script));
    let host = Endpoint::Host("lb.example.net".into(), 443);
    let script = "test \"$AZIMUTH_HOST\" = lb.example.net";
    assert_passed(&probe_endpoint(&monitor(shell(script)), &host, address()));
    let without_port = SocketAddr::new(address().ip(), 0);
    let script = "test -z \"${AZIMUTH_PORT+set}\"";
    assert_passed(&probe_endpoint(&monitor(shell(script)), &Endpoint::Socket(without_port), without_port));
}

#[test]
fn arguments_are_handed_over_as_they_are() {
    let arguments =
        ["-c", "test \"$1\" = 'a b; exit 1 $HOME *'", "sh", "a b; exit 1 $HOME *"].map(str::to_owned).to_vec();
    let check = ExecCheck { program: "/bin/sh".into(), arguments };
    assert_passed(&probe_endpoint(&monitor(MonitorKind::Exec(check)), &Endpoint::Socket(address()), address()));
}

#[test]
fn a_program_that_hangs_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let (parent, child) = (folder.path().join("parent"), folder.path().join("child"));
    let script =
        format!("echo waiting; sleep 1000 & echo $! > {}; echo $$ > {}; wait", child.display(), parent.display());
    let (timeout, seen) = run_until_hung(&script, &parent);
    assert_failed(&seen, &format!("timed out after {timeout:?}: the program was killed; it had said: waiting"));
    wait_until_gone(&child);
    wait_until_gone(&parent);
}

#[test]
fn a_child_that_keeps_the_output_open_delays_nothing_and_ends_too() {
    let folder = tempfile::tempdir().unwrap();
    let child = folder.path().join("child");
    let seen = run(&format!("sleep 1000 & echo $! > {}; echo gone; exit 4", child.display()));
    assert_failed(&seen, "exit status 4: gone");
    wait_until_gone(&child);
}

#[test]
fn gigabytes_of_output_are_not_read() {
    assert_failed(&run("cat /dev/zero"), "the program wrote more than 64 KiB and was killed");
    assert_failed(&run("cat /dev/zero >&2"), "the program wrote more than 64 KiB and was killed");
    // As much is too much when it is found only after the program has ended.
    for len in [65_537, 120_000] {
        let script = format!("head -c {} /dev/zero >&2; head -c {} /dev/zero", len / 2, len - len / 2);
        assert_failed(&run(&script), "the program wrote more than 64 KiB and was killed");
    }
    assert_passed(&run("head -c 65536 /dev/zero"));
}

#[test]
fn who_goes_on_writing_when_its_parent_has_ended_is_not_listened_to() {
    assert_passed(&run("(until grep -q '^State:.Z' /proc/$$/status; do :; done; exec cat /dev/zero) & exit 0"));
}

#[test]
fn a_program_that_cannot_be_run_is_no_result() {
    for (program, why) in [("/nonexistent/check", "No such file"), ("/etc/passwd", "Permission denied")] {
        let check = ExecCheck { program: program.into(), arguments: Vec::new() };
        let seen = probe_endpoint(&monitor(MonitorKind::Exec(check)), &Endpoint::Socket(address()), address());
        assert_local(&seen, why);
        assert_local(&seen, program);
    }
}

#[test]
fn a_check_that_is_dropped_ends_its_program() {
    let folder = tempfile::tempdir().unwrap();
    let parent = folder.path().join("parent");
    let script = format!("echo $$ > {}; sleep 1000", parent.display());
    let check = Check::new(&monitor(shell(&script)), &Endpoint::Socket(address()), address(), &mut TlsStore::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let started = Instant::now();
    runtime.block_on(async {
        let running = tokio::spawn(async move { check.run().await });
        while std::fs::read_to_string(&parent).unwrap_or_default().is_empty() {
            assert!(started.elapsed() < PATIENCE, "the program did not start");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
    });
    wait_until_gone(&parent);
}

//! `file` checks: what another system writes, and what holds when it does not.

use super::{assert_failed, assert_local, assert_passed, monitor, probe_endpoint};
use crate::health::{Endpoint, Observation};
use crate::probe::check::Check;
use crate::probe::spec::{FileCheck, MonitorKind};
use crate::probe::tls::TlsStore;
use std::fs::{File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn check(path: &Path) -> FileCheck {
    FileCheck { path: path.to_owned(), default_up: true, stale_after: None }
}

/// What a check of this address sees.
fn look(check: &FileCheck, address: &str) -> Observation {
    let address = address.parse().unwrap();
    probe_endpoint(&monitor(MonitorKind::File(check.clone())), &Endpoint::Socket(address), address)
}

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn each_target_has_its_state() {
    // The file of gdnsd's own test of its extfile monitor.
    let (_folder, path) = written("\n    127.0.0.1 => up\n    192.0.2.1 => down\n");
    assert_passed(&look(&check(&path), "127.0.0.1:80"));
    assert_failed(&look(&check(&path), "192.0.2.1:80"), "the file says down");
}

#[test]
fn who_is_not_named_has_the_default() {
    let (_folder, path) = written("192.0.2.1 => down\n");
    assert_passed(&look(&check(&path), "192.0.2.2:80"));
    let seen = look(&FileCheck { default_up: false, ..check(&path) }, "192.0.2.2:80");
    let name = path.display();
    assert_failed(&seen, &format!("down by default: it does not name the target, says `{name}`"));
}

#[test]
fn a_new_version_holds_from_the_next_look_on() {
    let (folder, path) = written("192.0.2.1 => down first\n");
    assert_failed(&look(&check(&path), "192.0.2.1:80"), "the file says down: first");
    let next = folder.path().join("next");
    std::fs::write(&next, "192.0.2.1 => down again\n").unwrap();
    std::fs::rename(&next, &path).unwrap();
    assert_failed(&look(&check(&path), "192.0.2.1:80"), "the file says down: again");
}

#[test]
fn a_file_that_cannot_be_read_or_believed_is_no_result() {
    let (folder, path) = written("192.0.2.1 => down\n192.0.2.2 => u");
    let seen = look(&check(&path), "192.0.2.1:80");
    assert_local(&seen, "line 2: the state must be `up` or `down`");
    std::fs::remove_file(&path).unwrap();
    assert_local(&look(&check(&path), "192.0.2.1:80"), "No such file");
    assert_local(&look(&check(folder.path()), "192.0.2.1:80"), "it is no file");
    std::fs::write(&path, b"192.0.2.1 => up \xff").unwrap();
    assert_local(&look(&check(&path), "192.0.2.1:80"), "cannot be read");
    assert_local(&look(&check(Path::new("/dev/zero")), "192.0.2.1:80"), "it is no file");
    File::create(&path).unwrap().set_len(1 << 30).unwrap();
    assert_local(&look(&check(&path), "192.0.2.1:80"), "larger than 16 MiB");
}

#[test]
fn a_pipe_is_no_file_and_nobody_waits_for_its_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_local(&look(&check(&path), "192.0.2.1:80"), "it is no file");
}

#[test]
fn what_was_not_written_for_too_long_leaves_everything_to_the_default() {
    let (_folder, path) = written("192.0.2.1 => down\n");
    let limited = FileCheck { stale_after: Some(Duration::from_secs(3600)), ..check(&path) };
    assert_failed(&look(&limited, "192.0.2.1:80"), "the file says down");
    let long_ago = SystemTime::now() - Duration::from_secs(7200);
    File::options().write(true).open(&path).unwrap().set_times(FileTimes::new().set_modified(long_ago)).unwrap();
    assert_passed(&look(&limited, "192.0.2.1:80"));
    let seen = look(&FileCheck { default_up: false, ..limited }, "192.0.2.1:80");
    let name = path.display();
    assert_failed(&seen, &format!("down by default: it was not written for longer than 3600s, says `{name}`"));
    assert_failed(&look(&check(&path), "192.0.2.1:80"), "the file says down");
}

#[test]
fn a_name_needs_no_address() {
    let (_folder, path) = written("lb.example.net. => down\n");
    let host = Endpoint::Host("LB.example.net".into(), 0);
    let seen = probe_endpoint(&monitor(MonitorKind::File(check(&path))), &host, "0.0.0.0:0".parse().unwrap());
    assert_failed(&seen, "the file says down");
}

#[test]
fn thousands_of_targets_read_the_file_once() {
    let (_folder, path) = written("192.0.2.1 => up\n");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address = "192.0.2.1:80".parse().unwrap();
    let checks: Vec<Check> = (0..5000)
        .map(|_| {
            let kind = MonitorKind::File(check(&path));
            Check::new(&monitor(kind), &Endpoint::Socket(address), address, &mut TlsStore::default())
        })
        .collect();
    runtime.block_on(async {
        for check in &checks {
            assert_passed(&check.run().await);
        }
    });
}

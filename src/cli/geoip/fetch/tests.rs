//! Fetching from a server on loopback.

#![expect(clippy::unwrap_used, reason = "test code")]

use super::{Args, Failure, Vendor, fetch};
use crate::base::UnixTime;
use flate2::Compression;
use flate2::write::GzEncoder;
use mmdb_writer::{Value, Writer, ipnet::IpNet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// 17 June 2026.
const NOW: UnixTime = UnixTime::from_secs(1_781_654_400);

/// A server that answers each path with what `answers` has for it, 404 else, and remembers requests.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answers: Vec<(&'static str, u16, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that gives up early is a case under test.
                let _ = serve(&stream, &answers, &seen);
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, answers: &[(&str, u16, Vec<u8>)], seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let lines: Vec<String> =
        BufReader::new(stream.try_clone()?).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    let authorization = lines.iter().find(|line| line.to_lowercase().starts_with("authorization:"));
    let authorization = authorization.map(|line| line["authorization: ".len()..].to_owned()).unwrap_or_default();
    seen.lock().unwrap().push(format!("{path} {authorization}").trim_end().to_owned());
    let nothing = Vec::new();
    let found = answers.iter().find(|(known, ..)| *known == path);
    let (status, body) = found.map_or((404, &nothing), |(_, status, body)| (*status, body));
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.take(1).read_to_end(&mut Vec::new()).map(drop)
}

fn args(vendor: Vendor, server: &Server, out: &Path) -> Args {
    Args {
        vendor,
        edition: None,
        out: Some(out.to_owned()),
        month: None,
        credentials: None,
        base_url: Some(format!("http://{}", server.address)),
    }
}

fn database(records: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = Writer::new("Test-City-Lite");
    writer
        .insert_value("192.0.2.0/24".parse::<IpNet>().unwrap(), Value::map([("latitude", Value::from(0.0))]))
        .unwrap();
    for (network, code) in records {
        let value = Value::map([("country", Value::map([("iso_code", Value::from(*code))]))]);
        writer.insert_value(network.parse::<IpNet>().unwrap(), value).unwrap();
    }
    writer.to_bytes().unwrap()
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, octets) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(octets.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, *octets).unwrap();
    }
    archive.into_inner().unwrap()
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn dbip_falls_back_to_last_month_and_swaps_the_database_in() {
    let new = database(&[("8.8.8.0/24", "US"), ("2a00:1450::/32", "DE")]);
    let server = Server::start(vec![("/free/dbip-city-lite-2026-05.mmdb.gz", 200, gzip(&new))]);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("city.mmdb");
    std::fs::write(&out, b"old").unwrap();
    let report = fetch(&args(Vendor::Dbip, &server, &out), NOW).unwrap();
    assert_eq!(server.requests(), ["/free/dbip-city-lite-2026-06.mmdb.gz", "/free/dbip-city-lite-2026-05.mmdb.gz"]);
    assert_eq!(std::fs::read(&out).unwrap(), new);
    assert_eq!(names(folder.path()), ["city.mmdb"], "nothing else is left behind");
    for part in
        ["Test-City-Lite of 20", "2 of them located", "8.8.8.8 US", "81.2.69.160 unknown", "SIGHUP", "CC BY 4.0"]
    {
        assert!(report.contains(part), "{part:?} is missing in\n{report}");
    }
}

#[test]
fn maxmind_is_asked_with_the_account_and_its_archive_unpacked() {
    let new = database(&[("81.2.69.0/24", "GB")]);
    let archive =
        tar(&[("GeoLite2-City_20260617/COPYRIGHT.txt", b"c"), ("GeoLite2-City_20260617/GeoLite2-City.mmdb", &new)]);
    let path = "/geoip/databases/GeoLite2-City/download?suffix=tar.gz";
    let server = Server::start(vec![(path, 200, gzip(&archive))]);
    let folder = tempfile::tempdir().unwrap();
    let credentials = folder.path().join("GeoIP.conf");
    std::fs::write(&credentials, "AccountID 42\nLicenseKey secret\n").unwrap();
    let out = folder.path().join("new.mmdb");
    let args = Args { credentials: Some(credentials), ..args(Vendor::Maxmind, &server, &out) };
    let report = fetch(&args, NOW).unwrap();
    // `42:secret` in base64.
    assert_eq!(server.requests(), [format!("{path} Basic NDI6c2VjcmV0")]);
    assert_eq!(std::fs::read(&out).unwrap(), new);
    assert!(report.contains("81.2.69.160 GB") && !report.contains("secret"), "{report}");
}

/// Fetches from DB-IP what the server answers for June 2026; the old database must stay.
fn refused(status: u16, body: Vec<u8>) -> Failure {
    let server = Server::start(vec![("/free/dbip-city-lite-2026-06.mmdb.gz", status, body)]);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("city.mmdb");
    std::fs::write(&out, b"old").unwrap();
    let failure = fetch(&args(Vendor::Dbip, &server, &out), NOW).unwrap_err();
    assert_eq!(std::fs::read(&out).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["city.mmdb"]);
    failure
}

#[test]
fn what_does_not_pass_the_check_never_replaces_the_old_database() {
    let good = gzip(&database(&[("8.8.8.0/24", "US")]));
    let failure = refused(200, good[..good.len() / 2].to_vec());
    assert!(failure.what.contains("cannot be unpacked"), "{}", failure.what);
    let failure = refused(200, b"<html>not here</html>".to_vec());
    assert!(failure.what.contains("cannot be unpacked"), "{}", failure.what);
    let failure = refused(200, gzip(b"no database"));
    assert!(failure.what.contains("not usable"), "{}", failure.what);
    let failure = refused(200, gzip(&database(&[])));
    assert!(failure.what.contains("locates no address"), "{}", failure.what);
    let failure = refused(500, good);
    assert!(failure.what.contains("status 500") && !failure.is_mistake, "{}", failure.what);
}

#[test]
fn errors_say_what_to_do() {
    let server = Server::start(vec![("/geoip/databases/GeoLite2-City/download?suffix=tar.gz", 401, Vec::new())]);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("city.mmdb");
    let failure = fetch(&args(Vendor::Dbip, &server, &out), NOW).unwrap_err();
    assert!(
        failure.is_mistake && failure.what.contains("2026-05") && failure.remedy.contains("--month"),
        "{failure:?}"
    );

    let credentials = folder.path().join("GeoIP.conf");
    std::fs::write(&credentials, "AccountID 42\nLicenseKey secret\n").unwrap();
    let maxmind = || Args { credentials: Some(credentials.clone()), ..args(Vendor::Maxmind, &server, &out) };
    let failure = fetch(&maxmind(), NOW).unwrap_err();
    assert!(failure.is_mistake && failure.what.contains("does not accept the account"), "{failure:?}");
    let failure = fetch(&Args { edition: Some("GeoLite2-Town".to_owned()), ..maxmind() }, NOW).unwrap_err();
    assert!(failure.what.contains("no such edition"), "{failure:?}");
    let failure = fetch(&Args { edition: Some("../x".to_owned()), ..maxmind() }, NOW).unwrap_err();
    assert!(failure.what.contains("is no edition"), "{failure:?}");

    let failure = fetch(&args(Vendor::Dbip, &server, Path::new("/")), NOW).unwrap_err();
    assert!(failure.is_mistake && failure.remedy.contains("--out"), "{failure:?}");
    let nobody = Args { base_url: Some("http://127.0.0.1:9".to_owned()), ..args(Vendor::Dbip, &server, &out) };
    let failure = fetch(&nobody, NOW).unwrap_err();
    assert!(!failure.is_mistake && failure.what.contains("127.0.0.1:9"), "{failure:?}");
    assert_eq!(names(folder.path()), ["GeoIP.conf"]);
}

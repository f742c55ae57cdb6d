//! Agents and web servers that hang, drip, never end, lie or go away: each costs a bounded time and space, and says what is
//! wrong with it.

use super::PATIENCE;
use super::servers::{Server, Shared};
use crate::base::Trouble;
use crate::base::testing::with_time_enough;
use crate::feed::agent_check;
use crate::feed::page::{Body, Clients, PAGE_LEN_MAX, get};
use crate::feed::spec::Page;
use crate::health::Endpoint;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Short enough to wait for what does not come about.
const BRIEF: Duration = Duration::from_millis(300);

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn ask(address: SocketAddr, send: Option<&str>) -> Result<String, String> {
    ask_within(PATIENCE, address, send)
}

fn ask_within(timeout: Duration, address: SocketAddr, send: Option<&str>) -> Result<String, String> {
    let answer = block(agent_check::ask(&Endpoint::Socket(address), send, timeout));
    match answer {
        Ok(line) => Ok(String::from_utf8(line).unwrap()),
        Err(Trouble::Failed(why)) => Err(why),
        Err(Trouble::Local(why)) => panic!("{why}"),
    }
}

fn get_page(url: &str, headers: &[(&str, &str)]) -> Result<Vec<u8>, String> {
    get_page_within(PATIENCE, url, headers)
}

fn get_page_within(timeout: Duration, url: &str, headers: &[(&str, &str)]) -> Result<Vec<u8>, String> {
    let page = Page { url: url.into(), headers: Vec::new(), ca_file: None };
    let headers: Vec<(String, String)> = headers.iter().map(|&(a, b)| (a.to_owned(), b.to_owned())).collect();
    let client = Clients::default().of(&page, url).unwrap();
    match block(get(&client, url, &headers, timeout)) {
        Ok(Body { octets, .. }) => Ok(octets),
        Err(Trouble::Failed(why)) => Err(why),
        Err(Trouble::Local(why)) => panic!("{why}"),
    }
}

fn get_from(server: &Server) -> Result<Vec<u8>, String> {
    get_from_within(PATIENCE, server)
}

fn get_from_within(timeout: Duration, server: &Server) -> Result<Vec<u8>, String> {
    get_page_within(timeout, &format!("http://{}/", server.address), &[])
}

/// What a client tells of a server that goes so far, notes that by [`Shared::reach`], and then hangs: with `TIMEOUT` in place of
/// the timeout, which is as short as this machine allows.
fn error_of_hanging<T>(
    server: impl Fn() -> Server,
    client: impl Fn(Duration, &Server) -> Result<T, String>,
) -> Option<String> {
    let (timeout, error) = with_time_enough(BRIEF, |timeout| {
        let (server, began) = (server(), Instant::now());
        let error = client(timeout, &server).err();
        (error, server.shared.reached().map(|at| at.duration_since(began)))
    });
    error.map(|error| error.replace(&format!("{timeout:?}"), "TIMEOUT"))
}

/// Writes a piece again and again, up to the end of the test.
fn drip(stream: &mut TcpStream, shared: &Shared, piece: &[u8], pause: Duration) {
    while !shared.is_ending() && stream.write_all(piece).is_ok() {
        shared.reach();
        std::thread::sleep(pause);
    }
}

#[test]
fn an_agent_is_sent_what_is_configured_and_read_up_to_the_end_of_its_line() {
    let server = Server::start(|mut stream, shared| {
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).unwrap();
        *shared.heard.lock().unwrap() = heard.to_vec();
        let _ = stream.write_all(b"up 7");
        let _ = stream.write_all(b"5%\r\ndown\n");
        // It may leave the connection open: the line is all that counts.
        shared.wait_for_end();
    });
    assert_eq!(ask(server.address, Some("web1\n")), Ok("up 75%".to_owned()));
    assert_eq!(server.heard(), "web1\n");
}

#[test]
fn an_agent_that_says_nothing_times_out() {
    let server = Server::start(|stream, shared| {
        shared.wait_for_end();
        drop(stream);
    });
    let error = ask_within(BRIEF, server.address, None).unwrap_err();
    assert_eq!(error, "timed out after 300ms while waiting for the agent to say something");
}

#[test]
fn an_agent_that_drips_times_out() {
    let server = || Server::start(|mut stream, shared| drip(&mut stream, shared, b"u", Duration::from_millis(20)));
    let error = error_of_hanging(server, |timeout, server| ask_within(timeout, server.address, None));
    assert_eq!(error.as_deref(), Some("timed out after TIMEOUT while waiting for the end of the agent's line"));
}

#[test]
fn a_line_without_end_is_cut_off() {
    let server = Server::start(|mut stream, shared| drip(&mut stream, shared, &[b'u'; 1024], Duration::ZERO));
    assert_eq!(ask(server.address, None).unwrap_err(), "the agent's line is longer than 4096 octets");
}

#[test]
fn an_agent_that_closes_before_the_end_of_its_line_has_said_nothing() {
    let error = ask(Server::agent("").address, None).unwrap_err();
    assert!(error.contains("closed") || error.contains("reset"), "{error}");
    let error = ask(Server::agent("maint").address, None).unwrap_err();
    assert!(error.contains("before the end of its line (`maint`)") || error.contains("reset"), "{error}");
}

#[test]
fn nobody_listening_is_told_as_such() {
    // A port that a connection has, so that nobody else can listen there.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let gone = taken.local_addr().unwrap();
    assert_eq!(ask(gone, None).unwrap_err(), "connection refused");
    assert_eq!(get_page(&format!("http://{gone}/"), &[]).unwrap_err(), "connection refused");
}

#[test]
fn a_host_without_address_is_told_as_such() {
    let answer = block(agent_check::ask(&Endpoint::Host("no-such-host.invalid".into(), 1), None, PATIENCE));
    let Err(Trouble::Failed(why)) = answer else { panic!("{answer:?}") };
    assert!(why.starts_with("`no-such-host.invalid` has no address"), "{why}");
}

#[test]
fn a_page_is_asked_for_with_headers_and_the_name_and_password_of_the_url() {
    let server = Server::page("fine");
    let url = format!("http://user:secret@{}/a?b;csv", server.address);
    assert_eq!(get_page(&url, &[("X-Token", "t")]).unwrap(), b"fine");
    let heard = server.heard().to_lowercase();
    assert!(heard.starts_with("get /a?b;csv http/1.1\r\n"), "{heard}");
    for line in ["x-token: t\r\n", "authorization: basic dxnlcjpzzwnyzxq=\r\n", "connection: close\r\n"] {
        assert!(heard.contains(line), "{line}: {heard}");
    }
}

#[test]
fn a_server_that_says_nothing_times_out() {
    let server = Server::start(|stream, shared| {
        shared.wait_for_end();
        drop(stream);
    });
    assert_eq!(get_from_within(BRIEF, &server).unwrap_err(), "timed out after 300ms while waiting for the response");
}

#[test]
fn headers_that_drip_time_out() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        drip(&mut stream, shared, b"x", Duration::from_millis(20));
    });
    assert_eq!(get_from_within(BRIEF, &server).unwrap_err(), "timed out after 300ms while waiting for the response");
}

#[test]
fn headers_without_end_are_refused() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        drip(
            &mut stream,
            shared,
            b"X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
            Duration::ZERO,
        );
    });
    let error = get_from(&server).unwrap_err();
    assert!(error.starts_with("no valid HTTP answer"), "{error}");
}

#[test]
fn a_body_that_drips_times_out() {
    let server = || {
        Server::start(|mut stream, shared| {
            shared.read_request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
            drip(&mut stream, shared, b"x", Duration::from_millis(20));
        })
    };
    let error = error_of_hanging(server, get_from_within);
    assert_eq!(error.as_deref(), Some("timed out after TIMEOUT while reading the page"));
}

#[test]
fn a_body_without_end_is_cut_off() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        drip(&mut stream, shared, &[b'x'; 1 << 16], Duration::ZERO);
    });
    let page = Page { url: "".into(), headers: Vec::new(), ca_file: None };
    let url = format!("http://{}/", server.address);
    let client = Clients::default().of(&page, &url).unwrap();
    // However slow this machine is, it is the length that ends it.
    let Err(Trouble::Failed(why)) = block(get(&client, &url, &[], PATIENCE)) else { panic!("it has an end") };
    assert_eq!(why, format!("the page is longer than {PAGE_LEN_MAX} octets"));
}

#[test]
fn a_body_that_is_announced_as_too_long_is_not_read() {
    let server = Server::raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nx");
    assert_eq!(get_from(&server).unwrap_err(), format!("the page is longer than {PAGE_LEN_MAX} octets"));
}

#[test]
fn a_body_that_ends_too_early_is_no_page() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nhalf",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"",
    ] {
        let error = get_from(&Server::raw(answer)).unwrap_err();
        let expected = "connection closed by the server before its answer was complete";
        assert!(error == expected || error.contains("reset") || error.starts_with("no valid HTTP answer"), "{error}");
    }
}

#[test]
fn what_is_no_http_or_no_success_is_told_as_such() {
    for (answer, expected) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n\r\n"[..], "no valid HTTP answer"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "no valid HTTP answer"),
        (b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", "status 503, expected 200"),
        (b"HTTP/1.1 302 No\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n", "status 302, expected 200"),
    ] {
        let error = get_from(&Server::raw(answer)).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_plain_server_asked_for_tls_is_told_as_such_and_no_url_is_in_any_error() {
    let server = Server::start(|mut stream, shared| {
        // What comes is no request that would have an end.
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        shared.wait_for_end();
    });
    let certificate = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap().cert.pem();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, certificate).unwrap();
    let url = format!("https://user:secret@{}/", server.address);
    let page = Page { url: "".into(), headers: Vec::new(), ca_file: Some(ca_file) };
    let client = Clients::default().of(&page, &url).unwrap();
    let Err(Trouble::Failed(why)) = block(get(&client, &url, &[], PATIENCE)) else { panic!("no error") };
    assert!(!why.contains("secret") && !why.contains("http"), "{why}");
}

#[test]
fn a_certificate_file_that_is_gone_is_told_by_name() {
    let page = Page { url: "".into(), headers: Vec::new(), ca_file: Some("/nowhere/ca.pem".into()) };
    let error = Clients::default().of(&page, "https://192.0.2.1/").unwrap_err();
    assert!(error.contains("`/nowhere/ca.pem`"), "{error}");
    // Where no TLS is spoken it makes no difference.
    assert!(Clients::default().of(&page, "http://192.0.2.1/").is_ok());
}

//! One download over HTTP, with a progress bar. Knows no vendor but for its error messages.

use super::source::Candidate;
use super::{Failure, Vendor};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// How long nothing at all may arrive.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);

/// Largest download, in octets; the largest databases are below 1 GiB.
const DOWNLOAD_LEN_MAX: u64 = 2 << 30;

/// Why a download failed.
#[derive(Debug)]
pub enum Trouble {
    /// The server's status is not 200.
    Status(u16),
    /// No connection, or one that broke.
    Network(String),
    /// More than [`DOWNLOAD_LEN_MAX`].
    TooLarge,
    /// The file cannot be written.
    Write(std::io::Error),
    /// The operator wants to stop.
    Interrupted,
}

/// A client that trusts the system's certificate authorities; only HTTPS if `tls_only`.
pub fn client(tls_only: bool) -> Result<reqwest::Client, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() && tls_only {
        return Err(Failure::failed(
            "this system has no certificate authorities, so no server can be trusted",
            "install the package ca-certificates",
        ));
    }
    let cannot = |error: String| {
        Failure::failed(format!("HTTPS does not work here: {error}"), "report this with your system's name")
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| cannot(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("azimuth/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(SILENCE_TIMEOUT)
        .https_only(tls_only);
    if !tls_only {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| cannot(error.to_string()))
}

/// Writes what the candidate's URL holds to `file`.
pub async fn download(client: &reqwest::Client, candidate: &Candidate, file: &mut File) -> Result<(), Trouble> {
    let mut request = client.get(&candidate.url);
    if let Some((account, key)) = &candidate.credentials {
        request = request.basic_auth(account, Some(key));
    }
    let mut response = request.send().await.map_err(network)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(Trouble::Status(response.status().as_u16()));
    }
    let bar = progress_bar(response.content_length(), &candidate.url);
    let mut received = 0;
    while let Some(chunk) = response.chunk().await.map_err(network)? {
        received += chunk.len() as u64;
        if received > DOWNLOAD_LEN_MAX {
            return Err(Trouble::TooLarge);
        }
        file.write_all(&chunk).map_err(Trouble::Write)?;
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// The chain of causes. Without the URL: a redirect may have put a secret into it.
fn network(error: reqwest::Error) -> Trouble {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    Trouble::Network(text)
}

/// A bar on standard error; nothing where that is no terminal.
fn progress_bar(len: Option<u64>, url: &str) -> ProgressBar {
    let (bar, template) = match len {
        Some(len) => (ProgressBar::new(len), "{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left"),
        None => (ProgressBar::no_length(), "{msg} {spinner} {bytes}, {bytes_per_sec}"),
    };
    let name = url.split('?').next().and_then(|path| path.rsplit('/').find(|part| *part != "download"));
    let bar = bar.with_message(name.unwrap_or(url).to_owned());
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

impl Trouble {
    /// What to tell the operator.
    pub fn failure(self, candidate: &Candidate, vendor: Vendor) -> Failure {
        let url = &candidate.url;
        match (self, vendor) {
            (Self::Status(401 | 403), Vendor::Maxmind) => Failure::mistake(
                format!(
                    "{url}: MaxMind does not accept the account id and licence key, or the account may not have this edition"
                ),
                "check both in your account at maxmind.com (Manage License Keys); a new key takes some minutes to work",
            ),
            (Self::Status(404), Vendor::Maxmind) => Failure::mistake(
                format!("{url}: there is no such edition"),
                "check --edition; the free ones are GeoLite2-City, GeoLite2-Country and GeoLite2-ASN",
            ),
            (Self::Status(404), Vendor::Dbip) => Failure::mistake(
                format!("{url}: there is no such database"),
                "check --edition (dbip-city-lite, dbip-country-lite, dbip-asn-lite) and --month; old months are taken down",
            ),
            (Self::Status(429), _) => Failure::failed(
                format!("{url}: too many downloads today"),
                "try again tomorrow; databases change at most twice a week",
            ),
            (Self::Status(status), _) => {
                Failure::failed(format!("{url}: the server answered with status {status}"), "try again later")
            }
            (Self::Network(reason), _) => Failure::failed(
                format!("{url}: {reason}"),
                "check that this machine reaches the Internet (HTTPS_PROXY is honoured), then try again",
            ),
            (Self::TooLarge, _) => Failure::failed(
                format!("{url}: the download is larger than {} GiB", DOWNLOAD_LEN_MAX >> 30),
                "this is no location database we know; check --edition",
            ),
            (Self::Write(error), _) => Failure::failed(
                format!("the download cannot be written: {error}"),
                "check the folder and its free space",
            ),
            (Self::Interrupted, _) => Failure::failed("interrupted", "nothing was changed; run it again"),
        }
    }
}

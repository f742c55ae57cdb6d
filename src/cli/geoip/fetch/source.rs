//! Where the databases of each vendor are, and with what credentials. Touches no network.

use super::{Args, Failure, Vendor};
use crate::base::UnixTime;
use std::path::Path;

/// How a database is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// The file itself.
    Gzip,
    /// One file among others.
    TarGzip,
}

/// A download that may exist.
#[derive(Debug)]
pub struct Candidate {
    pub url: String,
    /// Account and key.
    pub credentials: Option<(String, String)>,
    pub archive: Archive,
}

/// The edition that is asked for.
pub fn edition(args: &Args) -> &str {
    args.edition.as_deref().unwrap_or(match args.vendor {
        Vendor::Dbip => "dbip-city-lite",
        Vendor::Maxmind => "GeoLite2-City",
    })
}

/// What to try to download, best first.
pub fn candidates(args: &Args, now: UnixTime) -> Result<Vec<Candidate>, Failure> {
    let edition = edition(args);
    if edition.is_empty() || !edition.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Failure::mistake(
            format!("`{edition}` is no edition"),
            "editions have letters, digits and hyphens, such as GeoLite2-City or dbip-city-lite",
        ));
    }
    let base = args.base_url.as_deref();
    match args.vendor {
        Vendor::Dbip => {
            let base = base.unwrap_or("https://download.db-ip.com");
            let months = match &args.month {
                Some(month) if is_month(month) => vec![month.clone()],
                Some(month) => {
                    return Err(Failure::mistake(
                        format!("`{month}` is no month"),
                        "write it as YYYY-MM, such as 2026-06",
                    ));
                }
                None => latest_months(now),
            };
            let candidate = |month: String| Candidate {
                url: format!("{base}/free/{edition}-{month}.mmdb.gz"),
                credentials: None,
                archive: Archive::Gzip,
            };
            Ok(months.into_iter().map(candidate).collect())
        }
        Vendor::Maxmind => {
            let base = base.unwrap_or("https://download.maxmind.com");
            Ok(vec![Candidate {
                url: format!("{base}/geoip/databases/{edition}/download?suffix=tar.gz"),
                credentials: Some(credentials(args)?),
                archive: Archive::TarGzip,
            }])
        }
    }
}

/// This month and the one before: early in a month its database is not out yet.
fn latest_months(now: UnixTime) -> Vec<String> {
    let (year, month, _) = now.utc_date();
    let (year_before, month_before) = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
    vec![format!("{year:04}-{month:02}"), format!("{year_before:04}-{month_before:02}")]
}

fn is_month(text: &str) -> bool {
    let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    let whole = |month: &str| month.parse::<u8>().is_ok_and(|month| (1..=12).contains(&month));
    text.split_once('-').is_some_and(|(year, month)| digits(year, 4) && digits(month, 2) && whole(month))
}

/// MaxMind's account and key.
fn credentials(args: &Args) -> Result<(String, String), Failure> {
    match &args.credentials {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::mistake(
                    format!("`{}` cannot be read: {error}", path.display()),
                    "name the file that holds your account id and licence key",
                )
            })?;
            in_file(&text, path)
        }
        None => match (std::env::var("MAXMIND_ACCOUNT_ID"), std::env::var("MAXMIND_LICENSE_KEY")) {
            (Ok(account), Ok(key)) if !account.is_empty() && !key.is_empty() => Ok((account, key)),
            _ => Err(Failure::mistake(
                "MaxMind wants an account id and a licence key",
                "set MAXMIND_ACCOUNT_ID and MAXMIND_LICENSE_KEY, or give the GeoIP.conf of your account with \
                 --credentials; accounts for GeoLite2 are free of charge at maxmind.com, and `azimuth geoip fetch dbip` \
                 needs none",
            )),
        },
    }
}

fn in_file(text: &str, path: &Path) -> Result<(String, String), Failure> {
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
        lines.find(|(word, _)| *word == key).map(|(_, value)| value.trim().to_owned())
    };
    match (value("AccountID"), value("LicenseKey")) {
        (Some(account), Some(key)) => Ok((account, key)),
        _ => Err(Failure::mistake(
            format!("`{}` has no lines `AccountID ...` and `LicenseKey ...`", path.display()),
            "download GeoIP.conf from your account at maxmind.com, or write these two lines",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{in_file, is_month, latest_months};
    use crate::base::UnixTime;
    use std::path::Path;

    #[test]
    fn the_month_before_january_is_in_the_year_before() {
        assert_eq!(latest_months(UnixTime::from_secs(1_767_225_600)), ["2026-01", "2025-12"]);
        assert_eq!(latest_months(UnixTime::from_secs(1_781_654_400)), ["2026-06", "2026-05"]);
    }

    #[test]
    fn months_are_written_with_all_digits() {
        assert!(is_month("2026-06") && is_month("2026-12"));
        for text in ["2026-13", "2026-00", "2026-6", "26-06", "2026", "2026-+6", "2026-06/.."] {
            assert!(!is_month(text), "{text}");
        }
    }

    #[test]
    fn credentials_are_read_from_maxminds_own_file() {
        let text = "# GeoIP.conf\nAccountID 123456\n  LicenseKey\tabc_DEF\nEditionIDs GeoLite2-City\n";
        assert_eq!(in_file(text, Path::new("G")).unwrap(), ("123456".to_owned(), "abc_DEF".to_owned()));
        assert!(in_file("AccountID 1\n", Path::new("G")).unwrap_err().what.contains("`LicenseKey ...`"));
    }
}

//! When a server's certificate expires, and what is to be thought of that. Knows no connections.

use crate::base::Trouble;
use crate::probe::spec::TlsCheck;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::time::ASN1Time;

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// Judges the time that a certificate has left; what is returned is a warning.
///
/// # Errors
///
/// It has too little left, or cannot be read.
pub fn judge(
    check: &TlsCheck,
    certificate: Option<&CertificateDer<'_>>,
    now: SystemTime,
) -> Result<Option<Arc<str>>, Trouble> {
    let (warning, failure) = (check.expiry_warning, check.expiry_failure);
    let Some(longest) = warning.max(failure) else { return Ok(None) };
    let Some(certificate) = certificate else {
        return Err(Trouble::Failed("certificate: the server has shown none".to_owned()));
    };
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|error| Trouble::Failed(format!("certificate: cannot be read: {error}")))?;
    let expires = certificate.validity().not_after;
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let left = expires.timestamp().saturating_sub(i64::try_from(now).unwrap_or(i64::MAX));
    if left > seconds(longest) {
        return Ok(None);
    }
    if failure.is_some_and(|failure| left <= seconds(failure)) {
        let expiry = expiry(expires, left);
        return Err(Trouble::Failed(format!("certificate: {expiry}; `tls_expiry_failure` wants more time")));
    }
    Ok(Some(format!("certificate: {}", expiry(expires, left)).into()))
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// `expires in 13 days, on 2026-12-05 14:00 UTC`. The words change once a day, and in the last two days once an hour.
fn expiry(expires: ASN1Time, left: i64) -> String {
    let at = expires.to_datetime();
    let month = u8::from(at.month());
    let date = format!("{}-{month:02}-{:02} {:02}:{:02} UTC", at.year(), at.day(), at.hour(), at.minute());
    match left {
        ..=0 => format!("expired on {date}"),
        1..3600 => format!("expires within the hour, on {date}"),
        3600..172_800 => format!("expires in {} hours, on {date}", left / 3600),
        _ => format!("expires in {} days, on {date}", left / SECONDS_A_DAY),
    }
}

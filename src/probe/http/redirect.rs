//! Where a redirect leads: never away from what is probed. Knows no connections.
//!
//! A check is about one address. A redirect is followed only to the scheme and host that were asked, and the next request
//! goes to the same address: a healthy neighbor must not vouch for this one, nor a server send the prober elsewhere.

use crate::base::Trouble;
use crate::probe::search::quoted;
use hyper::{Method, StatusCode};
use url::Url;

/// An answer that leads on.
pub struct Redirect {
    /// Its status.
    pub status: StatusCode,
    /// Its `Location` header.
    pub location: String,
}

/// Whether a status means that what is asked for is elsewhere (RFC 9110, section 15.4).
pub fn leads_on(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// The path and query of the next request.
///
/// # Errors
///
/// It leads to another host or scheme, or nowhere.
pub fn next_path(redirect: &Redirect, scheme: &str, authority: &str, path: &str) -> Result<String, Trouble> {
    let status = redirect.status.as_u16();
    let location = quoted(&redirect.location);
    let here = Url::parse(&format!("{scheme}://{authority}{path}"))
        .map_err(|error| Trouble::Local(format!("redirects of `{authority}` cannot be followed: {error}")))?;
    let next = here.join(&redirect.location).map_err(|error| {
        Trouble::Failed(format!("status {status}, a redirect to {location}, which is no address of a page: {error}"))
    })?;
    if next.origin() != here.origin() {
        let reason =
            format!("status {status}, a redirect to {location}: only those to {scheme}://{authority} are followed");
        return Err(Trouble::Failed(reason));
    }
    Ok(match next.query() {
        Some(query) => format!("{}?{query}", next.path()),
        None => next.path().to_owned(),
    })
}

/// The method of the next request (RFC 9110, sections 15.4.2 to 15.4.4).
pub fn next_method(redirect: &Redirect, method: Method) -> Method {
    match redirect.status {
        StatusCode::SEE_OTHER if method != Method::HEAD => Method::GET,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if method == Method::POST => Method::GET,
        _ => method,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads_to(location: &str) -> Option<String> {
        let redirect = Redirect { status: StatusCode::FOUND, location: location.to_owned() };
        next_path(&redirect, "https", "www.example.com:8443", "/a/b?c=d").ok()
    }

    #[test]
    fn locations_are_relative_to_the_page() {
        for (location, path) in [
            ("/", "/"),
            ("x", "/a/x"),
            ("../x?y=z#part", "/x?y=z"),
            ("?q", "/a/b?q"),
            ("https://www.example.com:8443/x", "/x"),
            ("https://WWW.example.com:8443", "/"),
            ("//www.example.com:8443//x", "//x"),
        ] {
            assert_eq!(leads_to(location).as_deref(), Some(path), "{location}");
        }
    }

    #[test]
    fn none_leads_away_from_what_is_probed() {
        for location in [
            "http://www.example.com:8443/",
            "https://www.example.com/",
            "https://example.com:8443/",
            "//192.0.2.1:8443/",
            "https://www.example.com:8443@evil.example/",
            r"\\evil.example/",
            "ftp://www.example.com:8443/",
            "data:text/plain,ok",
            "https://[",
        ] {
            assert_eq!(leads_to(location), None, "{location}");
        }
    }

    #[test]
    fn a_form_that_was_sent_is_not_sent_again_where_the_answer_says_so() {
        for (status, method, next) in [
            (StatusCode::SEE_OTHER, Method::POST, Method::GET),
            (StatusCode::SEE_OTHER, Method::HEAD, Method::HEAD),
            (StatusCode::FOUND, Method::POST, Method::GET),
            (StatusCode::FOUND, Method::PUT, Method::PUT),
            (StatusCode::TEMPORARY_REDIRECT, Method::POST, Method::POST),
        ] {
            assert_eq!(next_method(&Redirect { status, location: String::new() }, method), next);
        }
    }
}

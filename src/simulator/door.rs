//! What is refused before the application sees it: the app server and the host check.
//!
//! Both answer with a page for people, whatever was accepted.
//!
//! Pure: knows headers and nothing behind them.

use axum::http::{HeaderMap, StatusCode, header};

use super::answer::Answer;

/// The app server's limit for one header, name and value.
const MAX_HEADER: usize = 8190;

/// The refusal, if there is one. `hosts` are those that the installation answers to; empty is
/// any.
pub(super) fn refusal(headers: &HeaderMap, hosts: &[String]) -> Option<Answer> {
    let too_large =
        headers.iter().any(|(name, value)| name.as_str().len() + value.len() > MAX_HEADER);
    if too_large {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some(page(status, "Request Header Fields Too Large"));
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let known = hosts.is_empty() || hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
    (!known || host.is_empty()).then(|| page(StatusCode::BAD_REQUEST, "Bad Request (400)"))
}

fn page(status: StatusCode, title: &str) -> Answer {
    let body =
        format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>");
    Answer::plain(status, "text/html", body.into_bytes())
}

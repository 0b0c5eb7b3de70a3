//! For how long a server asks to be left alone: the header `Retry-After` of HTTP.

use std::time::{Duration, SystemTime};

/// Reads a `Retry-After`, in either form that RFC 9110 section 10.2.3 knows.
///
/// A time that is past means no wait; what is neither form means nothing. There is no bound: how
/// long a wait is believed, the caller decides.
pub fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that are no number are too many of them.
        return Some(header.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let time = httpdate::parse_http_date(header).ok()?;
    Some(time.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let seconds = Duration::from_secs;
        let now = httpdate::parse_http_date("Mon, 23 Nov 2026 10:00:00 GMT").unwrap();
        for (header, wait) in [
            ("0", Some(seconds(0))),
            ("120", Some(seconds(120))),
            (" 7 ", Some(seconds(7))),
            ("Mon, 23 Nov 2026 10:01:30 GMT", Some(seconds(90))),
            ("Monday, 23-Nov-26 10:01:30 GMT", Some(seconds(90))),
            ("Mon Nov 23 10:01:30 2026", Some(seconds(90))),
            ("Mon, 23 Nov 2026 09:00:00 GMT", Some(seconds(0))),
            ("99999999999999999999999", Some(Duration::MAX)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(seconds(251_606_872_799))),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(header, now), wait, "`{header}`");
        }
    }
}

//! How far the server's clock is from ours, by the `Date` of an answer.
//!
//! Pure.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{AGE, DATE, HeaderMap};

/// How far ahead the server's clock is at least, given when the request was sent and when the
/// answer came; negative where it is behind. What the time on the way and the whole seconds of the
/// header explain is no difference.
///
/// None where the answer does not say: no `Date`, one that is no HTTP date, or that of a cache.
pub(super) fn ahead(
    headers: &HeaderMap,
    sent: DateTime<Utc>,
    received: DateTime<Utc>,
) -> Option<TimeDelta> {
    if headers.contains_key(AGE) {
        return None;
    }
    let date = headers.get(DATE)?.to_str().ok()?;
    let date = DateTime::<Utc>::from(httpdate::parse_http_date(date).ok()?);
    let latest = date + TimeDelta::seconds(1);
    Some(if date > received {
        date - received
    } else if latest < sent {
        latest - sent
    } else {
        TimeDelta::zero()
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    /// Sent at 10:00:00.900, received at 10:00:02.
    #[track_caller]
    fn check(date: &'static str, expected: Option<i64>) {
        let sent: DateTime<Utc> = "2026-11-26T10:00:00.900Z".parse().unwrap();
        let received = "2026-11-26T10:00:02Z".parse().unwrap();
        let headers = HeaderMap::from_iter([(DATE, HeaderValue::from_static(date))]);
        let found = ahead(&headers, sent, received);
        assert_eq!(found.map(|ahead| ahead.num_milliseconds()), expected, "{date}");
    }

    #[test]
    fn only_what_the_time_on_the_way_does_not_explain_is_a_difference() {
        check("Thu, 26 Nov 2026 10:00:00 GMT", Some(0)); // It was 10:00:00.900 there, too.
        check("Thu, 26 Nov 2026 10:00:02 GMT", Some(0));
        check("Thu, 26 Nov 2026 10:00:03 GMT", Some(1000));
        check("Thu, 26 Nov 2026 09:59:59 GMT", Some(-900));
        check("Thursday, 26-Nov-26 10:01:02 GMT", Some(60_000)); // The form before the last.
    }

    #[test]
    fn any_year_is_a_time_and_rubbish_is_none() {
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(-1_795_687_199_900));
        check("Fri, 31 Dec 9999 23:59:59 GMT", Some(251_606_613_597_000));
        for rubbish in ["", "yesterday", "Thu, 26 Nov 2026 25:00:00 GMT", "1795687200"] {
            check(rubbish, None);
        }
        assert_eq!(ahead(&HeaderMap::new(), DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH), None);
    }

    #[test]
    fn a_cache_tells_an_old_time() {
        let old = HeaderValue::from_static("Thu, 26 Nov 2026 10:00:00 GMT");
        let headers = HeaderMap::from_iter([(DATE, old), (AGE, HeaderValue::from_static("90"))]);
        let now = "2026-11-26T10:01:30Z".parse().unwrap();
        assert_eq!(ahead(&headers, now, now), None);
    }
}

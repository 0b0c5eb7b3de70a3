//! How long to wait before a request is tried again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The longest `Retry-After` that is believed: a server's slip must not end the watching.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How often one request is tried, and with what pauses.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The first one included; at least 1.
    pub attempts: u32,
    /// The first pause; each further one is twice as long.
    pub min_delay: Duration,
    /// No pause is longer, jitter included, unless the server asks for it.
    pub max_delay: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        let (min_delay, max_delay) = (Duration::from_millis(250), Duration::from_secs(30));
        Self { attempts: 5, min_delay, max_delay }
    }
}

impl Policy {
    /// The pauses between the attempts, jittered so that many organizations do not come back
    /// as one wave.
    pub(super) fn delays(self) -> impl Iterator<Item = Duration> + Send {
        ExponentialBuilder::new()
            .with_jitter()
            .with_factor(2.0)
            .with_min_delay(self.min_delay)
            .with_max_delay(self.max_delay)
            .with_max_times(self.attempts.saturating_sub(1) as usize)
            .build()
            .map(move |delay| delay.min(self.max_delay))
    }
}

/// How long the server asks to wait, if it does so in a form that HTTP knows.
pub(super) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let header = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let wait = seatwatch_sdk::retry_after(header, now.into())?;
    Some(wait.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let delays: Vec<_> = Policy { attempts: 12, ..Policy::default() }.delays().collect();
        assert_eq!(delays.len(), 11);
        for (index, delay) in delays.into_iter().enumerate() {
            let least = Duration::from_millis(250 << index).min(Duration::from_secs(30));
            let most = (2 * least).min(Duration::from_secs(30));
            assert!((least..=most).contains(&delay), "pause {index} is {delay:?}");
        }
    }

    #[test]
    fn a_retry_after_is_believed_up_to_a_day() {
        let now = "2026-11-23T10:00:00Z".parse().unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            ("Mon, 23 Nov 2026 10:01:30 GMT", Some(90)),
            ("99999999999999999999999", Some(86_400)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400)),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            let wait = retry_after(&headers, now);
            assert_eq!(wait, seconds.map(Duration::from_secs), "`{value}`");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}

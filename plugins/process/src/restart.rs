//! When a plugin that has ended may be started again: at once, but not again and again.
//!
//! The dispatcher waits between attempts by itself. This is for who does not: a person who tries
//! the sink in a hurry, and many small deliveries of which each ends a plugin.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The pause before the next start, and why there is one.
#[derive(Debug)]
pub(crate) struct Restarts {
    pauses: ExponentialBackoff,
    last: Option<Failed>,
}

/// The last time that it did not do what it was asked.
#[derive(Debug)]
struct Failed {
    reason: String,
    not_before: Instant,
}

impl Restarts {
    pub(crate) fn new() -> Self {
        Self { pauses: pauses(), last: None }
    }

    /// That it did what it was asked.
    pub(crate) fn went_well(&mut self) {
        *self = Self::new();
    }

    /// That it did not, and has ended. How long it is left alone now.
    pub(crate) fn failed(&mut self, now: Instant, reason: &str) -> Duration {
        let pause = self.pauses.next().unwrap_or(LONGEST);
        self.last = Some(Failed { reason: reason.to_owned(), not_before: now + pause });
        pause
    }

    /// How long it is still left alone, if it is, and why: what happened last.
    pub(crate) fn pause(&self, now: Instant) -> Option<(Duration, &str)> {
        let Failed { reason, not_before } = self.last.as_ref()?;
        let left = not_before.saturating_duration_since(now);
        (!left.is_zero()).then_some((left, reason))
    }
}

const LONGEST: Duration = Duration::from_secs(300);

fn pauses() -> ExponentialBackoff {
    let pauses = ExponentialBuilder::new().with_min_delay(Duration::from_secs(1));
    pauses.with_factor(2.0).with_max_delay(LONGEST).without_max_times().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_something_goes_well() {
        let now = Instant::now();
        let mut restarts = Restarts::new();
        assert_eq!(restarts.pause(now), None);
        let mut pauses = || (0..11).map(|_| restarts.failed(now, "").as_secs()).collect::<Vec<_>>();
        assert_eq!(pauses(), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        restarts.failed(now, "was killed");
        let left = restarts.pause(now + Duration::from_secs(299));
        assert_eq!(left, Some((Duration::from_secs(1), "was killed")));
        assert_eq!(restarts.pause(now + LONGEST), None);
        restarts.went_well();
        assert_eq!(restarts.pause(now), None);
        assert_eq!(restarts.failed(now, ""), Duration::from_secs(1));
    }
}

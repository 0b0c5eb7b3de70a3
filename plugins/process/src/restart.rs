//! When a plugin that has ended may be started again: at once, but not again and again.
//!
//! The dispatcher waits between attempts by itself. This is for who does not: a person who tries
//! the sink in a hurry, and many small deliveries of which each ends a plugin.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The pause before the next start.
#[derive(Debug)]
pub(crate) struct Restarts {
    pauses: ExponentialBackoff,
    not_before: Option<Instant>,
}

impl Restarts {
    pub(crate) fn new() -> Self {
        Self { pauses: pauses(), not_before: None }
    }

    /// That it did what it was asked.
    pub(crate) fn went_well(&mut self) {
        *self = Self::new();
    }

    /// That it did not, and has ended. How long it is left alone now.
    pub(crate) fn failed(&mut self, now: Instant) -> Duration {
        let pause = self.pauses.next().unwrap_or(LONGEST);
        self.not_before = Some(now + pause);
        pause
    }

    /// How long it is still left alone, if it is.
    pub(crate) fn pause(&self, now: Instant) -> Option<Duration> {
        let left = self.not_before?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
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
        let mut pauses = || (0..11).map(|_| restarts.failed(now).as_secs()).collect::<Vec<_>>();
        assert_eq!(pauses(), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(restarts.pause(now + Duration::from_secs(299)), Some(Duration::from_secs(1)));
        assert_eq!(restarts.pause(now + LONGEST), None);
        restarts.went_well();
        assert_eq!(restarts.pause(now), None);
        assert_eq!(restarts.failed(now), Duration::from_secs(1));
    }
}

//! For how long a plugin that has ended is to be left alone: longer each time, until something goes
//! well.
//!
//! The dispatcher waits, and nobody else: a person who tries the sink sooner has it started, and puts
//! off no start that was to come.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The pauses between one start and the next.
#[derive(Debug)]
pub(crate) struct Restarts {
    pauses: ExponentialBackoff,
    /// The end of the last pause, if there was one.
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

    /// That it did not, and has ended. How long it is to be left alone now: where it was started
    /// before its pause was over, for what is left of that.
    pub(crate) fn failed(&mut self, now: Instant) -> Duration {
        let left = self.not_before.map(|end| end.saturating_duration_since(now));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            return left;
        }
        let pause = self.pauses.next().unwrap_or(LONGEST);
        self.not_before = Some(now + pause);
        pause
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
        let mut now = Instant::now();
        let mut restarts = Restarts::new();
        let pauses = (0..11).map(|_| {
            let pause = restarts.failed(now);
            now += pause;
            pause.as_secs()
        });
        assert_eq!(pauses.collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        restarts.went_well();
        assert_eq!(restarts.failed(now), Duration::from_secs(1));
    }

    #[test]
    fn who_tries_it_sooner_puts_nothing_off() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut restarts = Restarts::new();
        assert_eq!(restarts.failed(now), second);
        assert_eq!(restarts.failed(now + second), 2 * second);
        for millis in [1500, 2000, 2999] {
            let left = restarts.failed(now + Duration::from_millis(millis));
            assert_eq!(left, Duration::from_millis(3000 - millis));
        }
        assert_eq!(restarts.failed(now + 3 * second), 4 * second);
    }
}

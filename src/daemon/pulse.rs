//! Whether the daemon makes progress: what the watchdog and `/-/healthy` ask.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Without a beat for so long, the loop is stuck: it beats once a second.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// When the loop last went round.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<Instant>);

impl Default for Pulse {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Pulse {
    pub(super) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long ago that was, if it is too long.
    pub(super) fn is_missing(&self) -> Option<Duration> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(last.elapsed()).filter(|pause| *pause > LONGEST_PAUSE)
    }
}

//! How a lane stands while it is served: what others can see of it at any time.

use super::{Lag, Obstacle, Undelivered};

/// How a lane stands while it is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneState {
    /// The sink's name.
    pub sink: String,
    /// The lane's name.
    pub lane: String,
    /// What it has before it.
    pub lag: Lag,
    /// Attempts at the delivery before it that have failed so far.
    pub failed_attempts: u32,
    /// Events that it would not take.
    pub dead_letters: u64,
    /// Whether it waits for a person, because its receiver is gone.
    pub stopped: bool,
    /// Whether a person wants it to be left alone.
    pub paused: bool,
}

impl LaneState {
    /// That of a lane of which nothing is known yet.
    pub(super) fn new(sink: &str, lane: &str) -> Self {
        Self { sink: sink.to_owned(), lane: lane.to_owned(), ..Self::default() }
    }

    /// What it still has before it, and why.
    pub(super) fn left_over(&self, reason: String) -> Option<Undelivered> {
        let Self { sink, lane, lag, .. } = self.clone();
        let obstacle = Some(Obstacle::Failed(reason));
        Some(Undelivered { sink, lane, obstacle, queued: lag.queued, buried: None })
            .filter(|undelivered| undelivered.queued > 0)
    }
}

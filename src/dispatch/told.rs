//! What a person, and whoever counts, is told of the steps of a lane that a worker serves.

use tracing::{debug, error, info, warn};

use super::state::LaneState;
use super::step::Step;
use crate::metrics::{Metrics, NotAccepted};

/// Tells of one lane.
pub(super) struct Told {
    metrics: Metrics,
    /// Whether the last attempt failed.
    failing: bool,
}

impl Told {
    /// Nothing was told yet.
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, failing: false }
    }

    /// Counts a step after which the lane stands like this, and says what a person should know:
    /// failures at the first, at powers of two and when they are over.
    pub(super) fn tell(&mut self, state: &LaneState, step: &Step) {
        let LaneState { sink, lane, lag, dead_letters, .. } = state;
        match step {
            Step::Moved { events, attempt } => {
                self.metrics.delivered(sink);
                if std::mem::take(&mut self.failing) {
                    info!(sink, lane, events, attempt, "delivered again");
                } else {
                    debug!(sink, lane, events, attempt, "delivered");
                }
            }
            Step::Failed { reason, attempt } => {
                self.metrics.delivery_failed(sink, NotAccepted::Retry);
                let first = !std::mem::replace(&mut self.failing, true);
                if first || attempt.is_power_of_two() {
                    let queued = lag.queued;
                    warn!(sink, lane, attempt, queued, reason, "delivery failed, will retry");
                }
            }
            Step::Buried { events, reason } => {
                self.metrics.delivery_failed(sink, NotAccepted::Reject);
                warn!(sink, lane, events, dead_letters, reason, "events given up: dead letters");
            }
            Step::Disabled { reason, took_all } => {
                if *took_all {
                    self.metrics.delivered(sink);
                } else {
                    self.metrics.delivery_failed(sink, NotAccepted::Disable);
                }
                error!(
                    sink,
                    lane,
                    reason,
                    "sink stopped: it is tried again when a key of its own changes in the config, \
                     or after `seatwatch sink resume`"
                );
            }
            Step::NotBefore(_) | Step::Idle | Step::Stopped { .. } | Step::Paused { .. } => {}
        }
    }
}

//! Decides when failing syncs are worth a word, and what they mean for the next one.
//!
//! Pure: the health so far and the time in, the health after it and whether to tell out.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::codecov::Reason;
use crate::store::Health;

/// When a person wants to hear of failures.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How many syncs may fail in a row before that is told.
    pub failing_after: u32,
    /// How often it is told again while it lasts.
    pub remind_every: Duration,
}

/// The health after one more failure, and whether to tell `sync_failing`.
pub(super) fn failed(
    health: &Health,
    reason: Reason,
    postponed_until: Option<DateTime<Utc>>,
    patience: Patience,
    now: DateTime<Utc>,
) -> (Health, bool) {
    let failures = health.failures.saturating_add(1);
    let tell = match health.told_at {
        None => failures >= patience.failing_after,
        Some(told_at) => has_passed(told_at, patience.remind_every, now),
    };
    // Where the server said that there is no such roster, the next one that it shows is new.
    let doubtful = matches!(reason, Reason::Empty | Reason::OrganizationNotFound);
    let health = Health {
        failures,
        failing_since: health.failing_since.or(Some(now)),
        told_at: if tell { Some(now) } else { health.told_at },
        postponed_until,
        read_twice: health.read_twice || doubtful,
        ..health.clone()
    };
    (health, tell)
}

/// The health after a sync that read a whole roster, and whether to tell `sync_recovered`.
pub(super) fn succeeded(health: &Health, now: DateTime<Utc>) -> (Health, bool) {
    let tell = health.told_at.is_some();
    let health = Health {
        failures: 0,
        failing_since: None,
        told_at: None,
        last_success_at: Some(now),
        postponed_until: None,
        read_twice: false,
        ..health.clone()
    };
    (health, tell)
}

/// Whether at least `wait` lies between the two times. A clock set back never makes it so.
pub(super) fn has_passed(from: DateTime<Utc>, wait: Duration, to: DateTime<Utc>) -> bool {
    (to - from).to_std().is_ok_and(|passed| passed >= wait)
}

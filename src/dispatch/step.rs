//! What one step of a lane comes to, and at what pace it is taken.

use chrono::{DateTime, Utc};

use super::settle::Settled;
use crate::store::Cut;

/// Whether a step waits for its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pace {
    /// It waits for the sink's `wait` or `digest`, and after a failure.
    Patient,
    /// Somebody looks on: it waits for a `digest` only.
    Hurried,
}

/// What one step came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A delivery was accepted: there may be more.
    Moved {
        /// How many events it had.
        events: usize,
        /// Which attempt that was.
        attempt: u32,
    },
    /// The first of its events, or all, became dead letters: there may be more.
    Buried {
        /// How many died.
        events: usize,
        /// Why.
        reason: String,
    },
    /// The attempt failed; there will be another.
    Failed {
        /// Why.
        reason: String,
        /// Which attempt that was.
        attempt: u32,
    },
    /// It is not the time yet.
    NotBefore(DateTime<Utc>),
    /// There is nothing to deliver.
    Idle,
    /// The receiver is gone: nothing more is tried until a person acts.
    Disabled {
        /// What it said.
        reason: String,
        /// Whether it had taken the whole delivery before.
        took_all: bool,
    },
    /// It was disabled before, and nobody has acted.
    Stopped { reason: String },
    /// A person wants it to be left alone.
    Paused { since: DateTime<Utc> },
}

impl Step {
    /// What the attempt at a delivery came to.
    pub(super) fn of(cut: &Cut, settled: &Settled) -> Self {
        let Settled { gone, rest, dead, disabled, .. } = settled;
        let attempt = cut.attempt;
        match (disabled, dead.last(), rest) {
            (Some(reason), ..) => {
                Self::Disabled { reason: reason.clone(), took_all: rest.is_none() }
            }
            (None, Some(last), _) => {
                Self::Buried { events: dead.len(), reason: last.reason.clone() }
            }
            (None, None, Some(Cut { failed: Some(failed), .. })) => {
                Self::Failed { reason: failed.reason.clone(), attempt }
            }
            _ => Self::Moved { events: *gone, attempt },
        }
    }

    /// Whether the sink was asked.
    pub(super) fn is_attempt(&self) -> bool {
        match self {
            Self::Moved { .. }
            | Self::Buried { .. }
            | Self::Failed { .. }
            | Self::Disabled { .. } => true,
            Self::NotBefore(_) | Self::Idle | Self::Stopped { .. } | Self::Paused { .. } => false,
        }
    }
}

//! What a sink's answer says of the events that it was offered.
//!
//! A sink is a stranger's code: one that claims more than it was given has taken all of it, and one
//! that says neither yes nor no has taken nothing.

use seatwatch_sdk::{Failure, Outcome};

/// What became of events that were offered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// So many were taken, the first of them.
    pub(super) taken: usize,
    /// What became of those after them, if there are any; where all were taken, that the receiver
    /// is gone all the same.
    pub(super) rest: Option<Rest>,
}

/// What became of the events after those that were taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// The receiver has not seen them.
    Unseen,
    /// It will take none of them, for one reason.
    Refused(String),
    /// This stands against the first of them.
    Failed(Failure),
}

/// Reads the answer to an offer of so many events.
pub(super) fn read(outcome: Outcome, offered: usize) -> Answer {
    let (taken, rest) = match outcome {
        Outcome::Accepted => (offered, Rest::Unseen),
        Outcome::Refused { reason } => (0, Rest::Refused(reason)),
        Outcome::Prefix { accepted: 0 } => {
            (0, Rest::Failed(Failure::retry("the sink took nothing and gave no reason")))
        }
        Outcome::Prefix { accepted } => (accepted, Rest::Unseen),
        Outcome::Partial { accepted, then } => (accepted, Rest::Failed(then)),
    };
    let taken = taken.min(offered);
    let stops = matches!(rest, Rest::Failed(Failure::Disable { .. }));
    Answer { taken, rest: (taken < offered || stops).then_some(rest) }
}

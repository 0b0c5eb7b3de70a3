//! Decides whether a roster may replace the stored one.
//!
//! Codecov can answer 200 with a roster that is not whole: rows shift between two statements, a
//! token loses its view of a part. Compared as it is, such a roster becomes a wave of false
//! `left` events in every sink. The guard accepts what is within bounds or what a person has
//! approved, and holds the rest as a whole; the last good roster stays.
//!
//! Pure: a confirmed difference, the limits and an approval in, a verdict out. The commit takes
//! only what comes from here. What the limits mean is explained at
//! [`GuardConfig`].

use crate::codecov::Digest;
use crate::config::GuardConfig;
use crate::roster::{Losses, Roster};

use super::confirm::Confirmed;
use super::diff::Diff;

/// How much a roster may lose at once without a person being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The most members that may leave.
    pub leavers: u64,
    /// The most of those who stay that may lose their seat.
    pub seat_losers: u64,
}

impl Bounds {
    /// The bounds for a roster of `members`, `seats` of them with a seat.
    pub(super) fn new(config: &GuardConfig, members: u64, seats: u64) -> Self {
        let bound = |of: u64| {
            let share = of.saturating_mul(config.max_leave_percent) / 100;
            config.min_leavers.max(share.min(config.max_leavers))
        };
        Self { leavers: bound(members), seat_losers: bound(seats) }
    }

    /// Whether a roster that lacks `losses`, less what was `approved`, needs a person's word.
    pub(super) fn exceeded_by(self, losses: &Losses, approved: Option<&Losses>) -> bool {
        let nothing = Losses::default();
        let approved = approved.unwrap_or(&nothing);
        let leavers = losses.leavers.difference(&approved.leavers).count() as u64;
        let seat_losers = losses.seat_losers.difference(&approved.seat_losers).count() as u64;
        leavers > self.leavers
            || seat_losers > self.seat_losers
            || (losses.last_admin && !approved.last_admin)
    }
}

/// A difference that may be committed. Only the guard makes one.
#[derive(Debug)]
pub(super) struct Accepted {
    diff: Diff,
    digest: Option<Digest>,
}

impl Accepted {
    /// The difference.
    pub(super) fn diff(&self) -> &Diff {
        &self.diff
    }

    /// Of the newer roster, where it is exactly what one walk brought.
    pub(super) fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
}

/// What the guard makes of a difference.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It may be committed.
    Accepted(Accepted),
    /// It waits for a person, and nothing of it is committed.
    Held {
        /// The roster that is held back.
        found: Roster,
        /// What it lacks.
        losses: Losses,
    },
}

/// Accepts a confirmed difference whose losses, less what was approved, are within bounds.
pub(super) fn judge(confirmed: Confirmed, bounds: Bounds, approved: Option<&Losses>) -> Verdict {
    let (diff, digest) = confirmed.into_parts();
    let losses = diff.losses();
    if bounds.exceeded_by(&losses, approved) {
        let (_, found) = diff.into_rosters();
        Verdict::Held { found, losses }
    } else {
        Verdict::Accepted(Accepted { diff, digest })
    }
}

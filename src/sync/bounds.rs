//! How much a roster may lose before a person is asked.
//!
//! Pure. What the limits mean is explained at [`GuardConfig`].

use crate::config::GuardConfig;
use crate::roster::Losses;

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

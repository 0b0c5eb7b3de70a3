//! Decides whether a roster may replace the stored one.
//!
//! Codecov can answer 200 with a roster that is not whole: rows shift between two statements, a
//! token loses its view of a part. Compared as it is, such a roster becomes a wave of false
//! `left` events in every sink. The guard accepts what is within bounds or what a person has
//! approved, and holds the rest as a whole; the last good roster stays.
//!
//! Pure: a confirmed difference, the limits and an approval in, a verdict out. The commit takes
//! only what comes from here.

use crate::codecov::Digest;
use crate::roster::{Losses, Roster};

use super::bounds::Bounds;
use super::confirm::Confirmed;
use super::diff::Diff;

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::super::cast::roster;
    use super::*;
    use crate::config::GuardConfig;

    /// How many of so many may go: by count, or by share up to a count.
    #[track_caller]
    fn check(min: u64, percent: u64, max: u64, of: u64, bound: u64) {
        let config = GuardConfig { min_leavers: min, max_leave_percent: percent, max_leavers: max };
        let bounds = Bounds { leavers: bound, seat_losers: bound };
        assert_eq!(Bounds::new(&config, of, of), bounds, "{config:?} of {of}");
    }

    #[test]
    fn the_bound_is_the_larger_of_a_count_and_a_capped_share() {
        check(5, 30, 500, 0, 5);
        check(5, 30, 500, 16, 5); // 4.8
        check(5, 30, 500, 19, 5); // 5.7
        check(5, 30, 500, 20, 6);
        check(5, 30, 500, 1666, 499);
        check(5, 30, 500, 1667, 500);
        check(5, 30, 500, 1_000_000, 500);
        check(5, 0, 500, 1000, 5);
        check(0, 0, 0, 1000, 0);
        check(0, 100, 1_000_000, 1000, 1000);
        check(50, 30, 10, 1000, 50);
        check(5, 100, 500, u64::MAX, 500);
    }

    /// Whether a person is asked about this difference, with small bounds: two may leave, two
    /// may lose their seat.
    #[track_caller]
    fn held(before: &str, after: &str, approved: Option<(&str, &str)>, expected: bool) {
        let difference = |before, after| Diff::between(roster(before), roster(after));
        let bounds = Bounds { leavers: 2, seat_losers: 2 };
        let approved = approved.map(|(before, after)| difference(before, after).losses());
        let confirmed = Confirmed::for_test(difference(before, after));
        let verdict = judge(confirmed, bounds, approved.as_ref());
        assert_eq!(matches!(verdict, Verdict::Held { .. }), expected, "{before} ─► {after}");
    }

    #[test]
    fn losses_above_the_bounds_are_held() {
        held("a b c d", "c d", None, false);
        held("a b c d", "d", None, true);
        held("a b c d", "d e f g h", None, true); // Who comes does not make up for it.
        held("a=1 b=2 c=3", "x=1 y=2 z=3", None, false); // The renamed are not lost.
        held("a=1 b=2 c=3", "a=4 b=5 c=6 _=1 _=2 _=3", None, true); // Names taken over are.
        held("a* b* c*", "a b c*", None, false);
        held("a* b* c*", "a b c", None, true);
        held("a* b* c* d*", "a b", None, false); // Of these two left, and two lost a seat.
        held("a*=1 b*=2 c*=3", "x=1 y=2 z=3", None, true); // Renamed, and without a seat.
        held("_* _* _*", "", None, false);
    }

    #[test]
    fn the_last_admin_is_held() {
        held("a! b", "a b", None, true);
        held("a! b", "b", None, true);
        held("a! b", "a b!", None, false);
        held("a!=1 b", "x=1 b", None, true);
        held("a b", "b", None, false);
    }

    #[test]
    fn what_was_approved_passes_and_not_more() {
        let approved = Some(("a b c d e f g h", "d e f g h"));
        held("a b c d e f g h", "d e f g h", approved, false);
        held("a b c d e f g h", "f g h", approved, false); // Two more are within bounds.
        held("a b c d e f g h", "g h", approved, true);
        held("a b c d e f g h", "a b c g h", approved, true); // Three others.
        held("a! b c d", "d", Some(("a b c d", "d")), true); // Not approved was the last admin.
        held("a* b* c*", "", Some(("a* b* c*", "a b c")), true); // Nor that they leave.
    }

    fn losses() -> impl Strategy<Value = Losses> {
        let keys = || btree_set("[a-f]", 0..6);
        (keys(), keys(), any::<bool>()).prop_map(|(leavers, seat_losers, last_admin)| {
            let seat_losers = seat_losers.difference(&leavers).cloned().collect();
            Losses { leavers, seat_losers, last_admin }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_larger_roster_never_has_a_smaller_bound(
            (min_leavers, max_leave_percent, max_leavers) in (0u64..50, 0u64..=100, 0u64..50),
            members in 0u64..1000,
            more in 0u64..1000,
        ) {
            let config = GuardConfig { min_leavers, max_leave_percent, max_leavers };
            let small = Bounds::new(&config, members, members);
            let large = Bounds::new(&config, members + more, members + more);
            prop_assert!(small.leavers <= large.leavers);
            prop_assert!(small.leavers >= min_leavers);
            prop_assert!(large.leavers <= min_leavers.max(max_leavers));
        }

        #[test]
        fn an_approval_covers_exactly_its_set(
            found in losses(),
            approved in losses(),
            leavers in 0u64..4,
            seat_losers in 0u64..4,
        ) {
            let bounds = Bounds { leavers, seat_losers };
            prop_assert!(!bounds.exceeded_by(&found, Some(&found)), "the approved set itself");
            let rest = |found: &BTreeSet<String>, approved| found.difference(approved).cloned().collect();
            let more = Losses {
                leavers: rest(&found.leavers, &approved.leavers),
                seat_losers: rest(&found.seat_losers, &approved.seat_losers),
                last_admin: found.last_admin && !approved.last_admin,
            };
            prop_assert_eq!(bounds.exceeded_by(&found, Some(&approved)), bounds.exceeded_by(&more, None));
        }
    }
}

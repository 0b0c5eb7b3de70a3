//! What becomes of a hold when the roster that it keeps back is read again.
//!
//! Pure. A hold is told once, and again as a reminder until a person has rejected it. Its id
//! names exactly its losses: when they change, so does the id, and what a person said of the old
//! one, for or against it, does not cover the new one. It is told anew when that would be held
//! even if what was told were right: then it is another story.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::bounds::Bounds;
use super::health::is_to_remind;
use crate::roster::Losses;
use crate::store::Hold;

/// The most names that a `roster_held` event shows.
pub(super) const NAMES_SHOWN: usize = 20;

/// The hold after this reading, and whether to tell `roster_held`.
pub(super) fn held(
    previous: Option<Hold>,
    losses: Losses,
    bounds: Bounds,
    remind_every: Duration,
    now: DateTime<Utc>,
) -> (Hold, bool) {
    let id = id(&losses);
    let Some(previous) = previous else {
        let (told_id, told_losses) = (id.clone(), losses.clone());
        let hold =
            Hold { id, losses, told_id, told_losses, told_at: now, since: now, rejected_at: None };
        return (hold, true);
    };
    let rejected = previous.rejected_at.is_some();
    let tell = match id == previous.id {
        true if rejected => false,
        false if rejected => true,
        _ => {
            bounds.exceeded_by(&losses, Some(&previous.told_losses))
                || is_to_remind(previous.told_at, remind_every, now)
        }
    };
    let rejected_at = if id == previous.id { previous.rejected_at } else { None };
    let hold = Hold { id, losses, rejected_at, ..previous };
    if tell { (told(hold, now), true) } else { (hold, false) }
}

/// The hold as it is after it was told.
fn told(hold: Hold, now: DateTime<Utc>) -> Hold {
    let (told_id, told_losses) = (hold.id.clone(), hold.losses.clone());
    Hold { told_id, told_losses, told_at: now, ..hold }
}

/// Eight digits that name a set of losses: short enough to type, and told apart by a person.
fn id(losses: &Losses) -> String {
    let mut hasher = Sha256::new();
    for (mark, keys) in [("leaver", &losses.leavers), ("seat loser", &losses.seat_losers)] {
        for key in keys {
            hasher.update(mark);
            hasher.update([0]);
            hasher.update(key);
            hasher.update([0]);
        }
    }
    hasher.update([u8::from(losses.last_admin)]);
    let digest: [u8; 32] = hasher.finalize().into();
    let (head, _) = digest.split_first_chunk().expect("a digest has 32 bytes");
    format!("{:08x}", u32::from_be_bytes(*head))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::TimeDelta;
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const WIDE: Bounds = Bounds { leavers: 99, seat_losers: 99 };

    fn leavers(names: &str) -> Losses {
        let leavers = names.split_whitespace().map(str::to_owned).collect();
        Losses { leavers, ..Losses::default() }
    }

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    #[test]
    fn a_hold_is_told_once_and_again_as_a_reminder() {
        let (first, tell) = held(None, leavers("a b"), WIDE, DAY, at(0));
        assert!(tell);
        assert_eq!((&first.id, first.told_at), (&first.told_id, at(0)));

        let (same, tell) = held(Some(first.clone()), leavers("a b"), WIDE, DAY, at(23));
        assert!(!tell);
        assert_eq!(same, first);

        // What changed is not told again before its time, but it has another id to approve.
        let (changed, tell) = held(Some(same), leavers("a b c"), WIDE, DAY, at(23));
        assert!(!tell);
        assert_ne!(changed.id, changed.told_id);
        assert_eq!(changed.told_losses, leavers("a b"));

        let (reminder, tell) = held(Some(changed), leavers("a b c"), WIDE, DAY, at(24));
        assert!(tell);
        assert_eq!((&reminder.id, &reminder.losses), (&reminder.told_id, &reminder.told_losses));
        assert_eq!((reminder.since, reminder.told_at), (at(0), at(24)));
        assert!(!held(Some(reminder), leavers("a b c"), WIDE, DAY, at(47)).1);
    }

    #[test]
    fn another_set_beyond_the_bounds_is_told_anew() {
        let narrow = Bounds { leavers: 1, seat_losers: 1 };
        let (first, _) = held(None, leavers("a b"), narrow, DAY, at(0));
        let (second, tell) = held(Some(first), leavers("a b c"), narrow, DAY, at(1));
        assert!(!tell, "one more is within bounds");
        let (third, tell) = held(Some(second), leavers("c d"), narrow, DAY, at(1));
        assert!(tell && third.told_id == third.id);
    }

    #[test]
    fn a_rejection_is_of_exactly_those_losses() {
        let (hold, _) = held(None, leavers("a"), WIDE, DAY, at(0));
        let rejected = Hold { rejected_at: Some(at(1)), ..hold };
        let (same, tell) = held(Some(rejected.clone()), leavers("a"), WIDE, DAY, at(1000));
        assert_eq!((same.rejected_at, tell), (Some(at(1)), false));
        let (other, tell) = held(Some(rejected), leavers("a b"), WIDE, DAY, at(2));
        assert_eq!((other.rejected_at, tell), (None, true));
        assert_eq!((other.told_id == other.id, other.since), (true, at(0)));
    }

    fn losses() -> impl Strategy<Value = Losses> {
        let keys = || btree_set("[a-c]{1,2}", 0..3);
        (keys(), keys(), any::<bool>()).prop_map(|(leavers, seat_losers, last_admin)| Losses {
            leavers,
            seat_losers,
            last_admin,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn ids_are_equal_only_for_equal_losses(a in losses(), b in losses()) {
            prop_assert_eq!(id(&a) == id(&b), a == b);
            prop_assert_eq!(id(&a), id(&a.clone()));
            prop_assert!(id(&a).len() == 8 && id(&a).bytes().all(|byte| byte.is_ascii_hexdigit()));
        }

        /// However often it is read and whatever it lacks within bounds: once, then once a day.
        #[test]
        fn nobody_is_told_more_often_than_the_reminders(readings in vec((losses(), 0i64..30), 1..20)) {
            let (mut hold, mut now, mut told) = (None, 0, Vec::new());
            for (losses, wait) in readings {
                now += wait;
                let losses = Losses { last_admin: false, ..losses };
                let (next, tell) = held(hold, losses, WIDE, DAY, at(now));
                told.extend(tell.then_some(now));
                prop_assert_eq!(next.since, at(told[0]));
                hold = Some(next);
            }
            prop_assert!(told.is_sorted_by(|a, b| b - a >= 24), "{told:?}");
        }
    }

    #[test]
    fn a_leaver_is_not_a_seat_loser() {
        let keys: BTreeSet<String> = ["a".to_owned()].into();
        let seat_losers = Losses { seat_losers: keys, ..Losses::default() };
        assert_ne!(id(&leavers("a")), id(&seat_losers));
    }
}

//! Decides when failing syncs are worth a word, and what they mean for the next one.
//!
//! Pure: the health so far and the time in, the health after it and whether to tell out.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::codecov::Reason;
use crate::store::Health;

/// How much sooner than the last, counted in rounds of its schedule, a sync may come to its end.
const JITTER: Duration = Duration::from_secs(5 * 60);

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
        Some(told_at) => is_to_remind(told_at, patience.remind_every, now),
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

/// Whether what was told is to be told again. One sync takes a little longer than another: a daily
/// one that comes round some seconds before the day is over does not wait for the next day.
pub(super) fn is_to_remind(told_at: DateTime<Utc>, every: Duration, now: DateTime<Utc>) -> bool {
    has_passed(told_at, every.saturating_sub(JITTER.min(every / 20)), now)
}

/// Whether at least `wait` lies between the two times, in whichever order: what was noted so far
/// ahead was noted by a wrong clock, and must not be waited for.
pub(super) fn has_passed(from: DateTime<Utc>, wait: Duration, to: DateTime<Utc>) -> bool {
    (to - from).abs().to_std().is_ok_and(|passed| passed >= wait)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const PATIENCE: Patience =
        Patience { failing_after: 3, remind_every: Duration::from_secs(24 * 60 * 60) };

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    /// Each hour one sync: `.` succeeds, `x` fails. Where something is told, `F` or `R` stands.
    fn told(syncs: &str, patience: Patience) -> String {
        let mut health = Health::default();
        let mut hours = 0..;
        let mut sync = |outcome| {
            let now = at(hours.next().unwrap());
            let (next, word) = if outcome == '.' {
                let (next, recovered) = succeeded(&health, now);
                (next, if recovered { 'R' } else { '.' })
            } else {
                let (next, failing) = failed(&health, Reason::Timeout, None, patience, now);
                (next, if failing { 'F' } else { 'x' })
            };
            health = next;
            assert_eq!(health.failures == 0, health.failing_since.is_none());
            assert!(health.told_at.is_none() || health.failures > 0);
            word
        };
        syncs.chars().map(&mut sync).collect()
    }

    #[test]
    fn failures_are_told_after_a_few_and_then_as_reminders() {
        assert_eq!(told("....", PATIENCE), "....");
        assert_eq!(told("xx.xx.", PATIENCE), "xx.xx.");
        assert_eq!(told("xxxx.", PATIENCE), "xxFxR");
        assert_eq!(told("xxx.xxx.", PATIENCE), "xxFRxxFR");
        let day = "x".repeat(24);
        let reminded = format!("xxF{}F{}F", "x".repeat(23), "x".repeat(23));
        assert_eq!(told(&format!("xx{day}{day}x"), PATIENCE), reminded);
        assert_eq!(told("xx.", Patience { failing_after: 1, ..PATIENCE }), "FxR");
        assert_eq!(told("xx.", Patience { failing_after: 0, ..PATIENCE }), "FxR");
    }

    #[test]
    fn a_reminder_is_not_put_off_by_a_sync_that_was_quick() {
        let day = PATIENCE.remind_every;
        assert!(is_to_remind(at(0), day, at(24) - TimeDelta::minutes(5)));
        assert!(!is_to_remind(at(0), day, at(24) - TimeDelta::minutes(6)));
        let minute = Duration::from_secs(60);
        assert!(is_to_remind(at(0), minute, at(0) + TimeDelta::seconds(57)));
        assert!(!is_to_remind(at(0), minute, at(0) + TimeDelta::seconds(56)));
    }

    #[test]
    fn after_an_empty_list_the_next_roster_is_read_twice() {
        let fail = |health: &Health, reason| failed(health, reason, None, PATIENCE, at(1)).0;
        let empty = fail(&Health::default(), Reason::Empty);
        assert!(empty.read_twice);
        assert!(fail(&empty, Reason::Timeout).read_twice, "forgotten over another failure");
        assert!(!succeeded(&empty, at(2)).0.read_twice);
        assert!(fail(&Health::default(), Reason::OrganizationNotFound).read_twice);
        assert!(!fail(&Health::default(), Reason::TokenRefused).read_twice);
    }

    #[test]
    fn a_failure_keeps_the_last_success_and_the_seat_alarms() {
        let (health, _) = succeeded(&Health { near_told: Some(9), ..Health::default() }, at(1));
        let until = Some(at(9));
        let (health, _) = failed(&health, Reason::RateLimited, until, PATIENCE, at(2));
        let (health, _) = failed(&health, Reason::RateLimited, until, PATIENCE, at(3));
        assert_eq!((health.last_success_at, health.failing_since), (Some(at(1)), Some(at(2))));
        assert_eq!((health.postponed_until, health.near_told), (until, Some(9)));
        let (health, _) = succeeded(&health, at(4));
        assert_eq!((health.postponed_until, health.near_told), (None, Some(9)));
    }

    #[test]
    fn a_time_that_a_wrong_clock_noted_is_not_waited_for() {
        assert!(has_passed(at(0), Duration::ZERO, at(0)));
        assert!(has_passed(at(0), Duration::from_secs(3600), at(1)));
        assert!(!has_passed(at(0), Duration::from_secs(3601), at(1)));
        assert!(!has_passed(at(1), Duration::from_secs(3601), at(0))); // Set back a little.
        assert!(has_passed(at(50_000), Duration::from_secs(3601), at(0)));
    }
}

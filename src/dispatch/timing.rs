//! When what a lane has before it may be delivered.
//!
//! Pure: the sink's timing, the time of the oldest event that waits and the time in, an instant
//! out.

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Timing;

/// No wait is believed that ends later than this: a wrong clock noted its end.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);

/// When events may be cut into a delivery whose oldest happened at `head`; none where they may be
/// now.
///
/// An event of the future was noted by a wrong clock, and is not waited for.
pub(super) fn not_before(
    timing: &Timing,
    head: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let ready = match timing {
        Timing::Wait(wait) => head.checked_add_signed(TimeDelta::from_std(*wait).ok()?)?,
        Timing::Digest(cron, zone) => cron.next_after(*zone, head)?,
    };
    (head <= now && ready > now).then_some(ready)
}

/// When a digest takes what has waited since `head`; none where none is waited for.
pub(super) fn digest_at(
    timing: &Timing,
    head: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    match timing {
        Timing::Digest(..) => not_before(timing, head, now),
        Timing::Wait(_) => None,
    }
}

/// Until when a delivery that failed is left alone; none where it may be tried now.
pub(super) fn retry_not_before(next: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (next > now && next - now <= LONGEST_WAIT).then_some(next)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-11-23T{time}Z").parse().unwrap()
    }

    #[track_caller]
    fn check(timing: &Timing, head: &str, now: &str, until: Option<&str>) {
        assert_eq!(not_before(timing, at(head), at(now)), until.map(at));
    }

    #[test]
    fn a_wait_counts_from_the_oldest_event() {
        let none = Timing::Wait(Duration::ZERO);
        check(&none, "10:00:00", "10:00:00", None);
        check(&none, "10:00:00", "09:00:00", None); // The clock was set back.
        let some = Timing::Wait(Duration::from_secs(30));
        check(&some, "10:00:00", "10:00:29", Some("10:00:30"));
        check(&some, "10:00:00", "10:00:30", None);
        check(&some, "10:00:00", "09:00:00", None);
    }

    #[test]
    fn a_digest_goes_out_at_its_times_and_makes_up_for_a_missed_one() {
        let digest = Timing::Digest("0 8 * * *".parse().unwrap(), chrono_tz::UTC);
        check(&digest, "07:00:00", "07:59:59", Some("08:00:00"));
        check(&digest, "07:00:00", "08:00:00", None);
        check(&digest, "07:00:00", "15:00:00", None); // The daemon was down at eight.
        assert!(not_before(&digest, at("08:00:00"), at("15:00:00")).is_some());
    }

    #[test]
    fn a_retry_that_a_wrong_clock_noted_is_not_waited_for() {
        assert_eq!(retry_not_before(at("10:00:01"), at("10:00:00")), Some(at("10:00:01")));
        assert_eq!(retry_not_before(at("10:00:00"), at("10:00:00")), None);
        assert_eq!(retry_not_before(at("10:00:00") + TimeDelta::days(400), at("10:00:00")), None);
    }
}

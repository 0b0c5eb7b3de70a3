//! Decides when the seats in use are worth a word.
//!
//! Pure. An alarm is told once and armed again when two seats below it are in use, so that one
//! person who comes and goes at the limit does not fill a mailbox. Another limit is another alarm.

use seatwatch_sdk::EventKind;

use crate::config::SeatsConfig;

/// How far below an alarm the seats in use must fall before it is told again; to none at most.
const REARM_BELOW: u64 = 2;

/// At how many seats each of the two alarms was told and is not armed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) near: Option<u64>,
    pub(super) reached: Option<u64>,
}

/// What to tell now that `used` seats are paid for, and what is told after that.
pub(super) fn alarms(config: &SeatsConfig, used: u64, told: Told) -> (Vec<EventKind>, Told) {
    let Some(limit) = config.limit else { return (Vec::new(), Told::default()) };
    let near_at = config.warn_at.seats(limit);
    let (tell_near, near) = alarm(near_at, used, told.near);
    let (tell_reached, reached) = alarm(limit, used, told.reached);
    let events = [
        tell_near.then_some(EventKind::SeatLimitNear),
        tell_reached.then_some(EventKind::SeatLimitReached),
    ];
    (events.into_iter().flatten().collect(), Told { near, reached })
}

/// Whether to tell the alarm at so many seats, and at how many it is told after that.
fn alarm(at: u64, used: u64, told: Option<u64>) -> (bool, Option<u64>) {
    let is_told = told == Some(at) && used > at.saturating_sub(REARM_BELOW);
    let tell = !is_told && used >= at;
    (tell, (is_told || tell).then_some(at))
}

/// What the events about the limit say.
pub(super) fn details(config: &SeatsConfig, used: u64) -> serde_json::Value {
    let warn_at = config.limit.map(|limit| config.warn_at.seats(limit));
    serde_json::json!({ "used": used, "limit": config.limit, "warn_at": warn_at })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::config::WarnAt;

    /// The alarms while these many seats are used one after the other.
    #[track_caller]
    fn check(limit: u64, warn_at: u64, used: &[u64], expected: &str) {
        let config = SeatsConfig {
            limit: Some(limit),
            warn_at: WarnAt::Seats(warn_at),
            ..SeatsConfig::default()
        };
        let mut told = Told::default();
        let mut seen = Vec::new();
        for used in used {
            let (events, now) = alarms(&config, *used, told);
            told = now;
            seen.extend(events.into_iter().map(|event| match event {
                EventKind::SeatLimitNear => format!("near {used}"),
                _ => format!("reached {used}"),
            }));
        }
        assert_eq!(seen.join(", "), expected, "{used:?}");
    }

    #[test]
    fn an_alarm_is_told_once_and_armed_again_two_seats_below() {
        check(10, 8, &[0, 7], "");
        check(10, 8, &[7, 8, 9, 8, 9], "near 8");
        check(10, 8, &[8, 7, 8], "near 8");
        check(10, 8, &[8, 6, 8], "near 8, near 8");
        check(10, 8, &[12], "near 12, reached 12");
        check(10, 8, &[10, 9, 10, 8, 10], "near 10, reached 10, reached 10");
        check(10, 10, &[9, 10, 11], "near 10, reached 10");
        check(2, 2, &[2, 1, 2, 0, 2], "near 2, reached 2, near 2, reached 2");
    }

    /// Who buys a seat wants to know when that one is taken, too.
    #[test]
    fn another_limit_is_another_alarm() {
        let alarms = |limit, used, told| {
            let warn_at = WarnAt::Seats(limit);
            alarms(&SeatsConfig { limit: Some(limit), warn_at, price: None }, used, told)
        };
        let (events, told) = alarms(50, 50, Told::default());
        assert_eq!(events.len(), 2);
        let (events, told) = alarms(51, 50, told);
        assert_eq!((events, told), (Vec::new(), Told::default()));
        assert_eq!(alarms(51, 51, told).0.len(), 2);
    }

    /// Nobody can use two seats fewer than one.
    #[test]
    fn the_alarm_at_the_first_seat_is_armed_again_by_none() {
        check(1, 1, &[1, 0, 1], "near 1, reached 1, near 1, reached 1");
        check(5, 1, &[1, 2, 0, 1], "near 1, near 1");
    }

    #[test]
    fn without_a_limit_nothing_is_said_or_kept() {
        let told = Told { near: Some(9), reached: Some(10) };
        assert_eq!(alarms(&SeatsConfig::default(), 99, told), (Vec::new(), Told::default()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Between two tellings of an alarm the seats in use fell two below it, or to none; and
        /// it is told as soon as it is due.
        #[test]
        fn an_alarm_is_told_when_it_is_armed_and_due(
            limit in 1u64..12,
            warn_at in 1u64..12,
            used in vec(0u64..14, 1..40),
        ) {
            let config = SeatsConfig { limit: Some(limit), warn_at: WarnAt::Seats(warn_at.min(limit)), price: None };
            let mut told = Told::default();
            let mut armed = [true; 2];
            for used in used {
                let (events, now) = alarms(&config, used, told);
                told = now;
                let kinds = [EventKind::SeatLimitNear, EventKind::SeatLimitReached];
                for ((kind, at), armed) in kinds.into_iter().zip([warn_at.min(limit), limit]).zip(&mut armed) {
                    *armed |= used == 0 || used + 2 <= at;
                    let due = *armed && used >= at;
                    prop_assert_eq!(events.contains(&kind), due, "{} at {}", kind, used);
                    *armed &= !due;
                }
            }
        }
    }
}

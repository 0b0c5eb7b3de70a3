//! Decides when the seats in use are worth a word.
//!
//! Pure. An alarm is told once and armed again when two seats below it are in use, so that one
//! person who comes and goes at the limit does not fill a mailbox.

use seatwatch_sdk::EventKind;

use crate::config::SeatsConfig;

/// How far below an alarm the seats in use must fall before it is told again; to none at most.
const REARM_BELOW: u64 = 2;

/// Which of the two alarms are told and not armed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) near: bool,
    pub(super) reached: bool,
}

/// What to tell now that `used` seats are paid for, and what is told after that.
pub(super) fn alarms(config: &SeatsConfig, used: u64, told: Told) -> (Vec<EventKind>, Told) {
    let Some(limit) = config.limit else { return (Vec::new(), Told::default()) };
    let near = alarm(config.warn_at.seats(limit), used, told.near);
    let reached = alarm(limit, used, told.reached);
    let events = [
        (near == Alarm::Tell).then_some(EventKind::SeatLimitNear),
        (reached == Alarm::Tell).then_some(EventKind::SeatLimitReached),
    ];
    let told = Told { near: near != Alarm::Armed, reached: reached != Alarm::Armed };
    (events.into_iter().flatten().collect(), told)
}

#[derive(PartialEq, Eq)]
enum Alarm {
    Armed,
    Tell,
    Told,
}

fn alarm(at: u64, used: u64, told: bool) -> Alarm {
    match told {
        false if used >= at => Alarm::Tell,
        true if used > at.saturating_sub(REARM_BELOW) => Alarm::Told,
        _ => Alarm::Armed,
    }
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
        let config = SeatsConfig { limit: Some(limit), warn_at: WarnAt::Seats(warn_at) };
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

    /// Nobody can use two seats fewer than one.
    #[test]
    fn the_alarm_at_the_first_seat_is_armed_again_by_none() {
        check(1, 1, &[1, 0, 1], "near 1, reached 1, near 1, reached 1");
        check(5, 1, &[1, 2, 0, 1], "near 1, near 1");
    }

    #[test]
    fn without_a_limit_nothing_is_said_or_kept() {
        let told = Told { near: true, reached: true };
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
            let config = SeatsConfig { limit: Some(limit), warn_at: WarnAt::Seats(warn_at.min(limit)) };
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

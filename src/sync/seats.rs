//! Decides when the seats in use are worth a word.
//!
//! Pure. An alarm is told once and armed again when two seats below it are in use, so that one
//! person who comes and goes at the limit does not fill a mailbox.

use seatwatch_sdk::EventKind;

use crate::config::SeatsConfig;

/// How far below an alarm the seats in use must fall before it is told again.
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
        true if used.saturating_add(REARM_BELOW) > at => Alarm::Told,
        _ => Alarm::Armed,
    }
}

/// What the events about the limit say.
pub(super) fn details(config: &SeatsConfig, used: u64) -> serde_json::Value {
    let warn_at = config.limit.map(|limit| config.warn_at.seats(limit));
    serde_json::json!({ "used": used, "limit": config.limit, "warn_at": warn_at })
}

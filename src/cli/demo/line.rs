//! One event as one line for people: when, where, what, who, and what becomes of the seats.
//!
//! Pure; colour repeats what the words say.

use anstyle::{AnsiColor, Style};
use chrono::TimeZone;
use seatwatch_sdk::{Data, EventKind, Totals};
use serde_json::Value;

use super::super::output::{count, shown};
use super::told::Told;

/// The line, with the time as it is in `zone`.
pub(super) fn line<Z: TimeZone>(told: &Told, zone: &Z) -> String
where
    Z::Offset: std::fmt::Display,
{
    let time = told.time.with_timezone(zone).format("%T");
    let event = told.data.event;
    let (style, word) = (style(event), event.word());
    let organization = told.organization();
    let line = format!(
        "{time}  {organization:<20}  {style}{word:<18}{style:#}  {:<24}  {}",
        shown(&what(&told.data)),
        seats(&told.data).unwrap_or_default()
    );
    line.trim_end().to_owned()
}

fn style(event: EventKind) -> Style {
    use EventKind as E;
    let color = match event {
        E::Joined | E::SeatGained | E::SyncRecovered | E::RosterReleased => AnsiColor::Green,
        E::Left | E::SeatLost => AnsiColor::Red,
        E::AdminGranted | E::AdminRevoked => AnsiColor::Magenta,
        E::SeatLimitNear | E::SeatLimitReached | E::RosterHeld | E::OrganizationVanished => {
            AnsiColor::Yellow
        }
        E::SyncFailing => return AnsiColor::Red.on_default().bold(),
        E::Baselined | E::Heartbeat | E::Renamed | E::Updated | E::Test => AnsiColor::Cyan,
    };
    color.on_default()
}

/// Who it is about, or what else there is to say.
fn what(data: &Data) -> String {
    if let Some(member) = &data.member {
        let (old, new) = (data.before.as_ref(), data.after.as_ref());
        let username = &member.profile.username;
        return match (data.event, old, new) {
            (EventKind::Renamed, Some(old), _) => format!("{} → {username}", old.username),
            (EventKind::Updated, Some(old), Some(new)) if old.email != new.email => {
                format!("{username}: another address")
            }
            _ => username.clone(),
        };
    }
    let detail = |key| data.details.as_ref().and_then(|details| details.get(key));
    let number = |key| detail(key).and_then(Value::as_u64).unwrap_or_default();
    let text = |key| detail(key).and_then(Value::as_str).unwrap_or_default();
    match data.event {
        EventKind::Baselined => data.totals.as_ref().map(sums).unwrap_or_default(),
        EventKind::SeatLimitNear | EventKind::SeatLimitReached => {
            format!("{} of {} seats in use", number("used"), number("limit"))
        }
        EventKind::RosterHeld => {
            let last_admin = detail("last_admin").and_then(Value::as_bool) == Some(true);
            let mut lacks = Vec::new();
            if number("leavers") > 0 {
                let members = count(number("members"), "member");
                lacks.push(format!("{} of {members} would leave", number("leavers")));
            }
            if number("seat_losers") > 0 {
                lacks.push(format!("{} would lose the seat", number("seat_losers")));
            }
            if last_admin {
                lacks.push("no admin would be left".to_owned());
            }
            format!("hold {}: {}", text("hold"), lacks.join(", "))
        }
        EventKind::RosterReleased => match text("how") {
            "within_bounds" => format!("hold {}: within bounds again", text("hold")),
            how => format!("hold {}: {how}", text("hold")),
        },
        EventKind::SyncFailing => {
            format!("{}, {}", text("reason"), count(number("failures"), "failure"))
        }
        EventKind::SyncRecovered => format!("after {}", count(number("failures"), "failure")),
        EventKind::Heartbeat => {
            format!("{} queued", count(number("queued_events"), "event"))
        }
        _ => String::new(),
    }
}

fn sums(totals: &Totals) -> String {
    let Totals { members, admins, .. } = *totals;
    let (members, seats) = (count(members, "member"), count(totals.seats_used(), "seat"));
    format!("{members}, {seats}, {}", count(admins, "admin"))
}

/// `seats 8 → 10`, where the event is about a seat.
fn seats(data: &Data) -> Option<String> {
    if !matches!(data.event, EventKind::SeatGained | EventKind::SeatLost) {
        return None;
    }
    let before = data.previous_totals.as_ref()?.seats_used();
    let after = data.totals.as_ref()?.seats_used();
    // One took a seat, another lost one.
    let is_same = before == after;
    Some(if is_same { format!("seats {after}") } else { format!("seats {before} → {after}") })
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(data: serde_json::Value, expected: &str) {
        let mut data = data;
        data["organization"] = json!({ "service": "github", "owner": "acme" });
        let told = json!({ "time": "2026-11-23T10:00:04Z", "data": data });
        let line = line(&serde_json::from_value(told).unwrap(), &Utc);
        let line = anstream::adapter::strip_str(&line).to_string();
        let line = line.strip_prefix("10:00:04  github/acme           ");
        assert_eq!(line, Some(expected));
    }

    fn of_member(event: &str, seats: [u64; 2]) -> serde_json::Value {
        let profile = |username| json!({ "username": username, "seat": true, "admin": false });
        let totals = |seats| json!({ "members": 12, "seats": seats, "admins": 1, "unnamed": { "members": 0, "seats": 0 } });
        let mut member = profile("ann");
        member["status"] = json!("enabled");
        json!({
            "event": event, "member": member, "before": profile("bob\u{202e}"), "after": profile("ann"),
            "previous_totals": totals(seats[0]), "totals": totals(seats[1]),
        })
    }

    #[test]
    fn a_member_event_names_the_member_and_the_seats() {
        check(of_member("joined", [8, 9]), "joined              ann");
        check(
            of_member("seat_gained", [8, 9]),
            "seat_gained         ann                       seats 8 → 9",
        );
        check(
            of_member("seat_lost", [8, 8]),
            "seat_lost           ann                       seats 8",
        );
        check(of_member("renamed", [8, 8]), "renamed             bob\\u{202e} → ann");
        let mut baseline = of_member("baselined", [0, 8]);
        baseline["member"] = json!(null);
        check(baseline, "baselined           12 members, 8 seats, 1 admin");
    }

    #[test]
    fn an_organization_event_says_what_there_is_to_know() {
        let event = |event: &str, details| json!({ "event": event, "details": details });
        let hold = json!({ "hold": "94cc570f", "leavers": 8, "members": 16, "seat_losers": 2, "last_admin": true });
        check(
            event("roster_held", hold),
            "roster_held         hold 94cc570f: 8 of 16 members would leave, 2 would lose the seat, \
             no admin would be left",
        );
        check(
            event("roster_released", json!({ "hold": "94cc570f", "how": "within_bounds" })),
            "roster_released     hold 94cc570f: within bounds again",
        );
        check(
            event("sync_failing", json!({ "reason": "server_error", "failures": 3 })),
            "sync_failing        server_error, 3 failures",
        );
        check(
            event("seat_limit_near", json!({ "used": 9, "limit": 10 })),
            "seat_limit_near     9 of 10 seats in use",
        );
        check(
            event("heartbeat", json!({ "queued_events": 2 })),
            "heartbeat           2 events queued",
        );
    }
}

//! Events in words, for people: the same on a page, in a report and in a terminal.
//!
//! Every text in them that others chose is safe for eyes; that it does no harm in a page is for
//! who writes the page. Pure.

use seatwatch_sdk::{Data, EventKind, Profile};
use serde_json::Value;

use crate::text::{count, grouped, shown};

/// What happened, as it stands behind a username, or by itself: `gained a seat`, `Roster held`.
pub(crate) fn what(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Joined => "joined",
        EventKind::Left => "left",
        EventKind::SeatGained => "gained a seat",
        EventKind::SeatLost => "lost a seat",
        EventKind::AdminGranted => "was granted admin rights",
        EventKind::AdminRevoked => "had admin rights revoked",
        EventKind::Renamed => "renamed",
        EventKind::Updated => "was edited",
        EventKind::Baselined => "Baseline stored",
        EventKind::SyncFailing => "Syncs keep failing",
        EventKind::SyncRecovered => "Syncs work again",
        EventKind::RosterHeld => "Roster held",
        EventKind::RosterReleased => "Roster released",
        EventKind::SeatLimitNear => "Seat limit near",
        EventKind::SeatLimitReached => "Seat limit reached",
        EventKind::OrganizationVanished => "Vanished from the token's listing",
        EventKind::Heartbeat => "Sign of life",
        EventKind::Test => "Test",
    }
}

/// What else there is to say: what was edited of a member, or what is told of an organization.
pub(crate) fn more(data: &Data) -> Vec<String> {
    if let (Some(before), Some(after)) = (&data.before, &data.after) {
        return edits(data.event, before, after);
    }
    let detail = |key: &str| data.details.as_ref()?.get(key);
    let number = |key: &str| detail(key).and_then(Value::as_u64);
    let text = |key: &str| detail(key).and_then(Value::as_str).map(shown);
    let some = match data.event {
        EventKind::Baselined => [data.totals.map(|totals| count(totals.members, "member")), None],
        EventKind::SyncFailing => [text("reason"), text("message")],
        EventKind::RosterHeld => [
            number("leavers").map(|leavers| format!("{} would leave", count(leavers, "member"))),
            number("seat_losers")
                .filter(|losers| *losers > 0)
                .map(|losers| format!("{} would be lost", count(losers, "seat"))),
        ],
        EventKind::RosterReleased => [text("how").map(|how| how.replace('_', " ")), None],
        EventKind::SeatLimitNear | EventKind::SeatLimitReached => {
            let both = number("used").zip(number("limit"));
            let told =
                |(used, limit)| format!("{} of {} in use", grouped(used), count(limit, "seat"));
            [both.map(told), None]
        }
        _ => [None, None],
    };
    some.into_iter().flatten().collect()
}

/// What an event of this kind says of the texts of a member: `name Ann → Anna`, `email – →
/// ann@example.com`. Of a rename, what else was edited: the usernames stand where the member does.
pub(crate) fn edits(kind: EventKind, before: &Profile, after: &Profile) -> Vec<String> {
    let text = |text: &Option<String>| text.as_deref().map_or_else(|| "–".to_owned(), shown);
    [
        ("username", shown(&before.username), shown(&after.username)),
        ("name", text(&before.name), text(&after.name)),
        ("email", text(&before.email), text(&after.email)),
    ]
    .into_iter()
    .filter(|(what, before, after)| match kind {
        EventKind::Updated => before != after,
        EventKind::Renamed => before != after && *what != "username",
        _ => false,
    })
    .map(|(what, before, after)| format!("{what} {before} → {after}"))
    .collect()
}

//! One event, as a line of a timeline.

use chrono_tz::Tz;
use seatwatch_sdk::{Data, Event, EventKind, Profile};
use serde::Serialize;
use serde_json::Value;

use super::show::{self, Moment, grouped};
use super::{Surroundings, link};
use crate::organization::OrganizationId;
use crate::store::{Newest, View};
use crate::text::count;

/// What happened.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    at: Moment,
    /// `good`, `bad`, `warn` or `plain`: repeats what the words say.
    tone: &'static str,
    /// To whom, if to a member: their username and the way to them.
    who: Option<(String, Option<String>)>,
    /// What they were called before, where that is what changed.
    formerly: Option<String>,
    /// `gained a seat`.
    what: String,
    /// More about it.
    more: Vec<String>,
    /// Where: `github/acme` and the way there.
    organization: Option<(String, String)>,
}

/// A part of a timeline, and the way to older parts and back to the newest.
#[derive(Debug, Default, Serialize)]
pub(super) struct Timeline {
    changes: Vec<Change>,
    newest: Option<String>,
    older: Option<String>,
}

/// Changes of a part of a timeline.
const CHANGES: u64 = 50;

impl Timeline {
    /// The part before the event that `before` names, or the newest. None where it names none.
    pub(super) fn load(
        view: &View<'_>,
        newest: Newest,
        before: Option<&str>,
        zone: Tz,
        href: impl Fn(&str) -> String,
    ) -> rusqlite::Result<Option<Self>> {
        let before = match before.filter(|before| !before.is_empty()).map(str::parse) {
            Some(Ok(before)) => Some(before),
            None => None,
            Some(Err(_)) => return Ok(None),
        };
        // SQLite knows no larger numbers.
        if before.is_some_and(|before| i64::try_from(before).is_err()) {
            return Ok(None);
        }
        let mut events = view.newest(&Newest { before, ..newest }, CHANGES + 1)?;
        let more = events.len() as u64 > CHANGES;
        events.truncate(usize::try_from(CHANGES).unwrap_or(usize::MAX));
        let last = events.last().filter(|_| more).map(|last| last.sequence.to_string());
        if events.is_empty() && before.is_some() {
            return Ok(None);
        }
        Ok(Some(Self {
            changes: events.iter().map(|event| Change::of(event, zone)).collect(),
            newest: before.map(|_| href("")),
            older: last.map(|last| href(&last)),
        }))
    }
}

/// The newest changes of all organizations.
pub(super) fn recent(
    view: &View<'_>,
    around: &Surroundings<'_>,
    limit: u64,
) -> rusqlite::Result<Vec<Change>> {
    let events = view.newest(&Newest::default(), limit)?;
    Ok(events.iter().map(|event| Change::of(event, around.config.timezone)).collect())
}

impl Change {
    fn of(event: &Event, zone: Tz) -> Self {
        let data = &event.data;
        let id: Option<OrganizationId> = data
            .organization
            .as_ref()
            .and_then(|it| format!("{}/{}", it.service, it.owner).parse().ok());
        let who = data.member.as_ref().map(|member| {
            let username = &member.profile.username;
            let href = id.as_ref().map(|id| link::member(id, username));
            (show::name(username), href)
        });
        let renamed = data.before.as_ref().filter(|_| data.event == EventKind::Renamed);
        let (tone, what) = words(data.event);
        Self {
            at: Moment::of(event.time, zone),
            tone,
            who,
            formerly: renamed.map(|before| show::name(&before.username)),
            what: what.map_or_else(|| plain(data.event), str::to_owned),
            more: more(data),
            organization: id.map(|id| (id.to_string(), link::organization(&id))),
        }
    }
}

/// The tone of an event, and the words for it where its own word will not do.
fn words(kind: EventKind) -> (&'static str, Option<&'static str>) {
    let (tone, words) = match kind {
        EventKind::Joined => ("good", "joined"),
        EventKind::Left => ("bad", "left"),
        EventKind::SeatGained => ("good", "gained a seat"),
        EventKind::SeatLost => ("bad", "lost the seat"),
        EventKind::AdminGranted => ("warn", "became an admin"),
        EventKind::AdminRevoked => ("plain", "is no longer an admin"),
        EventKind::Renamed => ("plain", "renamed"),
        EventKind::Updated => ("plain", "was edited"),
        EventKind::Baselined => ("plain", "First roster read"),
        EventKind::SyncFailing => ("bad", "Syncs keep failing"),
        EventKind::SyncRecovered => ("good", "Syncs work again"),
        EventKind::RosterHeld => ("warn", "Roster held"),
        EventKind::RosterReleased => ("good", "Roster released"),
        EventKind::SeatLimitNear => ("warn", "Seat limit near"),
        EventKind::SeatLimitReached => ("bad", "Seat limit reached"),
        _ => return ("plain", None),
    };
    (tone, Some(words))
}

/// An event's own word: `Heartbeat`.
fn plain(kind: EventKind) -> String {
    let words = kind.word().replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// What was edited of a member, or what else is told of an organization.
fn more(data: &Data) -> Vec<String> {
    if let (EventKind::Updated, Some(before), Some(after)) = (data.event, &data.before, &data.after)
    {
        return edits(before, after);
    }
    let detail = |key: &str| data.details.as_ref()?.get(key);
    let number = |key: &str| detail(key).and_then(Value::as_u64);
    let text = |key: &str| detail(key).and_then(Value::as_str).map(show::sentence);
    match data.event {
        EventKind::Baselined => {
            let totals = data.totals.as_ref();
            totals.map(|totals| count(totals.members, "member")).into_iter().collect()
        }
        EventKind::SyncFailing => [text("reason"), text("message")].into_iter().flatten().collect(),
        EventKind::RosterHeld => [
            number("leavers").map(|leavers| format!("{} would leave", count(leavers, "member"))),
            number("seat_losers")
                .filter(|losers| *losers > 0)
                .map(|losers| format!("{} would be lost", count(losers, "seat"))),
        ]
        .into_iter()
        .flatten()
        .collect(),
        EventKind::RosterReleased => {
            text("how").map(|how| how.replace('_', " ")).into_iter().collect()
        }
        EventKind::SeatLimitNear | EventKind::SeatLimitReached => number("used")
            .zip(number("limit"))
            .map(|(used, limit)| format!("{} of {} in use", grouped(used), count(limit, "seat")))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

fn edits(before: &Profile, after: &Profile) -> Vec<String> {
    let text =
        |text: &Option<String>| text.as_deref().map_or_else(|| "none".to_owned(), show::name);
    [
        ("username", show::name(&before.username), show::name(&after.username)),
        ("name", text(&before.name), text(&after.name)),
        ("email", text(&before.email), text(&after.email)),
    ]
    .into_iter()
    .filter(|(_, before, after)| before != after)
    .map(|(what, before, after)| format!("{what}: {before} → {after}"))
    .collect()
}

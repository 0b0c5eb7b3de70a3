//! One event, as a line of a timeline.

use std::collections::HashSet;

use chrono_tz::Tz;
use seatwatch_sdk::{Event, EventKind};
use serde::Serialize;

use super::show::{self, Moment};
use super::{Surroundings, link};
use crate::organization::OrganizationId;
use crate::store::{self, Newest, View};
use crate::words;

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
    what: &'static str,
    /// More about it.
    more: Vec<String>,
    /// Where: `github/acme` and the way there.
    organization: Option<(String, String)>,
}

/// A part of a timeline, and the way to older parts and back to the newest.
#[derive(Debug, Default, Serialize)]
pub(super) struct Timeline {
    changes: Vec<Change>,
    begin: Option<Begin>,
    newest: Option<String>,
    older: Option<String>,
}

/// Where all that is known of an organization begins.
#[derive(Debug, Serialize)]
struct Begin {
    at: Moment,
    /// Whether there was more: retention has taken it. Else it is the first roster.
    trimmed: bool,
}

/// Changes of a part of a timeline.
const CHANGES: u64 = 50;

impl Timeline {
    /// The part before the event that `before` names, or the newest: of an organization, or of some
    /// of its members alone. None where it names none.
    pub(super) fn load(
        view: &View<'_>,
        organization: store::Organization,
        members: Option<Vec<i64>>,
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
        let newest = Newest { organization: Some(organization), members, before };
        let mut events = view.newest(&newest, CHANGES + 1)?;
        let more = events.len() as u64 > CHANGES;
        events.truncate(usize::try_from(CHANGES).unwrap_or(usize::MAX));
        let last = events.last().filter(|_| more).map(|last| last.sequence.to_string());
        if events.is_empty() && before.is_some() {
            return Ok(None);
        }
        Ok(Some(Self {
            changes: events.iter().map(|event| Change::of(event, zone)).collect(),
            begin: Begin::load(view, organization, zone)?,
            newest: before.map(|_| href("")),
            older: last.map(|last| href(&last)),
        }))
    }
}

impl Begin {
    /// None where no roster was read yet.
    fn load(
        view: &View<'_>,
        organization: store::Organization,
        zone: Tz,
    ) -> rusqlite::Result<Option<Self>> {
        let known_from = view.known_from()?;
        let begin = view.known_since(organization)?.map(|known_since| Self {
            at: Moment::of(known_since, zone),
            trimmed: known_from.is_some_and(|known_from| known_from >= known_since),
        });
        Ok(begin)
    }
}

/// So many events are read at once for the newest changes.
const AT_ONCE: u64 = 60;
/// So often at most: what is further back is not recent.
const READS: usize = 5;

/// The newest changes of all organizations. What is told again and again while it lasts, is one of
/// them: the newest that says it.
pub(super) fn recent(
    view: &View<'_>,
    around: &Surroundings<'_>,
    limit: usize,
) -> rusqlite::Result<Vec<Change>> {
    let (mut changes, mut told) = (Vec::new(), HashSet::new());
    let mut before = None;
    for _ in 0..READS {
        let events = view.newest(&Newest { before, ..Newest::default() }, AT_ONCE)?;
        let Some(last) = events.last() else { break };
        before = Some(last.sequence);
        let news = events.iter().filter(|event| lasting(event).is_none_or(|it| told.insert(it)));
        changes.extend(news.map(|event| Change::of(event, around.config.timezone)));
        if changes.len() >= limit {
            break;
        }
    }
    changes.truncate(limit);
    Ok(changes)
}

/// Of what an event reminds: whose it is, what lasts, and by what that is told from another time.
fn lasting(event: &Event) -> Option<(String, String, EventKind, String)> {
    let data = &event.data;
    let key = match data.event {
        EventKind::SyncFailing => "since",
        EventKind::RosterHeld => "hold",
        _ => return None,
    };
    let organization = data.organization.clone()?;
    let which = data.details.as_ref()?.get(key)?.as_str()?.to_owned();
    Some((organization.service, organization.owner, data.event, which))
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
        Self {
            at: Moment::of(event.time, zone),
            tone: tone(data.event),
            who,
            formerly: renamed.map(|before| show::name(&before.username)),
            what: words::what(data.event),
            more: words::more(data),
            organization: id.map(|id| (id.to_string(), link::organization(&id))),
        }
    }
}

/// The colour that repeats what the words say.
fn tone(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Joined
        | EventKind::SeatGained
        | EventKind::SyncRecovered
        | EventKind::RosterReleased => "good",
        EventKind::Left
        | EventKind::SeatLost
        | EventKind::SyncFailing
        | EventKind::SeatLimitReached => "bad",
        EventKind::AdminGranted
        | EventKind::RosterHeld
        | EventKind::SeatLimitNear
        | EventKind::OrganizationVanished => "warn",
        EventKind::AdminRevoked
        | EventKind::Renamed
        | EventKind::Updated
        | EventKind::Baselined
        | EventKind::Heartbeat
        | EventKind::Test => "plain",
    }
}

//! Stories to try templates with: each event alone, with and without what may be missing, and all
//! of them together.

use chrono::{DateTime, Utc};
use seatwatch_sdk::{Data, Event, EventKind, Organization, Profile, Totals, Unnamed};
use serde_json::{Value, json};

use crate::EmailConfig;
use crate::story::Story;

/// Enough that not all are shown where the table is attached.
const MANY: usize = 30;

/// All that a template may come to see.
pub(super) fn stories(config: &EmailConfig) -> Vec<Story> {
    let kinds = || EventKind::ALL.iter().copied().chain([EventKind::Test]);
    let story = |events: &[Event], attach_above| Story::of(events, &config.whose, attach_above);
    let alone = kinds().map(|kind| story(&[event(kind, 0, true)], usize::MAX));
    let bare = kinds().map(|kind| story(&[event(kind, 0, false)], usize::MAX));
    let mixed: Vec<_> = kinds().map(|kind| event(kind, 0, true)).collect();
    let many: Vec<_> = (0..MANY).map(|number| event(EventKind::Left, number, true)).collect();
    let organizations: Vec<_> = (0..MANY).map(elsewhere).collect();
    let together = [&mixed, &many, &organizations].map(|events| story(events, 1));
    alone.chain(bare).chain(together).chain([story(&mixed, usize::MAX)]).collect()
}

/// An event about another organization than all the others.
fn elsewhere(number: usize) -> Event {
    let mut event = event(EventKind::SeatLost, number, true);
    let owner = format!("acme-{number}");
    event.data.organization = Some(Organization { service: "github".to_owned(), owner });
    event
}

/// An event of that kind about the member of that number; `full` with all that may be missing.
fn event(kind: EventKind, number: usize, full: bool) -> Event {
    let time: DateTime<Utc> = DateTime::UNIX_EPOCH;
    let member = kind >= EventKind::Joined && kind != EventKind::Test;
    let of_instance = matches!(kind, EventKind::Heartbeat | EventKind::Test);
    let profile = member.then(|| profile(number, full));
    let totals = Totals { members: 42, seats: 30, admins: 3, unnamed: Unnamed::default() };
    let organization = Organization { service: "github".to_owned(), owner: "acme".to_owned() };
    Event {
        id: format!("sample-{number}"),
        source: "/seatwatch/sample/codecov/github/acme".to_owned(),
        subject: None,
        time,
        sequence: number as u64,
        correlationid: "sample".to_owned(),
        data: Data {
            event: kind,
            organization: (!of_instance).then_some(organization),
            member: profile.clone().map(Into::into),
            before: profile.clone().filter(|_| kind != EventKind::Joined),
            after: profile.filter(|_| kind != EventKind::Left),
            totals: full.then_some(totals),
            previous_totals: full.then_some(Totals { members: 43, ..totals }),
            since: full.then_some(time),
            details: full.then(details),
        },
    }
}

fn profile(number: usize, full: bool) -> Profile {
    Profile {
        username: format!("mona-{number}"),
        name: full.then(|| "Mona".to_owned()),
        email: full.then(|| "mona@example.com".to_owned()),
        seat: full,
        admin: full,
    }
}

/// Those of all kinds at once.
fn details() -> Value {
    json!({
        "reason": "unreachable", "message": "no answer", "hint": "look at the network",
        "failures": 3, "since": DateTime::UNIX_EPOCH, "failing_since": DateTime::UNIX_EPOCH,
        "last_success": DateTime::UNIX_EPOCH, "hold": "h1", "leavers": 61, "seat_losers": 4,
        "last_admin": true, "members": 80, "members_found": 19, "names": ["mona", "octocat"],
        "how": "approved", "used": 45, "limit": 50, "warn_at": 45, "queued_events": 2,
        "dead_letters": 1, "organizations": {"connected": 3, "held": 1, "failing": 1, "new": 1},
    })
}

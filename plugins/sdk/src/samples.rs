//! Events that are always the same ones: the one that the documentation shows, and any number of
//! others. Tests use them, and plugins are tried with them.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::{Data, Event, EventKind, Organization, Profile, Totals, Unnamed};

const SYNC: &str = "01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88";

/// Names that break what is careless: formulas, quotes, line breaks, other scripts, nothing.
const NAMES: &[Option<&str>] = &[
    Some("Mona"),
    None,
    Some("=HYPERLINK(\"https://example.com\")"),
    Some("O'Hara, \"Bob\""),
    Some("two\nlines\r\nand\ttabs"),
    Some("＋49 30 1234"),
    Some("李小龍 🦀 \u{202e}gnp"),
    Some(""),
    Some("-1+1"),
];

/// The event that the documentation shows: octocat loses a seat in `github/acme`.
pub fn event() -> Event {
    let before = Profile {
        username: "octocat".to_owned(),
        name: Some("Mona".to_owned()),
        email: Some("mona@example.com".to_owned()),
        seat: true,
        admin: false,
    };
    let after = Profile { seat: false, ..before.clone() };
    let unnamed = Unnamed { members: 1, seats: 0 };
    Event {
        id: format!("{SYNC}-0003"),
        source: "/seatwatch/prod/codecov/github/acme".to_owned(),
        subject: Some("m-4f1c9a2be07d5513".to_owned()),
        time: at("2026-11-23T10:00:04.120Z"),
        sequence: 42,
        correlationid: SYNC.to_owned(),
        data: Data {
            event: EventKind::SeatLost,
            organization: Some(acme()),
            member: Some(after.clone().into()),
            before: Some(before),
            after: Some(after),
            totals: Some(Totals { members: 41, seats: 30, admins: 3, unnamed }),
            previous_totals: Some(Totals { members: 41, seats: 31, admins: 3, unnamed }),
            since: Some(at("2026-11-23T09:00:03.870Z")),
            details: None,
        },
    }
}

/// That many events in the order of the log, from sequence 1 on; always the same ones, of all
/// kinds, with names that break what is careless.
pub fn events(count: usize) -> Vec<Event> {
    (0..count).map(nth).collect()
}

fn nth(index: usize) -> Event {
    let kind = EventKind::ALL[index % EventKind::ALL.len()];
    let event = Event {
        id: format!("{SYNC}-{index:04}"),
        sequence: u64::try_from(index).expect("a usize has 64 bits at most") + 1,
        ..event()
    };
    if kind < EventKind::Joined {
        of_organization(event, kind)
    } else {
        of_member(event, kind, index)
    }
}

fn of_organization(event: Event, kind: EventKind) -> Event {
    let data = Data {
        event: kind,
        organization: (kind != EventKind::Heartbeat).then(acme),
        member: None,
        before: None,
        after: None,
        details: Some(json!({"members": 80, "names": ["ann", "=bob", "cat \"the\"\ncat"]})),
        ..event.data
    };
    Event { subject: None, data, ..event }
}

fn of_member(event: Event, kind: EventKind, index: usize) -> Event {
    let name = NAMES[index % NAMES.len()].map(str::to_owned);
    let after = Profile {
        username: format!("member-{index}"),
        email: name.clone(),
        name,
        seat: kind != EventKind::SeatLost,
        admin: kind == EventKind::AdminGranted,
    };
    let before = match kind {
        EventKind::SeatLost | EventKind::SeatGained => {
            Profile { seat: !after.seat, ..after.clone() }
        }
        EventKind::AdminGranted => Profile { admin: false, ..after.clone() },
        EventKind::AdminRevoked => Profile { admin: true, ..after.clone() },
        EventKind::Renamed => Profile { username: format!("old-{index}"), ..after.clone() },
        _ => Profile { name: Some("=was".to_owned()), ..after.clone() },
    };
    let (before, after) = match kind {
        EventKind::Joined => (None, Some(after)),
        EventKind::Left => (Some(after), None),
        _ => (Some(before), Some(after)),
    };
    let member = after.clone().or_else(|| before.clone()).map(Into::into);
    Event { data: Data { event: kind, member, before, after, ..event.data }, ..event }
}

fn acme() -> Organization {
    Organization { service: "github".to_owned(), owner: "acme".to_owned() }
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("the samples' times are written in RFC 3339")
}

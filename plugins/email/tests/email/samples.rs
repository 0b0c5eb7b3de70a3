//! Events as tests write them: `"left ann"`, in an organization, at a sync.

use chrono::{DateTime, Duration, Utc};
use seatwatch_sdk::samples::event;
use seatwatch_sdk::{Data, Event, EventKind, Organization, Profile, Totals, Unnamed};
use serde_json::Value;

/// Events in the making: what comes next is of this organization and this sync.
pub(crate) struct Log {
    events: Vec<Event>,
    organization: Organization,
    sync: u32,
    totals: Totals,
    previous: Option<Totals>,
}

impl Log {
    /// `github/acme`, with 42 members, 31 seats and 3 admins before and after.
    pub(crate) fn new() -> Self {
        let unnamed = Unnamed { members: 1, seats: 1 };
        let totals = Totals { members: 42, seats: 30, admins: 3, unnamed };
        let organization = Organization { service: "github".to_owned(), owner: "acme".to_owned() };
        Self { events: Vec::new(), organization, sync: 1, totals, previous: Some(totals) }
    }

    /// Goes on in another organization.
    pub(crate) fn organization(mut self, service: &str, owner: &str) -> Self {
        self.organization = Organization { service: service.to_owned(), owner: owner.to_owned() };
        self.previous = Some(self.totals);
        self
    }

    /// Goes on with an hour later's sync, which found what this one has left.
    pub(crate) fn later(mut self) -> Self {
        self.sync += 1;
        self.previous = Some(self.totals);
        self
    }

    /// What this sync makes of members, seats (unnamed rows included) and admins.
    pub(crate) fn totals(mut self, members: u64, seats: u64, admins: u64) -> Self {
        let unnamed = self.totals.unnamed;
        self.totals = Totals { members, seats: seats - unnamed.seats, admins, unnamed };
        self
    }

    /// What this sync makes of the rows without a name.
    pub(crate) fn unnamed(mut self, members: u64, seats: u64) -> Self {
        self.totals.unnamed = Unnamed { members, seats };
        self
    }

    /// There was no roster before.
    pub(crate) fn first(mut self) -> Self {
        self.previous = None;
        self
    }

    /// An event of a member.
    pub(crate) fn member(self, kind: EventKind, username: &str) -> Self {
        let profile = self.profile(kind, username);
        self.profile_event(kind, profile)
    }

    fn profile(&self, kind: EventKind, username: &str) -> Profile {
        let name: String = username.split('-').map(capital).collect::<Vec<_>>().join(" ");
        Profile {
            username: username.to_owned(),
            name: Some(name),
            email: Some(format!("{username}@{}.example", self.organization.owner)),
            seat: kind != EventKind::SeatLost,
            admin: kind == EventKind::AdminGranted,
        }
    }

    /// An event of a member of whom this is the newest that is known.
    pub(crate) fn profile_event(self, kind: EventKind, newest: Profile) -> Self {
        let old = newest.clone();
        self.change(kind, old, newest)
    }

    /// An event of a member who was another before.
    pub(crate) fn change(mut self, kind: EventKind, old: Profile, newest: Profile) -> Self {
        let subject = format!("m-{}", old.username.to_lowercase());
        let mut event = self.blank(kind);
        event.subject = Some(subject);
        event.data.member = Some(newest.clone().into());
        event.data.before = (kind != EventKind::Joined).then_some(old);
        event.data.after = (kind != EventKind::Left).then_some(newest);
        self.events.push(event);
        self
    }

    /// An event of the organization.
    pub(crate) fn notice(mut self, kind: EventKind, details: Value) -> Self {
        let mut event = self.blank(kind);
        event.data.details = Some(details);
        self.events.push(event);
        self
    }

    /// An event of the whole installation.
    pub(crate) fn of_instance(mut self, kind: EventKind, details: Option<Value>) -> Self {
        let mut event = self.blank(kind);
        event.data = Data { details, ..Data::of_instance(kind) };
        self.events.push(event);
        self
    }

    fn blank(&self, kind: EventKind) -> Event {
        let place = self.events.len();
        let model = event();
        Event {
            id: format!("sync-{}-{place:04}", self.sync),
            subject: None,
            time: at(self.sync),
            sequence: place as u64 + 1,
            correlationid: format!("sync-{}", self.sync),
            data: Data {
                event: kind,
                organization: Some(self.organization.clone()),
                member: None,
                before: None,
                after: None,
                totals: Some(self.totals),
                previous_totals: self.previous,
                since: self.previous.map(|_| at(self.sync - 1)),
                details: None,
            },
            ..model
        }
    }

    pub(crate) fn events(self) -> Vec<Event> {
        self.events
    }
}

/// 10:00 UTC at the first sync, and an hour later at each next one.
fn at(sync: u32) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-11-23T09:00:04Z".parse().unwrap();
    start + Duration::hours(i64::from(sync))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

//! A delivery in one line: `[acme] 2 seats lost, 1 member left`.
//!
//! No name that a member chose is in it.

use std::collections::BTreeMap;

use seatwatch_sdk::{Event, EventKind};

use super::details::Details;
use super::words::{bounded, count, name_of};
use super::{Group, is_over};

/// How long the parts together may be, in characters: what a list of mails shows of a subject.
const LONGEST: usize = 80;

/// How long the names of organizations together may be.
const LONGEST_LABEL: usize = 40;

/// All kinds, most important first.
const ORDER: [EventKind; 18] = [
    EventKind::RosterHeld,
    EventKind::SyncFailing,
    EventKind::OrganizationVanished,
    EventKind::SeatLimitReached,
    EventKind::SeatLimitNear,
    EventKind::SeatLost,
    EventKind::SeatGained,
    EventKind::Left,
    EventKind::Joined,
    EventKind::AdminGranted,
    EventKind::AdminRevoked,
    EventKind::Renamed,
    EventKind::Updated,
    EventKind::RosterReleased,
    EventKind::SyncRecovered,
    EventKind::Baselined,
    EventKind::Heartbeat,
    EventKind::Test,
];

/// Whom it is about: `acme`, `acme, beta`, `3 organizations`; the instance where there is none.
pub(super) fn label(groups: &[Group<'_>], instance: &str) -> String {
    let owners = || groups.iter().map(|group| group.organization.owner.as_str());
    let alike = |owner: &str| owners().filter(|other| *other == owner).count() > 1;
    let names: Vec<_> = groups
        .iter()
        .map(|group| match group.organization.owner.as_str() {
            owner if alike(owner) => name_of(group.organization),
            owner => bounded(owner, LONGEST_LABEL),
        })
        .collect();
    let joined = names.join(", ");
    match names.len() {
        0 => bounded(&format!("seatwatch {instance}"), LONGEST_LABEL),
        1 => joined,
        2 if joined.chars().count() <= LONGEST_LABEL => joined,
        number => format!("{number} organizations"),
    }
}

/// What happened, most important first, in a readable length.
pub(super) fn headline(groups: &[Group<'_>], of_instance: &[&Event]) -> String {
    let several = groups.len() > 1;
    let mut tally = BTreeMap::new();
    for events in groups.iter().map(|group| &*group.events).chain([of_instance]) {
        for (kind, newest) in kinds(events) {
            let found = tally.entry(kind).or_insert(Found { events: 0, organizations: 0, newest });
            found.events += count_of(kind, events);
            found.organizations += 1;
        }
    }
    join(ORDER.iter().filter_map(|kind| Some(part(*kind, tally.get(kind)?, several))))
}

/// How much of a kind there is in a delivery.
struct Found<'a> {
    events: u64,
    organizations: u64,
    newest: &'a Event,
}

/// The kinds that are news at the end of these events, each with its newest event.
fn kinds<'a>(events: &[&'a Event]) -> BTreeMap<EventKind, &'a Event> {
    let news = events.iter().enumerate().filter(|(index, event)| {
        let later = events.get(index + 1..).unwrap_or_default();
        !is_over(event.data.event, later)
    });
    news.map(|(_, event)| (event.data.event, *event)).collect()
}

fn count_of(kind: EventKind, events: &[&Event]) -> u64 {
    events.iter().filter(|event| event.data.event == kind).count() as u64
}

/// What one kind comes to: a number of members, or of organizations where it is about those.
fn part(kind: EventKind, found: &Found<'_>, several: bool) -> String {
    let events = |thing: &str, word: &str| format!("{} {word}", count(found.events, thing));
    let organizations = |one: &str| {
        let number = count(found.organizations, "organization");
        if several { format!("{one} in {number}") } else { one.to_owned() }
    };
    let details = Details::of(&found.newest.data);
    match kind {
        EventKind::RosterHeld => organizations("roster held for approval"),
        EventKind::SyncFailing => organizations("syncs keep failing"),
        EventKind::OrganizationVanished if several => {
            format!("{} vanished", count(found.organizations, "organization"))
        }
        EventKind::OrganizationVanished => "organization vanished".to_owned(),
        EventKind::SeatLimitReached => {
            organizations(&limit("seat limit reached", details, several))
        }
        EventKind::SeatLimitNear => organizations(&limit("seat limit near", details, several)),
        EventKind::SeatLost => events("seat", "lost"),
        EventKind::SeatGained => events("seat", "gained"),
        EventKind::Left => events("member", "left"),
        EventKind::Joined => events("member", "joined"),
        EventKind::AdminGranted => events("admin right", "granted"),
        EventKind::AdminRevoked => events("admin right", "revoked"),
        EventKind::Renamed => events("member", "renamed"),
        EventKind::Updated => events("member", "updated"),
        EventKind::RosterReleased => organizations("held roster released"),
        EventKind::SyncRecovered => organizations("syncs work again"),
        EventKind::Baselined => organizations("baseline stored"),
        EventKind::Heartbeat => heartbeat(details),
        EventKind::Test => "test mail".to_owned(),
    }
}

/// `seat limit reached (50 of 50 seats)`.
fn limit(what: &str, details: Details<'_>, several: bool) -> String {
    match (details.number("used"), details.number("limit")) {
        (Some(used), Some(limit)) if !several => {
            format!("{what} ({used} of {})", count(limit, "seat"))
        }
        _ => what.to_owned(),
    }
}

/// `heartbeat: 2 failing, 3 dead letters`, or that all is well.
fn heartbeat(details: Details<'_>) -> String {
    let organizations = details.within("organizations");
    let word = |key: &str| organizations.some(key).map(|number| format!("{number} {key}"));
    let letters = details.some("dead_letters").map(|number| count(number, "dead letter"));
    let worries: Vec<_> = [word("failing"), word("held"), letters].into_iter().flatten().collect();
    if worries.is_empty() {
        return "heartbeat".to_owned();
    }
    format!("heartbeat: {}", worries.join(", "))
}

/// As many parts as are readable, at least one.
fn join(parts: impl Iterator<Item = String>) -> String {
    let mut joined = String::new();
    for part in parts {
        if joined.is_empty() {
            joined = part;
        } else if joined.chars().count() + part.chars().count() > LONGEST {
            joined.push_str(", and more");
            break;
        } else {
            joined = format!("{joined}, {part}");
        }
    }
    joined
}

//! What became of a member, in one line: `left, and lost a seat`.
//!
//! The events of a member within one sync are one happening; those of a later sync are told after
//! it, so that somebody who came and went is not told as if both were true.

use std::collections::HashMap;

use seatwatch_sdk::{Data, Event, EventKind, Profile};
use serde::Serialize;

use super::Tone;
use super::words::{free_text, list, username};

/// A member and what became of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Person {
    pub(crate) username: String,
    /// Free text that the member chose.
    pub(crate) name: Option<String>,
    /// Free text, not validated by anybody.
    pub(crate) email: Option<String>,
    /// `left, and lost a seat`.
    pub(crate) change: String,
    /// The words of the events, in their order: `left`, `seat_lost`.
    pub(crate) kinds: Vec<EventKind>,
    pub(crate) tone: Tone,
}

/// The members that the events are about, in the order of their first ones.
pub(super) fn people(events: &[&Event]) -> Vec<Person> {
    let mut places = HashMap::new();
    let mut groups: Vec<Vec<&Event>> = Vec::new();
    for event in events.iter().filter(|event| event.data.member.is_some()) {
        let place = *places.entry(key(event)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.push(event);
        }
    }
    groups.iter().filter_map(|events| Person::of(events)).collect()
}

/// What stays the same as long as it is the same person: the subject survives a renaming.
fn key(event: &Event) -> String {
    let username = || event.data.member.as_ref().map(|it| it.profile.username.to_lowercase());
    event.subject.clone().or_else(username).unwrap_or_default()
}

impl Person {
    /// The person that all these events are about; none without an event of a member.
    fn of(events: &[&Event]) -> Option<Self> {
        let newest = &events.last()?.data.member.as_ref()?.profile;
        let happenings = events.chunk_by(|one, next| one.correlationid == next.correlationid);
        let told = happenings.map(|events| {
            list(&events.iter().map(|event| change(&event.data)).collect::<Vec<_>>())
        });
        let text = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|it| !it.is_empty()).map(free_text)
        };
        let kinds: Vec<_> = events.iter().map(|event| event.data.event).collect();
        Some(Self {
            username: username(&newest.username),
            name: text(&newest.name),
            email: text(&newest.email),
            change: told.collect::<Vec<_>>().join("; later "),
            tone: tone(&kinds),
            kinds,
        })
    }
}

/// That of the newest change that makes something more or less.
fn tone(kinds: &[EventKind]) -> Tone {
    let tone = |kind: &EventKind| match kind {
        EventKind::Left | EventKind::SeatLost | EventKind::AdminRevoked => Some(Tone::Less),
        EventKind::Joined | EventKind::SeatGained | EventKind::AdminGranted => Some(Tone::More),
        _ => None,
    };
    kinds.iter().rev().find_map(tone).unwrap_or(Tone::Same)
}

/// What one event says of its member.
fn change(data: &Data) -> String {
    let before = data.before.as_ref();
    match data.event {
        EventKind::Joined => "joined".to_owned(),
        EventKind::Left => "left".to_owned(),
        EventKind::SeatGained => "gained a seat".to_owned(),
        EventKind::SeatLost => "lost a seat".to_owned(),
        EventKind::AdminGranted => "was granted admin rights".to_owned(),
        EventKind::AdminRevoked => "had admin rights revoked".to_owned(),
        EventKind::Renamed => match before {
            Some(before) => format!("was {} before", username(&before.username)),
            None => "goes by another username now".to_owned(),
        },
        EventKind::Updated => before
            .zip(data.after.as_ref())
            .and_then(|(before, after)| update(before, after))
            .unwrap_or_else(|| "has another name or address".to_owned()),
        kind => kind.word().replace('_', " "),
    }
}

/// `name was Mona, address was mona@example.com`; nothing where the sink is shown neither.
fn update(before: &Profile, after: &Profile) -> Option<String> {
    let was = |what: &str, before: &Option<String>, after: &Option<String>| {
        let before = match before.as_deref().map(str::trim) {
            _ if before == after => return None,
            None | Some("") => "empty".to_owned(),
            Some(text) => free_text(text),
        };
        Some(format!("{what} was {before}"))
    };
    let renamed = (before.username != after.username)
        .then(|| format!("username was {}", username(&before.username)));
    let name = was("name", &before.name, &after.name);
    let address = was("address", &before.email, &after.email);
    let changed: Vec<_> = [renamed, name, address].into_iter().flatten().collect();
    (!changed.is_empty()).then(|| list(&changed))
}

//! What a delivery tells, in words: the only thing that templates see.
//!
//! Events come in the order of the log, several of one member and of one organization, and a
//! reader wants to know what became of whom. So they are grouped: by organization, within it by
//! member, and each group is told in one line. Every text in a story is fit for eyes: what others
//! chose is escaped, cut to a readable length and made inert here, once for all templates.
//!
//! Pure: events in, a story out. Knows neither mail nor templates.

use std::collections::HashMap;

use chrono_tz::Tz;
use seatwatch_sdk::{Event, EventKind, Organization, Totals};
use serde::Serialize;

use crate::config::Whose;

mod advice;
mod details;
mod headline;
mod inert;
mod notice;
mod part;
mod person;
mod words;

use notice::Notice;
use person::Person;
use words::name_of;

/// How many members, notices and organizations a mail shows where the others are in the table.
const SHOWN: usize = 20;

/// What a delivery tells; the root of what templates see.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Story {
    /// Of the installation.
    pub(crate) instance: String,
    /// Of the sink.
    pub(crate) sink: String,
    /// What it is about, in few words: `acme`, `acme, beta`, `3 organizations`.
    pub(crate) label: String,
    /// What happened, most important first: `2 seats lost, 1 member left`.
    pub(crate) headline: String,
    /// The time zone of all times: `Europe/Berlin`.
    pub(crate) timezone: String,
    /// How many events it tells.
    pub(crate) events: usize,
    /// Whether the events are attached as a table.
    pub(crate) attached: bool,
    /// What is said of the whole installation.
    pub(crate) notices: Vec<Notice>,
    /// What happened in each organization, in the order in which it began.
    pub(crate) organizations: Vec<Chapter>,
    /// How many organizations are in the table only.
    pub(crate) more_organizations: usize,
}

/// What happened in one organization.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Chapter {
    /// `acme`.
    pub(crate) name: String,
    /// `github/acme`, as commands name it.
    pub(crate) id: String,
    /// What happened here, most important first.
    pub(crate) headline: String,
    /// When the newest of it was found.
    pub(crate) at: String,
    /// When the roster was read that the members' oldest change was compared with.
    pub(crate) since: Option<String>,
    /// From before the oldest of it to after the newest.
    pub(crate) totals: Option<Sums>,
    /// Whether the totals count changes, too, that are not in this mail.
    pub(crate) in_part: bool,
    /// What is said of the organization itself.
    pub(crate) notices: Vec<Notice>,
    /// How many notices are in the table only.
    pub(crate) more_notices: usize,
    /// What became of whom, in the order in which it began.
    pub(crate) people: Vec<Person>,
    /// How many people are in the table only.
    pub(crate) more_people: usize,
    /// What to do next about the members' changes.
    pub(crate) advice: Vec<String>,
}

/// Before and after, of each thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Sums {
    pub(crate) members: Sum,
    /// Seats in use, unnamed rows included.
    pub(crate) seats: Sum,
    pub(crate) admins: Sum,
}

/// One number and what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Sum {
    /// Not known at a quiet baseline.
    pub(crate) before: Option<u64>,
    pub(crate) after: u64,
    /// Whether it is another than before.
    pub(crate) changed: bool,
}

/// What a change does to the number it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tone {
    /// Fewer: left, a seat lost.
    Less,
    /// More: joined, a seat gained.
    More,
    /// Neither.
    Same,
    /// Somebody has to look at it.
    Alarm,
    /// It is well again, or was never otherwise.
    Fine,
}

impl Story {
    /// Tells the events of a delivery, in the order of the log.
    pub(crate) fn of(events: &[Event], whose: &Whose, attach_above: usize) -> Self {
        let attached = events.len() >= attach_above;
        let shown = if attached { SHOWN } else { usize::MAX };
        let (groups, of_instance) = by_organization(events);
        let chapters = groups.iter().take(shown);
        Self {
            instance: words::bounded(&whose.instance, words::NAME),
            sink: words::bounded(&whose.sink, words::NAME),
            label: headline::label(&groups, &whose.instance),
            headline: headline::headline(&groups, &of_instance),
            timezone: whose.timezone.name().to_owned(),
            events: events.len(),
            attached,
            notices: notices(&of_instance, whose.timezone).take(shown).collect(),
            organizations: chapters.map(|it| Chapter::of(it, whose.timezone, shown)).collect(),
            more_organizations: groups.len().saturating_sub(shown),
        }
    }
}

impl Chapter {
    fn of(group: &Group<'_>, timezone: Tz, shown: usize) -> Self {
        let newest = group.events.iter().map(|event| event.time).max();
        // A sync that failed has compared nothing.
        let compared = group.events.iter().filter(|event| event.data.member.is_some());
        let since = compared.filter_map(|event| event.data.since).min();
        let totals = Sums::of(&group.events);
        let mut notices: Vec<_> = notices(&group.events, timezone).collect();
        let mut people = person::people(&group.events);
        let advice = advice::about(&group.events, totals.as_ref());
        let more_people = people.len().saturating_sub(shown);
        let more_notices = notices.len().saturating_sub(shown);
        people.truncate(shown);
        notices.truncate(shown);
        Self {
            name: words::bounded(&group.organization.owner, words::NAME),
            id: name_of(group.organization),
            headline: headline::headline(std::slice::from_ref(group), &[]),
            at: newest.map(|time| words::at(time, timezone)).unwrap_or_default(),
            since: since.map(|time| words::at(time, timezone)),
            in_part: totals.is_some() && part::is_part(&group.events),
            totals,
            notices,
            more_notices,
            people,
            more_people,
            advice,
        }
    }
}

impl Sums {
    /// The oldest totals before and the newest ones after, as far as they are told.
    fn of(events: &[&Event]) -> Option<Self> {
        let after = events.iter().rev().find_map(|event| event.data.totals)?;
        // Where the first event has none, it is a baseline: there was nothing before.
        let before = events.first().and_then(|event| event.data.previous_totals);
        let sum = |count: fn(&Totals) -> u64| {
            let (before, after) = (before.as_ref().map(count), count(&after));
            Sum { before, after, changed: before.is_some_and(|before| before != after) }
        };
        let members = sum(|totals| totals.members);
        Some(Self { members, seats: sum(Totals::seats_used), admins: sum(|totals| totals.admins) })
    }
}

/// The events of one organization, in the order of the log.
struct Group<'a> {
    organization: &'a Organization,
    events: Vec<&'a Event>,
}

/// The events of each organization in the order of their first ones, and those of none.
fn by_organization(events: &[Event]) -> (Vec<Group<'_>>, Vec<&Event>) {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut of_instance = Vec::new();
    let mut places = HashMap::new();
    for event in events {
        let Some(organization) = &event.data.organization else {
            of_instance.push(event);
            continue;
        };
        let key = (&organization.service, &organization.owner);
        let place = *places.entry(key).or_insert_with(|| {
            groups.push(Group { organization, events: Vec::new() });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.events.push(event);
        }
    }
    (groups, of_instance)
}

fn notices<'a>(events: &'a [&Event], timezone: Tz) -> impl Iterator<Item = Notice> + 'a {
    let of_no_member = events.iter().enumerate().filter(|(_, event)| event.data.member.is_none());
    of_no_member.map(move |(index, event)| {
        let later = events.get(index + 1..).unwrap_or_default();
        if is_over(event.data.event, later) {
            Notice::of_what_is_over(event, timezone)
        } else {
            Notice::of(event, timezone)
        }
    })
}

/// Whether what an event says is over by the end of the delivery, so that only its end is news.
fn is_over(kind: EventKind, later: &[&Event]) -> bool {
    let end = match kind {
        EventKind::SyncFailing => EventKind::SyncRecovered,
        EventKind::SyncRecovered => EventKind::SyncFailing,
        EventKind::RosterHeld => EventKind::RosterReleased,
        EventKind::RosterReleased => EventKind::RosterHeld,
        _ => return false,
    };
    later.iter().any(|event| event.data.event == end)
}

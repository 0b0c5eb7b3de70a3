//! The first page: all organizations, what needs a person, what changed last, and the sinks.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use seatwatch_sdk::Totals;
use serde::{Deserialize, Serialize};

use super::change::{self, Change};
use super::paging::{self, Paging};
use super::show::{self, Moment, grouped};
use super::trouble::Trouble;
use super::{Content, Found, Missing, Surroundings, link};
use crate::chart::Chart;
use crate::config::Organization;
use crate::dispatch::LaneStatus;
use crate::organization::OrganizationId;
use crate::standing::{Standing, State};
use crate::store::{self, View, Vitals};

/// How far back charts go, in days.
pub(super) const DAYS: i64 = 90;
/// So many changes are shown.
const CHANGES: u64 = 15;
/// So many organizations that need a person are told of at length.
const TROUBLES: usize = 10;

/// Which part of the list is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    /// Only those with this in their name or label.
    pub q: Option<String>,
    /// Only those in this state.
    pub state: Option<String>,
    /// The number of the page.
    pub page: Option<String>,
}

#[derive(Serialize)]
struct Model {
    search: String,
    /// Word, title, how many, whether it is chosen, and the way there.
    states: Vec<(&'static str, &'static str, String, bool, String)>,
    state: &'static str,
    all: String,
    sums: Sums,
    organizations: Vec<Row>,
    paging: Paging,
    troubles: Vec<Trouble>,
    /// How many more need a person, and the ways to them.
    more_troubles: usize,
    changes: Vec<Change>,
    sinks: Vec<Lane>,
}

/// Over all organizations of the configuration.
#[derive(Serialize)]
struct Sums {
    organizations: String,
    members: String,
    seats: String,
    troubles: usize,
}

#[derive(Serialize)]
struct Row {
    id: String,
    href: String,
    label: Option<String>,
    state: (&'static str, &'static str),
    members: Option<String>,
    seats: Option<String>,
    limit: Option<String>,
    /// `full` or `near`, where the seats run out.
    fill: Option<(&'static str, &'static str)>,
    admins: Option<String>,
    /// What the seats cost; shown once prices are configured.
    cost: Option<String>,
    chart: String,
    synced_at: Option<Moment>,
}

/// One lane of a sink.
#[derive(Serialize)]
struct Lane {
    name: String,
    kind: String,
    state: (&'static str, &'static str),
    queued: String,
    oldest: Option<Moment>,
    dead_letters: String,
    /// What is wrong, and the command that helps.
    troubles: Vec<(String, Option<String>)>,
}

/// An organization of the configuration, as the list is chosen by.
struct Entry<'a> {
    organization: &'a Organization,
    vitals: Option<&'a Vitals>,
    state: State,
}

pub(super) fn page(view: &View<'_>, around: &Surroundings<'_>, query: &ListQuery) -> Found {
    let vitals = view.vitals()?;
    let under_way = view.under_way()?;
    let mut all: Vec<Entry<'_>> = around
        .config
        .organizations
        .iter()
        .map(|organization| {
            let (id, vitals) = known(organization, &vitals);
            let state =
                if under_way.contains(id) { State::Syncing } else { State::of_vitals(vitals) };
            Entry { organization, vitals, state }
        })
        .collect();
    all.sort_by(|a, b| a.organization.id.cmp(&b.organization.id));

    let search = query.q.as_deref().unwrap_or_default().trim();
    let wanted = match query.state.as_deref().filter(|word| !word.is_empty()) {
        None => None,
        Some(word) => match State::ALL.into_iter().find(|state| state.word() == word) {
            Some(state) => Some(state),
            None => return Ok(Err(Missing::part("The list", "/".to_owned()))),
        },
    };
    let named: Vec<&Entry<'_>> =
        all.iter().filter(|it| is_named(it.organization, search)).collect();
    let chosen: Vec<&&Entry<'_>> =
        named.iter().filter(|entry| wanted.is_none_or(|wanted| entry.state == wanted)).collect();

    let state = wanted.map_or("", State::word);
    let href = |number: u64| {
        let number = if number == 1 { String::new() } else { number.to_string() };
        link::with("/", &[("q", search), ("state", state), ("page", &number)])
    };
    let number = paging::number(query.page.as_deref());
    let paging = number.and_then(|number| Paging::of(number, chosen.len() as u64, href));
    let (Some(number), Some(paging)) = (number, paging) else {
        return Ok(Err(Missing::part(
            "The list",
            link::with("/", &[("q", search), ("state", state)]),
        )));
    };
    let skipped = usize::try_from(paging::before(number)).unwrap_or(usize::MAX);
    let rows = usize::try_from(paging::ROWS).unwrap_or(usize::MAX);
    let shown: Vec<_> = chosen.iter().skip(skipped).take(rows).collect();
    let organizations = shown.iter().map(|entry| row(view, around, entry));
    let organizations = organizations.collect::<rusqlite::Result<Vec<_>>>()?;

    let (troubles, more_troubles) = match wanted {
        Some(_) => troubles(view, around, &mut shown.iter().map(|entry| ***entry), usize::MAX)?,
        None => troubles(view, around, &mut named.iter().copied(), TROUBLES)?,
    };
    let states = State::ALL.into_iter().map(|state| {
        let number = named.iter().filter(|entry| entry.state == state).count();
        let href = link::with("/", &[("q", search), ("state", state.word())]);
        (state.word(), title(state), grouped(number as u64), wanted == Some(state), href)
    });
    let sum = |of: fn(&Totals) -> u64| {
        let totals = all.iter().filter_map(|entry| entry.vitals?.totals.as_ref());
        grouped(totals.map(of).sum())
    };
    let needy = |entry: &&Entry<'_>| matches!(entry.state, State::Failing | State::Held);
    Ok(Ok(Content::of(
        "overview.html",
        &Model {
            search: show::name(search),
            states: states.collect(),
            state,
            all: link::with("/", &[("q", search)]),
            sums: Sums {
                organizations: grouped(all.len() as u64),
                members: sum(|totals| totals.members),
                seats: sum(Totals::seats_used),
                troubles: all.iter().filter(needy).count(),
            },
            organizations,
            paging,
            troubles,
            more_troubles,
            changes: change::recent(view, around, CHANGES)?,
            sinks: around.lanes.iter().map(|lane| Lane::of(lane, around.config.timezone)).collect(),
        },
    )))
}

/// What is known of an organization, under its name or the one that it had before.
fn known<'a>(
    organization: &'a Organization,
    vitals: &'a HashMap<OrganizationId, Vitals>,
) -> (&'a OrganizationId, Option<&'a Vitals>) {
    let own = vitals.get(&organization.id);
    let has_roster = |vitals: &&Vitals| vitals.totals.is_some();
    if own.as_ref().is_none_or(|own| !has_roster(own))
        && let Some(formerly) = &organization.formerly
        && let Some(former) = vitals.get(formerly).filter(has_roster)
    {
        return (formerly, Some(former));
    }
    (&organization.id, own)
}

fn is_named(organization: &Organization, search: &str) -> bool {
    let search = search.to_lowercase();
    let label = organization.label.as_deref().unwrap_or_default().to_lowercase();
    organization.id.to_string().contains(&search) || label.contains(&search)
}

fn row(view: &View<'_>, around: &Surroundings<'_>, entry: &Entry<'_>) -> rusqlite::Result<Row> {
    let (now, zone) = (around.now, around.config.timezone);
    let Entry { organization, vitals, state } = entry;
    let totals = vitals.and_then(|vitals| vitals.totals.as_ref());
    let limit = organization.seats.limit;
    let number = view.find_renamed(&organization.id, organization.formerly.as_ref())?;
    let points = number.map_or(Ok(Vec::new()), |number| points(view, number, now))?;
    let chart =
        Chart { from: now - TimeDelta::days(DAYS), to: now, points: &points, limit, gaps: &[] };
    let synced_at = vitals.and_then(|vitals| vitals.last_success_at);
    Ok(Row {
        id: organization.id.to_string(),
        href: link::organization(&organization.id),
        label: organization.label.as_deref().map(show::name),
        state: (state.word(), title(*state)),
        members: totals.map(|totals| grouped(totals.members)),
        seats: totals.map(|totals| grouped(totals.seats_used())),
        limit: limit.map(grouped),
        fill: totals.and_then(|totals| fill(organization, totals)),
        admins: totals.map(|totals| grouped(totals.admins)),
        cost: None,
        chart: chart.sparkline(),
        synced_at: synced_at.map(|at| Moment::of(at, zone)),
    })
}

/// Word and title, where the seats run out.
pub(super) fn fill(
    organization: &Organization,
    totals: &Totals,
) -> Option<(&'static str, &'static str)> {
    let seats = &organization.seats;
    let (limit, used) = (seats.limit?, totals.seats_used());
    if used >= limit {
        Some(("full", "limit reached"))
    } else if used >= seats.warn_at.seats(limit) {
        Some(("near", "limit near"))
    } else {
        None
    }
}

/// Seats in use, as far back as charts go.
pub(super) fn points(
    view: &View<'_>,
    number: store::Organization,
    now: DateTime<Utc>,
) -> rusqlite::Result<Vec<(DateTime<Utc>, u64)>> {
    let sums = view.sums(number, now - TimeDelta::days(DAYS), now)?;
    Ok(sums.iter().map(|sums| (sums.at, sums.totals.seats_used())).collect())
}

/// The first of those that need a person, and how many more there are.
fn troubles<'a>(
    view: &View<'_>,
    around: &Surroundings<'_>,
    entries: &mut dyn Iterator<Item = &Entry<'a>>,
    most: usize,
) -> rusqlite::Result<(Vec<Trouble>, usize)> {
    let needy: Vec<_> = entries
        .filter(|entry| entry.vitals.is_some_and(|vitals| vitals.held || vitals.failures > Some(0)))
        .collect();
    let mut troubles = Vec::new();
    for Entry { organization, .. } in needy.iter().take(most) {
        let formerly = organization.formerly.as_ref();
        let standing = Standing::load(view, &organization.id, formerly, false)?;
        troubles.extend(Trouble::of(&organization.id, &standing, around.config.timezone));
    }
    Ok((troubles, needy.len().saturating_sub(most)))
}

/// The word for a state, for people.
pub(super) fn title(state: State) -> &'static str {
    match state {
        State::Connected => "Connected",
        State::Held => "Held",
        State::Failing => "Failing",
        State::Syncing => "Syncing",
        State::New => "New",
    }
}

impl Lane {
    fn of(lane: &LaneStatus, zone: Tz) -> Self {
        let resume = || Some(format!("seatwatch sink resume {}", lane.sink));
        let mut troubles = Vec::new();
        if let Some(since) = lane.paused {
            let since = since.with_timezone(&zone).format("%F %R %Z");
            troubles.push((format!("paused since {since}"), resume()));
        }
        if let Some(reason) = &lane.disabled {
            troubles.push((show::sentence(reason), resume()));
        } else if let Some(failed) = &lane.failed {
            troubles.push((show::sentence(&failed.reason), None));
        }
        if let Some(reason) = &lane.last_dead {
            let list = format!("seatwatch outbox list {}", lane.sink);
            troubles.push((format!("last dead letter: {}", show::sentence(reason)), Some(list)));
        }
        if let Some(lost) = &lane.lost {
            let events = crate::text::count(lost.events, "event");
            troubles.push((format!("{events} not delivered within `retention` and lost"), None));
        }
        let state = match lane {
            LaneStatus { paused: Some(_), .. } => ("held", "Paused"),
            LaneStatus { disabled: Some(_), .. } => ("failing", "Stopped"),
            LaneStatus { failed: Some(_), .. } => ("failing", "Failing"),
            _ => ("connected", "OK"),
        };
        Self {
            name: match lane.lane.as_str() {
                "main" => lane.sink.clone(),
                name => format!("{} ({})", lane.sink, show::name(name)),
            },
            kind: show::name(&lane.kind),
            state,
            queued: grouped(lane.lag.queued),
            oldest: lane.lag.oldest.map(|oldest| Moment::of(oldest, zone)),
            dead_letters: grouped(lane.dead_letters),
            troubles,
        }
    }
}

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
use crate::config::{Cost, Organization};
use crate::dispatch::{Condition, LaneStatus};
use crate::organization::OrganizationId;
use crate::standing::{Standing, State};
use crate::store::{self, View, Vitals};
use crate::text::count;

/// How far back charts go, in days.
pub(super) const DAYS: i64 = 90;
/// So many changes are shown.
const CHANGES: usize = 15;
/// So many organizations that need a person are told of at length, and so many sinks.
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
    states: Vec<Filter>,
    state: &'static str,
    all: String,
    sums: Sums,
    organizations: Vec<Row>,
    paging: Paging,
    troubles: Vec<Trouble>,
    /// How many more need a person, and the ways to them.
    more_troubles: usize,
    /// Why new organizations cannot be found, each with the service.
    lookups: Vec<Lookup>,
    changes: Vec<Change>,
    /// What was before is not kept any more.
    kept_since: Option<Moment>,
    sinks: Vec<Lane>,
    sink_troubles: Vec<SinkTrouble>,
    more_sink_troubles: usize,
}

/// Over all organizations of the configuration.
#[derive(Serialize)]
struct Sums {
    organizations: String,
    members: String,
    seats: String,
    /// What the seats in use cost a month, one for each currency.
    costs: Vec<String>,
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
    /// `full` or `near`, where the seats run out, and what to say of it.
    fill: Option<(&'static str, String)>,
    admins: Option<String>,
    /// What the seats in use cost a month.
    cost: Option<String>,
    chart: String,
    synced_at: Option<Moment>,
}

/// The look-ups of organizations on one service, which fail.
#[derive(Serialize)]
struct Lookup {
    service: &'static str,
    since: Option<Moment>,
    reason: String,
    message: String,
    hint: String,
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
    /// What it will never get.
    lost: Option<String>,
}

/// Lanes of one sink that need a person for the same reason.
#[derive(Serialize)]
struct SinkTrouble {
    /// The sink's, or its lane's where that is alone.
    name: String,
    /// What the state is called in the style sheet.
    state: &'static str,
    /// What is wrong, in a word or two.
    title: String,
    /// What is wrong at length, each with the command that helps.
    told: Vec<(String, String)>,
}

/// An organization of the configuration, as the list is chosen by.
struct Entry<'a> {
    organization: &'a Organization,
    vitals: Option<&'a Vitals>,
    state: State,
    /// When it was told to have vanished from the token's listing.
    vanished_at: Option<DateTime<Utc>>,
}

/// What is asked of the list.
struct Choice<'a> {
    /// A part of a name.
    search: &'a str,
    state: Option<State>,
}

impl<'a> Choice<'a> {
    /// None where it asks for a state that there is not.
    fn of(query: &'a ListQuery) -> Option<Self> {
        let word = query.state.as_deref().unwrap_or_default();
        let state = State::ALL.into_iter().find(|state| state.word() == word);
        let search = query.q.as_deref().unwrap_or_default().trim();
        (state.is_some() || word.is_empty()).then_some(Self { search, state })
    }

    fn href(&self, state: Option<State>, page: u64) -> String {
        let page = if page == 1 { String::new() } else { page.to_string() };
        let state = state.map_or("", State::word);
        link::with("/", &[("q", self.search), ("state", state), ("page", &page)])
    }
}

pub(super) fn page(view: &View<'_>, around: &Surroundings<'_>, query: &ListQuery) -> Found {
    let vitals = view.vitals()?;
    let all = entries(view, around, &vitals)?;
    let Some(choice) = Choice::of(query) else {
        let (asked, words) = (query.state.as_deref(), State::ALL.map(State::word));
        let list = ("The list", "/".to_owned());
        return Ok(Err(Missing::choice("state", asked.unwrap_or_default(), words, list)));
    };
    let named: Vec<&Entry<'_>> =
        all.iter().filter(|entry| is_named(entry.organization, choice.search)).collect();
    let is_chosen = |entry: &&Entry<'_>| choice.state.is_none_or(|state| entry.state == state);
    let chosen: Vec<&Entry<'_>> = named.iter().copied().filter(is_chosen).collect();

    let number = paging::number(query.page.as_deref());
    let href = |number| choice.href(choice.state, number);
    let paging = number.and_then(|number| Paging::of(number, chosen.len() as u64, href));
    let (Some(number), Some(paging)) = (number, paging) else {
        return Ok(Err(Missing::part("The list", href(1))));
    };
    let skipped = usize::try_from(paging::before(number)).unwrap_or(usize::MAX);
    let rows = usize::try_from(paging::ROWS).unwrap_or(usize::MAX);
    let shown: Vec<&Entry<'_>> = chosen.into_iter().skip(skipped).take(rows).collect();
    let organizations = shown.iter().map(|entry| row(view, around, entry));
    let (troubles, more_troubles) = match choice.state {
        Some(_) => troubles(view, around, &shown, usize::MAX)?,
        None => troubles(view, around, &named, TROUBLES)?,
    };
    let lookups = lookups(view, around)?;
    let zone = around.config.timezone;
    let mut sink_troubles = SinkTrouble::all(&around.lanes, zone);
    let needy = lookups.len() + sink_troubles.len();
    let more_sink_troubles = sink_troubles.len().saturating_sub(TROUBLES);
    sink_troubles.truncate(TROUBLES);
    Ok(Ok(Content::of(
        "overview.html",
        &Model {
            search: show::name(choice.search),
            states: states(&choice, &named),
            state: choice.state.map_or("", State::word),
            all: choice.href(None, 1),
            sums: Sums::of(&all, needy),
            organizations: organizations.collect::<rusqlite::Result<_>>()?,
            paging,
            troubles,
            more_troubles,
            lookups,
            changes: change::recent(view, around, CHANGES)?,
            kept_since: view.known_from()?.map(|at| Moment::of(at, zone)),
            sinks: around.lanes.iter().map(|lane| Lane::of(lane, zone)).collect(),
            sink_troubles,
            more_sink_troubles,
        },
    )))
}

/// All organizations of the configuration in the order of their names.
fn entries<'a>(
    view: &View<'_>,
    around: &Surroundings<'a>,
    vitals: &'a HashMap<OrganizationId, Vitals>,
) -> rusqlite::Result<Vec<Entry<'a>>> {
    let (under_way, vanished) = (view.under_way()?, view.vanished()?);
    let mut entries: Vec<Entry<'a>> = around
        .config
        .organizations
        .iter()
        .map(|organization| {
            let id = &organization.id;
            let vitals = vitals.get(id);
            let is_under_way = under_way.contains(id);
            let state = if is_under_way { State::Syncing } else { State::of_vitals(vitals) };
            let vanished_at = vanished.get(id).filter(|_| organization.discovered).copied();
            Entry { organization, vitals, state, vanished_at }
        })
        .collect();
    entries.sort_by(|a, b| a.organization.id.cmp(&b.organization.id));
    Ok(entries)
}

/// Word, title, how many, whether it is chosen, and the way there.
type Filter = (&'static str, &'static str, String, bool, String);

fn states(choice: &Choice<'_>, named: &[&Entry<'_>]) -> Vec<Filter> {
    let states = State::ALL.into_iter().map(|state| {
        let number = named.iter().filter(|entry| entry.state == state).count();
        let is_chosen = choice.state == Some(state);
        let href = choice.href(Some(state), 1);
        (state.word(), state.title(), grouped(number as u64), is_chosen, href)
    });
    states.collect()
}

impl Sums {
    /// With what needs a person beside the organizations.
    fn of(all: &[Entry<'_>], others: usize) -> Self {
        let sum = |of: fn(&Totals) -> u64| {
            let totals = all.iter().filter_map(|entry| entry.vitals?.totals.as_ref());
            grouped(totals.map(of).sum())
        };
        Self {
            organizations: grouped(all.len() as u64),
            members: sum(|totals| totals.members),
            seats: sum(Totals::seats_used),
            costs: Cost::sums(all.iter().filter_map(Entry::cost)),
            troubles: all.iter().filter(|entry| entry.is_needy()).count() + others,
        }
    }
}

impl Entry<'_> {
    /// What its seats in use cost a month.
    fn cost(&self) -> Option<Cost> {
        self.organization.seats.cost(self.vitals?.totals.as_ref()?)
    }

    /// Whether a person has to look at it.
    fn is_needy(&self) -> bool {
        self.vanished_at.is_some() || self.is_stale()
    }

    /// Whether its last sync brought no roster.
    fn is_stale(&self) -> bool {
        self.vitals.is_some_and(|vitals| vitals.held || vitals.failures > Some(0))
    }
}

fn is_named(organization: &Organization, search: &str) -> bool {
    let search = search.to_lowercase();
    let label = organization.label.as_deref().unwrap_or_default().to_lowercase();
    organization.id.to_string().contains(&search) || label.contains(&search)
}

fn row(view: &View<'_>, around: &Surroundings<'_>, entry: &Entry<'_>) -> rusqlite::Result<Row> {
    let (now, zone) = (around.now, around.config.timezone);
    let Entry { organization, vitals, state, .. } = entry;
    let totals = vitals.and_then(|vitals| vitals.totals.as_ref());
    let limit = organization.seats.limit;
    let number = view.find(&organization.id)?;
    let points = number.map_or(Ok(Vec::new()), |number| points(view, number, now))?;
    let synced_at = vitals.and_then(|vitals| vitals.last_success_at);
    // Of earlier gaps, all runs would have to be read: the organization's own page does that.
    let gap = synced_at.filter(|_| entry.is_stale()).map(|at| (at, now));
    let (from, gaps) = (now - TimeDelta::days(DAYS), gap.as_slice());
    let chart = Chart { from, to: now, zone, points: &points, limit, gaps };
    Ok(Row {
        id: organization.id.to_string(),
        href: link::organization(&organization.id),
        label: organization.label.as_deref().map(show::name),
        state: (state.word(), state.title()),
        members: totals.map(|totals| grouped(totals.members)),
        seats: totals.map(|totals| grouped(totals.seats_used())),
        limit: limit.map(grouped),
        fill: totals.and_then(|totals| fill(organization, totals)),
        admins: totals.map(|totals| grouped(totals.admins)),
        cost: entry.cost().map(Cost::grouped),
        chart: chart.sparkline(),
        synced_at: synced_at.map(|at| Moment::of(at, zone)),
    })
}

/// Word and title, where the seats run out.
pub(super) fn fill(organization: &Organization, totals: &Totals) -> Option<(&'static str, String)> {
    let seats = &organization.seats;
    let (limit, used) = (seats.limit?, totals.seats_used());
    if let Some(over) = seats.over(totals) {
        Some(("full", format!("{} over", grouped(over))))
    } else if used >= limit {
        Some(("full", "limit reached".to_owned()))
    } else if used >= seats.warn_at.seats(limit) {
        Some(("near", "limit near".to_owned()))
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
    view.seats_used(number, now - TimeDelta::days(DAYS), now)
}

/// The first of those that need a person, and how many more there are.
fn troubles(
    view: &View<'_>,
    around: &Surroundings<'_>,
    entries: &[&Entry<'_>],
    most: usize,
) -> rusqlite::Result<(Vec<Trouble>, usize)> {
    let needy: Vec<_> = entries.iter().filter(|entry| entry.is_needy()).collect();
    let mut troubles = Vec::new();
    for Entry { organization, vanished_at, .. } in needy.iter().take(most) {
        let standing = Standing::load(view, &organization.id, None, false)?;
        let zone = around.config.timezone;
        troubles.extend(Trouble::of(&organization.id, &standing, *vanished_at, zone));
    }
    Ok((troubles, needy.len().saturating_sub(most)))
}

fn lookups(view: &View<'_>, around: &Surroundings<'_>) -> rusqlite::Result<Vec<Lookup>> {
    let is_asked = |service| around.config.discover.iter().any(|rule| rule.service == service);
    let lookups = view.lookups()?.into_iter().filter(|(service, _)| is_asked(*service));
    let failing = lookups.filter_map(|(service, lookups)| {
        let failure = lookups.failure?;
        Some(Lookup {
            service: service.word(),
            since: lookups.failing_since.map(|at| Moment::of(at, around.config.timezone)),
            reason: show::name(&failure.reason),
            message: show::sentence(&failure.message),
            hint: show::sentence(&failure.hint),
        })
    });
    Ok(failing.collect())
}

impl Lane {
    fn of(lane: &LaneStatus, zone: Tz) -> Self {
        let state = match lane.condition() {
            Condition::Paused => ("held", "Paused"),
            Condition::Stopped => ("failing", "Stopped"),
            Condition::Failing => ("failing", "Failing"),
            Condition::Delivering => ("connected", "OK"),
        };
        let lost = lane.lost.as_ref().map(|lost| {
            let (events, at) = (count(lost.events, "event"), lost.at.with_timezone(&zone));
            let at = at.format("%F %R %Z");
            format!("{events} not delivered within `retention` and lost, the last at {at}")
        });
        Self {
            name: lane.name(),
            kind: show::name(&lane.kind),
            state,
            queued: grouped(lane.lag.queued),
            oldest: lane.lag.oldest.map(|oldest| Moment::of(oldest, zone)),
            dead_letters: grouped(lane.dead_letters),
            lost,
        }
    }
}

impl SinkTrouble {
    /// Of all lanes; what is the same in several of a sink, such as a pause, is told once.
    fn all(lanes: &[LaneStatus], zone: Tz) -> Vec<Self> {
        let mut troubles: Vec<(&str, Self)> = Vec::new();
        for (sink, trouble) in lanes.iter().filter_map(|lane| Self::of(lane, zone)) {
            let is_same =
                |other: &Self| (&other.title, &other.told) == (&trouble.title, &trouble.told);
            match troubles.last_mut() {
                Some((last, other)) if *last == sink && is_same(other) => {
                    sink.clone_into(&mut other.name);
                }
                _ => troubles.push((sink, trouble)),
            }
        }
        troubles.into_iter().map(|(_, trouble)| trouble).collect()
    }

    /// What is wrong with one lane, and whose it is; none where nothing is. What is lost nobody can
    /// bring back.
    fn of(lane: &LaneStatus, zone: Tz) -> Option<(&str, Self)> {
        let resume = || format!("seatwatch sink resume {}", lane.sink);
        let mut told = Vec::new();
        if let Some(since) = lane.paused {
            let since = since.with_timezone(&zone).format("%F %R %Z");
            told.push((format!("paused since {since}"), resume()));
        }
        if let Some(reason) = &lane.disabled {
            told.push((show::sentence(reason), resume()));
        } else if let Some(failed) = lane.failed.as_ref().filter(|_| lane.paused.is_none()) {
            told.push((show::sentence(&failed.reason), "seatwatch sync".to_owned()));
        }
        if let Some(reason) = &lane.last_dead {
            let list = format!("seatwatch outbox list {}", lane.sink);
            told.push((format!("last dead letter: {}", show::sentence(reason)), list));
        }
        let (state, title) = match lane.condition() {
            Condition::Paused => ("held", "paused".to_owned()),
            Condition::Stopped => ("failing", "stopped".to_owned()),
            Condition::Failing => ("failing", "failing".to_owned()),
            Condition::Delivering => ("held", count(lane.dead_letters, "dead letter")),
        };
        (!told.is_empty()).then(|| (&*lane.sink, Self { name: lane.name(), state, title, told }))
    }
}

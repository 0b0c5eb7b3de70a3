//! One organization: how it stands, how its seats went, who is on its roster, what changed.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::change::Timeline;
use super::overview::{self, DAYS};
use super::paging::{self, Paging};
use super::show::{self, Moment, SinceWhen, grouped};
use super::trouble::Trouble;
use super::{Content, Found, Missing, Surroundings, link};
use crate::chart::Chart;
use crate::config::{self, Cost};
use crate::coverage;
use crate::organization::OrganizationId;
use crate::standing::Standing;
use crate::store::{self, Having, Listed, View, Wanted};
use crate::text::count;

/// Which part of a roster and of a timeline is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RosterQuery {
    /// Only those with this in their username, name or email.
    pub q: Option<String>,
    /// Only those who have this: the words of the filters.
    pub show: Option<String>,
    /// The number of the page.
    pub page: Option<String>,
    /// Of the timeline, only what was before the event of this sequence.
    pub before: Option<String>,
}

#[derive(Serialize)]
struct Model {
    id: String,
    /// The zone of its times.
    timezone: &'static str,
    /// Where it is.
    path: String,
    label: Option<String>,
    state: (&'static str, &'static str),
    /// Whether it is in the configuration; else it is kept, and not synced.
    watched: bool,
    synced_at: Option<Moment>,
    next_sync: Option<Moment>,
    totals: Option<Sums>,
    seats: Seats,
    trouble: Option<Trouble>,
    roster: Roster,
    timeline: Timeline,
}

/// A part of the roster, and how it was chosen.
#[derive(Serialize)]
struct Roster {
    search: String,
    /// The word of the filter.
    show: &'static str,
    filters: Vec<Filter>,
    members: Vec<Row>,
    paging: Paging,
}

#[derive(Serialize)]
struct Filter {
    title: &'static str,
    chosen: bool,
    href: String,
}

#[derive(Serialize)]
struct Sums {
    members: String,
    seats: String,
    limit: Option<String>,
    /// How many seats are left below the limit, where any are.
    free: Option<String>,
    fill: Option<(&'static str, String)>,
    admins: String,
    unnamed: Option<String>,
    /// What the seats in use cost a month.
    cost: Option<String>,
}

#[derive(Serialize)]
struct Row {
    username: String,
    href: String,
    name: Option<String>,
    email: Option<String>,
    member: SinceWhen,
    seat: Option<SinceWhen>,
    admin: Option<SinceWhen>,
}

/// The filters of a roster: word, title, and what they are.
const FILTERS: [(&str, &str, Having); 4] = [
    ("", "All", Having::Anything),
    ("seats", "With a seat", Having::Seat),
    ("no-seat", "Without a seat", Having::NoSeat),
    ("admins", "Admins", Having::Admin),
];

pub(super) fn page(
    view: &View<'_>,
    around: &Surroundings<'_>,
    id: &OrganizationId,
    query: &RosterQuery,
) -> Found {
    let watched = around.config.find(id);
    let number = view.find(id)?;
    if watched.is_none() && number.is_none() {
        return Ok(Err(Missing::organization(view, around, &id.to_string())?));
    }
    let zone = around.config.zone_of(id);
    let path = link::organization(id);
    let roster = match Roster::load(view, id, number, zone, query)? {
        Ok(roster) => roster,
        Err(missing) => return Ok(Err(missing)),
    };
    let timeline = match number {
        Some(number) => {
            let to = |before: &str| link::with(&path, &[("before", before)]) + "#timeline";
            Timeline::load(view, number, None, query.before.as_deref(), zone, to)?
        }
        None => Some(Timeline::default()),
    };
    let Some(timeline) = timeline else {
        return Ok(Err(Missing::part("The timeline", path)));
    };
    let standing = Standing::load(view, id, None, true)?;
    let state = standing.state();
    let seats = Seats::load(view, around, zone, watched, number)?;
    let splay = around.config.splay;
    let next_sync = watched.and_then(|it| standing.next_sync(it, splay, around.now));
    Ok(Ok(Content::of(
        "organization.html",
        &Model {
            id: id.to_string(),
            timezone: zone.name(),
            path,
            label: watched.and_then(|it| it.label.as_deref()).map(show::name),
            state: (state.word(), state.title()),
            watched: watched.is_some(),
            synced_at: standing.health.last_success_at.map(|at| Moment::of(at, zone)),
            next_sync: next_sync.map(|at| Moment::of(at, zone)),
            totals: sums(watched, &standing),
            seats,
            trouble: Trouble::load(view, around, id, &standing)?,
            roster,
            timeline,
        },
    )))
}

impl Roster {
    /// The part that is asked for, or that there is no such part.
    fn load(
        view: &View<'_>,
        id: &OrganizationId,
        number: Option<store::Organization>,
        zone: Tz,
        query: &RosterQuery,
    ) -> rusqlite::Result<Result<Self, Missing>> {
        let path = link::organization(id);
        let search = query.q.as_deref().unwrap_or_default().trim();
        let show = query.show.as_deref().unwrap_or_default();
        let Some((show, _, having)) = FILTERS.into_iter().find(|(word, ..)| *word == show) else {
            let words = FILTERS.into_iter().map(|(word, ..)| word);
            return Ok(Err(Missing::choice("show", show, words, ("The roster", path))));
        };
        let part = Some(search.to_owned()).filter(|part| !part.is_empty());
        let wanted = Wanted { having, part };
        let href = |show: &str, page: u64| {
            let page = if page == 1 { String::new() } else { page.to_string() };
            link::with(&path, &[("q", search), ("show", show), ("page", &page)]) + "#roster"
        };
        let no_such_part = || Ok(Err(Missing::part("The roster", href(show, 1))));
        let Some(asked) = paging::number(query.page.as_deref()) else { return no_such_part() };
        let (mut members, mut total) = (Vec::new(), 0);
        if let Some(number) = number {
            let known_since = view.known_since(number)?;
            let before = paging::before(asked);
            let (listed, all) = view.list_members(number, &wanted, paging::ROWS, before)?;
            members.extend(listed.iter().map(|it| Row::of(id, it, known_since, zone)));
            total = all;
        }
        let Some(paging) = Paging::of(asked, total, |page| href(show, page)) else {
            return no_such_part();
        };
        let filters = FILTERS.into_iter().map(|(word, title, _)| Filter {
            title,
            chosen: word == show,
            href: href(word, 1),
        });
        let filters = filters.collect();
        Ok(Ok(Self { search: show::name(search), show, filters, members, paging }))
    }
}

fn sums(watched: Option<&config::Organization>, standing: &Standing) -> Option<Sums> {
    let totals = standing.totals.as_ref()?;
    let (limit, used) = (watched.and_then(|it| it.seats.limit), totals.seats_used());
    let unnamed = totals.unnamed;
    Some(Sums {
        members: grouped(totals.members),
        seats: grouped(used),
        limit: limit.map(grouped),
        free: limit.and_then(|limit| limit.checked_sub(used)).map(grouped),
        fill: watched.and_then(|organization| overview::fill(organization, totals)),
        admins: grouped(totals.admins),
        unnamed: (unnamed.members > 0).then(|| {
            format!("{}, {} with a seat", grouped(unnamed.members), grouped(unnamed.seats))
        }),
        cost: watched.and_then(|it| it.seats.cost(totals)).map(Cost::grouped),
    })
}

/// The seats in use.
#[derive(Serialize)]
struct Seats {
    chart: String,
    /// Over how long: `90 days`.
    days: String,
    /// How many gaps are in it.
    gaps: usize,
}

impl Seats {
    fn load(
        view: &View<'_>,
        around: &Surroundings<'_>,
        zone: Tz,
        watched: Option<&config::Organization>,
        number: Option<store::Organization>,
    ) -> rusqlite::Result<Self> {
        let now = around.now;
        let points = number.map_or(Ok(Vec::new()), |it| overview::points(view, it, now))?;
        let from = begin(points.first().map(|(at, _)| *at), now);
        let runs = number.map_or(Ok(Vec::new()), |number| view.runs(number, from, now))?;
        let gaps = coverage::gaps(&runs, from, now).into_iter().map(|gap| (gap.from, gap.to));
        let gaps: Vec<_> = gaps.collect();
        let limit = watched.and_then(|organization| organization.seats.limit);
        let chart = Chart { from, to: now, zone, points: &points, limit, gaps: &gaps };
        let days = count((now - from).num_days().unsigned_abs(), "day");
        Ok(Self { chart: chart.full(), days, gaps: gaps.len() })
    }
}

/// Where the chart begins: with what is known, a day ago at the latest.
fn begin(first: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    let latest = now - TimeDelta::days(1);
    let earliest = now - TimeDelta::days(DAYS);
    first.map_or(earliest, |first| first.clamp(earliest, latest))
}

impl Row {
    fn of(
        id: &OrganizationId,
        listed: &Listed,
        known_since: Option<DateTime<Utc>>,
        zone: Tz,
    ) -> Self {
        let Listed { member, since } = listed;
        let since_when = |at| SinceWhen::of(at, known_since, zone);
        Self {
            username: show::name(member.username()),
            href: link::member(id, member.username()),
            name: member.name().map(show::name),
            email: member.email().map(show::name),
            member: since_when(since.member),
            seat: since.seat.map(since_when),
            admin: since.admin.map(since_when),
        }
    }
}

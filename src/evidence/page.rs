//! The page of a pack: all that a reader needs, in one file.
//!
//! It loads nothing, runs nothing, and prints well. Every text that somebody else chose is made
//! harmless twice: control and bidi characters are shown as what they are, and the template
//! escapes.

use std::collections::HashMap;
use std::error::Error as _;
use std::io::{self, Write};
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use itertools::Itertools as _;
use minijinja::{Environment, Value, context};
use seatwatch_sdk::{Data, Event, EventKind, Unnamed};

use super::sheets::sheets;
use super::{Chapter, Compared, Evidence};
use crate::chart::{self, Chart};
use crate::config::Cost;
use crate::coverage::Gap;
use crate::dormant::{self, LogIn};
use crate::people::Finding;
use crate::roster::{Member, Username};
use crate::store::{PastMember, PastRoster, Sums};
use crate::templates::environment;
use crate::text::{grouped, shown};
use crate::words;

/// So many people of a list are on the page that are nowhere else: no reader opens one of millions.
const MOST_LISTED: usize = 1000;

/// Writes the whole page, which may be too large to be held in memory for that.
///
/// # Errors
///
/// It cannot be written.
pub(super) fn write(evidence: &Evidence<'_>, out: &mut dyn Write) -> io::Result<()> {
    let clock = Clock(evidence.zone);
    let chapters = evidence.organizations.iter().map(|it| chapter(it, evidence, clock));
    let files = sheets(evidence).into_iter().map(|sheet| (sheet.name, sheet.what));
    let context = context! {
        style => Value::from_safe_string([chart::STYLE, include_str!("page.css")].concat()),
        version => env!("CARGO_PKG_VERSION"),
        instance => shown(evidence.instance),
        config_sha256 => evidence.config_sha256.as_str(),
        zone => evidence.zone.name(),
        from => clock.time(evidence.from),
        to => clock.time(evidence.to),
        chapters => chapters.collect::<Vec<_>>(),
        left_out => evidence.left_out.iter().map(|id| shown(&id.to_string())).collect::<Vec<_>>(),
        costs => Cost::sums(evidence.organizations.iter().filter_map(Chapter::cost)),
        compared => evidence.compared.as_ref().map(comparison),
        files => files.collect::<Vec<_>>(),
    };
    let page = TEMPLATES.get_template("page.html").expect("it is added below");
    page.render_captured_to(context, out).map(drop).map_err(|error| {
        let reason = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        let code = reason.and_then(io::Error::raw_os_error);
        code.map_or_else(|| io::Error::other(error), io::Error::from_raw_os_error)
    })
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = environment(&[("page.html", include_str!("page.html"))]);
    templates.add_filter("grouped", |number: u64| grouped(number));
    templates
});

/// Tells times as the reader's clock shows them.
#[derive(Clone, Copy)]
struct Clock(Tz);

/// Each is a time for people, and for machines that read the page.
impl Clock {
    fn time(self, time: DateTime<Utc>) -> Value {
        self.marked("", time)
    }

    /// Since when; of what is as old as all that is known, that it may be older.
    fn since(self, time: Option<DateTime<Utc>>, known_since: DateTime<Utc>) -> Option<Value> {
        let time = time?;
        Some(self.marked(if time <= known_since { "≤ " } else { "" }, time))
    }

    /// Both ends of a span: to the second where the minutes would be the same.
    fn span(self, from: DateTime<Utc>, to: DateTime<Utc>) -> [Value; 2] {
        let ends = |format| [from, to].map(|time| (self.shown(time, format), time));
        let [from, to] = match ends(MINUTE) {
            [(from, _), (to, _)] if from == to => ends("%F %T"),
            minutes => minutes,
        };
        [from, to].map(|(shown, time)| moment(shown, time))
    }

    fn marked(self, mark: &str, time: DateTime<Utc>) -> Value {
        moment(format!("{mark}{}", self.shown(time, MINUTE)), time)
    }

    fn shown(self, time: DateTime<Utc>, format: &str) -> String {
        time.with_timezone(&self.0).format(format).to_string()
    }
}

const MINUTE: &str = "%F %R";

fn moment(shown: String, time: DateTime<Utc>) -> Value {
    context! { shown, utc => crate::rows::utc(Some(time)) }
}

fn chapter(chapter: &Chapter<'_>, evidence: &Evidence<'_>, clock: Clock) -> Value {
    let rosters = chapter.before.as_ref().zip(chapter.after.as_ref());
    let gap = |gap: &Gap| {
        let [from, to] = clock.span(gap.from, gap.to);
        context! { from, to, why => gap.why() }
    };
    let gaps = chapter.gaps.as_ref().map(|gaps| gaps.iter().map(gap).collect::<Vec<_>>());
    let ends_in_gap = chapter.gaps().last().is_some_and(|gap| gap.to == evidence.to);
    let is_stale = |roster: &&PastRoster| !roster.is_fresh || ends_in_gap;
    let events = chapter.events.iter().map(|event| told(event, clock));
    let after = chapter.after.as_ref();
    context! {
        id => shown(&chapter.id.to_string()),
        label => chapter.label.map(shown),
        known_since => chapter.known_since.filter(|it| *it > evidence.from).map(|it| clock.time(it)),
        is_known => rosters.is_some(),
        read_at => after.filter(is_stale).map(|it| clock.time(it.read_at)),
        sums => rosters.map(|rosters| sums(chapter, rosters)),
        cost => chapter.cost().map(Cost::grouped),
        limit => chapter.seats.limit.map(grouped),
        over => chapter.over().map(grouped),
        price => chapter.seats.price.map(|price| price.of(1).grouped()),
        chart => chart(chapter, evidence),
        seats => chapter.sums.iter().map(|it| seats(chapter, it, clock)).collect::<Vec<_>>(),
        unnamed_seats => chapter.totals().and_then(|totals| unnamed_seats(totals.unnamed)),
        before => members(chapter.before.as_ref(), clock, |_| true),
        before_unnamed_seats => chapter.before.as_ref().and_then(|it| unnamed_seats(it.totals.unnamed)),
        holders => members(after, clock, |member| member.seat),
        admins => members(after, clock, |member| member.admin),
        others => members(after, clock, |member| !member.seat && !member.admin),
        left => left(&chapter.events, clock),
        events => events.collect::<Vec<_>>(),
        gaps,
        syncs_known_from => chapter.syncs_known_from.map(|at| clock.time(at)),
        gaps_known_from => chapter.gaps_known_from.map(|at| clock.time(at)),
        log_ins => log_ins(chapter, clock),
    }
}

/// The numbers at both ends.
fn sums(chapter: &Chapter<'_>, (before, after): (&PastRoster, &PastRoster)) -> Vec<Value> {
    let (old, new) = (before.totals, after.totals);
    let row = |what, (old, new): (u64, u64), (more, less): (u64, u64)| {
        context! { what, before => grouped(old), after => grouped(new), more, less }
    };
    let moved = |more, less| (chapter.count(more), chapter.count(less));
    // Of rows without a name, only the sums are known.
    let (gained, lost) = moved(EventKind::SeatGained, EventKind::SeatLost);
    let gained = gained + new.unnamed.seats.saturating_sub(old.unnamed.seats);
    let lost = lost + old.unnamed.seats.saturating_sub(new.unnamed.seats);
    let unnamed = (old.unnamed.members + new.unnamed.members > 0).then(|| {
        context! {
            what => "Rows without a name",
            before => grouped(old.unnamed.members),
            after => grouped(new.unnamed.members),
            more => (), less => (),
        }
    });
    let mut rows = vec![
        row("Members", (old.members, new.members), moved(EventKind::Joined, EventKind::Left)),
        row("Seats in use", (old.seats_used(), new.seats_used()), (gained, lost)),
        row(
            "Admins",
            (old.admins, new.admins),
            moved(EventKind::AdminGranted, EventKind::AdminRevoked),
        ),
    ];
    rows.extend(unnamed);
    rows
}

/// What the rows that name nobody have, where they have any.
fn unnamed_seats(unnamed: Unnamed) -> Option<String> {
    match unnamed.seats {
        0 => None,
        1 => Some("1 seat of a row that names nobody".to_owned()),
        seats => Some(format!("{} seats of rows that name nobody", grouped(seats))),
    }
}

fn chart(chapter: &Chapter<'_>, evidence: &Evidence<'_>) -> Option<Value> {
    let points: Vec<_> = chapter.sums.iter().map(|it| (it.at, it.totals.seats_used())).collect();
    let gaps: Vec<_> = chapter.gaps().iter().map(|gap| (gap.from, gap.to)).collect();
    let (from, to, limit) = (evidence.from, evidence.to, chapter.seats.limit);
    let is_drawn = !points.is_empty() && from < to;
    let chart = Chart { from, to, zone: evidence.zone, points: &points, limit, gaps: &gaps };
    is_drawn.then(|| Value::from_safe_string(chart.full()))
}

fn seats(chapter: &Chapter<'_>, sums: &Sums, clock: Clock) -> Value {
    let used = sums.totals.seats_used();
    context! {
        since => clock.time(sums.at),
        members => grouped(sums.totals.members),
        used => grouped(used),
        admins => grouped(sums.totals.admins),
        cost => chapter.seats.price.map(|price| price.of(used).grouped()),
    }
}

/// Some of the members of a roster.
fn members(roster: Option<&PastRoster>, clock: Clock, is_asked: fn(&Member) -> bool) -> Vec<Value> {
    let Some(roster) = roster else { return Vec::new() };
    let asked = roster.members.iter().filter(|it| is_asked(&it.member));
    // Many have been there since the same few times.
    let mut moments: HashMap<_, Option<Value>> = HashMap::new();
    let value = |PastMember { member, since, .. }: &PastMember| {
        let mut since_when = |time| {
            moments.entry(time).or_insert_with(|| clock.since(time, roster.known_since)).clone()
        };
        context! {
            username => shown(member.username()),
            name => member.name().map(shown),
            email => member.email().map(shown),
            member => since_when(Some(since.member)),
            seat => since_when(since.seat),
            admin => since_when(since.admin),
        }
    };
    asked.map(value).collect()
}

/// Each time that somebody left, and when their username was on the list again.
///
/// Codecov lists whoever comes back as it lists anybody who is new: the name is all that tells. It
/// may also come to somebody who was there all the time, by a rename.
fn left(events: &[Event], clock: Clock) -> Vec<Value> {
    let key = |event: &Event| {
        let member = event.data.member.as_ref();
        member.map(|it| Username::new(it.profile.username.as_str()).key().to_owned())
    };
    let comes = |event: &&Event| matches!(event.data.event, EventKind::Joined | EventKind::Renamed);
    let come = events.iter().filter(comes).filter_map(|event| Some((key(event)?, event)));
    let come = come.into_group_map();
    let value = |event: &Event| {
        // Within one sync, events are not in the order in which things happened.
        let is_later = |it: &&&Event| it.sequence > event.sequence || it.time == event.time;
        let back = come.get(&key(event)?).and_then(|come| come.iter().find(is_later));
        let renamed = back.filter(|back| back.data.event == EventKind::Renamed);
        let formerly = renamed.and_then(|back| back.data.before.as_ref());
        Some(context! {
            back_at => back.map(|back| clock.time(back.time)),
            back_from => formerly.map(|before| shown(&before.username)),
            ..told(event, clock)
        })
    };
    events.iter().filter(|event| event.data.event == EventKind::Left).filter_map(value).collect()
}

/// One event in words.
fn told(event: &Event, clock: Clock) -> Value {
    let Data { event: kind, member, before, .. } = &event.data;
    let profile = member.as_ref().map(|member| &member.profile);
    let formerly = before.as_ref().filter(|_| *kind == EventKind::Renamed);
    context! {
        time => clock.time(event.time),
        what => words::what(*kind),
        username => profile.map(|profile| shown(&profile.username)),
        formerly => formerly.map(|before| shown(&before.username)),
        name => profile.and_then(|profile| profile.name.as_deref()).map(shown),
        email => profile.and_then(|profile| profile.email.as_deref()).map(shown),
        more => words::more(&event.data).join(", "),
    }
}

fn log_ins(chapter: &Chapter<'_>, clock: Clock) -> Option<Value> {
    let after = chapter.after.as_ref()?;
    let sessions = match chapter.sessions.as_ref()? {
        Ok(sessions) => sessions,
        Err(why) => return Some(context! { failed => shown(why) }),
    };
    let roster = after.roster();
    let seats = dormant::seats(&roster, sessions);
    let unknown = seats.iter().filter(|seat| seat.log_in == LogIn::Unknown).count();
    let dormant = seats.iter().filter_map(|seat| match seat.log_in {
        LogIn::Dormant { expired_at } => Some(context! {
            username => shown(seat.member.username()),
            name => seat.member.name().map(shown),
            email => seat.member.email().map(shown),
            expired_at => expired_at.map(|time| clock.time(time)),
        }),
        LogIn::Active | LogIn::Unknown => None,
    });
    Some(context! {
        failed => (),
        asked_at => clock.time(sessions.asked_at),
        seats => seats.len(),
        unknown,
        dormant => dormant.collect::<Vec<_>>(),
    })
}

fn comparison(compared: &Compared<'_>) -> Value {
    let comparison = &compared.comparison;
    // Those of the list come last.
    let members = comparison.entries.partition_point(|entry| entry.organization.is_some());
    let not_shown = comparison.entries.len().saturating_sub(members + MOST_LISTED) as u64;
    let entries = comparison.entries.iter().take(members + MOST_LISTED).map(|entry| {
        context! {
            organization => entry.organization.map(ToString::to_string).map(|id| shown(&id)),
            username => entry.username.map(shown),
            name => entry.name.map(shown),
            email => entry.email.map(shown),
            seat => entry.seat,
            admin => entry.admin,
            what => finding(entry.finding, entry.organization.is_some()),
            listed_at => entry.listed_at.iter().join(", "),
        }
    });
    let organizations = comparison.organizations.iter().map(|sums| {
        let unnamed = sums.unnamed_seats;
        context! {
            id => shown(&sums.organization.to_string()),
            ghost_seats => grouped(sums.ghost_seats()),
            not_in_list => grouped(sums.not_in_list.members + unnamed.not_in_list),
            in_list => grouped(sums.by_email.members + sums.by_username.members + unnamed.in_list),
            ambiguous => grouped(sums.ambiguous.members),
            cannot_tell => grouped(sums.cannot_tell.members + unnamed.cannot_tell),
        }
    });
    context! {
        list => shown(&compared.list),
        sha256 => compared.sha256.as_str(),
        organizations => organizations.collect::<Vec<_>>(),
        no_access => grouped(comparison.listed.no_access),
        not_shown => (not_shown > 0).then(|| grouped(not_shown)),
        entries => entries.collect::<Vec<_>>(),
    }
}

fn finding(finding: Finding, is_member: bool) -> &'static str {
    match (finding, is_member) {
        (Finding::NotInList, _) => "not in the list",
        (Finding::Ambiguous, _) => "several matches in the list",
        (Finding::CannotTell, true) => "nothing to compare with the list",
        (Finding::CannotTell, false) => "in the list without address or username",
        (Finding::NoAccess, _) => "in the list, without access",
    }
}

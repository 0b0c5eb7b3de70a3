//! `seatwatch status`: how every organization and every sink stands, as of what is committed.

use std::io::{self, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use comfy_table::{Cell, Color};
use itertools::Itertools as _;
use seatwatch_sdk::Totals;

use super::exit::{Exit, Stop};
use super::instance;
use super::output::{
    Format, Row, align_right, count, exact, lane_name, local, row, shown, table, utc, write_rows,
    write_table,
};
use crate::config::{Config, Cost, Organization};
use crate::control;
use crate::dispatch::{self, LaneStatus, Orphans};
use crate::organization::Service;
use crate::preflight;
use crate::standing::{self, State, Trend};
use crate::store::{self, Approval, Failure, Hold, Lookups, Lost, Reader, StoreError};

/// How one organization stands.
struct Standing<'a> {
    organization: &'a Organization,
    known: standing::Standing,
    /// How many more seats are in use than a month ago.
    trend: Option<Trend>,
    /// What a person has said of its hold, and no sync has used up.
    approval: Option<Approval>,
    /// When it was told to have vanished from the token's listing.
    vanished_at: Option<DateTime<Utc>>,
    next: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
}

/// Repeats what the word for a state says.
fn color(state: State) -> Color {
    match state {
        State::Syncing | State::New => Color::Cyan,
        State::Connected => Color::Green,
        State::Held => Color::Yellow,
        State::Failing => Color::Red,
    }
}

impl Standing<'_> {
    /// Whether the schedule wanted a sync that nobody has begun.
    fn is_overdue(&self) -> bool {
        !self.known.under_way && self.next.is_some_and(|next| next < self.now)
    }

    /// What the seats in use cost a month.
    fn cost(&self) -> Option<Cost> {
        self.organization.seats.cost(self.known.totals.as_ref()?)
    }

    /// When Codecov was last asked, with or without success.
    fn tried(&self) -> String {
        let last = self.known.last_run.as_ref().map(|run| run.last_finished_at);
        format!("last tried {}", local(last, self.organization.timezone))
    }

    /// Why the last run failed, if it did.
    fn failure(&self) -> Option<&Failure> {
        self.known.last_run.as_ref()?.failure.as_ref()
    }
}

/// Writes how everything stands.
pub(super) fn run(config: &Path, format: Format) -> Result<Exit, Stop> {
    let config = instance::load(config)?;
    let reader = Reader::open(&config.state_dir)?;
    let standings = standings(&config, &reader)?;
    let lookups = lookups(&config, &reader)?;
    let lanes = dispatch::status(&reader, &config.sinks, instance::clock().now())?;
    let orphans = dispatch::orphans(&reader, &config.sinks)?;
    let mut out = super::stdout();
    if format == Format::Table && standings.is_empty() {
        let rules = count(config.discover.len() as u64, "rule");
        writeln!(
            out,
            "no organization is watched yet: {rules} of `discover`, not looked up so far"
        )?;
        writeln!(out, "hint: `seatwatch sync` looks them up, and so does the daemon")?;
    }
    let is_up = control::is_up(&config.state_dir);
    if format == Format::Table {
        write_organizations(&standings, is_up, &mut out)?;
        write_troubles(&standings, &mut out)?;
        write_lookups(&lookups, config.timezone, &mut out)?;
        write_sinks(&lanes, config.timezone, is_up, &mut out)?;
        write_orphans(&orphans, &mut out)?;
        write_daemon(is_up, &mut out)?;
    } else {
        let organizations = standings.iter().map(organization_row);
        let rows = organizations.chain(lanes.iter().map(sink_row));
        let rows = rows.chain(orphans.iter().map(orphans_row));
        let rows: Vec<Row> = rows.chain(lookups.iter().map(lookups_row)).collect();
        write_rows(format, COLUMNS, &rows, &mut out)?;
    }
    out.flush()?;
    // What cannot be stored is in no row: the store knows of nothing that is wrong then.
    if let Some(lack) = preflight::lack_of_space(&config.state_dir) {
        super::complain(&format!(
            "warning: {}\nhint: {}",
            lack.message,
            lack.hint.unwrap_or_default()
        ));
    }
    Ok(Exit::Ok)
}

fn standings<'a>(config: &'a Config, reader: &Reader) -> Result<Vec<Standing<'a>>, StoreError> {
    let now = instance::clock().now();
    let locked = store::is_locked(&config.state_dir);
    reader.read(|view| {
        let standing = |organization: &'a Organization| {
            let formerly = organization.formerly.as_ref();
            let known = standing::Standing::load(view, &organization.id, formerly, locked)?;
            let number = view.find_renamed(&organization.id, formerly)?;
            let trend = number.map(|number| standing::seats_trend(view, number, now));
            let trend = trend.transpose()?.flatten();
            let approval = number.map(|number| view.approval(number));
            let approval = approval.transpose()?.flatten().filter(|it| it.is_valid(now));
            let next = known.next_sync(organization, config.splay, now);
            let discovered = view.discovered_as(&organization.id)?;
            let discovered = discovered.filter(|_| organization.discovered);
            let vanished_at = discovered.and_then(|discovered| discovered.vanished_at);
            Ok(Standing { organization, known, trend, approval, vanished_at, next, now })
        };
        config.organizations.iter().map(standing).collect()
    })
}

/// How the look-ups of the config's rules fare, each service once.
fn lookups(config: &Config, reader: &Reader) -> Result<Vec<(Service, Lookups)>, StoreError> {
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general enough"
    )]
    let known = reader.read(|view| view.lookups())?;
    let services = config.discover.iter().map(|rule| rule.service).unique();
    Ok(services.map(|one| (one, known.get(&one).cloned().unwrap_or_default())).collect())
}

/// What kept new organizations from being found.
fn write_lookups(lookups: &[(Service, Lookups)], zone: Tz, out: &mut dyn Write) -> io::Result<()> {
    for (service, lookups) in lookups {
        let Some(Failure { reason, message, hint }) = &lookups.failure else { continue };
        let since = local(lookups.failing_since, zone);
        let failures = count(u64::from(lookups.failures), "look-up");
        writeln!(
            out,
            "\ndiscover on {service}: failing since {since} ({failures}): {reason}: {}",
            shown(message)
        )?;
        writeln!(out, "hint: {}", shown(hint))?;
    }
    Ok(())
}

fn write_organizations(
    standings: &[Standing<'_>],
    is_up: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    if standings.is_empty() {
        return Ok(());
    }
    let has_prices = standings.iter().any(|it| it.organization.seats.price.is_some());
    let mut header = vec!["ORGANIZATION", "STATE", "MEMBERS", "SEATS", "30 DAYS"];
    header.extend(has_prices.then_some("COST A MONTH"));
    header.extend(["ADMINS", "LAST SYNC", "NEXT SYNC"]);
    let mut table = table(&header);
    for standing in standings {
        let organization = standing.organization;
        let number = |of: fn(&Totals) -> u64| {
            standing
                .known
                .totals
                .as_ref()
                .map_or_else(|| "–".to_owned(), |totals| of(totals).to_string())
        };
        let limit = organization.seats.limit.map(|limit| format!("/{limit}")).unwrap_or_default();
        let over = standing.known.totals.as_ref().and_then(|it| organization.seats.over(it));
        let over = over.map(|over| format!(" ({over} over)")).unwrap_or_default();
        let seats = format!("{}{limit}{over}", number(Totals::seats_used));
        let state = standing.known.state();
        let overdue = if standing.is_overdue() { " (overdue)" } else { "" };
        let mut next = local(standing.next, organization.timezone);
        if state == State::New {
            next = first_sync(is_up, &next);
        }
        let mut cells = vec![
            Cell::new(named(organization)),
            Cell::new(state.title()).fg(color(state)),
            Cell::new(number(|totals| totals.members)),
            Cell::new(seats),
            Cell::new(standing.trend.map_or_else(|| "–".to_owned(), trend)),
        ];
        let cost = standing.cost().map_or_else(|| "–".to_owned(), |cost| cost.to_string());
        cells.extend(has_prices.then(|| Cell::new(cost)));
        cells.extend([
            Cell::new(number(|totals| totals.admins)),
            Cell::new(local(standing.known.health.last_success_at, organization.timezone)),
            Cell::new(format!("{next}{overdue}")),
        ]);
        table.add_row(cells);
    }
    let numbers = 2..header.len() - 2;
    align_right(&mut table, &numbers.collect::<Vec<_>>());
    write_table(&table, out)
}

/// When an organization is synced that never was, and only then as its schedule says: where a daemon
/// `is_up`, as soon as that knows of it.
pub(super) fn first_sync(is_up: bool, scheduled: &str) -> String {
    let first = if is_up { "at once or at reload" } else { "at the start" };
    format!("{first}, then {scheduled}")
}

/// `+4`; `+4 in 9 days` where no more is known. That nothing has changed on the first day is no
/// trend.
fn trend(trend: Trend) -> String {
    let change = signed(trend.change);
    match (trend.over.num_days(), trend.change) {
        _ if trend.is_whole() => change,
        (0, 0) => "–".to_owned(),
        (0, _) => format!("{change} so far"),
        (days, _) => format!("{change} in {}", count(days.unsigned_abs(), "day")),
    }
}

/// `+4`, `−2`, `0`.
fn signed(number: i64) -> String {
    match number {
        0 => "0".to_owned(),
        1.. => format!("+{number}"),
        _ => format!("−{}", number.unsigned_abs()),
    }
}

/// What needs a person: one paragraph for each.
fn write_troubles(standings: &[Standing<'_>], out: &mut dyn Write) -> io::Result<()> {
    for standing in standings {
        let id = &standing.organization.id;
        if let Some(Failure { reason, message, hint }) = standing.failure() {
            let failures = count(u64::from(standing.known.health.failures), "sync");
            let since = local(standing.known.health.failing_since, standing.organization.timezone);
            writeln!(out)?;
            writeln!(
                out,
                "{id}: failing since {since} ({failures}), {}: {reason}: {}",
                standing.tried(),
                shown(message)
            )?;
            writeln!(out, "hint: {}", shown(hint))?;
        }
        if let Some(vanished_at) = standing.vanished_at {
            let since = local(Some(vanished_at), standing.organization.timezone);
            writeln!(out, "\n{id}: not in the token's listing since {since}; still watched")?;
            writeln!(out, "hint: if it is gone for good, name it in `exclude` of its rule")?;
        }
        if let Some(hold) = &standing.known.hold {
            write_hold(standing, hold, out)?;
        }
    }
    Ok(())
}

fn write_hold(standing: &Standing<'_>, hold: &Hold, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    let id = &standing.organization.id;
    let since = local(Some(hold.since), standing.organization.timezone);
    let rejected = hold.rejected_at.is_some();
    let word = if rejected { ", rejected" } else { "" };
    // Of syncs that fail, the line above has it.
    let tried = standing.failure().is_none().then(|| format!(", {}", standing.tried()));
    let tried = tried.unwrap_or_default();
    writeln!(out, "{id}: roster held since {since} as {}{word}{tried}", hold.id)?;
    for (what, keys) in
        [("would leave", &hold.losses.leavers), ("would lose the seat", &hold.losses.seat_losers)]
    {
        if !keys.is_empty() {
            let names: Vec<String> = keys.iter().map(|key| shown(key)).collect();
            writeln!(out, "  {} {what}: {}", keys.len(), names.join(", "))?;
        }
    }
    if hold.losses.last_admin {
        writeln!(out, "  no admin would be left")?;
    }
    if let Some(approval) = &standing.approval {
        let zone = standing.organization.timezone;
        let [at, until] = [approval.approved_at, approval.ends_at()].map(|at| exact(at, zone));
        let of = if approval.hold == hold.id { "" } else { &format!(" as {}", approval.hold) };
        writeln!(
            out,
            "  approved{of} at {at}; the next sync that succeeds before {until} uses it"
        )?;
        if approval.hold == hold.id {
            return writeln!(out, "hint: to take that back: seatwatch reject {id}");
        }
    }
    if hold.id == hold.told_id && rejected {
        writeln!(out, "hint: if this is right after all: seatwatch approve {id}")
    } else if hold.id == hold.told_id {
        writeln!(
            out,
            "hint: if this is right: seatwatch approve {id}; if not: seatwatch reject {id}"
        )
    } else {
        writeln!(
            out,
            "hint: it has changed since it was told as {}; to accept what stands here: \
             seatwatch approve {id} --hold {}",
            hold.told_id, hold.id
        )
    }
}

/// Whether anybody keeps to the schedules: a quiet table must not be mistaken for a daemon's.
fn write_daemon(is_up: bool, out: &mut dyn Write) -> io::Result<()> {
    let says = if is_up {
        "the daemon runs"
    } else {
        "no daemon runs: what is due is synced when somebody calls `seatwatch sync`"
    };
    writeln!(out, "\n{says}")
}

fn write_sinks(lanes: &[LaneStatus], zone: Tz, is_up: bool, out: &mut dyn Write) -> io::Result<()> {
    if lanes.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = table(&["SINK", "TYPE", "STATE", "QUEUED", "OLDEST", "DEAD LETTERS"]);
    for lane in lanes {
        table.add_row(vec![
            lane.name(),
            lane.kind.clone(),
            lane.condition().word().to_owned(),
            lane.lag.queued.to_string(),
            local(lane.lag.oldest, zone),
            lane.dead_letters.to_string(),
        ]);
    }
    align_right(&mut table, &[3, 5]);
    write_table(&table, out)?;
    write_digests(lanes, zone, out)?;
    for lane in lanes {
        write_lane_trouble(lane, zone, is_up, out)?;
        if let Some(reason) = &lane.last_dead {
            let (name, letters) = (lane.name(), count(lane.dead_letters, "dead letter"));
            writeln!(out, "\nsink {name}: {letters}, the last: {}", shown(reason))?;
            writeln!(out, "hint: seatwatch outbox list {}", lane.sink)?;
        }
        if let Some(Lost { events, at }) = lane.lost {
            let (name, events) = (lane.name(), count(events, "event"));
            let at = local(Some(at), zone);
            writeln!(
                out,
                "\nsink {name}: {events} not delivered within `retention` and lost to it, the last at {at}"
            )?;
        }
    }
    Ok(())
}

/// What waits for its time is in nobody's way, whatever its age: each time of a sink once.
fn write_digests(lanes: &[LaneStatus], zone: Tz, out: &mut dyn Write) -> io::Result<()> {
    let digests = lanes.iter().filter_map(|lane| Some((&lane.sink, lane.digest?)));
    for (sink, time) in digests.unique() {
        let time = local(Some(time), zone);
        writeln!(out, "\nsink {sink}: what is queued waits for its digest at {time}")?;
    }
    Ok(())
}

/// What nobody takes any more, and nobody has decided about.
fn write_orphans(orphans: &[Orphans], out: &mut dyn Write) -> io::Result<()> {
    for Orphans { sink, lane, dead_letters } in orphans {
        let (name, letters) = (lane_name(sink, lane), count(*dead_letters, "dead letter"));
        writeln!(out, "\nsink {name}: not in the config any more, {letters}")?;
        writeln!(out, "hint: seatwatch outbox list {sink}")?;
    }
    Ok(())
}

/// Why a lane does not deliver, and what to do about it. Where no daemon `is_up`, nothing is tried
/// by itself, and the next command reads the config.
fn write_lane_trouble(
    lane: &LaneStatus,
    zone: Tz,
    is_up: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (name, resume) = (lane.name(), format!("seatwatch sink resume {}", lane.sink));
    if let Some(reason) = lane_trouble(lane) {
        writeln!(out, "\nsink {name}: {}", shown(reason))?;
    }
    if let Some(since) = lane.paused {
        let since = local(Some(since), zone);
        writeln!(out, "\nsink {name}: paused since {since}\nhint: to let it go on: {resume}")?;
    } else if lane.disabled.is_some() {
        let reread = if is_up { "seatwatch reload" } else { "seatwatch sync" };
        writeln!(
            out,
            "hint: once that is mended: {resume}; after a change of its keys in the config: \
             {reread}"
        )?;
    } else if lane.failed.is_some() && !is_up {
        writeln!(out, "hint: to try again: seatwatch sync")?;
    } else if let Some(failed) = &lane.failed {
        // The first pauses are shorter than a minute.
        let next = exact(failed.next_attempt_at, zone);
        writeln!(out, "hint: next attempt not before {next}; to try now: seatwatch sync")?;
    }
    Ok(())
}

fn lane_trouble(lane: &LaneStatus) -> Option<&str> {
    let failed = lane.failed.as_ref().map(|failed| failed.reason.as_str());
    lane.disabled.as_deref().or(failed)
}

/// A name with its label, if it has one.
pub(super) fn named(organization: &Organization) -> String {
    match &organization.label {
        Some(label) => format!("{} ({})", organization.id, shown(label)),
        None => organization.id.to_string(),
    }
}

/// The keys of a row for machines: of an organization, of a sink's lane, or of the look-ups on a
/// service.
const COLUMNS: &[&str] = &[
    "organization",
    "label",
    "sink",
    "lane",
    "type",
    "state",
    "members",
    "seats",
    "seats_limit",
    "seats_change_30d",
    "cost",
    "currency",
    "admins",
    "unnamed_members",
    "unnamed_seats",
    "last_sync",
    "last_success",
    "next_sync",
    "failures",
    "reason",
    "message",
    "hint",
    "hold",
    "approved_at",
    "vanished_at",
    "queued",
    "oldest_pending",
    "dead_letters",
    "lost",
    "digest_at",
    "discover",
];

fn organization_row(standing: &Standing<'_>) -> Row {
    let totals = standing.known.totals.as_ref();
    let failure = standing.failure();
    row! {
        organization: standing.organization.id.to_string(),
        label: standing.organization.label,
        state: standing.known.state().word(),
        members: totals.map(|totals| totals.members),
        seats: totals.map(|totals| totals.seats),
        seats_limit: standing.organization.seats.limit,
        seats_change_30d: standing.trend.map(|trend| trend.change),
        cost: standing.cost().map(|cost| cost.amount.to_string()),
        currency: standing.organization.seats.price.map(|price| price.currency.to_string()),
        admins: totals.map(|totals| totals.admins),
        unnamed_members: totals.map(|totals| totals.unnamed.members),
        unnamed_seats: totals.map(|totals| totals.unnamed.seats),
        last_sync: utc(standing.known.last_run.as_ref().map(|run| run.last_finished_at)),
        last_success: utc(standing.known.health.last_success_at),
        next_sync: utc(standing.next),
        failures: standing.known.health.failures,
        reason: failure.map(|failure| &failure.reason),
        message: failure.map(|failure| &failure.message),
        hint: failure.map(|failure| &failure.hint),
        hold: standing.known.hold.as_ref().map(|hold| &hold.id),
        approved_at: utc(standing.approval.as_ref().map(|approval| approval.approved_at)),
        vanished_at: utc(standing.vanished_at),
    }
}

fn lookups_row((service, lookups): &(Service, Lookups)) -> Row {
    let failure = lookups.failure.as_ref();
    row! {
        discover: service.word(),
        last_success: utc(lookups.last_success_at),
        failures: lookups.failures,
        reason: failure.map(|failure| &failure.reason),
        message: failure.map(|failure| &failure.message),
        hint: failure.map(|failure| &failure.hint),
    }
}

fn orphans_row(orphans: &Orphans) -> Row {
    row! {
        sink: orphans.sink,
        lane: orphans.lane,
        state: "gone",
        dead_letters: orphans.dead_letters,
    }
}

fn sink_row(lane: &LaneStatus) -> Row {
    row! {
        sink: lane.sink,
        lane: lane.lane,
        type: lane.kind,
        state: lane.condition().word(),
        message: lane_trouble(lane),
        queued: lane.lag.queued,
        oldest_pending: utc(lane.lag.oldest),
        dead_letters: lane.dead_letters,
        lost: lane.lost.map_or(0, |lost| lost.events),
        digest_at: utc(lane.digest),
    }
}

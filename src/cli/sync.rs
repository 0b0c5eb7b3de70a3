//! `seatwatch sync`: one pass over the organizations, then one attempt at every sink.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use itertools::Itertools as _;
use seatwatch_sdk::{EventKind, Totals};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;
use url::Url;

use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::output::{Format, Row, count, row, shown, write_rows};
use super::progress::Watch;
use crate::chain::chain;
use crate::codecov::Server;
use crate::config::{Config, Organization};
use crate::dispatch::{Dispatcher, Obstacle, Undelivered};
use crate::organization::OrganizationId;
use crate::store::{LockedDirectory, Reader, Store, StoreError};
use crate::sync::{Memory, Patience, Report, SyncError, Synced, Syncer, Told};

/// Arguments of `sync`.
#[derive(Debug, clap::Args)]
pub(super) struct Sync {
    /// Which organizations, as `service/owner`; all of them if none is named.
    #[arg(value_name = "ORG")]
    organizations: Vec<OrganizationId>,

    /// Shows what would change, commits nothing and tells no sink.
    #[arg(long)]
    dry_run: bool,
}

impl Sync {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        let selected = instance::select(&config, &self.organizations)?;
        let runtime = super::runtime()?;
        if self.dry_run {
            let reader = Reader::open(&config.state_dir)?;
            let memory = Memory::LookedAt(Arc::new(reader));
            return runtime.block_on(interruptible(async {
                sync(&config, &selected, memory, format).await?.exit()
            }));
        }
        let store = Arc::new(Store::open(LockedDirectory::lock(&config.state_dir)?)?);
        runtime.block_on(interruptible(sync_and_deliver(&config, &selected, store, format)))
    }
}

/// Syncs, then gives every sink one attempt. What it does not take stays queued.
pub(super) async fn sync_and_deliver(
    config: &Config,
    selected: &[&Organization],
    store: Arc<Store>,
    format: Format,
) -> Result<Exit, Stop> {
    let clock = instance::clock();
    // A new sink starts at the end of the log: before anything is added to it.
    let dispatcher = Dispatcher::open(&store, &clock, &config.sinks).await?;
    let ids: Vec<OrganizationId> = selected.iter().map(|one| one.id.clone()).collect();
    let now = clock.now();
    store.write(move |tx| tx.begin_syncs(&ids, now)).await?;
    let done = sync(config, selected, Memory::Kept(store), format).await?;
    for undelivered in dispatcher.attempt_once().await? {
        for text in describe_undelivered(&undelivered) {
            super::complain(&text);
        }
    }
    done.exit()
}

/// How all passes together ended.
struct Done {
    /// Of the first that failed, in config order.
    exit: Exit,
    /// Whether somebody could be told.
    written: io::Result<()>,
}

impl Done {
    /// That nobody reads the reports is no reason to hide a failure.
    fn exit(self) -> Result<Exit, Stop> {
        match (self.exit, self.written) {
            (Exit::Ok, written) => Ok(written.map(|()| Exit::Ok)?),
            (failed, _) => Ok(failed),
        }
    }
}

/// Runs the passes, some at a time, and writes their reports in config order.
///
/// A report that cannot be written stops neither the passes nor the deliveries after them.
async fn sync(
    config: &Config,
    selected: &[&Organization],
    memory: Memory,
    format: Format,
) -> Result<Done, Stop> {
    let servers = instance::servers(config, selected)?;
    let dry_run = matches!(memory, Memory::LookedAt(_));
    let syncer = Syncer {
        instance: config.instance.clone(),
        sync_timeout: config.sync_timeout,
        patience: Patience {
            failing_after: config.failing_after,
            remind_every: config.remind_every,
        },
        clock: instance::clock(),
        memory,
    };
    let watch = Watch::start(selected.len(), format == Format::Table);
    let passes = selected.iter().map(|organization| pass(&syncer, &servers, organization, &watch));
    let mut reports = stream::iter(passes).buffered(config.max_concurrent_syncs);
    let mut done = Done { exit: Exit::Ok, written: Ok(()) };
    let mut rows = Vec::new();
    let ticking = watch.run();
    tokio::pin!(ticking);
    loop {
        let next = tokio::select! {
            next = reports.next() => next,
            () = &mut ticking => unreachable!("the bar is kept up to date for ever"),
        };
        let Some((organization, report)) = next else { break };
        let report = report?;
        done.exit = if done.exit == Exit::Ok { exit_of(&report) } else { done.exit };
        watch.suspend(|| {
            say_troubles(&report, dry_run);
            if format != Format::Table {
                rows.push(report_row(&report));
            } else if done.written.is_ok() {
                done.written = write_report(organization, &report, &mut super::stdout());
            }
        });
    }
    watch.finish();
    let mut out = super::stdout();
    done.written = done.written.and_then(|()| match format {
        Format::Table if dry_run => writeln!(out, "dry run: nothing committed, no sink told"),
        Format::Table => Ok(()),
        Format::Json | Format::Csv => write_rows(format, COLUMNS, &rows, &mut out),
    });
    done.written = done.written.and_then(|()| out.flush());
    Ok(done)
}

async fn pass<'a>(
    syncer: &Syncer,
    servers: &HashMap<Url, Server>,
    organization: &'a Organization,
    watch: &Watch,
) -> (&'a Organization, Result<Report, StoreError>) {
    let server = &servers[&organization.base_url];
    let report = syncer.sync(organization, server, |session| watch.add(session.progress())).await;
    watch.done();
    (organization, report)
}

/// Ends early on Ctrl-C or TERM: fetches in flight are dropped, so nothing of them is committed.
pub(super) async fn interruptible(
    work: impl Future<Output = Result<Exit, Stop>>,
) -> Result<Exit, Stop> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| {
        Failure::new(Exit::Internal, format!("cannot listen for signals: {error}"))
    })?;
    tokio::select! {
        done = work => done,
        _ = signals.next() => {
            let message = "interrupted: syncs that had not ended committed nothing";
            Err(Failure::new(Exit::Interrupted, message).into())
        }
    }
}

fn exit_of(report: &Report) -> Exit {
    match &report.result {
        Ok(Synced::Held { .. }) => Exit::Data,
        Ok(_) => Exit::Ok,
        // Where the token is, and who may read it, is a matter of configuration.
        Err(SyncError::Token(_)) => Exit::Config,
        Err(error) => error.reason().into(),
    }
}

/// Writes to stderr what went wrong or may.
fn say_troubles(report: &Report, dry_run: bool) {
    let organization = &report.organization;
    // What might have been wrong does not matter any more where something is.
    for warning in report.warnings.iter().filter(|_| report.result.is_ok()) {
        super::complain(&format!("warning: {organization}: {}", shown(warning)));
    }
    match &report.result {
        Err(error) => super::complain(&describe_error(organization, error)),
        Ok(Synced::Held { hold, kept }) => {
            let mut losses = Vec::new();
            let (leavers, seat_losers) = (hold.losses.leavers.len(), hold.losses.seat_losers.len());
            if leavers > 0 {
                let members = count(kept.members, "member");
                losses.push(format!("{leavers} of {members} would leave"));
            }
            if seat_losers > 0 {
                let seats = count(kept.seats, "seat holder");
                losses.push(format!("{seat_losers} of {seats} would lose the seat"));
            }
            if hold.losses.last_admin {
                losses.push("no admin would be left".to_owned());
            }
            let id = &hold.id;
            let hint = if dry_run {
                format!(
                    "if this is right, run `seatwatch sync {organization}`, which holds it, and \
                     then `seatwatch approve {organization}`"
                )
            } else {
                // What has changed since it was told has to be named to be approved.
                let told = hold.told_id == *id;
                let named = if told { String::new() } else { format!(" --hold {id}") };
                format!(
                    "if this is right, run `seatwatch approve {organization}{named}`; if not, \
                     `seatwatch reject {organization}`"
                )
            };
            super::complain(&format!(
                "error: {organization}: roster held ({id}): {}; nothing was committed\n\
                 hint: {hint}",
                losses.join(", ")
            ));
        }
        Ok(_) => {}
    }
}

fn describe_error(organization: &OrganizationId, error: &SyncError) -> String {
    let (reason, message) = (error.reason().word(), chain(error));
    format!(
        "error: {organization}: {reason}: {message}; nothing was committed\nhint: {}",
        error.hint()
    )
}

/// What a lane did not deliver: what died, and what waits.
fn describe_undelivered(undelivered: &Undelivered) -> Vec<String> {
    let Undelivered { sink, lane, obstacle, queued, buried } = undelivered;
    let lane = if lane == "main" { String::new() } else { format!(" ({lane})") };
    let mut texts = Vec::new();
    if let Some((number, reason)) = buried {
        let letters = count(*number, "more dead letter");
        texts.push(format!(
            "warning: sink {sink}{lane}: {letters}: {reason}\n\
             hint: what is given up is not sent again; the store keeps it with the reason"
        ));
    }
    let stay = if *queued == 1 { "stays" } else { "stay" };
    let queue = format!("{} {stay} queued", count(*queued, "event"));
    texts.extend(obstacle.as_ref().map(|obstacle| match obstacle {
        Obstacle::Failed(reason) => format!(
            "warning: sink {sink}{lane}: not delivered: {reason}\n\
             hint: {queue}; the next `seatwatch sync` tries again"
        ),
        Obstacle::Disabled(reason) => format!(
            "warning: sink {sink}{lane}: stopped: {reason}\n\
             hint: {queue}; change the sink's config to start it again"
        ),
    }));
    texts
}

/// One line of sums, and below it who is concerned.
fn write_report(
    organization: &Organization,
    report: &Report,
    out: &mut dyn Write,
) -> io::Result<()> {
    let name = match &organization.label {
        Some(label) => format!("{} ({})", organization.id, shown(label)),
        None => organization.id.to_string(),
    };
    let limit = organization.seats.limit;
    match &report.result {
        Err(_) => return out.flush(),
        Ok(Synced::Baselined(totals)) => {
            writeln!(out, "{name}  {}  baseline", sums(totals, &Moves::default(), limit))?;
        }
        Ok(Synced::Compared { before, after }) => {
            writeln!(out, "{name}  {}", sums(after, &Moves::of(report, before, after), limit))?;
        }
        Ok(Synced::Held { hold, kept }) => {
            let kept = sums(kept, &Moves::default(), limit);
            writeln!(out, "{name}  {kept}  held ({})", hold.id)?;
            let losses = &hold.losses;
            for (what, keys) in
                [("would leave", &losses.leavers), ("would lose the seat", &losses.seat_losers)]
            {
                if !keys.is_empty() {
                    let names = shortened(keys.iter().map(|key| shown(key)), keys.len());
                    writeln!(out, "  {what:<13}  {names}")?;
                }
            }
        }
    }
    for (event, members) in names(&report.events) {
        if members.is_empty() {
            writeln!(out, "  {event}")?;
        } else {
            writeln!(out, "  {:<13}  {}", event.word(), members)?;
        }
    }
    out.flush()
}

/// How many came and went, of each of the three sums.
#[derive(Clone, Copy, Debug, Default)]
struct Moves {
    members: (usize, usize),
    seats: (usize, usize),
    admins: (usize, usize),
}

impl Moves {
    /// The events tell of everybody who has a name; of the other rows only the sums are known.
    fn of(report: &Report, before: &Totals, after: &Totals) -> Self {
        let count = |kind| report.events.iter().filter(|told| told.event == kind).count();
        let seats = |totals: &Totals| usize::try_from(totals.unnamed.seats).unwrap_or(usize::MAX);
        let (then, now) = (seats(before), seats(after));
        let gained = count(EventKind::SeatGained) + now.saturating_sub(then);
        let lost = count(EventKind::SeatLost) + then.saturating_sub(now);
        Self {
            members: (count(EventKind::Joined), count(EventKind::Left)),
            seats: (gained, lost),
            admins: (count(EventKind::AdminGranted), count(EventKind::AdminRevoked)),
        }
    }
}

/// `83 members (+1 −1)  61 of 65 seats (+2 −1)  3 admins`.
fn sums(after: &Totals, moves: &Moves, limit: Option<u64>) -> String {
    let change = |moves| match moves {
        (0, 0) => String::new(),
        (more, 0) => format!(" (+{more})"),
        (0, less) => format!(" (−{less})"),
        (more, less) => format!(" (+{more} −{less})"),
    };
    let [members, seats, admins] = [moves.members, moves.seats, moves.admins].map(change);
    let used = match limit {
        Some(limit) => format!("{} of {}", after.seats_used(), count(limit, "seat")),
        None => count(after.seats_used(), "seat"),
    };
    let unnamed = match after.unnamed.members {
        0 => String::new(),
        rows => format!("  {rows} unnamed"),
    };
    let (all, admin) = (count(after.members, "member"), count(after.admins, "admin"));
    format!("{all}{members}  {used}{seats}  {admin}{admins}{unnamed}")
}

/// So many names a kind are shown; the sink has all of them.
const NAMES_SHOWN: usize = 20;

/// The members by event, in the order of the events' kinds.
fn names(events: &[Told]) -> Vec<(EventKind, String)> {
    let by_kind = events.iter().map(|told| (told.event, told)).into_group_map();
    by_kind
        .into_iter()
        .sorted_by_key(|(event, _)| *event)
        .map(|(event, told)| {
            let members = told.iter().filter_map(|told| {
                let name = shown(told.member.as_deref()?);
                let formerly = told.formerly.as_deref().map(|old| format!("{} → ", shown(old)));
                Some(format!("{}{name}", formerly.unwrap_or_default()))
            });
            (event, shortened(members, told.len()))
        })
        .collect()
}

/// The first of so many names.
fn shortened(names: impl Iterator<Item = String>, all: usize) -> String {
    let more = all.saturating_sub(NAMES_SHOWN);
    let more = (more > 0).then(|| format!("and {more} more"));
    names.take(NAMES_SHOWN).chain(more).join(", ")
}

/// The keys of a row for machines.
const COLUMNS: &[&str] = &[
    "organization",
    "outcome",
    "reason",
    "message",
    "hold",
    "members",
    "seats",
    "admins",
    "unnamed_members",
    "unnamed_seats",
    "joined",
    "left",
    "seat_gained",
    "seat_lost",
    "admin_granted",
    "admin_revoked",
    "renamed",
    "updated",
    "requests",
];

fn report_row(report: &Report) -> Row {
    let (totals, hold) = match &report.result {
        Ok(Synced::Baselined(totals)) => (Some(totals), None),
        Ok(Synced::Compared { after, .. }) => (Some(after), None),
        Ok(Synced::Held { hold, kept }) => (Some(kept), Some(&hold.id)),
        Err(_) => (None, None),
    };
    let error = report.result.as_ref().err();
    let events = |kind| report.events.iter().filter(|told| told.event == kind).count();
    row! {
        organization: report.organization.to_string(),
        outcome: report.outcome.word(),
        reason: error.map(|error| error.reason().word()),
        message: error.map(|error| chain(error)),
        hold: hold,
        members: totals.map(|totals| totals.members),
        seats: totals.map(|totals| totals.seats),
        admins: totals.map(|totals| totals.admins),
        unnamed_members: totals.map(|totals| totals.unnamed.members),
        unnamed_seats: totals.map(|totals| totals.unnamed.seats),
        joined: events(EventKind::Joined),
        left: events(EventKind::Left),
        seat_gained: events(EventKind::SeatGained),
        seat_lost: events(EventKind::SeatLost),
        admin_granted: events(EventKind::AdminGranted),
        admin_revoked: events(EventKind::AdminRevoked),
        renamed: events(EventKind::Renamed),
        updated: events(EventKind::Updated),
        requests: report.requests,
    }
}

//! What a sync did, in words and in rows.
//!
//! One line of sums an organization, below it who is concerned; what went wrong goes to stderr,
//! with what to do next.

use std::io::{self, Write};

use chrono_tz::Tz;
use itertools::Itertools as _;
use seatwatch_sdk::{EventKind, Totals};

use super::exit::{Exit, Failure};
use super::output::{Row, count, lane_name, local, row, shown};
use super::status::named;
use crate::config::Organization;
use crate::dispatch::{Obstacle, Undelivered};
use crate::organization::OrganizationId;
use crate::store::Hold;
use crate::sync::{NotSynced, Refused, Report, Synced, Told, difference};

/// Writes to stderr what went wrong or may.
pub(super) fn say_troubles(report: &Report, dry_run: bool) {
    let organization = &report.organization;
    // What might have been wrong does not matter any more where something is.
    for warning in report.warnings.iter().filter(|_| report.result.is_ok()) {
        super::complain(&format!("warning: {organization}: {}", shown(warning)));
    }
    match &report.result {
        Err(error) => super::complain(&describe_error(organization, error)),
        Ok(Synced::Held { hold, kept, found }) => {
            super::complain(&describe_hold(organization, hold, kept, found, dry_run));
        }
        Ok(_) => {}
    }
}

fn describe_hold(
    organization: &OrganizationId,
    hold: &Hold,
    kept: &Totals,
    found: &Totals,
    dry_run: bool,
) -> String {
    let Hold { id, losses, told_id, rejected_at, .. } = hold;
    let mut lacks = Vec::new();
    if !losses.leavers.is_empty() {
        let members = count(kept.members, "member");
        lacks.push(format!("{} of {members} would leave", losses.leavers.len()));
    }
    if !losses.seat_losers.is_empty() {
        let holders = count(kept.seats, "seat holder");
        let losers = losses.seat_losers.len();
        lacks.push(format!("{losers} of {holders} would stay and lose the seat"));
    }
    if losses.last_admin {
        lacks.push("no admin would be left".to_owned());
    }
    if found.seats < kept.seats {
        lacks.push(format!("{} of {} would remain", found.seats, count(kept.seats, "seat")));
    }
    let lacks = lacks.join(", ");
    // What has changed since it was told has to be named to be approved.
    let named = if told_id == id { String::new() } else { format!(" --hold {id}") };
    let approve = format!("seatwatch approve {organization}{named}");
    let (state, hint) = if dry_run {
        let hint = format!(
            "if this is right, run `seatwatch sync {organization}`, which holds it, and then \
             `seatwatch approve {organization}`"
        );
        ("held", hint)
    } else if rejected_at.is_some() {
        let hint = format!(
            "it was rejected, and waits until Codecov lists them again; if it is right after \
             all, run `{approve}`"
        );
        ("still held", hint)
    } else {
        let reject = format!("if not, `seatwatch reject {organization}`");
        ("held", format!("if this is right, run `{approve}`; {reject}"))
    };
    format!(
        "error: {organization}: roster {state} ({id}): {lacks}; nothing was committed\n\
         hint: {hint}"
    )
}

fn describe_error(organization: &OrganizationId, error: &NotSynced) -> String {
    let NotSynced { reason, message, hint, .. } = error;
    format!("error: {organization}: {reason}: {message}; nothing was committed\nhint: {hint}")
}

/// Why a person's word was not taken, and what they can say instead.
pub(super) fn refusal(organization: &OrganizationId, refused: &Refused) -> Failure {
    let hold = match refused {
        Refused::NotHeld => {
            return Failure::new(Exit::Data, format!("{organization}: no roster is held"))
                .with_hint("`seatwatch status` shows how every organization stands");
        }
        Refused::OtherHold { hold, .. } | Refused::Changed { hold } => hold,
    };
    let mut message = format!("{organization}: {refused}");
    for line in difference(&hold.told_losses, &hold.losses) {
        message.push_str("\n  ");
        message.push_str(&shown(&line));
    }
    Failure::new(Exit::Data, message).with_hint(format!(
        "to accept it as it is now: seatwatch approve {organization} --hold {}",
        hold.id
    ))
}

/// Who tries again what was not delivered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Retries {
    /// The daemon, at a time of its own.
    Daemon,
    /// Whoever runs the next command.
    NextSync,
}

/// What a lane did not deliver: what died, and what waits; times in the zone that
/// `digest` is in.
pub(super) fn describe_undelivered(
    undelivered: &Undelivered,
    retries: Retries,
    zone: Tz,
) -> Vec<String> {
    let Undelivered { sink, lane, obstacle, queued, buried } = undelivered;
    let name = lane_name(sink, lane);
    let mut texts = Vec::new();
    if let Some((number, reason)) = buried {
        let letters = count(*number, "more dead letter");
        texts.push(format!(
            "warning: sink {name}: {letters}: {reason}\n\
             hint: `seatwatch outbox list {sink}` shows what was given up, `seatwatch outbox retry \
             {sink}` tries it again"
        ));
    }
    let stay = if *queued == 1 { "stays" } else { "stay" };
    let queue = format!("{} {stay} queued", count(*queued, "event"));
    texts.extend(obstacle.as_ref().map(|obstacle| match obstacle {
        Obstacle::Failed(reason) => format!(
            "warning: sink {name}: not delivered: {reason}\n\
             hint: {queue}; {}",
            match retries {
                Retries::Daemon => "the daemon goes on trying, `seatwatch status` says when",
                Retries::NextSync => "the next `seatwatch sync` tries again",
            }
        ),
        Obstacle::Digest(time) => {
            let time = local(Some(*time), zone);
            format!("sink {name}: {queue} for its digest at {time}")
        }
        Obstacle::Disabled(reason) => format!(
            "warning: sink {name}: stopped: {reason}\n\
             hint: {}once that is mended, run `seatwatch sink resume {sink}`, or after a \
             change of its keys in the config {}",
            if *queued > 0 { format!("{queue}; ") } else { String::new() },
            match retries {
                Retries::Daemon => "`seatwatch reload`",
                Retries::NextSync => "`seatwatch sync`",
            }
        ),
        Obstacle::Paused(since) => {
            let since = local(Some(*since), zone);
            format!("sink {name}: paused since {since}: {queue}")
        }
    }));
    texts
}

/// One line of sums, and below it who is concerned; the label and the limit are known of those of
/// the config.
pub(super) fn write_report(
    organization: Option<&Organization>,
    report: &Report,
    out: &mut dyn Write,
) -> io::Result<()> {
    let name = organization.map_or_else(|| report.organization.to_string(), named);
    let limit = organization.and_then(|organization| organization.seats.limit);
    match &report.result {
        Err(_) => return out.flush(),
        Ok(Synced::Baselined(totals)) => {
            writeln!(out, "{name}  {}  baseline", sums(totals, &Moves::default(), limit))?;
        }
        Ok(Synced::Compared { before, after }) => {
            writeln!(out, "{name}  {}", sums(after, &Moves::of(report, before, after), limit))?;
        }
        Ok(Synced::Held { hold, kept, .. }) => {
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
pub(super) const COLUMNS: &[&str] = &[
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

pub(super) fn report_row(report: &Report) -> Row {
    let (totals, hold) = match &report.result {
        Ok(Synced::Baselined(totals)) => (Some(totals), None),
        Ok(Synced::Compared { after, .. }) => (Some(after), None),
        Ok(Synced::Held { hold, kept, .. }) => (Some(kept), Some(&hold.id)),
        Err(_) => (None, None),
    };
    let error = report.result.as_ref().err();
    let events = |kind| report.events.iter().filter(|told| told.event == kind).count();
    row! {
        organization: report.organization.to_string(),
        outcome: report.outcome.word(),
        reason: error.map(|error| error.reason.word()),
        message: error.map(|error| &error.message),
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

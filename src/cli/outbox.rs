//! `seatwatch outbox`: what waits for delivery, what was given up, and a person's word on it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use chrono_tz::Tz;
use seatwatch_sdk::Event;

use super::exit::{Exit, Failure, Stop};
use super::output::{
    Format, Row, align_right, count, exact, lane_name, local, row, shown, table, utc, write_pages,
    write_rows, write_table,
};
use super::{instance, order, waiting};
use crate::config::Config;
use crate::dispatch::{self, Act, Acted, Head, Retried, Skipped};
use crate::store::{KeptLetter, Letters, Reader, StoreError, View};

/// So many dead letters are read at once.
const PAGE: usize = 1000;

/// Commands about what was not delivered.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Outbox {
    /// Shows what each sink has before it next, and what was given up: the dead letters.
    List(List),
    /// Tries dead letters again, now.
    Retry(Retry),
    /// Forgets dead letters, for ever.
    Drop(Drop),
    /// Gives up the event that a sink is stuck at: it becomes a dead letter, and the next is tried.
    Skip(Skip),
}

/// Arguments of `outbox list`.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only of this sink.
    #[arg(value_name = "SINK")]
    sink: Option<String>,
}

/// Arguments of `outbox retry`.
#[derive(Debug, clap::Args)]
pub(super) struct Retry {
    /// Those of a sink, or those of these numbers, as `outbox list` shows them; without any, all.
    #[arg(value_name = "SINK|ID")]
    which: Vec<String>,
}

/// Arguments of `outbox drop`.
#[derive(Debug, clap::Args)]
pub(super) struct Drop {
    /// Those of a sink, or those of these numbers, as `outbox list` shows them.
    #[arg(value_name = "SINK|ID", required_unless_present = "all")]
    which: Vec<String>,

    /// All dead letters of all sinks.
    #[arg(long, conflicts_with = "which")]
    all: bool,
}

/// Arguments of `outbox skip`.
#[derive(Debug, clap::Args)]
pub(super) struct Skip {
    /// The sink's name in the config.
    #[arg(value_name = "SINK")]
    sink: String,

    /// Only in this lane of it, such as one recipient of a mail sink.
    #[arg(long, value_name = "LANE")]
    lane: Option<String>,
}

impl Outbox {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        match self {
            Self::List(command) => command.run(&config, format),
            Self::Retry(command) => command.run(&config, format),
            Self::Drop(command) => command.run(&config, format),
            Self::Skip(command) => command.run(&config, format),
        }
    }
}

/// The keys of a row for machines: a lane's next event (`queued`), or a dead letter (`dead`).
const COLUMNS: &[&str] = &[
    "state",
    "id",
    "sink",
    "lane",
    "sequence",
    "time",
    "organization",
    "event",
    "username",
    "reason",
    "since",
    "attempts",
    "next_attempt",
    "queued",
];

impl List {
    fn run(self, config: &Config, format: Format) -> Result<Exit, Stop> {
        let reader = Reader::open(&config.state_dir)?;
        if let Some(name) = &self.sink {
            Self::known(config, &reader, name)?;
        }
        let mut heads = dispatch::heads(&reader, &config.sinks, instance::clock().now())?;
        heads.retain(|head| self.sink.as_ref().is_none_or(|name| head.sink == *name));
        let letters = match &self.sink {
            Some(name) => reader.read(|view| of(config, view, name))?,
            None => Letters::default(),
        };
        let mut out = super::stdout();
        if format == Format::Table {
            write_heads(&heads, config.timezone, &mut out)?;
            let empty = heads.is_empty();
            write_letters(&reader, &letters, config.timezone, empty, &mut out)?;
        } else {
            let mut first = Some(heads.iter().map(head_row).collect::<Vec<_>>());
            let mut pages = pages(&reader, &letters);
            let next = || match first.take().filter(|rows| !rows.is_empty()) {
                Some(rows) => Ok(rows),
                None => Ok(pages()?.iter().map(letter_row).collect()),
            };
            write_pages(format, COLUMNS, next, &mut out)?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }

    /// A sink that is gone may have left dead letters.
    fn known(config: &Config, reader: &Reader, name: &str) -> Result<(), Stop> {
        let Err(unknown) = order::sink(config, name) else { return Ok(()) };
        if reader.read(|view| view.count_letters(&of(config, view, name)?, 0))? == 0 {
            return Err(unknown.into());
        }
        Ok(())
    }
}

/// The dead letters of a sink, under the name that it is known by.
fn of(config: &Config, view: &View<'_>, name: &str) -> rusqlite::Result<Letters> {
    let entry = config.sinks.iter().find(|entry| entry.name == name);
    let sink = entry.map_or(Ok(name), |entry| dispatch::known_as(view, entry))?;
    Ok(Letters { sink: Some(sink.to_owned()), ..Letters::default() })
}

/// Reads dead letters a page at a time.
fn pages(
    reader: &Reader,
    letters: &Letters,
) -> impl FnMut() -> Result<Vec<KeptLetter>, StoreError> {
    let mut after = 0;
    move || {
        let page = reader.read(|view| view.letters(letters, after, PAGE))?;
        after = page.last().map_or(after, |last| last.id);
        Ok(page)
    }
}

fn write_heads(heads: &[Head], zone: Tz, out: &mut dyn Write) -> io::Result<()> {
    if heads.is_empty() {
        return Ok(());
    }
    let mut table = table(&["SINK", "QUEUED", "NEXT EVENT", "ATTEMPTS", "NEXT ATTEMPT", "REASON"]);
    for head in heads {
        let failed = head.failed.as_ref();
        table.add_row(vec![
            lane_name(&head.sink, &head.lane),
            head.queued.to_string(),
            in_words(&head.event),
            head.attempts.to_string(),
            match (head.waits, failed, head.digest) {
                (Some(word), ..) => word.to_owned(),
                (None, Some(failed), _) => exact(failed.next_attempt_at, zone),
                (None, None, Some(time)) => format!("digest {}", local(Some(time), zone)),
                (None, None, None) => String::new(),
            },
            failed.map_or_else(String::new, |failed| shown(&failed.reason)),
        ]);
    }
    align_right(&mut table, &[1, 3]);
    write_table(&table, out)
}

fn write_letters(
    reader: &Reader,
    letters: &Letters,
    zone: Tz,
    mut empty: bool,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let mut pages = pages(reader, letters);
    let mut first = true;
    loop {
        let page = pages()?;
        if page.is_empty() {
            break;
        }
        if first && !empty {
            writeln!(out)?;
        }
        let mut table = table(&["DEAD LETTER", "SINK", "SINCE", "EVENT", "REASON"]);
        for kept in &page {
            table.add_row(vec![
                kept.id.to_string(),
                lane_name(&kept.sink, &kept.lane),
                local(Some(kept.died_at), zone),
                in_words(&kept.event),
                shown(&kept.reason),
            ]);
        }
        align_right(&mut table, &[0]);
        write_table(&table, out)?;
        (first, empty) = (false, false);
    }
    if empty {
        writeln!(out, "nothing waits, and nothing was given up")?;
    } else if !first {
        writeln!(
            out,
            "\nhint: `seatwatch outbox retry` tries dead letters again, `drop` forgets them"
        )?;
    }
    Ok(())
}

/// `left github/acme ann`.
fn in_words(event: &Event) -> String {
    let data = &event.data;
    let organization = data.organization.as_ref();
    let organization = organization.map(|it| format!("{}/{}", it.service, it.owner));
    let member = data.member.as_ref().map(|member| shown(&member.profile.username));
    let parts = [Some(data.event.word().to_owned()), organization, member];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What stands in the rows of both kinds.
fn event_row(event: &Event) -> Row {
    let data = &event.data;
    let organization = data.organization.as_ref();
    row! {
        sequence: event.sequence_text(),
        time: utc(Some(event.time)),
        organization: organization.map(|it| format!("{}/{}", it.service, it.owner)),
        event: data.event.word(),
        username: data.member.as_ref().map(|member| &member.profile.username),
    }
}

fn head_row(head: &Head) -> Row {
    let failed = head.failed.as_ref();
    let mut row = row! {
        state: "queued",
        sink: head.sink,
        lane: head.lane,
        reason: failed.map(|failed| &failed.reason),
        since: utc(failed.map(|failed| failed.first_failed_at)),
        attempts: head.attempts,
        next_attempt: utc(failed
            .filter(|_| head.waits.is_none())
            .map_or(head.digest, |failed| Some(failed.next_attempt_at))),
        queued: head.queued,
    };
    row.extend(event_row(&head.event));
    row
}

fn letter_row(kept: &KeptLetter) -> Row {
    let mut row = row! {
        state: "dead",
        id: kept.id,
        sink: kept.sink,
        lane: kept.lane,
        reason: kept.reason,
        since: utc(Some(kept.died_at)),
    };
    row.extend(event_row(&kept.event));
    row
}

/// Which dead letters of which sinks: all of a sink, or some.
type Which = BTreeMap<String, Option<Vec<u64>>>;

/// What the arguments name: sinks, whole or by the numbers of dead letters; all without arguments.
fn select(config: &Config, names: &[String]) -> Result<Which, Stop> {
    let reader = Reader::open(&config.state_dir)?;
    let mut which = Which::new();
    if names.is_empty() {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method is not general enough"
        )]
        let sinks = reader.read(|view| view.sinks_with_letters())?;
        for (sink, _) in sinks {
            which.insert(reader.read(|view| now_called(config, view, sink))?, None);
        }
    }
    for name in names {
        let is_sink = config.sinks.iter().any(|entry| entry.name == *name);
        if is_sink || reader.read(|view| view.count_letters(&of(config, view, name)?, 0))? > 0 {
            which.insert(reader.read(|view| now_called(config, view, name.clone()))?, None);
        } else if let Ok(id) = name.parse::<u64>() {
            let letters = Letters { ids: Some(vec![id]), ..Letters::default() };
            let found = reader.read(|view| view.letters(&letters, 0, 1))?;
            let Some(kept) = found.into_iter().next() else {
                let message = format!("{id}: no such dead letter");
                let hint = "`seatwatch outbox list` shows what there is";
                return Err(Failure::new(Exit::Usage, message).with_hint(hint).into());
            };
            // All of the sink are meant where it was named, too.
            let sink = reader.read(|view| now_called(config, view, kept.sink))?;
            let sink = which.entry(sink);
            if let Some(ids) = sink.or_insert_with(|| Some(Vec::new())) {
                ids.push(id);
            }
        } else {
            order::sink(config, name)?;
        }
    }
    Ok(which)
}

/// What a sink is called in the config that is known by this name.
fn now_called(config: &Config, view: &View<'_>, name: String) -> rusqlite::Result<String> {
    for entry in &config.sinks {
        if dispatch::known_as(view, entry)? == name {
            return Ok(entry.name.clone());
        }
    }
    Ok(name)
}

/// Orders the same of each sink; what could not be done is said, and does not stop the others.
/// Returns what was done, and how the command ends.
fn order_all(
    config: &Config,
    which: Which,
    act: impl Fn(Option<Vec<u64>>) -> Act,
) -> Result<(Vec<(String, Acted)>, Exit), Stop> {
    let (mut done, mut exit) = (Vec::new(), Exit::Ok);
    for (sink, ids) in which {
        let failed = match order::act(config, &sink, act(ids)) {
            Ok(Ok(acted)) => {
                done.push((sink, acted));
                continue;
            }
            Ok(Err(failed)) => failed,
            Err(stop) if done.is_empty() => return Err(stop),
            Err(stop) => {
                super::complain(&stop.to_string());
                stop.exit()
            }
        };
        exit = if exit == Exit::Ok { failed } else { exit };
    }
    Ok((done, exit))
}

impl Retry {
    fn run(self, config: &Config, format: Format) -> Result<Exit, Stop> {
        let mut which = select(config, &self.which)?;
        // A sink that is gone may have left dead letters, which nobody can take.
        let is_gone = |name: &String| order::sink(config, name).is_err();
        for sink in which.keys().filter(|name| is_gone(name)) {
            super::complain(&format!(
                "warning: sink {sink}: is not in the config any more, so its dead letters stay\n\
                 hint: `seatwatch outbox drop {sink}` forgets them"
            ));
        }
        let all = which.len();
        which.retain(|name, _| !is_gone(name));
        let stay = which.len() < all;
        let (done, exit) = order_all(config, which, |ids| Act::Retry { ids })?;
        let retried = done.into_iter().flat_map(|(sink, acted)| {
            acted.retried.into_iter().map(move |lane| (sink.clone(), lane))
        });
        let retried: Vec<(String, Retried)> = retried.collect();
        let mut out = super::stdout();
        if format == Format::Table {
            if retried.is_empty() && exit == Exit::Ok && !stay {
                writeln!(out, "there are no dead letters to try again")?;
            }
            for (sink, lane) in &retried {
                write_retried(sink, lane, config.timezone, &mut out)?;
            }
        } else {
            let row = |(sink, lane): &(String, Retried)| {
                row! {
                    sink: sink,
                    lane: lane.lane,
                    delivered: lane.delivered,
                    left: lane.left,
                    reason: why_left(sink, lane, config.timezone),
                }
            };
            let rows: Vec<Row> = retried.iter().map(row).collect();
            let columns = ["sink", "lane", "delivered", "left", "reason"];
            write_rows(format, &columns, &rows, &mut out)?;
        }
        out.flush()?;
        let failed = stay || retried.iter().any(|(_, lane)| lane.left > 0);
        Ok(if exit == Exit::Ok && failed { Exit::Unavailable } else { exit })
    }
}

/// Why the last of those that are left is left.
fn why_left(sink: &str, lane: &Retried, zone: Tz) -> Option<String> {
    let Some(since) = lane.paused else { return lane.reason.clone() };
    let since = local(Some(since), zone);
    Some(format!("paused since {since}; `seatwatch sink resume {sink}` comes first"))
}

fn write_retried(sink: &str, lane: &Retried, zone: Tz, out: &mut dyn Write) -> io::Result<()> {
    let Retried { delivered, left, .. } = lane;
    let (name, reason) = (lane_name(sink, &lane.lane), why_left(sink, lane, zone));
    writeln!(out, "sink {name}: {} delivered", count(*delivered, "dead letter"))?;
    match reason.as_deref().map(shown) {
        // The receiver had enough after it took them.
        Some(reason) if *left == 0 => super::complain(&format!("warning: sink {name}: {reason}")),
        Some(reason) => {
            let left = count(*left, "dead letter");
            super::complain(&format!("error: sink {name}: {left} not delivered: {reason}"));
        }
        None => {}
    }
    Ok(())
}

impl Drop {
    fn run(self, config: &Config, format: Format) -> Result<Exit, Stop> {
        let which = select(config, &self.which)?;
        let (done, exit) = order_all(config, which, |ids| Act::Drop { ids })?;
        let mut out = super::stdout();
        if format == Format::Table {
            if done.is_empty() && exit == Exit::Ok {
                writeln!(out, "there are no dead letters")?;
            }
            for (sink, acted) in done {
                writeln!(out, "sink {sink}: {} dropped", count(acted.dropped, "dead letter"))?;
            }
        } else {
            let row = |(sink, acted): &(String, Acted)| {
                row! {
                    sink: sink,
                    dropped: acted.dropped,
                }
            };
            let rows: Vec<Row> = done.iter().map(row).collect();
            write_rows(format, &["sink", "dropped"], &rows, &mut out)?;
        }
        out.flush()?;
        Ok(exit)
    }
}

impl Skip {
    fn run(self, config: &Config, format: Format) -> Result<Exit, Stop> {
        let Self { sink, lane } = self;
        let entry = order::sink(config, &sink)?;
        if let Some(lane) = &lane
            && !entry.config.lanes().contains(lane)
        {
            let lanes = entry.config.lanes();
            let message = format!("sink {sink} has no lane `{lane}`");
            let hint = format!("its lanes: {}", lanes.join(", "));
            return Err(Failure::new(Exit::Usage, message).with_hint(hint).into());
        }
        let skipped = match order::act(config, &sink, Act::Skip { lane: lane.clone() })? {
            Ok(acted) => acted.skipped,
            Err(exit) => return Ok(exit),
        };
        if skipped.is_empty() {
            return Err(not_stuck(config, &sink, lane.as_deref())?.into());
        }
        let mut out = super::stdout();
        if format == Format::Table {
            for Skipped { lane, event, reason } in &skipped {
                let (name, reason) = (lane_name(&sink, lane), shown(reason));
                let (event, sequence) = (in_words(event), event.sequence);
                writeln!(out, "sink {name}: gave up {event} (sequence {sequence}): {reason}")?;
            }
            waiting::write_hint(config, &sink, &mut out)?;
        } else {
            let row = |skipped: &Skipped| {
                row! {
                    sink: sink,
                    lane: skipped.lane,
                    sequence: skipped.event.sequence_text(),
                    event: skipped.event.data.event.word(),
                    reason: skipped.reason,
                }
            };
            let rows: Vec<Row> = skipped.iter().map(row).collect();
            let columns = ["sink", "lane", "sequence", "event", "reason"];
            write_rows(format, &columns, &rows, &mut out)?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }
}

/// Why there is nothing to skip, and what there is instead.
fn not_stuck(config: &Config, sink: &str, lane: Option<&str>) -> Result<Failure, Stop> {
    let reader = Reader::open(&config.state_dir)?;
    let lanes = dispatch::status(&reader, &config.sinks, instance::clock().now())?;
    let is_meant = |name: &str| lane.is_none_or(|lane| lane == name);
    let lanes = lanes.iter().filter(|lane| lane.sink == sink && is_meant(&lane.lane));
    let waits = lanes.clone().any(|lane| lane.lag.queued > 0);
    let why = if waits { "no event that waits for it has failed" } else { "nothing waits for it" };
    let hint = match lanes.map(|lane| lane.dead_letters).sum() {
        0 => format!("`seatwatch outbox list {sink}` shows what it has before it"),
        dead => format!(
            "`seatwatch outbox retry {sink}` tries its {} again, `seatwatch outbox list {sink}` \
             shows what it has",
            count(dead, "dead letter")
        ),
    };
    let name = lane.map_or_else(|| sink.to_owned(), |lane| lane_name(sink, lane));
    Ok(Failure::new(Exit::Data, format!("sink {name} is not stuck: {why}")).with_hint(hint))
}

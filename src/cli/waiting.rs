//! What still waits after a person's word on a sink, and what lets it go on.
//!
//! An order that was carried out says nothing of the events that are queued: the sink may be
//! paused or stopped, it may be a digest's, or there is nobody who delivers.

use std::io::{self, Write};

use super::instance;
use super::output::{count, local};
use crate::config::{Config, SinkEntry};
use crate::control;
use crate::dispatch::{self, Condition, LaneStatus};
use crate::store::Reader;

/// Writes a hint where what is queued for a sink is not delivered by itself, or not now.
pub(super) fn write_hint(config: &Config, sink: &str, out: &mut dyn Write) -> io::Result<()> {
    let entries = config.sinks.iter().filter(|entry| entry.name == sink);
    let entries: Vec<SinkEntry> = entries.cloned().collect();
    let lanes = Reader::open(&config.state_dir)
        .and_then(|reader| dispatch::status(&reader, &entries, instance::clock().now()));
    match lanes {
        Ok(lanes) => write(config, sink, &lanes, out),
        // What was ordered is done, and a test needs no store.
        Err(_) => Ok(()),
    }
}

fn write(config: &Config, sink: &str, lanes: &[LaneStatus], out: &mut dyn Write) -> io::Result<()> {
    let held =
        |lane: &&LaneStatus| matches!(lane.condition(), Condition::Paused | Condition::Stopped);
    if let Some(first) = lanes.iter().find(held) {
        let word = first.condition().word();
        let what = match queued(lanes.iter().filter(held)) {
            0 => "what happens is queued".to_owned(),
            1 => "1 event waits".to_owned(),
            more => format!("{} wait", count(more, "event")),
        };
        return writeln!(out, "hint: it is {word}: {what} until `seatwatch sink resume {sink}`");
    }
    let digest = lanes.iter().filter_map(|lane| lane.digest).min();
    let digest = digest.map(|time| local(Some(time), config.timezone));
    let nobody = queued(lanes.iter()) > 0 && !control::is_up(&config.state_dir);
    match (digest, nobody) {
        (Some(time), true) => writeln!(
            out,
            "hint: what is queued waits for its digest at {time}; no daemon runs: the first \
             `seatwatch sync` after that delivers it"
        ),
        (Some(time), false) => {
            writeln!(out, "hint: what is queued waits for its digest at {time}")
        }
        (None, true) => {
            writeln!(out, "hint: no daemon runs: `seatwatch sync` delivers what is queued")
        }
        (None, false) => Ok(()),
    }
}

fn queued<'a>(lanes: impl Iterator<Item = &'a LaneStatus>) -> u64 {
    lanes.map(|lane| lane.lag.queued).sum()
}

//! What a new config leaves behind of its sinks: events that wait for a receiver that is gone, dead
//! letters of one, and the past of a sink whose former name comes too late or is none.
//!
//! Only tells, for whoever reloads: nothing of it is lost, and nobody else would say so.

use crate::config::{Config, SinkEntry};
use crate::dispatch::LaneState;
use crate::store::{Store, StoreError};
use crate::text::count;
use crate::upkeep;

/// A line for each lane that was served until now, leaves something and is not in the config.
pub(super) fn behind(lanes: &[LaneState], config: &Config) -> Vec<String> {
    let mut told: Vec<String> = lanes
        .iter()
        .filter_map(|lane| {
            let heir = config.sinks.iter().find(|entry| is_heir(entry, &lane.sink));
            let stays = heir.is_some_and(|entry| entry.config.lanes().contains(&lane.lane));
            let left = left(lane).filter(|_| !stays)?;
            Some(match heir {
                Some(entry) => of_receiver(&entry.name, lane, &left),
                None => format!("sinks: {} leaves {left}; put back, it goes on there", lane.sink),
            })
        })
        .collect();
    told.sort();
    told
}

/// A line for each sink that begins anew, because nothing is known under the name that it is said to
/// have had. Asked before it begins.
pub(super) fn not_found(store: &Store, config: &Config) -> Result<Vec<String>, StoreError> {
    let unknown = store.read(|view| upkeep::unknown_sinks(view, config))?;
    let line = |(old, new)| {
        format!(
            "sinks: {new} starts at the end of the log: nothing is known of a sink {old}, as \
             `formerly` has it"
        )
    };
    Ok(unknown.into_iter().map(line).collect())
}

/// A line for each sink that does not go on where it was under its former name.
pub(super) fn not_carried(store: &Store, config: &Config) -> Result<Vec<String>, StoreError> {
    store.read(|view| {
        let mut lines = Vec::new();
        for SinkEntry { name, formerly, .. } in &config.sinks {
            // What was carried over is not known under that name any more.
            let Some(formerly) = formerly else { continue };
            if view.knows_sink(formerly)? {
                lines.push(format!(
                    "sinks: {name} has a place in the log of its own, and nothing of {formerly} is \
                     carried over; take the line `formerly` out; `seatwatch replay {name} --since TIME` \
                     goes back"
                ));
            }
        }
        Ok(lines)
    })
}

fn is_heir(entry: &SinkEntry, name: &str) -> bool {
    entry.name == name || entry.formerly.as_deref() == Some(name)
}

/// `1 event queued, 2 dead letters`.
fn left(lane: &LaneState) -> Option<String> {
    let queued = format!("{} queued", count(lane.lag.queued, "event"));
    let dead = count(lane.dead_letters, "dead letter");
    match (lane.lag.queued, lane.dead_letters) {
        (0, 0) => None,
        (0, _) => Some(dead),
        (_, 0) => Some(queued),
        (..) => Some(format!("{queued}, {dead}")),
    }
}

fn of_receiver(sink: &str, lane: &LaneState, left: &str) -> String {
    let gone = format!("sinks: {sink}: `{}` is no receiver any more and leaves {left}", lane.lane);
    match lane.lag.oldest {
        Some(oldest) => format!(
            "{gone}; `seatwatch replay {sink} --since {}` delivers what happened since then to those \
             that it has",
            oldest.format("%FT%TZ")
        ),
        None => format!("{gone}; `seatwatch outbox retry {sink}` says what can be done"),
    }
}

//! What a person orders about a sink: pause it, give up what it cannot take, try dead letters
//! again, deliver anew what it had before.
//!
//! An order has two parts. What concerns the whole sink is noted in the store at once
//! ([`note`]); then each lane does its own part between two steps ([`Lane::obey`]), so that an
//! order never meets a delivery. Without workers, whoever gave the order opens the lanes for it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use itertools::Itertools as _;
use seatwatch_sdk::Event;
use serde::{Deserialize, Serialize};

use super::lane::Lane;
use super::settle::after_pause;
use crate::clock::Clock;
use crate::config::SinkEntry;
use crate::store::{self, Letters, Store, StoreError, Tx};

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Deliver nothing until it is resumed.
    Pause,
    /// Go on after a pause, or after the sink stopped itself.
    Resume,
    /// Give up the event that each lane is stuck at: it becomes a dead letter.
    Skip {
        /// In this lane only.
        lane: Option<String>,
    },
    /// Try dead letters again.
    Retry {
        /// These only.
        ids: Option<Vec<u64>>,
    },
    /// Forget dead letters.
    Drop {
        /// These only.
        ids: Option<Vec<u64>>,
    },
    /// Go back to the first event at or after a time.
    Replay {
        /// That time.
        since: DateTime<Utc>,
    },
}

impl Act {
    /// Whether what waits is to be tried at once, whatever pause a failure had asked for.
    pub(super) fn hurries(&self) -> bool {
        matches!(self, Self::Resume | Self::Skip { .. })
    }
}

/// What became of an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Acted {
    /// Since when the sink is paused, if it is now.
    pub paused: Option<DateTime<Utc>>,
    /// Whether a pause was ended.
    pub was_paused: bool,
    /// The lanes that had stopped, and go on.
    pub restarted: Vec<String>,
    /// The events that were given up.
    pub skipped: Vec<Skipped>,
    /// How the dead letters of each lane fared that has any.
    pub retried: Vec<Retried>,
    /// How many dead letters are gone.
    pub dropped: u64,
    /// How far each lane went back.
    pub replayed: Vec<Replayed>,
}

/// An event that was given up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// The lane that was stuck.
    pub lane: String,
    /// The one that it was stuck at.
    pub event: Box<Event>,
    /// Why the lane was stuck.
    pub reason: String,
}

/// How the dead letters of a lane fared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Which lane.
    pub lane: String,
    /// So many were taken, and are dead letters no more.
    pub delivered: u64,
    /// So many were not.
    pub left: u64,
    /// Why the last of those was not, where it was tried or nothing can be.
    pub reason: Option<String>,
    /// Since when a person wants the sink to be left alone, where that is why none was tried.
    pub paused: Option<DateTime<Utc>>,
}

/// How far a lane went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Which lane.
    pub lane: String,
    /// So many events that it had passed are before it again.
    pub again: u64,
    /// So many events are before it now.
    pub queued: u64,
}

/// What became of one lane's part of an order.
#[derive(Debug)]
pub(super) enum Part {
    Nothing,
    Skipped(Skipped),
    Retried(Retried),
    Replayed(Replayed),
}

impl Acted {
    pub(super) fn add(&mut self, part: Part) {
        match part {
            Part::Nothing => {}
            Part::Skipped(skipped) => self.skipped.push(skipped),
            Part::Retried(retried) => self.retried.push(retried),
            Part::Replayed(replayed) => self.replayed.push(replayed),
        }
    }
}

/// Does what a person ordered about a sink that no worker serves.
///
/// # Errors
///
/// The store failed. Of dead letters, those that were taken before are gone.
pub async fn act(
    store: &Arc<Store>,
    clock: &Arc<dyn Clock>,
    entry: &SinkEntry,
    act: &Act,
) -> Result<Acted, StoreError> {
    let mut acted = note(store, entry, act, clock.now()).await?;
    for name in entry.config.lanes() {
        let mut lane = Lane::open(Arc::clone(store), Arc::clone(clock), entry, &name).await?;
        acted.add(lane.obey(act, || true).await?);
        lane.close().await;
    }
    Ok(acted)
}

/// Notes the part of an order that concerns the whole sink. Lanes that are open have to read it.
///
/// # Errors
///
/// The store failed, and nothing was changed.
pub(super) async fn note(
    store: &Store,
    entry: &SinkEntry,
    act: &Act,
    now: DateTime<Utc>,
) -> Result<Acted, StoreError> {
    let (entry, act) = (entry.clone(), act.clone());
    let note = move |tx: &Tx<'_>| {
        let mut acted = Acted::default();
        match act {
            Act::Pause => acted.paused = Some(tx.pause(&entry.name, now)?),
            Act::Resume => {
                let since = tx.end_pause(&entry.name)?;
                acted.was_paused = since.is_some();
                for name in entry.config.lanes() {
                    let lane = tx.lane(&entry.name, &name)?;
                    if let Some(since) = since {
                        forgive(tx, &lane, since, now)?;
                    }
                    if lane.disabled.is_some() {
                        tx.set_disabled(&lane, None)?;
                        acted.restarted.push(name);
                    }
                }
            }
            Act::Drop { ids } => acted.dropped = tx.drop_letters(&letters(&entry.name, ids))?,
            Act::Retry { ids } => {
                let lanes = entry.config.lanes();
                let letters = letters(&entry.name, ids);
                acted.retried = gone(tx, &letters, &lanes)?;
            }
            Act::Skip { .. } | Act::Replay { .. } => {}
        }
        Ok(acted)
    };
    store.write(note).await
}

/// Does not count a pause as time in which a delivery failed.
fn forgive(
    tx: &Tx<'_>,
    lane: &store::Lane,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let Some(mut cut) = tx.cut(lane)? else { return Ok(()) };
    cut.failed = cut.failed.map(|failed| after_pause(failed, since, now));
    tx.set_cut(lane, Some(&cut))
}

/// Dead letters of a sink: all, or these.
pub(super) fn letters(sink: &str, ids: Option<Vec<u64>>) -> Letters {
    Letters { sink: Some(sink.to_owned()), ids, ..Letters::default() }
}

/// Dead letters of lanes that the sink has no more: nobody can take them.
fn gone(tx: &Tx<'_>, letters: &Letters, lanes: &[String]) -> rusqlite::Result<Vec<Retried>> {
    let sink = letters.sink.as_deref().unwrap_or_default();
    let all = tx.sinks_with_letters()?.into_iter().filter(|(name, _)| name == sink);
    let mut gone = Vec::new();
    for lane in all.map(|(_, lane)| lane).filter(|lane| !lanes.contains(lane)).sorted() {
        let of_lane = Letters { lane: Some(lane.clone()), ..letters.clone() };
        let left = tx.count_letters(&of_lane, 0)?;
        if let Some(first) = tx.letters(&of_lane, 0, 1)?.first() {
            let since = first.event.time.format("%FT%TZ");
            let reason = Some(format!(
                "`{lane}` is no receiver of the sink any more; `seatwatch replay {sink} --since \
                 {since}` delivers what happened since then to those that it has, `seatwatch \
                 outbox drop {sink}` forgets them"
            ));
            gone.push(Retried { lane, left, reason, ..Retried::default() });
        }
    }
    Ok(gone)
}

/// Forgets dead letters of a sink that is not in the config any more.
///
/// # Errors
///
/// The store failed, and none is gone.
pub async fn drop_letters(
    store: &Store,
    sink: &str,
    ids: Option<Vec<u64>>,
) -> Result<Acted, StoreError> {
    let letters = letters(sink, ids);
    let dropped = store.write(move |tx| tx.drop_letters(&letters)).await?;
    Ok(Acted { dropped, ..Acted::default() })
}

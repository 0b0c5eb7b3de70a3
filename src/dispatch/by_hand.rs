//! What a person orders about a sink: pause it, give up what it cannot take, try dead letters
//! again, deliver anew what it had before.
//!
//! Called while no worker serves the sink, by a command or by the daemon between two workers. Each
//! order is one transaction, but for dead letters that are tried again, a delivery each.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use seatwatch_sdk::{Failure, Outcome};
use serde::{Deserialize, Serialize};

use super::filter::Filter;
use super::lane::{Lane, lag};
use super::settle::{TOOK_NOTHING, bury};
use super::{ONE_DELIVERY, name_of};
use crate::clock::{Clock, uuid_v7};
use crate::config::SinkEntry;
use crate::store::{Letters, Store, StoreError, Tx};

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

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acted {
    /// It is paused.
    Paused {
        /// Since then.
        since: DateTime<Utc>,
    },
    /// It goes on.
    Resumed {
        /// Whether it was paused.
        was_paused: bool,
        /// The lanes that had stopped.
        stopped: Vec<String>,
    },
    /// What was given up.
    Skipped(Vec<Skipped>),
    /// How dead letters fared, lane by lane.
    Retried(Vec<Retried>),
    /// So many dead letters are gone.
    Dropped(u64),
    /// How far the lanes went back.
    Replayed(Vec<Replayed>),
}

/// An event that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The lane that was stuck.
    pub lane: String,
    /// The event's place in the log.
    pub sequence: u64,
    /// What happened in it.
    pub event: String,
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
    /// Why the last of those was not.
    pub reason: Option<String>,
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

/// Does what a person ordered about a sink that nobody serves meanwhile.
///
/// # Errors
///
/// The store failed. Of dead letters, those that were taken before are gone.
pub async fn act(
    store: &Arc<Store>,
    clock: &Arc<dyn Clock>,
    entry: &SinkEntry,
    act: Act,
) -> Result<Acted, StoreError> {
    match act {
        Act::Pause => pause(store, entry, clock.now()).await,
        Act::Resume => resume(store, entry).await,
        Act::Skip { lane } => skip(store, entry, lane, clock.now()).await,
        Act::Retry { ids } => {
            let mut retried = Vec::new();
            for name in entry.config.lanes() {
                let lane = Lane::open(Arc::clone(store), Arc::clone(clock), entry, &name).await?;
                retried.push(retry(store, clock, lane, ids.clone()).await?);
            }
            retried.retain(|lane| lane.delivered + lane.left > 0);
            Ok(Acted::Retried(retried))
        }
        Act::Drop { ids } => drop_letters(store, &entry.name, ids).await,
        Act::Replay { since } => replay(store, entry, since).await,
    }
}

async fn pause(store: &Store, entry: &SinkEntry, now: DateTime<Utc>) -> Result<Acted, StoreError> {
    let sink = entry.name.clone();
    let since = store.write(move |tx| tx.pause(&sink, now)).await?;
    Ok(Acted::Paused { since })
}

async fn resume(store: &Store, entry: &SinkEntry) -> Result<Acted, StoreError> {
    let entry = entry.clone();
    let change = move |tx: &Tx<'_>| {
        let mut stopped = Vec::new();
        for name in entry.config.lanes() {
            let lane = tx.lane(name_of(&entry), &name)?;
            if lane.disabled.is_some() {
                tx.set_disabled(&lane, None)?;
                stopped.push(name);
            }
        }
        Ok(Acted::Resumed { was_paused: tx.end_pause(&entry.name)?, stopped })
    };
    store.write(change).await
}

/// Gives up the first event of each delivery that failed, and of no other: what was never tried is
/// not in anybody's way.
async fn skip(
    store: &Store,
    entry: &SinkEntry,
    only: Option<String>,
    now: DateTime<Utc>,
) -> Result<Acted, StoreError> {
    let entry = entry.clone();
    let change = move |tx: &Tx<'_>| {
        let mut skipped = Vec::new();
        for name in entry.config.lanes() {
            if only.as_ref().is_some_and(|only| *only != name) {
                continue;
            }
            let lane = tx.lane(name_of(&entry), &name)?;
            let Some(cut) = tx.cut(&lane)? else { continue };
            let Some(failed) = &cut.failed else { continue };
            let events = super::lane::events_of(tx, &cut)?;
            let Some(head) = events.first() else { continue };
            let reason = format!("skipped by hand: {}", failed.reason);
            skipped.push(Skipped {
                lane: name,
                sequence: head.sequence,
                event: head.data.event.word().to_owned(),
                reason: failed.reason.clone(),
            });
            let buried = bury(&cut, &events, reason, now);
            tx.bury(&lane, &buried.letter)?;
            tx.set_cut(&lane, buried.rest.as_ref())?;
            tx.set_cursor(&lane, buried.done)?;
        }
        Ok(Acted::Skipped(skipped))
    };
    store.write(change).await
}

/// Tries the dead letters of a lane in the order in which they died, as many at once as a delivery
/// may hold. One that the receiver refuses again stays; the others have their turn.
async fn retry(
    store: &Store,
    clock: &Arc<dyn Clock>,
    mut lane: Lane,
    ids: Option<Vec<u64>>,
) -> Result<Retried, StoreError> {
    let name = lane.lane_name().to_owned();
    let meant = Letters { sink: Some(lane.sink_name().to_owned()), lane: Some(name.clone()), ids };
    let mut retried = Retried { lane: name, ..Retried::default() };
    let mut after = 0;
    loop {
        let letters = store.read(|view| view.letters(&meant, after, lane.max_events()))?;
        let Some(first) = letters.first() else { return Ok(retried) };
        let events = letters.iter().map(|kept| kept.event.clone()).collect::<Vec<_>>();
        let id = uuid_v7(clock.now()).to_string();
        let outcome = lane.offer(&id, &events, Instant::now() + ONE_DELIVERY).await;
        let Verdict { taken, refused, reason, is_over } = Verdict::of(outcome, letters.len());
        let (taken, rest) = letters.split_at(taken);
        let done = rest.get(..refused).and_then(<[_]>::last).or(taken.last());
        after = done.map_or(first.id - 1, |done| done.id);
        // Where nothing more is tried, the first of those that are left says why.
        let told = rest.iter().take(refused + usize::from(is_over)).map(|kept| kept.id);
        let (told, gone) = (told.collect::<Vec<u64>>(), taken.iter().map(|kept| kept.id).collect());
        let (gone, why) = (Letters { ids: Some(gone), ..Letters::default() }, reason.clone());
        let note = move |tx: &Tx<'_>| {
            let why = why.as_deref().unwrap_or_default();
            told.iter().try_for_each(|id| tx.set_letter_reason(*id, why))?;
            tx.drop_letters(&gone)
        };
        retried.delivered += store.write(note).await?;
        retried.left += refused as u64;
        retried.reason = reason.or(retried.reason);
        if is_over {
            retried.left += store.read(|view| view.count_letters(&meant, after))?;
            return Ok(retried);
        }
    }
}

/// What an outcome says of dead letters that were offered.
struct Verdict {
    /// So many were taken.
    taken: usize,
    /// So many after those were refused.
    refused: usize,
    /// Why not all were taken.
    reason: Option<String>,
    /// Whether there is no use in trying more now.
    is_over: bool,
}

impl Verdict {
    fn of(outcome: Outcome, all: usize) -> Self {
        let (taken, refused, reason, is_over) = match outcome {
            Outcome::Accepted => (all, 0, None, false),
            Outcome::Refused { reason } => (0, all, Some(reason), false),
            Outcome::Prefix { accepted: 0 } => (0, 0, Some(TOOK_NOTHING.to_owned()), true),
            Outcome::Prefix { accepted } => (accepted, 0, None, false),
            Outcome::Partial { accepted, then: Failure::Reject { reason } } => {
                (accepted, 1, Some(reason), false)
            }
            Outcome::Partial { accepted, then } => {
                (accepted, 0, Some(then.reason().to_owned()), true)
            }
        };
        // A sink that claims more than it was given has accepted all of it, and no more.
        let taken = taken.min(all);
        let is_whole = taken == all;
        Self {
            taken,
            refused: refused.min(all - taken),
            reason: reason.filter(|_| !is_whole),
            is_over: is_over && !is_whole,
        }
    }
}

/// Forgets dead letters of a sink, which need not be in the config any more.
///
/// # Errors
///
/// The store failed, and none is gone.
pub async fn drop_letters(
    store: &Store,
    sink: &str,
    ids: Option<Vec<u64>>,
) -> Result<Acted, StoreError> {
    let letters = Letters { sink: Some(sink.to_owned()), lane: None, ids };
    Ok(Acted::Dropped(store.write(move |tx| tx.drop_letters(&letters)).await?))
}

async fn replay(
    store: &Store,
    entry: &SinkEntry,
    since: DateTime<Utc>,
) -> Result<Acted, StoreError> {
    let entry = entry.clone();
    let change = move |tx: &Tx<'_>| {
        let (start, filter) = (tx.last_before(since)?, Filter::of(&entry));
        let mut replayed = Vec::new();
        for name in entry.config.lanes() {
            let lane = tx.lane(name_of(&entry), &name)?;
            let (before, _) = lag(tx, lane.cursor, &filter)?;
            let mut queued = before.queued;
            if start < lane.cursor {
                // What it has cut lies past the cursor, and is cut anew in its turn.
                tx.set_cut(&lane, None)?;
                tx.set_cursor(&lane, start)?;
                queued = lag(tx, start, &filter)?.0.queued;
            }
            replayed.push(Replayed { lane: name, again: queued - before.queued, queued });
        }
        Ok(Acted::Replayed(replayed))
    };
    store.write(change).await
}

//! What a person orders about a sink: pause it, give up what it cannot take, try dead letters
//! again, deliver anew what it had before.
//!
//! An order has two parts. What concerns the whole sink is noted in the store at once
//! ([`note`]); then each lane does its own part between two steps ([`Lane::obey`]), so that an
//! order never meets a delivery. Without workers, whoever gave the order opens the lanes for it.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use itertools::Itertools as _;
use seatwatch_sdk::{Event, Failure, Outcome};
use serde::{Deserialize, Serialize};

use super::ONE_DELIVERY;
use super::answer::{self, Answer, Rest};
use super::cut::events_of;
use super::lane::Lane;
use super::settle::{after_pause, bury};
use crate::clock::{Clock, uuid_v7};
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
    /// Whether they stay there until the sink is resumed.
    pub waits: bool,
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
        acted.add(lane.obey(act).await?);
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

fn letters(sink: &str, ids: Option<Vec<u64>>) -> Letters {
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
            gone.push(Retried { lane, delivered: 0, left, reason });
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

impl Lane {
    /// Does its part of an order that was [noted](note). No delivery is under way.
    pub(super) async fn obey(&mut self, act: &Act) -> Result<Part, StoreError> {
        self.write_down().await?;
        let part = match act {
            Act::Pause | Act::Resume | Act::Drop { .. } => Part::Nothing,
            Act::Skip { lane } if lane.as_ref().is_some_and(|lane| lane != self.lane_name()) => {
                Part::Nothing
            }
            Act::Skip { .. } => self.skip().await?.map_or(Part::Nothing, Part::Skipped),
            Act::Retry { ids } => {
                let retried = self.retry(ids.clone()).await?;
                let any = retried.delivered + retried.left > 0;
                if any { Part::Retried(retried) } else { Part::Nothing }
            }
            Act::Replay { since } => return self.replay(*since).await.map(Part::Replayed),
        };
        self.reread().await?;
        Ok(part)
    }

    /// Gives up the first event of a delivery that failed, and of no other: what was never tried
    /// is not in anybody's way.
    async fn skip(&mut self) -> Result<Option<Skipped>, StoreError> {
        let Some((cut, failed)) =
            self.cut().and_then(|cut| Some((cut.clone(), cut.failed.clone()?)))
        else {
            return Ok(None);
        };
        let events = self.store().read(|view| events_of(view, &cut))?;
        let Some(head) = events.first() else { return Ok(None) };
        let skipped = Skipped {
            lane: self.lane_name().to_owned(),
            event: Box::new(head.clone()),
            reason: failed.reason.clone(),
        };
        let buried = bury(&cut, &events, format!("skipped by hand: {}", failed.reason), self.now());
        let place = self.place().clone();
        let change = move |tx: &Tx<'_>| {
            tx.bury(&place, &buried.letter)?;
            tx.set_cut(&place, buried.rest.as_ref())?;
            tx.set_cursor(&place, buried.done)
        };
        self.store().write(change).await?;
        Ok(Some(skipped))
    }

    /// Goes back to the first event at or after a time. What it has cut lies past that, and is cut
    /// anew in its turn.
    async fn replay(&mut self, since: DateTime<Utc>) -> Result<Replayed, StoreError> {
        self.count().await?;
        let before = self.lag().queued;
        let start = self.store().read(|view| view.last_before(since))?;
        let place = self.place().clone();
        if start < place.cursor {
            let change = move |tx: &Tx<'_>| {
                tx.set_cut(&place, None)?;
                tx.set_cursor(&place, start)
            };
            self.store().write(change).await?;
            self.reread().await?;
        }
        let queued = self.lag().queued;
        let again = queued.saturating_sub(before);
        let waits = self.paused().is_some() || self.is_stopped();
        Ok(Replayed { lane: self.lane_name().to_owned(), again, queued, waits })
    }

    /// Tries dead letters in the order in which they died, as many at once as a delivery may hold.
    /// One that the receiver refuses again stays; the others have their turn.
    async fn retry(&mut self, ids: Option<Vec<u64>>) -> Result<Retried, StoreError> {
        let lane = self.lane_name().to_owned();
        let meant = Letters { lane: Some(lane.clone()), ..letters(self.sink_name(), ids) };
        let mut retried = Retried { lane, ..Retried::default() };
        if let Some(since) = self.paused() {
            retried.left = self.store().read(|view| view.count_letters(&meant, 0))?;
            retried.reason = Some(format!("paused since {}", since.format("%F %R UTC")));
            return Ok(retried);
        }
        let mut after = 0;
        loop {
            let letters =
                self.store().read(|view| view.letters(&meant, after, self.max_events()))?;
            let Some(first) = letters.first() else { return Ok(retried) };
            let events = letters.iter().map(|kept| kept.event.clone()).collect::<Vec<_>>();
            let id = uuid_v7(self.now()).to_string();
            // The receiver may have some of them.
            let outcome = self.offer(&id, 2, &events, Instant::now() + ONE_DELIVERY).await;
            let Verdict { taken, refused, reason, is_over } = Verdict::of(outcome, letters.len());
            let (taken, rest) = letters.split_at(taken);
            let done = rest.get(..refused).and_then(<[_]>::last).or(taken.last());
            after = done.map_or(first.id - 1, |done| done.id);
            // Where nothing more is tried, the first of those that are left says why.
            let told = rest.iter().take(refused + usize::from(is_over)).map(|kept| kept.id);
            let told = told.collect::<Vec<u64>>();
            let gone = taken.iter().map(|kept| kept.id).collect();
            let (gone, why) = (Letters { ids: Some(gone), ..Letters::default() }, reason.clone());
            let change = move |tx: &Tx<'_>| {
                let why = why.as_deref().unwrap_or_default();
                told.iter().try_for_each(|id| tx.set_letter_reason(*id, why))?;
                tx.drop_letters(&gone)
            };
            retried.delivered += self.store().write(change).await?;
            retried.left += refused as u64;
            retried.reason = reason.or(retried.reason);
            if is_over {
                retried.left += self.store().read(|view| view.count_letters(&meant, after))?;
                return Ok(retried);
            }
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
        let Answer { taken, rest } = answer::read(outcome, all);
        let (refused, reason, is_over) = match rest {
            None | Some(Rest::Unseen) => (0, None, false),
            Some(Rest::Refused(reason)) => (all - taken, Some(reason), false),
            Some(Rest::Failed(Failure::Reject { reason })) => (1, Some(reason), false),
            Some(Rest::Failed(then)) => (0, Some(then.reason().to_owned()), true),
        };
        Self { taken, refused, reason, is_over }
    }
}

//! Serves one lane of one sink: cuts deliveries from the log, tries them, moves the cursor.
//!
//! A cut is stored before it is handed to the sink; retries and restarts send exactly that
//! delivery. On acceptance the cursor moves past it in one transaction, together with cutting
//! the next. So: at least once, in order, under the same ids.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use seatwatch_sdk::{Delivery, Event, Failure, Outcome, Sink};
use sha2::{Digest as _, Sha256};

use super::filter::Filter;
use super::settle::{Settled, settle};
use crate::clock::{Clock, uuid_v7};
use crate::config::SinkEntry;
use crate::store::{self, Cut, Store, StoreError, View};

/// One lane, with the sink that serves it.
pub(super) struct Lane {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    /// Its cursor and state, as the store has them.
    place: store::Lane,
    filter: Filter,
    max_events: usize,
    give_up_after: Option<Duration>,
    config: [u8; 32],
    sink: Box<dyn Sink>,
    cut: Option<Cut>,
}

/// What one step came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A delivery was accepted: there may be more.
    Moved,
    /// Its first event became a dead letter: there may be more.
    Buried { reason: String },
    /// The attempt failed; there will be another.
    Failed { reason: String },
    /// There is nothing to deliver.
    Idle,
    /// Nothing is tried until a person acts.
    Disabled { reason: String },
}

impl Lane {
    /// Opens a lane; a new one starts at the end of the log.
    pub(super) async fn open(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        entry: &SinkEntry,
        name: &str,
    ) -> Result<Self, StoreError> {
        let config: [u8; 32] = Sha256::digest(format!("{:?}", entry.config)).into();
        let (sink, lane) = (entry.name.clone(), name.to_owned());
        let opened = move |tx: &store::Tx<'_>| {
            let mut lane = tx.lane(&sink, &lane)?;
            // What stopped the lane was its config; this one has not failed yet.
            if lane.disabled.as_ref().is_some_and(|(_, stopped)| *stopped != config) {
                tx.set_disabled(&lane, None)?;
                lane.disabled = None;
            }
            let cut = tx.cut(&lane)?;
            Ok((lane, cut))
        };
        let (lane, cut) = store.write(opened).await?;
        // Nobody knows how far an attempt came that was under way when the process ended.
        let cut = cut.map(|cut| Cut { attempt: cut.attempt.max(2), ..cut });
        Ok(Self {
            store,
            clock,
            place: lane,
            filter: Filter::of(entry),
            max_events: entry.config.max_events(),
            give_up_after: entry.give_up_after,
            config,
            sink: entry.config.build(name),
            cut,
        })
    }

    pub(super) fn sink_name(&self) -> &str {
        &self.place.sink
    }

    pub(super) fn lane_name(&self) -> &str {
        &self.place.lane
    }

    /// Tries one delivery, cutting it first where there is none.
    pub(super) async fn step(&mut self, deadline: Instant) -> Result<Step, StoreError> {
        if let Some((reason, _)) = &self.place.disabled {
            return Ok(Step::Disabled { reason: reason.clone() });
        }
        let Some(cut) = self.next_cut().await? else { return Ok(Step::Idle) };
        let events = self.store.read(|view| events_of(view, &cut))?;
        crash_point!("dispatch:cut");
        let outcome = if events.is_empty() {
            // Trimmed meanwhile: there is nothing left to send.
            Outcome::Accepted
        } else {
            self.attempt(&cut, &events, deadline).await
        };
        crash_point!("dispatch:delivered");
        let settled = settle(&cut, &events, outcome, self.give_up_after, self.clock.now());
        self.write_down(settled).await
    }

    /// The delivery to try now: the one that was cut, or a new one.
    async fn next_cut(&mut self) -> Result<Option<Cut>, StoreError> {
        if self.cut.is_none() {
            let lane = self.place.clone();
            let (filter, max_events) = (self.filter.clone(), self.max_events);
            let now = self.clock.now();
            let (cursor, cut) = self
                .store
                .write(move |tx| {
                    let (cursor, cut) = cut(tx, lane.cursor, &filter, max_events, now)?;
                    if cut.is_some() {
                        tx.set_cut(&lane, cut.as_ref())?;
                    }
                    // What the filter left out stays out, whatever the filter is next time.
                    if cursor > lane.cursor {
                        tx.set_cursor(&lane, cursor)?;
                    }
                    Ok((cursor, cut))
                })
                .await?;
            self.place.cursor = cursor;
            self.cut = cut;
        }
        Ok(self.cut.clone())
    }

    async fn attempt(&mut self, cut: &Cut, events: &[Event], deadline: Instant) -> Outcome {
        let delivery = Delivery { id: &cut.id, attempt: cut.attempt, deadline, events };
        let answer = tokio::time::timeout_at(deadline.into(), self.sink.deliver(&delivery));
        answer.await.unwrap_or_else(|_| Failure::retry("no answer in time").into())
    }

    /// Moves the cursor and cuts the next delivery, all in one transaction.
    async fn write_down(&mut self, settled: Settled) -> Result<Step, StoreError> {
        let Settled { done, rest, dead, disabled } = settled;
        let step = match (&disabled, &dead, &rest) {
            (Some(reason), ..) => Step::Disabled { reason: reason.clone() },
            (None, Some(dead), _) => Step::Buried { reason: dead.reason.clone() },
            (None, None, Some(Cut { failed: Some(failed), .. })) => {
                Step::Failed { reason: failed.reason.clone() }
            }
            _ => Step::Moved,
        };
        let (lane, filter) = (self.place.clone(), self.filter.clone());
        let (config, max_events) = (self.config, self.max_events);
        let (stopped, now) = (disabled.clone(), self.clock.now());
        let (cursor, next) = self
            .store
            .write(move |tx| {
                if let Some(dead) = &dead {
                    tx.bury(&lane, dead)?;
                }
                let done = done.unwrap_or(lane.cursor);
                let (cursor, next) = match rest {
                    Some(rest) => (done, Some(rest)),
                    None => cut(tx, done, &filter, max_events, now)?,
                };
                tx.set_cut(&lane, next.as_ref())?;
                tx.set_cursor(&lane, cursor)?;
                if let Some(reason) = &stopped {
                    tx.set_disabled(&lane, Some((reason, config)))?;
                }
                Ok((cursor, next))
            })
            .await?;
        crash_point!("dispatch:settled");
        self.place.cursor = cursor;
        self.place.disabled = disabled.map(|reason| (reason, config));
        self.cut = next;
        Ok(step)
    }
}

/// Cuts a delivery from what the filter lets pass after `cursor`; returns it with the cursor,
/// moved past what the filter left out before it.
fn cut(
    view: &View<'_>,
    cursor: u64,
    filter: &Filter,
    max_events: usize,
    now: DateTime<Utc>,
) -> rusqlite::Result<(u64, Option<Cut>)> {
    let mut passed = cursor;
    let mut span: Option<(u64, u64)> = None;
    let mut count = 0;
    view.walk_log(cursor, |event| {
        if filter.passes(&event) {
            let first = span.map_or(event.sequence, |(first, _)| first);
            span = Some((first, event.sequence));
            count += 1;
        } else if span.is_none() {
            passed = event.sequence;
        }
        count < max_events
    })?;
    let cut = span.map(|(first, last)| Cut {
        id: uuid_v7(now).to_string(),
        first,
        last,
        filter: filter.keep(),
        attempt: 1,
        failed: None,
    });
    Ok((passed, cut))
}

/// The events of a delivery, as the filter had it when it was cut.
fn events_of(view: &View<'_>, cut: &Cut) -> rusqlite::Result<Vec<Event>> {
    let filter = Filter::from_kept(&cut.filter);
    // A filter that cannot be read any more lets everything pass: rather too much than a loss.
    view.events(cut.first, cut.last, |event| filter.as_ref().is_none_or(|f| f.passes(event)))
}

/// What a lane has before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Events that it has not got rid of yet.
    pub queued: u64,
    /// When the oldest of them happened.
    pub oldest: Option<DateTime<Utc>>,
}

/// What a lane has before it, as of a view of the store.
pub(super) fn lag(view: &View<'_>, lane: &store::Lane, filter: &Filter) -> rusqlite::Result<Lag> {
    let mut lag = Lag::default();
    view.walk_log(lane.cursor, |event| {
        if filter.passes(&event) {
            lag.queued += 1;
            lag.oldest = lag.oldest.or(Some(event.time));
        }
        true
    })?;
    Ok(lag)
}

#[cfg(test)]
mod tests;

//! Serves one lane of one sink: cuts deliveries from the log, tries them, moves the cursor.
//!
//! A cut is stored before it is handed to the sink; retries and restarts send exactly that
//! delivery. On acceptance the cursor moves past it in one transaction, together with cutting
//! the next. So: at least once, in order, under the same ids.

mod ahead;
mod kept;
mod orders;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use seatwatch_sdk::{Delivery, Event, Failure, Outcome, Sink};
use sha2::{Digest as _, Sha256};

use super::cut::{Cutter, Events, Found, Lag, Next, first_after};
use super::filter::Filter;
use super::redact::redact;
use super::settle::{Settled, settle};
use super::state::LaneState;
use super::step::{Pace, Step};
use super::timing::retry_not_before;
use crate::clock::Clock;
use crate::config::{Redacted, SinkEntry, Timing};
use crate::store::{self, Cut, Store, StoreError, View};
use ahead::Ahead;
use kept::{Count, Kept};

/// One lane, with the sink that serves it.
pub(super) struct Lane {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    filter: Arc<Filter>,
    timing: Timing,
    max_events: usize,
    give_up_after: Option<Duration>,
    redacted: BTreeSet<Redacted>,
    /// What the sink's config comes down to: who stopped under another is tried again.
    config: [u8; 32],
    sink: Box<dyn Sink>,
    kept: Kept,
    ahead: Ahead,
    /// What came of the last attempt, where the store could not be told.
    unwritten: Option<Attempted>,
}

/// An attempt that has ended.
#[derive(Clone)]
struct Attempted {
    cut: Cut,
    events: Events,
    settled: Settled,
    pace: Pace,
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
            let mut place = tx.lane(&sink, &lane)?;
            // What stopped the lane was its config; this one has not failed yet.
            if place.disabled.as_ref().is_some_and(|(_, stopped)| *stopped != config) {
                tx.set_disabled(&place, None)?;
                place.disabled = None;
            }
            Ok(place)
        };
        let (place, filter) = (store.write(opened).await?, Arc::new(Filter::of(entry)));
        // Counting takes its time: whoever writes does not wait for it.
        let wanted = Arc::clone(&filter);
        let kept = store.read_aside(move |view| Kept::read(view, place, &wanted)).await?;
        Ok(Self {
            store,
            clock,
            filter,
            timing: entry.timing.clone(),
            max_events: entry.config.max_events(),
            give_up_after: entry.give_up_after,
            redacted: entry.redact.clone(),
            config,
            sink: entry.config.build(name),
            kept: kept.taken_up(),
            ahead: Ahead::default(),
            unwritten: None,
        })
    }

    /// Takes note of what the store has by now: a person may have ordered something.
    pub(super) async fn reread(&mut self) -> Result<(), StoreError> {
        let (place, filter) = (self.kept.place.clone(), Arc::clone(&self.filter));
        let reread = move |view: &View<'_>| Kept::read_again(view, place, &filter);
        let kept = self.store.read_aside(reread).await?;
        self.take_over(kept);
        Ok(())
    }

    fn take_over(&mut self, kept: Kept) {
        self.kept.reread(kept);
        self.ahead.forget();
    }

    /// Ends what the sink has started. The lane is not used any more.
    pub(super) async fn close(mut self) {
        self.sink.close().await;
    }

    /// How it stands.
    pub(super) fn state(&self) -> LaneState {
        let Kept { place, paused, lag, dead_letters, .. } = &self.kept;
        LaneState {
            sink: place.sink.clone(),
            lane: place.lane.clone(),
            lag: lag.clone(),
            failed_attempts: self.kept.failed_attempts(),
            dead_letters: *dead_letters,
            stopped: place.disabled.is_some(),
            paused: paused.is_some(),
        }
    }

    /// Counts what was added to the log since it was last counted; where something was erased since
    /// then, all of it anew.
    pub(super) async fn count(&mut self) -> Result<(), StoreError> {
        match self.store.read_aside(self.kept.counter(&self.filter)).await? {
            Count::More(more, counted) => self.kept.add(&more, counted),
            Count::Anew(kept) => self.take_over(*kept),
        }
        Ok(())
    }

    /// Tries one delivery, cutting it first where there is none.
    pub(super) async fn step(&mut self, pace: Pace, deadline: Instant) -> Result<Step, StoreError> {
        self.write_down().await?;
        if let Some(since) = self.kept.paused {
            return Ok(Step::Paused { since });
        }
        if let Some((reason, _)) = &self.kept.place.disabled {
            return Ok(Step::Stopped { reason: reason.clone() });
        }
        let cut = match self.next_cut(pace).await? {
            Next::Cut(cut) => cut,
            Next::NotBefore(time) => return Ok(Step::NotBefore(time)),
            Next::Nothing => return Ok(Step::Idle),
        };
        let events = self.events_of(&cut).await?;
        crash_point!("dispatch:cut");
        self.look_ahead(cut.last, events.list.len(), pace);
        let outcome = if events.list.is_empty() {
            // Trimmed meanwhile: there is nothing left to send.
            Outcome::Accepted
        } else {
            self.offer(&cut.id, cut.attempt, &events.list, deadline).await
        };
        crash_point!("dispatch:delivered");
        let settled = settle(&cut, &events.list, outcome, self.give_up_after, self.clock.now());
        self.settle(Attempted { cut, events, settled, pace }).await
    }

    /// The events of the delivery whose turn it is. What was made ready is used where nothing has
    /// been erased from the log since then: what is forgotten is not sent.
    async fn events_of(&mut self, cut: &Cut) -> Result<Events, StoreError> {
        if let Some(events) = self.ahead.take(&cut.id)
            && self.store.read(|view| Ok(view.erasures()? == events.erasures))?
        {
            return Ok(events);
        }
        let cut = cut.clone();
        self.store.read_aside(move |view| Events::of(view, &cut)).await
    }

    /// The delivery to try now: the one that was cut, or a new one.
    async fn next_cut(&mut self, pace: Pace) -> Result<Next, StoreError> {
        let now = self.clock.now();
        if let Some(cut) = &self.kept.cut {
            let failed = cut.failed.as_ref().filter(|_| pace == Pace::Patient);
            let until = failed.and_then(|failed| retry_not_before(failed.next_attempt_at, now));
            return Ok(until.map_or_else(|| Next::Cut(cut.clone()), Next::NotBefore));
        }
        self.count().await?;
        if self.kept.counted <= self.kept.place.cursor {
            // Also where what was counted has been trimmed or erased.
            self.kept.lag = Lag::default();
            return Ok(Next::Nothing);
        }
        let (lane, cutter) = (self.kept.place.clone(), self.cutter(pace));
        let cursor = lane.cursor;
        let cut = move |view: &View<'_>| cutter.cut(view, cursor);
        let found = self.store.read_aside(cut).await?;
        let (passed, next) = (found.passed, found.next.clone());
        let cut = next.cut().cloned();
        if cut.is_some() || passed > cursor {
            let cut = cut.clone();
            let write = move |tx: &store::Tx<'_>| {
                tx.set_cut(&lane, cut.as_ref())?;
                // What the filter left out stays out, whatever the filter is next time.
                tx.set_cursor(&lane, passed)
            };
            self.store.write(write).await?;
            self.ahead.keep_found(Some(found));
        }
        self.kept.place.cursor = passed;
        self.kept.cut = cut;
        Ok(next)
    }

    fn cutter(&self, pace: Pace) -> Cutter {
        let timing = match &self.timing {
            Timing::Wait(_) if pace == Pace::Hurried => Timing::Wait(Duration::ZERO),
            timing => timing.clone(),
        };
        let (filter, max_events) = (self.filter.clone(), self.max_events);
        Cutter { filter, timing, max_events, now: self.clock.now() }
    }

    /// Finds what follows `last` while the sink is busy with `count` events before it, where so
    /// much is queued that it will be a full delivery.
    fn look_ahead(&mut self, last: u64, count: usize, pace: Pace) {
        let queued = usize::try_from(self.kept.lag.queued).unwrap_or(usize::MAX);
        let is_full = queued.saturating_sub(count) >= self.max_events;
        if self.ahead.wants(last, is_full) {
            self.ahead.look(&self.store, last, self.cutter(pace));
        }
    }

    /// Hands events to the sink without what it is not to know.
    pub(super) async fn offer(
        &mut self,
        id: &str,
        attempt: u32,
        events: &[Event],
        deadline: Instant,
    ) -> Outcome {
        let events = redact(events, &self.redacted);
        in_time(self.sink.as_mut(), &Delivery { id, attempt, deadline, events: &events }).await
    }

    /// Whether what came of the last attempt is known here, and not in the store yet.
    pub(super) fn is_unwritten(&self) -> bool {
        self.unwritten.is_some()
    }

    /// Writes down what came of the last attempt, where that failed: a full disk is no reason to
    /// give a receiver the same again.
    pub(super) async fn write_down(&mut self) -> Result<(), StoreError> {
        match self.unwritten.take() {
            Some(attempted) => self.settle(attempted).await.map(drop),
            None => Ok(()),
        }
    }

    /// Moves the cursor past what is done with and to the next delivery, all in one transaction.
    async fn settle(&mut self, attempted: Attempted) -> Result<Step, StoreError> {
        let (next, head, buried) = match self.write_settled(&attempted).await {
            Ok(written) => written,
            Err(error) => {
                self.unwritten = Some(attempted);
                return Err(error);
            }
        };
        crash_point!("dispatch:settled");
        let Attempted { cut, mut events, settled, .. } = attempted;
        let step = Step::of(&cut, &settled);
        self.ahead.flows(matches!(step, Step::Moved { .. }));
        self.kept.dead_letters += buried;
        self.kept.place.disabled = settled.disabled.map(|reason| (reason, self.config));
        self.note_gone(settled.gone, &events.list, head).await?;
        if let (Some(next), Some(Cut { failed: None, .. })) = (&next, &settled.rest) {
            events.list.drain(..settled.gone);
            self.ahead.keep(&next.id, events);
        }
        let is_counted = next.as_ref().is_none_or(|next| next.last <= self.kept.counted);
        self.kept.cut = next;
        // What came while the sink was busy may be in it.
        if !is_counted {
            self.count().await?;
        }
        Ok(step)
    }

    /// Returns the delivery that comes next, when its first event happened if that was looked at, and
    /// how many dead letters there are more.
    async fn write_settled(
        &mut self,
        attempted: &Attempted,
    ) -> Result<(Option<Cut>, Option<DateTime<Utc>>, u64), StoreError> {
        let (lane, config, id) = (self.kept.place.clone(), self.config, attempted.cut.id.clone());
        let Settled { done, rest, dead, disabled, .. } = attempted.settled.clone();
        let done = done.unwrap_or(lane.cursor);
        let found = match &rest {
            Some(_) => None,
            None => Some(self.find_after(done, attempted.pace).await?),
        };
        let cursor = found.as_ref().map_or(done, |found| found.passed);
        let next = rest.or_else(|| found.as_ref().and_then(|found| found.next.cut().cloned()));
        let write = move |tx: &store::Tx<'_>| {
            let known = tx.cut(&lane)?;
            if known.as_ref().is_none_or(|known| known.id != id) {
                // It was written down after all, only nobody heard of it.
                let letters = dead.len() as u64;
                return Ok((tx.lane(&lane.sink, &lane.lane)?.cursor, known, letters));
            }
            let letters = dead.iter().map(|dead| tx.bury(&lane, dead));
            let letters = letters.sum::<rusqlite::Result<u64>>()?;
            tx.set_cut(&lane, next.as_ref())?;
            tx.set_cursor(&lane, cursor)?;
            if let Some(reason) = &disabled {
                tx.set_disabled(&lane, Some((reason, config)))?;
            }
            Ok((cursor, next, letters))
        };
        let (cursor, next, letters) = self.store.write(write).await?;
        self.kept.place.cursor = cursor;
        let head = found.as_ref().and_then(|found| found.head);
        self.ahead.keep_found(found);
        Ok((next, head, letters))
    }

    /// What there is after `done`, which may have been looked for meanwhile.
    async fn find_after(&mut self, done: u64, pace: Pace) -> Result<Found, StoreError> {
        if let Some(found) = self.ahead.found_after(done).await {
            return Ok(found);
        }
        let cutter = self.cutter(pace);
        self.store.read_aside(move |view| cutter.cut(view, done)).await
    }

    /// Takes the first events of a delivery out of what is queued.
    async fn note_gone(
        &mut self,
        gone: usize,
        events: &[Event],
        head: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        self.kept.lag.queued = self.kept.lag.queued.saturating_sub(gone as u64);
        self.kept.lag.oldest = match events.get(gone).map(|next| next.time).or(head) {
            _ if self.kept.lag.queued == 0 => None,
            Some(time) => Some(time),
            None => {
                let (after, filter) = (self.kept.place.cursor, Arc::clone(&self.filter));
                let first = move |view: &View<'_>| first_after(view, after, &filter);
                self.store.read_aside(first).await?.map(|first| first.time)
            }
        };
        // What the cursor has passed is not counted again.
        self.kept.counted = self.kept.counted.max(self.kept.place.cursor);
        Ok(())
    }
}

/// Hands a delivery to a sink. One sink's mistake is not the others' misfortune, and the end of
/// its time is the end of it.
pub(super) async fn in_time(sink: &mut dyn Sink, delivery: &Delivery<'_>) -> Outcome {
    let answer = AssertUnwindSafe(sink.deliver(delivery)).catch_unwind();
    match tokio::time::timeout_at(delivery.deadline.into(), answer).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => Failure::retry("the sink broke off, a mistake in it").into(),
        Err(_) => Failure::retry("no answer in time").into(),
    }
}

#[cfg(test)]
mod tests;

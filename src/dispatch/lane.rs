//! Serves one lane of one sink: cuts deliveries from the log, tries them, moves the cursor.
//!
//! A cut is stored before it is handed to the sink; retries and restarts send exactly that
//! delivery. On acceptance the cursor moves past it in one transaction, together with cutting
//! the next. So: at least once, in order, under the same ids.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use seatwatch_sdk::{Delivery, Event, Failure, Outcome, Sink};
use sha2::{Digest as _, Sha256};

use super::ahead::Ahead;
use super::cut::{Cutter, Events, Found, Lag, Next, first_after, lag};
use super::filter::Filter;
use super::redact::redact;
use super::settle::{Settled, settle};
use super::timing::retry_not_before;
use crate::clock::Clock;
use crate::config::{Redacted, SinkEntry, Timing};
use crate::store::{self, Cut, Store, StoreError, View};

/// One lane, with the sink that serves it.
pub(super) struct Lane {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    /// Its cursor and state, as the store has them.
    place: store::Lane,
    filter: Arc<Filter>,
    timing: Timing,
    max_events: usize,
    give_up_after: Option<Duration>,
    redacted: BTreeSet<Redacted>,
    /// Since when a person wants it to be left alone.
    paused: Option<DateTime<Utc>>,
    config: [u8; 32],
    sink: Box<dyn Sink>,
    cut: Option<Cut>,
    lag: Lag,
    /// The sequence up to which the log is in `lag`.
    counted: u64,
    /// How often something had been erased when it was counted.
    erasures: u64,
    dead_letters: u64,
    unwritten: Option<Attempted>,
    ready: Option<Ready>,
    /// Whether the last attempt was accepted, so that the next is worth being made ready.
    flows: bool,
    ahead: Option<Ahead>,
}

/// An attempt that has ended.
#[derive(Clone)]
struct Attempted {
    cut: Cut,
    events: Events,
    settled: Settled,
    pace: Pace,
}

impl Attempted {
    /// What it came to.
    fn step(&self) -> Step {
        let Settled { gone, rest, dead, disabled, .. } = &self.settled;
        let attempt = self.cut.attempt;
        match (disabled, dead.last(), rest) {
            (Some(reason), ..) => Step::Disabled { reason: reason.clone() },
            (None, Some(last), _) => {
                Step::Buried { events: dead.len(), reason: last.reason.clone() }
            }
            (None, None, Some(Cut { failed: Some(failed), .. })) => {
                Step::Failed { reason: failed.reason.clone(), attempt }
            }
            _ => Step::Moved { events: *gone, attempt },
        }
    }
}

/// The events of a delivery that are known before its turn.
struct Ready {
    /// The delivery's id.
    id: String,
    events: Events,
}

impl Ready {
    /// Those that were found, if it is the time for a delivery.
    fn of(found: Found) -> Option<Self> {
        Some(Self { id: found.next.cut()?.id.clone(), events: found.events })
    }
}

/// Whether a step waits for its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pace {
    /// It waits for the sink's `wait` or `digest`, and after a failure.
    Patient,
    /// Somebody looks on: it waits for a `digest` only.
    Hurried,
}

/// What one step came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A delivery was accepted: there may be more.
    Moved {
        /// How many events it had.
        events: usize,
        /// Which attempt that was.
        attempt: u32,
    },
    /// The first of its events, or all, became dead letters: there may be more.
    Buried {
        /// How many died.
        events: usize,
        /// Why.
        reason: String,
    },
    /// The attempt failed; there will be another.
    Failed {
        /// Why.
        reason: String,
        /// Which attempt that was.
        attempt: u32,
    },
    /// It is not the time yet.
    NotBefore(DateTime<Utc>),
    /// There is nothing to deliver.
    Idle,
    /// The receiver is gone: nothing more is tried until a person acts.
    Disabled { reason: String },
    /// It was disabled before, and nobody has acted.
    Stopped { reason: String },
    /// A person wants it to be left alone.
    Paused { since: DateTime<Utc> },
}

impl Step {
    /// Whether the sink was asked.
    pub(super) fn is_attempt(&self) -> bool {
        match self {
            Self::Moved { .. }
            | Self::Buried { .. }
            | Self::Failed { .. }
            | Self::Disabled { .. } => true,
            Self::NotBefore(_) | Self::Idle | Self::Stopped { .. } | Self::Paused { .. } => false,
        }
    }
}

/// A lane as the store has it.
struct Kept {
    place: store::Lane,
    cut: Option<Cut>,
    paused: Option<DateTime<Utc>>,
    lag: Lag,
    counted: u64,
    erasures: u64,
    dead_letters: u64,
}

impl Kept {
    fn read(view: &View<'_>, place: store::Lane, filter: &Filter) -> rusqlite::Result<Self> {
        let (cut, paused) = (view.cut(&place)?, view.paused(&place.sink)?);
        let (lag, counted) = lag(view, place.cursor, cut.as_ref(), filter)?;
        let (dead_letters, _) = view.dead_letters(&place.sink, &place.lane)?;
        let erasures = view.erasures()?;
        Ok(Self { place, cut, paused, lag, counted, erasures, dead_letters })
    }
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
        let Kept { place, cut, paused, lag, counted, erasures, dead_letters } = kept;
        // Nobody knows how far an attempt came that was under way when the process ended.
        let cut = cut.map(|cut| Cut { attempt: cut.attempt.max(2), ..cut });
        Ok(Self {
            store,
            clock,
            place,
            filter,
            timing: entry.timing.clone(),
            max_events: entry.config.max_events(),
            give_up_after: entry.give_up_after,
            redacted: entry.redact.clone(),
            paused,
            config,
            sink: entry.config.build(name),
            cut,
            lag,
            counted,
            erasures,
            dead_letters,
            unwritten: None,
            ready: None,
            flows: false,
            ahead: None,
        })
    }

    /// Takes note of what a person has ordered, which the store has by now.
    pub(super) async fn reread(&mut self) -> Result<(), StoreError> {
        let (place, filter) = (self.place.clone(), Arc::clone(&self.filter));
        let reread = move |view: &View<'_>| {
            let found = view.find_lane(&place.sink, &place.lane)?;
            Kept::read(view, found.unwrap_or(place), &filter)
        };
        let kept = self.store.read_aside(reread).await?;
        let Kept { place, cut, paused, lag, counted, erasures, dead_letters } = kept;
        (self.ready, self.ahead) = (None, None);
        (self.place, self.cut, self.paused) = (place, cut, paused);
        (self.lag, self.counted, self.erasures) = (lag, counted, erasures);
        self.dead_letters = dead_letters;
        Ok(())
    }

    /// Ends what the sink has started. The lane is not used any more.
    pub(super) async fn close(mut self) {
        self.sink.close().await;
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Its cursor and state.
    pub(super) fn place(&self) -> &store::Lane {
        &self.place
    }

    /// The delivery that it has cut.
    pub(super) fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// How many attempts at it have failed so far.
    pub(super) fn failed_attempts(&self) -> u32 {
        let failing = self.cut.as_ref().filter(|cut| cut.failed.is_some());
        failing.map_or(0, |cut| cut.attempt.saturating_sub(1))
    }

    /// Since when a person wants it to be left alone.
    pub(super) fn paused(&self) -> Option<DateTime<Utc>> {
        self.paused
    }

    /// Whether it waits for a person, because its receiver is gone.
    pub(super) fn is_stopped(&self) -> bool {
        self.place.disabled.is_some()
    }

    pub(super) fn sink_name(&self) -> &str {
        &self.place.sink
    }

    pub(super) fn lane_name(&self) -> &str {
        &self.place.lane
    }

    /// What it has before it.
    pub(super) fn lag(&self) -> &Lag {
        &self.lag
    }

    /// How many events it would not take, so far.
    pub(super) fn dead_letters(&self) -> u64 {
        self.dead_letters
    }

    /// The most events that a delivery may hold.
    pub(super) fn max_events(&self) -> usize {
        self.max_events
    }

    /// Counts what was added to the log since it was last counted; where something was erased since
    /// then, all of it anew.
    pub(super) async fn count(&mut self) -> Result<(), StoreError> {
        if self.store.read(|view| Ok(view.erasures()? != self.erasures))? {
            return self.reread().await;
        }
        let (after, filter) = (self.counted.max(self.place.cursor), Arc::clone(&self.filter));
        let cut = self.cut.clone();
        let count = move |view: &View<'_>| lag(view, after, cut.as_ref(), &filter);
        let (more, counted) = self.store.read_aside(count).await?;
        self.lag.queued += more.queued;
        self.lag.oldest = self.lag.oldest.or(more.oldest);
        self.counted = counted;
        Ok(())
    }

    /// Tries one delivery, cutting it first where there is none.
    pub(super) async fn step(&mut self, pace: Pace, deadline: Instant) -> Result<Step, StoreError> {
        self.write_down().await?;
        if let Some(since) = self.paused {
            return Ok(Step::Paused { since });
        }
        if let Some((reason, _)) = &self.place.disabled {
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
            self.attempt(&cut, &events.list, deadline).await
        };
        crash_point!("dispatch:delivered");
        let settled = settle(&cut, &events.list, outcome, self.give_up_after, self.clock.now());
        self.settle(Attempted { cut, events, settled, pace }).await
    }

    /// The events of the delivery whose turn it is. What was made ready is used where nothing has
    /// been erased from the log since then: what is forgotten is not sent.
    async fn events_of(&mut self, cut: &Cut) -> Result<Events, StoreError> {
        if let Some(Ready { id, events }) = self.ready.take()
            && id == cut.id
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
        if let Some(cut) = &self.cut {
            let failed = cut.failed.as_ref().filter(|_| pace == Pace::Patient);
            let until = failed.and_then(|failed| retry_not_before(failed.next_attempt_at, now));
            return Ok(until.map_or_else(|| Next::Cut(cut.clone()), Next::NotBefore));
        }
        self.count().await?;
        if self.counted <= self.place.cursor {
            // Also where what was counted has been trimmed or erased.
            self.lag = Lag::default();
            return Ok(Next::Nothing);
        }
        let (lane, cutter) = (self.place.clone(), self.cutter(pace));
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
            self.ready = Ready::of(found);
        }
        self.place.cursor = passed;
        self.cut = cut;
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
    /// much is queued that it will be a full delivery. Who fails for weeks costs no memory.
    fn look_ahead(&mut self, last: u64, count: usize, pace: Pace) {
        let queued = usize::try_from(self.lag.queued).unwrap_or(usize::MAX);
        let is_full = queued.saturating_sub(count) >= self.max_events;
        self.ahead = self.ahead.take().filter(|ahead| self.flows && ahead.follows(last));
        if self.ahead.is_none() && self.flows && is_full {
            self.ahead = Some(Ahead::look(&self.store, self.cutter(pace), last));
        }
    }

    async fn attempt(&mut self, cut: &Cut, events: &[Event], deadline: Instant) -> Outcome {
        let events = redact(events, &self.redacted);
        let delivery = Delivery { id: &cut.id, attempt: cut.attempt, deadline, events: &events };
        in_time(self.sink.as_mut(), &delivery).await
    }

    /// Hands events to the sink outside of their order in the log, or that were never in it.
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
        let (next, head, kept) = match self.write_settled(&attempted).await {
            Ok(written) => written,
            Err(error) => {
                self.unwritten = Some(attempted);
                return Err(error);
            }
        };
        crash_point!("dispatch:settled");
        let step = attempted.step();
        self.flows = matches!(step, Step::Moved { .. });
        let Attempted { mut events, settled, .. } = attempted;
        self.dead_letters += kept;
        self.place.disabled = settled.disabled.map(|reason| (reason, self.config));
        self.note_gone(settled.gone, &events.list, head).await?;
        if let (Some(next), Some(Cut { failed: None, .. })) = (&next, &settled.rest) {
            events.list.drain(..settled.gone);
            self.ready = Some(Ready { id: next.id.clone(), events });
        }
        let is_counted = next.as_ref().is_none_or(|next| next.last <= self.counted);
        self.cut = next;
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
        let (lane, config, id) = (self.place.clone(), self.config, attempted.cut.id.clone());
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
        self.place.cursor = cursor;
        let head = found.as_ref().and_then(|found| found.head);
        self.ready = found.and_then(Ready::of);
        Ok((next, head, letters))
    }

    /// What there is after `done`, which may have been looked for meanwhile.
    async fn find_after(&mut self, done: u64, pace: Pace) -> Result<Found, StoreError> {
        if let Some(ahead) = self.ahead.take_if(|ahead| ahead.follows(done))
            && let Some(found) = ahead.found().await
        {
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
        self.lag.queued = self.lag.queued.saturating_sub(gone as u64);
        self.lag.oldest = match events.get(gone).map(|next| next.time).or(head) {
            _ if self.lag.queued == 0 => None,
            Some(time) => Some(time),
            None => {
                let (after, filter) = (self.place.cursor, Arc::clone(&self.filter));
                let first = move |view: &View<'_>| first_after(view, after, &filter);
                self.store.read_aside(first).await?.map(|first| first.time)
            }
        };
        // What the cursor has passed is not counted again.
        self.counted = self.counted.max(self.place.cursor);
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

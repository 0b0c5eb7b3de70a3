//! What a lane does between two steps: its part of what a person ordered, or a test.

use std::time::Instant;

use chrono::{DateTime, Utc};
use seatwatch_sdk::{Event, Failure, Outcome};

use super::Lane;
use crate::clock::uuid_v7;
use crate::dispatch::ONE_DELIVERY;
use crate::dispatch::answer::{self, Answer, Rest};
use crate::dispatch::by_hand::{Act, Part, Replayed, Retried, Skipped, letters};
use crate::dispatch::cut::events_of;
use crate::dispatch::settle::bury;
use crate::dispatch::sink_test::Tested;
use crate::store::{Letters, StoreError, Tx};

/// Why dead letters were not tried that nothing else stands in the way of.
const INTERRUPTED: &str = "something else was ordered before it was tried";

impl Lane {
    /// Sends a test event, also where the lane is paused or stopped.
    pub(in crate::dispatch) async fn test(&mut self, event: &Event) -> Tested {
        let id = uuid_v7(self.clock.now()).to_string();
        let deadline = Instant::now() + ONE_DELIVERY;
        let outcome = self.offer(&id, 1, std::slice::from_ref(event), deadline).await;
        Tested::of(self.kept.place.lane.clone(), outcome)
    }

    /// Does its part of an order that was [noted](crate::dispatch::by_hand::note). No delivery is
    /// under way. What takes long asks between two attempts whether it `goes_on`.
    pub(in crate::dispatch) async fn obey(
        &mut self,
        act: &Act,
        goes_on: impl Fn() -> bool,
    ) -> Result<Part, StoreError> {
        self.write_down().await?;
        let part = match act {
            Act::Pause | Act::Resume | Act::Drop { .. } => Part::Nothing,
            Act::Skip { lane }
                if lane.as_ref().is_some_and(|lane| *lane != self.kept.place.lane) =>
            {
                Part::Nothing
            }
            Act::Skip { .. } => self.skip().await?.map_or(Part::Nothing, Part::Skipped),
            Act::Retry { ids } => {
                let retried = self.retry(ids.clone(), goes_on).await?;
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
            self.kept.cut.as_ref().and_then(|cut| Some((cut.clone(), cut.failed.clone()?)))
        else {
            return Ok(None);
        };
        let wanted = cut.clone();
        let events = self.store.read_aside(move |view| events_of(view, &wanted)).await?;
        let Some(head) = events.first() else { return Ok(None) };
        let skipped = Skipped {
            lane: self.kept.place.lane.clone(),
            event: Box::new(head.clone()),
            reason: failed.reason.clone(),
        };
        let buried =
            bury(&cut, &events, format!("skipped by hand: {}", failed.reason), self.clock.now());
        let place = self.kept.place.clone();
        let change = move |tx: &Tx<'_>| {
            tx.bury(&place, &buried.letter)?;
            tx.set_cut(&place, buried.rest.as_ref())?;
            tx.set_cursor(&place, buried.done)
        };
        self.store.write(change).await?;
        Ok(Some(skipped))
    }

    /// Goes back to the first event at or after a time. What it has cut lies past that, and is cut
    /// anew in its turn.
    async fn replay(&mut self, since: DateTime<Utc>) -> Result<Replayed, StoreError> {
        self.count().await?;
        let before = self.kept.lag.queued;
        let start = self.store.read_aside(move |view| view.last_before(since)).await?;
        let place = self.kept.place.clone();
        if start < place.cursor {
            let change = move |tx: &Tx<'_>| {
                tx.set_cut(&place, None)?;
                tx.set_cursor(&place, start)
            };
            self.store.write(change).await?;
            self.reread().await?;
        }
        let queued = self.kept.lag.queued;
        let again = queued.saturating_sub(before);
        Ok(Replayed { lane: self.kept.place.lane.clone(), again, queued })
    }

    /// Tries dead letters in the order in which they died, as many at once as a delivery may hold.
    /// One that the receiver refuses again stays; the others have their turn.
    async fn retry(
        &mut self,
        ids: Option<Vec<u64>>,
        goes_on: impl Fn() -> bool,
    ) -> Result<Retried, StoreError> {
        let lane = self.kept.place.lane.clone();
        let meant = Letters { lane: Some(lane.clone()), ..letters(&self.kept.place.sink, ids) };
        let mut retried = Retried { lane, ..Retried::default() };
        if let Some(since) = self.kept.paused {
            retried.left = self.store.read(|view| view.count_letters(&meant, 0))?;
            retried.paused = Some(since);
            return Ok(retried);
        }
        if let Some((reason, _)) = &self.kept.place.disabled {
            retried.left = self.store.read(|view| view.count_letters(&meant, 0))?;
            let sink = &self.kept.place.sink;
            retried.reason =
                Some(format!("stopped: {reason}; `seatwatch sink resume {sink}` comes first"));
            return Ok(retried);
        }
        let mut after = 0;
        loop {
            let (of, most) = (meant.clone(), self.max_events);
            let letters = self.store.read_aside(move |view| view.letters(&of, after, most)).await?;
            let Some(first) = letters.first() else { return Ok(retried) };
            let events = letters.iter().map(|kept| kept.event.clone()).collect::<Vec<_>>();
            let id = uuid_v7(self.clock.now()).to_string();
            // The receiver may have some of them.
            let outcome = self.offer(&id, 2, &events, Instant::now() + ONE_DELIVERY).await;
            let Verdict { taken, refused, reason, stopped, is_over } =
                Verdict::of(outcome, letters.len());
            let (taken, rest) = letters.split_at(taken);
            let done = rest.get(..refused).and_then(<[_]>::last).or(taken.last());
            after = done.map_or(first.id - 1, |done| done.id);
            // Where nothing more is tried, the first of those that are left says why.
            let told = rest.iter().take(refused + usize::from(is_over)).map(|kept| kept.id);
            let told = told.collect::<Vec<u64>>();
            let gone = taken.iter().map(|kept| kept.id).collect();
            let (gone, why) = (Letters { ids: Some(gone), ..Letters::default() }, reason.clone());
            let (place, config, stops) = (self.kept.place.clone(), self.config, stopped.clone());
            let change = move |tx: &Tx<'_>| {
                if let Some(reason) = &stops {
                    tx.set_disabled(&place, Some((reason, config)))?;
                }
                let why = why.as_deref().unwrap_or_default();
                told.iter().try_for_each(|id| tx.set_letter_reason(*id, why))?;
                tx.drop_letters(&gone)
            };
            retried.delivered += self.store.write(change).await?;
            retried.left += refused as u64;
            let halt = stopped.map(|reason| format!("stopped: {reason}"));
            retried.reason = halt.or(reason).or(retried.reason);
            let is_interrupted = !is_over && !goes_on();
            if is_over || is_interrupted {
                let untried = self.store.read(|view| view.count_letters(&meant, after))?;
                retried.left += untried;
                if is_interrupted && untried > 0 {
                    retried.reason = Some(INTERRUPTED.to_owned());
                }
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
    /// Why the sink stops, if it does.
    stopped: Option<String>,
    /// Whether there is no use in trying more now.
    is_over: bool,
}

impl Verdict {
    fn of(outcome: Outcome, all: usize) -> Self {
        let Answer { taken, rest } = answer::read(outcome, all);
        let stopped = match &rest {
            Some(Rest::Failed(Failure::Disable { reason })) => Some(reason.clone()),
            _ => None,
        };
        let (refused, reason, is_over) = match rest {
            _ if taken == all => (0, stopped.clone(), stopped.is_some()),
            None | Some(Rest::Unseen) => (0, None, false),
            Some(Rest::Refused(reason)) => (all - taken, Some(reason), false),
            Some(Rest::Failed(Failure::Reject { reason })) => (1, Some(reason), false),
            Some(Rest::Failed(then)) => (0, Some(then.reason().to_owned()), true),
        };
        Self { taken, refused, reason, stopped, is_over }
    }
}

//! The worker of a daemon that serves one lane, for as long as its sink is in the config.
//!
//! It sleeps until something comes into the log or goes from it, until the time that its sink's
//! `wait` or `digest` or the pause after a failure names, or until somebody orders something or asks
//! it to hurry. It ends at a safe point; a delivery that does not end within the grace is dropped,
//! and tried again under the same id. It never knows of the other lanes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use seatwatch_sdk::Event;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, error, warn};

use super::by_hand::{Act, Part};
use super::lane::Lane;
use super::sink_test::Tested;
use super::state::LaneState;
use super::step::{Pace, Step};
use super::told::Told;
use super::{ONE_ATTEMPT, ONE_DELIVERY, Undelivered, drain};
use crate::chain::chain;
use crate::clock::Clock;
use crate::config::SinkEntry;
use crate::metrics::Metrics;
use crate::schedule::Ticks;
use crate::store::{LogState, Store, StoreError};

/// The beats that are let pass after the store failed.
const BEATS_AFTER_STORE_FAILURE: u32 = 10;

/// What the workers of one daemon share.
#[derive(Clone)]
pub struct Means {
    /// Where the log and the cursors are.
    pub store: Arc<Store>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// When to look at it.
    pub ticks: Ticks,
    /// What is counted.
    pub metrics: Metrics,
}

/// Who wants to know what was not delivered, if anything, once what there is was tried.
pub(super) type Hurry = oneshot::Sender<Option<Undelivered>>;

/// What a worker is asked to do between two steps.
pub(super) enum Order {
    /// Do its part of what a person ordered.
    Act(Act, oneshot::Sender<Result<Part, StoreError>>),
    /// Send a test event.
    Test(Arc<Event>, oneshot::Sender<Tested>),
}

/// A worker from outside.
pub(super) struct Handle {
    /// Takes what is to be done between two steps.
    pub(super) orders: mpsc::Sender<Order>,
    /// Takes who wants it to try now what there is.
    pub(super) hurries: mpsc::Sender<Hurry>,
    /// How its lane stands.
    pub(super) state: watch::Receiver<LaneState>,
    /// Cancelled once it has ended.
    pub(super) ended: CancellationToken,
}

/// Serves a lane until it is told to stop.
pub(super) struct Worker {
    means: Means,
    log: watch::Receiver<LogState>,
    stop: CancellationToken,
    orders: mpsc::Receiver<Order>,
    hurries: mpsc::Receiver<Hurry>,
    publish: watch::Sender<LaneState>,
    told: Told,
    /// Whether nothing is delivered any more, and only the sink has to end.
    is_closing: bool,
    /// Dropped with it, it tells that it has ended.
    _ended: DropGuard,
}

impl Worker {
    /// A worker of a lane that stands like this, until `stop`; and what others have of it.
    pub(super) fn new(means: Means, stop: CancellationToken, state: LaneState) -> (Self, Handle) {
        let (order, orders) = mpsc::channel(16);
        let (hurry, hurries) = mpsc::channel(16);
        let (publish, state) = watch::channel(state);
        let (log, ended) = (means.store.follow_log(), CancellationToken::new());
        let handle = Handle { orders: order, hurries: hurry, state, ended: ended.clone() };
        let worker = Self {
            told: Told::new(means.metrics.clone()),
            is_closing: false,
            _ended: ended.drop_guard(),
            means,
            log,
            stop,
            orders,
            hurries,
            publish,
        };
        (worker, handle)
    }

    /// Serves the lane of this name.
    pub(super) async fn run(
        mut self,
        entry: &SinkEntry,
        name: &str,
        pace: Pace,
        grace: watch::Receiver<Duration>,
    ) {
        let stop = self.stop.clone();
        let broken_off = async {
            stop.cancelled().await;
            let grace = *grace.borrow();
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            () = self.serve(entry, name, pace) => {}
            () = broken_off => self.tell_broken_off(&entry.name, name),
        }
    }

    /// Until it is stopped.
    async fn serve(&mut self, entry: &SinkEntry, name: &str, mut pace: Pace) {
        while !self.stop.is_cancelled() {
            let (store, clock) = (Arc::clone(&self.means.store), Arc::clone(&self.means.clock));
            let mut lane = match Lane::open(store, clock, entry, name).await {
                Ok(lane) => lane,
                Err(error) => {
                    self.after_store_failure(entry, &error).await;
                    continue;
                }
            };
            self.publish(&lane);
            while let Err(error) = self.serve_lane(&mut lane, pace).await {
                self.after_store_failure(entry, &error).await;
                // What the lane remembers may not be what the store has: open it again, unless it
                // alone knows what a receiver has taken.
                if !lane.is_unwritten() {
                    break;
                }
            }
            pace = Pace::Patient;
            if let Err(error) = lane.write_down().await {
                warn!(
                    sink = entry.name,
                    lane = name,
                    error = chain(&error),
                    "what the receiver has taken last could not be written down: it gets it again"
                );
            }
            self.is_closing = true;
            lane.close().await;
            self.is_closing = false;
        }
    }

    /// Until it is stopped, or the store fails.
    async fn serve_lane(&mut self, lane: &mut Lane, mut pace: Pace) -> Result<(), StoreError> {
        while !self.stop.is_cancelled() {
            if self.log.has_changed().unwrap_or(false) {
                self.log.mark_unchanged();
                lane.count().await?;
                self.publish(lane);
            }
            while let Ok(order) = self.orders.try_recv() {
                pace = self.obey(lane, order).await?.max(pace);
            }
            if let Ok(asked) = self.hurries.try_recv() {
                pace = self.hurry(lane, asked).await?.max(pace);
                continue;
            }
            let step = lane.step(pace, Instant::now() + ONE_DELIVERY).await?;
            self.tell(lane, &step);
            pace = self.rest(lane, &step).await?;
        }
        Ok(())
    }

    async fn after_store_failure(&mut self, entry: &SinkEntry, error: &StoreError) {
        error!(sink = entry.name, error = chain(error), "the store failed, will try again");
        for _ in 0..BEATS_AFTER_STORE_FAILURE {
            tokio::select! {
                () = self.means.ticks.next() => {}
                () = self.stop.cancelled() => break,
            }
        }
    }

    /// Waits for a reason to take the next step, and says at what pace.
    async fn rest(&mut self, lane: &mut Lane, step: &Step) -> Result<Pace, StoreError> {
        let until = match step {
            Step::Moved { .. } | Step::Buried { .. } | Step::Failed { .. } => {
                return Ok(Pace::Patient);
            }
            Step::NotBefore(time) => Some(*time),
            Step::Idle | Step::Disabled { .. } | Step::Stopped { .. } | Step::Paused { .. } => None,
        };
        loop {
            let Means { clock, ticks, .. } = &mut self.means;
            tokio::select! {
                () = self.stop.cancelled() => return Ok(Pace::Patient),
                () = async { ticks.until(&**clock, until.expect("guarded")).await },
                    if until.is_some() => return Ok(Pace::Patient),
                changed = self.log.changed() => {
                    // Also where it is tried at once: that may take its time.
                    if let Err(error) = lane.count().await {
                        debug!(error = chain(&error), "cannot count what is queued");
                    }
                    self.publish(lane);
                    // While something is queued, more of it changes nothing but the count.
                    if changed.is_err() || (*step == Step::Idle) {
                        return Ok(Pace::Patient);
                    }
                }
                Some(order) = self.orders.recv() => return self.obey(lane, order).await,
                Some(asked) = self.hurries.recv(), if self.orders.is_empty() =>
                    return self.hurry(lane, asked).await,
            }
        }
    }

    /// Tries at once what there is, and tells all who have asked for that by then. An order comes
    /// before the rest: whoever wants a sink to be left alone does not wait for what others want, and
    /// these are told how the sink stands then.
    async fn hurry(&mut self, lane: &mut Lane, asked: Hurry) -> Result<Pace, StoreError> {
        let mut asked = vec![asked];
        let until = Instant::now() + ONE_ATTEMPT;
        let mut buried = None;
        let drained = loop {
            let drained = self.drain(lane, until, &mut asked, &mut buried).await;
            // Where the store failed, an order waits until the lane was opened anew. Whoever is to
            // end, or has used up the time of those who asked, begins nothing more here.
            let goes_on = drained.is_ok() && !self.stop.is_cancelled() && Instant::now() < until;
            match goes_on.then(|| self.orders.try_recv().ok()).flatten() {
                Some(order) => drop(self.obey(lane, order).await?),
                None => break drained,
            }
        };
        self.publish(lane);
        let undelivered = match &drained {
            Ok(undelivered) => undelivered.clone(),
            Err(error) => self.publish.borrow().left_over(chain(error)),
        };
        for one in asked {
            // Who asked may be gone.
            drop(one.send(undelivered.clone()));
        }
        drained.map(|_| Pace::Patient)
    }

    /// Delivers until there is nothing left, something stands in the way, or an order comes. Each
    /// attempt has the time that any has: a receiver is not to seem dead because we have no more.
    async fn drain(
        &mut self,
        lane: &mut Lane,
        until: Instant,
        asked: &mut Vec<Hurry>,
        buried: &mut Option<(u64, String)>,
    ) -> Result<Option<Undelivered>, StoreError> {
        let deadline = || Instant::now() + ONE_DELIVERY;
        let go_on = |lane: &Lane, step: &Step| {
            self.tell(lane, step);
            // An attempt that has ended answers those who came meanwhile. Where there was none,
            // something may have come with them.
            while step.is_attempt()
                && Instant::now() < until
                && let Ok(one) = self.hurries.try_recv()
            {
                asked.push(one);
            }
            !self.stop.is_cancelled() && self.orders.is_empty()
        };
        drain(lane, until, deadline, go_on, buried).await
    }

    /// Does what it is asked between two steps; says at what pace the next one comes. An error is
    /// that of the store, after which the lane has to be opened again.
    async fn obey(&mut self, lane: &mut Lane, order: Order) -> Result<Pace, StoreError> {
        match order {
            Order::Test(event, answer) => {
                drop(answer.send(lane.test(&event).await));
                Ok(Pace::Patient)
            }
            Order::Act(act, answer) => {
                let goes_on = || !self.stop.is_cancelled() && self.orders.is_empty();
                let part = lane.obey(&act, goes_on).await;
                let known = if part.is_err() { lane.reread().await } else { Ok(()) };
                self.publish(lane);
                drop(answer.send(part));
                known.map(|()| if act.hurries() { Pace::Hurried } else { Pace::Patient })
            }
        }
    }

    /// That the grace is over.
    fn tell_broken_off(&self, sink: &str, lane: &str) {
        if self.is_closing {
            warn!(sink, lane, "the sink did not end within shutdown_grace, and is not waited for");
        } else {
            warn!(
                sink,
                lane,
                "delivery broken off: it did not end within shutdown_grace; it is tried again"
            );
        }
    }

    fn publish(&self, lane: &Lane) {
        self.publish.send_replace(lane.state());
    }

    fn tell(&mut self, lane: &Lane, step: &Step) {
        self.publish(lane);
        self.told.tell(&lane.state(), step);
    }
}

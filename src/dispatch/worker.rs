//! The workers of a daemon: each serves one lane, for as long as its sink is in the config.
//!
//! A worker sleeps until something comes into the log or goes from it, until the time that its
//! sink's `wait` or `digest` or the pause after a failure names, or until somebody orders something
//! or asks it to hurry. It ends at a safe point; a delivery that does not end within the grace is
//! dropped, and tried again under the same id.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use seatwatch_sdk::Event;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use super::by_hand::{self, Act, Acted, Part};
use super::lane::{Lane, Pace, Step};
use super::sink_test::{Tested, test_event};
use super::{Lag, NO_TIME, ONE_ATTEMPT, ONE_DELIVERY, Obstacle, Undelivered, drain};
use crate::chain::chain;
use crate::clock::Clock;
use crate::config::SinkEntry;
use crate::metrics::{Metrics, NotAccepted};
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

/// How a lane stands while it is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneState {
    /// The sink's name.
    pub sink: String,
    /// The lane's name.
    pub lane: String,
    /// What it has before it.
    pub lag: Lag,
    /// Attempts at the delivery before it that have failed so far.
    pub failed_attempts: u32,
    /// Events that it would not take.
    pub dead_letters: u64,
    /// Whether it waits for a person, because its receiver is gone.
    pub stopped: bool,
    /// Whether a person wants it to be left alone.
    pub paused: bool,
}

impl LaneState {
    /// What it still has before it, and why.
    fn left_over(&self, reason: String) -> Option<Undelivered> {
        let Self { sink, lane, lag, .. } = self.clone();
        let obstacle = Some(Obstacle::Failed(reason));
        Some(Undelivered { sink, lane, obstacle, queued: lag.queued, buried: None })
            .filter(|undelivered| undelivered.queued > 0)
    }
}

/// The workers of all lanes. Dropped, it asks them to end and does not wait.
pub struct Workers {
    means: Means,
    tasks: TaskTracker,
    sinks: HashMap<String, Served>,
    /// What tells that workers have ended that were asked to, by sink: another begins after them.
    ending: HashMap<String, Vec<CancellationToken>>,
    /// For a delivery that is under way when its worker is to end.
    grace: watch::Sender<Duration>,
}

/// A sink and the workers that serve its lanes.
struct Served {
    /// The sink as the config has it.
    entry: SinkEntry,
    /// Dropped, it asks the workers to end.
    _stop: DropGuard,
    lanes: Vec<Handle>,
}

impl Served {
    /// Whether the config has the sink as it is served: who is unchanged is not disturbed.
    fn is_same(&self, entry: &SinkEntry) -> bool {
        format!("{:?}", self.entry) == format!("{entry:?}")
    }

    /// How its lanes stand.
    fn states(&self) -> impl Iterator<Item = LaneState> {
        self.lanes.iter().map(|lane| lane.state.borrow().clone())
    }
}

/// Who wants to know what was not delivered, if anything, once what there is was tried.
type Hurry = oneshot::Sender<Option<Undelivered>>;

/// What a worker is asked to do between two steps.
enum Order {
    /// Do its part of what a person ordered.
    Act(Act, oneshot::Sender<Result<Part, StoreError>>),
    /// Send a test event.
    Test(Arc<Event>, oneshot::Sender<Tested>),
}

/// One worker, from outside.
struct Handle {
    orders: mpsc::Sender<Order>,
    hurries: mpsc::Sender<Hurry>,
    state: watch::Receiver<LaneState>,
    ended: CancellationToken,
}

impl Workers {
    /// No workers yet.
    pub fn new(means: Means) -> Self {
        let grace = watch::Sender::new(Duration::ZERO);
        let (tasks, sinks, ending) = (TaskTracker::new(), HashMap::new(), HashMap::new());
        Self { means, tasks, sinks, ending, grace }
    }

    /// Serves exactly these sinks from now on; those that are new have their lanes already. One
    /// that changed starts when its old worker has ended, and at once tries what failed before;
    /// one that is gone has `grace` to end.
    pub fn serve(&mut self, sinks: &[SinkEntry], grace: Duration) {
        self.grace.send_replace(grace);
        self.means.metrics.set_sinks(sinks.iter().map(|entry| entry.name.as_str()));
        self.ending.retain(|_, ending| ending.iter().any(|ended| !ended.is_cancelled()));
        let wanted: HashMap<&str, &SinkEntry> =
            sinks.iter().map(|entry| (entry.name.as_str(), entry)).collect();
        let (same, other): (HashMap<_, _>, HashMap<_, _>) =
            std::mem::take(&mut self.sinks).into_iter().partition(|(name, served)| {
                wanted.get(name.as_str()).is_some_and(|entry| served.is_same(entry))
            });
        self.sinks = same;
        let last: HashMap<String, Vec<LaneState>> =
            other.iter().map(|(name, served)| (name.clone(), served.states().collect())).collect();
        self.end(other);
        for entry in sinks {
            if !self.sinks.contains_key(&entry.name) {
                let served = self.start(entry, last.get(&entry.name).map(Vec::as_slice));
                self.sinks.insert(entry.name.clone(), served);
            }
        }
    }

    /// Asks the workers of these sinks to end.
    fn end(&mut self, sinks: HashMap<String, Served>) {
        for (name, Served { lanes, .. }) in sinks {
            let ended = lanes.into_iter().map(|lane| lane.ended);
            self.ending.entry(name).or_default().extend(ended);
        }
    }

    /// Lets every lane of a sink do what a person ordered, after the delivery that is under way
    /// there; none if it is not served. There is no answer if the sink is to end or to change
    /// meanwhile; what was noted in the store by then holds all the same.
    pub fn act(
        &self,
        name: &str,
        act: &Act,
    ) -> Option<impl Future<Output = Option<Result<Acted, StoreError>>> + use<>> {
        let served = self.sinks.get(name)?;
        let (entry, act) = (served.entry.clone(), act.clone());
        let lanes: Vec<_> = served.lanes.iter().map(|lane| lane.orders.clone()).collect();
        let Means { store, clock, .. } = self.means.clone();
        Some(async move {
            let mut acted = match by_hand::note(&store, &entry, &act, clock.now()).await {
                Ok(acted) => acted,
                Err(error) => return Some(Err(error)),
            };
            for part in ask_all(lanes, |answer| Order::Act(act.clone(), answer)).await? {
                match part {
                    Ok(part) => acted.add(part),
                    Err(error) => return Some(Err(error)),
                }
            }
            Some(Ok(acted))
        })
    }

    /// Lets every lane of a sink send a test event, after the delivery that is under way there; none
    /// if it is not served. There is no answer if the sink is to end or to change meanwhile.
    pub fn test_sink(
        &self,
        name: &str,
        instance: &str,
    ) -> Option<impl Future<Output = Option<Vec<Tested>>> + use<>> {
        let served = self.sinks.get(name)?;
        let event = test_event(&served.entry, instance, self.means.clock.now());
        let event = Arc::new(event);
        let lanes: Vec<_> = served.lanes.iter().map(|lane| lane.orders.clone()).collect();
        Some(ask_all(lanes, move |answer| Order::Test(Arc::clone(&event), answer)))
    }

    /// Ends the workers of these sinks, so that they can be served under other names.
    pub async fn end_sinks(&mut self, names: &[&str]) {
        let (other, same) = std::mem::take(&mut self.sinks)
            .into_iter()
            .partition(|(name, _)| names.contains(&name.as_str()));
        self.sinks = same;
        self.end(other);
        let ending = names.iter().filter_map(|name| self.ending.get(*name)).flatten();
        all_ended(ending.cloned().collect()).await;
    }

    /// Starts the workers of a sink; `last` is how those stood that served it until now.
    fn start(&self, entry: &SinkEntry, last: Option<&[LaneState]>) -> Served {
        let stop = CancellationToken::new();
        let before = self.ending.get(&entry.name).cloned().unwrap_or_default();
        let pace = if last.is_some() { Pace::Hurried } else { Pace::Patient };
        let lanes = entry.config.lanes().into_iter().map(|name| {
            let (orders, ordered) = mpsc::channel(16);
            let (hurries, waiting) = mpsc::channel(16);
            let known = last.unwrap_or_default().iter().find(|state| state.lane == name);
            let new = || LaneState {
                sink: entry.name.clone(),
                lane: name.clone(),
                ..LaneState::default()
            };
            let (publish, state) = watch::channel(known.cloned().unwrap_or_else(new));
            let ended = CancellationToken::new();
            let worker = Worker {
                means: self.means.clone(),
                log: self.means.store.follow_log(),
                stop: stop.clone(),
                orders: ordered,
                hurries: waiting,
                publish,
                failing: false,
            };
            let (entry, before, grace) = (entry.clone(), before.clone(), self.grace.subscribe());
            let done = ended.clone().drop_guard();
            self.tasks.spawn(async move {
                let _done = done;
                all_ended(before).await;
                worker.run(&entry, &name, pace, grace).await;
            });
            Handle { orders, hurries, state, ended }
        });
        let lanes = lanes.collect();
        Served { entry: entry.clone(), _stop: stop.drop_guard(), lanes }
    }

    /// What tells how every lane stands.
    pub fn watch(&self) -> Vec<watch::Receiver<LaneState>> {
        let lanes = self.sinks.values().flat_map(|served| &served.lanes);
        lanes.map(|lane| lane.state.clone()).collect()
    }

    /// Asks every lane to try now what it has before it, as a command without a daemon would; the
    /// future waits, for as long as that would, for those that did not deliver everything.
    pub fn hurry(&self) -> impl Future<Output = Vec<Undelivered>> + Send + use<> {
        let deadline = tokio::time::Instant::now() + ONE_ATTEMPT;
        let lanes = self.sinks.values().flat_map(|served| &served.lanes);
        let answers = lanes.map(|lane| {
            let (hurries, state) = (lane.hurries.clone(), lane.state.clone());
            let (answer, answered) = oneshot::channel();
            let too_many = lane.hurries.try_send(answer).err().map(TrySendError::into_inner);
            let asked = async move {
                if let Some(answer) = too_many {
                    hurries.send(answer).await.ok()?;
                }
                answered.await.ok()
            };
            async move {
                match tokio::time::timeout_at(deadline, asked).await {
                    Ok(Some(undelivered)) => undelivered,
                    // An attempt is under way, and nobody waits for its end any longer; or the
                    // worker has ended.
                    Ok(None) | Err(_) => state.borrow().left_over(NO_TIME.to_owned()),
                }
            }
        });
        let answers = futures_util::future::join_all(answers);
        async move {
            let mut undelivered: Vec<_> = answers.await.into_iter().flatten().collect();
            undelivered.sort_by(|a: &Undelivered, b| (&a.sink, &a.lane).cmp(&(&b.sink, &b.lane)));
            undelivered
        }
    }

    /// Ends all workers; deliveries under way get the grace that the config gave last.
    pub async fn end_all(&mut self) {
        self.sinks.clear();
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}

/// Asks workers for the same, and waits for all their answers; none if one of them ends first.
async fn ask_all<T>(
    workers: Vec<mpsc::Sender<Order>>,
    order: impl Fn(oneshot::Sender<T>) -> Order,
) -> Option<Vec<T>> {
    let answers = workers.into_iter().map(|worker| {
        let (answer, answered) = oneshot::channel();
        let order = order(answer);
        async move {
            worker.send(order).await.ok()?;
            answered.await.ok()
        }
    });
    futures_util::future::join_all(answers).await.into_iter().collect()
}

async fn all_ended(workers: Vec<CancellationToken>) {
    for worker in workers {
        worker.cancelled().await;
    }
}

struct Worker {
    means: Means,
    log: watch::Receiver<LogState>,
    stop: CancellationToken,
    orders: mpsc::Receiver<Order>,
    hurries: mpsc::Receiver<Hurry>,
    publish: watch::Sender<LaneState>,
    /// Whether the last attempt failed.
    failing: bool,
}

impl Worker {
    async fn run(
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
            () = broken_off => warn!(
                sink = entry.name, lane = name,
                "delivery broken off: it did not end within shutdown_grace; it is tried again"
            ),
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
            lane.close().await;
        }
    }

    /// Until it is stopped, or the store fails.
    async fn serve_lane(&mut self, lane: &mut Lane, mut pace: Pace) -> Result<(), StoreError> {
        while !self.stop.is_cancelled() {
            if self.log.has_changed().unwrap_or(false) {
                self.log.mark_unchanged();
                lane.count().await?;
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
                    // While something is queued, more of it changes nothing but the count.
                    if changed.is_err() || (*step == Step::Idle) {
                        return Ok(Pace::Patient);
                    }
                    if let Err(error) = lane.count().await {
                        debug!(error = chain(&error), "cannot count what is queued");
                    }
                    self.publish(lane);
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
        let drained = loop {
            let drained = self.drain(lane, until, &mut asked).await;
            match self.orders.try_recv() {
                Ok(order) if drained.is_ok() => drop(self.obey(lane, order).await?),
                _ => break drained,
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
        drain(lane, until, deadline, go_on).await
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
                let part = lane.obey(&act).await;
                let known = if part.is_err() { lane.reread().await } else { Ok(()) };
                self.publish(lane);
                drop(answer.send(part));
                known.map(|()| if act.hurries() { Pace::Hurried } else { Pace::Patient })
            }
        }
    }

    fn publish(&self, lane: &Lane) {
        self.publish.send_replace(LaneState {
            sink: lane.sink_name().to_owned(),
            lane: lane.lane_name().to_owned(),
            lag: lane.lag().clone(),
            failed_attempts: lane.failed_attempts(),
            dead_letters: lane.dead_letters(),
            stopped: lane.is_stopped(),
            paused: lane.paused().is_some(),
        });
    }

    /// Counts a step, and says what a person should know: failures at the first, at powers of two
    /// and when they are over.
    fn tell(&mut self, lane: &Lane, step: &Step) {
        self.publish(lane);
        let (sink, name, metrics) = (lane.sink_name(), lane.lane_name(), &self.means.metrics);
        match step {
            Step::Moved { events, attempt } => {
                metrics.delivered(sink);
                if std::mem::take(&mut self.failing) {
                    info!(sink, lane = name, events, attempt, "delivered again");
                } else {
                    debug!(sink, lane = name, events, attempt, "delivered");
                }
            }
            Step::Failed { reason, attempt } => {
                metrics.delivery_failed(sink, NotAccepted::Retry);
                let first = !std::mem::replace(&mut self.failing, true);
                if first || attempt.is_power_of_two() {
                    let queued = lane.lag().queued;
                    warn!(
                        sink,
                        lane = name,
                        attempt,
                        queued,
                        reason,
                        "delivery failed, will retry"
                    );
                }
            }
            Step::Buried { events, reason } => {
                metrics.delivery_failed(sink, NotAccepted::Reject);
                let dead_letters = lane.dead_letters();
                warn!(
                    sink,
                    lane = name,
                    events,
                    dead_letters,
                    reason,
                    "events given up: dead letters"
                );
            }
            Step::Disabled { reason } => {
                metrics.delivery_failed(sink, NotAccepted::Disable);
                error!(
                    sink,
                    lane = name,
                    reason,
                    "sink stopped: it is tried again when a key of its own changes in the config, \
                     or after `seatwatch sink resume`"
                );
            }
            Step::NotBefore(_) | Step::Idle | Step::Stopped { .. } | Step::Paused { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;

//! The workers of a daemon: each serves one lane, for as long as its sink is in the config.
//!
//! A worker sleeps until the log grows, until the time that its sink's `wait` or `digest` or the
//! pause after a failure names, or until somebody asks it to hurry. It ends at a safe point; a
//! delivery that does not end within the grace is dropped, and tried again under the same id.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use super::lane::{Lane, Pace, Step};
use super::{Lag, NO_TIME, ONE_ATTEMPT, ONE_DELIVERY, Obstacle, Undelivered, drain, name_of};
use crate::chain::chain;
use crate::clock::Clock;
use crate::config::SinkEntry;
use crate::metrics::{self, Metrics};
use crate::schedule::Ticks;
use crate::store::{Store, StoreError};

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
    /// Events that it would not take.
    pub dead_letters: u64,
    /// Whether nothing is delivered until a person acts.
    pub stopped: bool,
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
    /// Asks the workers to end.
    stop: CancellationToken,
    /// Dropped, it does so.
    _guard: DropGuard,
    lanes: Vec<Handle>,
}

impl Served {
    /// Whether the config has the sink as it is served: who is unchanged is not disturbed.
    fn is_same(&self, entry: &SinkEntry) -> bool {
        format!("{:?}", self.entry) == format!("{entry:?}")
    }
}

/// One worker, from outside.
struct Handle {
    hurry: mpsc::Sender<oneshot::Sender<Option<Undelivered>>>,
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
        let changed: HashSet<String> = other.keys().cloned().collect();
        self.end(other);
        for entry in sinks {
            if !self.sinks.contains_key(&entry.name) {
                let served = self.start(entry, changed.contains(&entry.name));
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

    /// Does something about a sink while nobody serves it, and lets it be served again; none if
    /// it is not served. There is no answer if the sink is to end or to change meanwhile.
    pub fn between<T: Send + 'static>(
        &mut self,
        name: &str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<oneshot::Receiver<T>> {
        let served = self.sinks.remove(name)?;
        let entry = served.entry.clone();
        self.end(HashMap::from([(name.to_owned(), served)]));
        let ending = self.ending.entry(name.to_owned()).or_default();
        let before = ending.clone();
        let done = CancellationToken::new();
        ending.push(done.clone());
        let served = self.start(&entry, true);
        let stop = served.stop.clone();
        self.sinks.insert(name.to_owned(), served);
        let (answer, answered) = oneshot::channel();
        self.tasks.spawn(async move {
            let _done = done.drop_guard();
            let work = async {
                all_ended(before).await;
                work.await
            };
            tokio::select! {
                // Who asked may be gone.
                result = work => drop(answer.send(result)),
                () = stop.cancelled() => {}
            }
        });
        Some(answered)
    }

    /// Gives the lanes of these sinks their places in the log: a new one starts at its end, as it
    /// is when this returns, and one whose sink was called otherwise has a place already. Nobody
    /// serves them yet.
    ///
    /// # Errors
    ///
    /// The store failed; nothing was changed.
    pub async fn make_lanes(&self, sinks: &[SinkEntry]) -> Result<(), StoreError> {
        let sinks = sinks.to_vec();
        let make = move |tx: &crate::store::Tx<'_>| {
            for entry in &sinks {
                for lane in entry.config.lanes() {
                    if tx.find_lane(name_of(entry), &lane)?.is_none() {
                        tx.lane(entry.name.as_str().into(), &lane)?;
                    }
                }
            }
            Ok(())
        };
        self.means.store.write(make).await
    }

    fn start(&self, entry: &SinkEntry, changed: bool) -> Served {
        let stop = CancellationToken::new();
        // Those of the name that it had before, too: its place in the log goes over.
        let names = [Some(&entry.name), entry.formerly.as_ref()].into_iter().flatten();
        let before = names.filter_map(|name| self.ending.get(name)).flatten();
        let before: Vec<_> = before.cloned().collect();
        let lanes = entry.config.lanes().into_iter().map(|name| {
            let (hurry, hurried) = mpsc::channel(16);
            let sink = entry.name.clone();
            let (publish, state) =
                watch::channel(LaneState { sink, lane: name.clone(), ..LaneState::default() });
            let ended = CancellationToken::new();
            let worker = Worker {
                means: self.means.clone(),
                log: self.means.store.follow_log(),
                stop: stop.clone(),
                hurried,
                publish,
                failing: false,
            };
            let (entry, before, grace) = (entry.clone(), before.clone(), self.grace.subscribe());
            let done = ended.clone().drop_guard();
            self.tasks.spawn(async move {
                let _done = done;
                all_ended(before).await;
                worker.run(&entry, &name, changed, grace).await;
            });
            Handle { hurry, state, ended }
        });
        let lanes = lanes.collect();
        Served { entry: entry.clone(), _guard: stop.clone().drop_guard(), stop, lanes }
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
            let (answer, answered) = oneshot::channel();
            // A worker whose queue is full is hurrying already.
            drop(lane.hurry.try_send(answer));
            let state = lane.state.clone();
            async move {
                match tokio::time::timeout_at(deadline, answered).await {
                    Ok(undelivered) => undelivered.unwrap_or_default(),
                    // An attempt is under way, and nobody waits for its end any longer.
                    Err(_) => state.borrow().left_over(NO_TIME.to_owned()),
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

async fn all_ended(workers: Vec<CancellationToken>) {
    for worker in workers {
        worker.cancelled().await;
    }
}

struct Worker {
    means: Means,
    log: watch::Receiver<u64>,
    stop: CancellationToken,
    hurried: mpsc::Receiver<oneshot::Sender<Option<Undelivered>>>,
    publish: watch::Sender<LaneState>,
    /// Whether the last attempt failed.
    failing: bool,
}

impl Worker {
    async fn run(
        mut self,
        entry: &SinkEntry,
        name: &str,
        changed: bool,
        grace: watch::Receiver<Duration>,
    ) {
        let stop = self.stop.clone();
        let broken_off = async {
            stop.cancelled().await;
            let grace = *grace.borrow();
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            () = self.serve(entry, name, changed) => {}
            () = broken_off => warn!(
                sink = entry.name, lane = name,
                "delivery broken off: it did not end within shutdown_grace; it is tried again"
            ),
        }
    }

    /// Until it is stopped.
    async fn serve(&mut self, entry: &SinkEntry, name: &str, changed: bool) {
        let mut pace = if changed { Pace::Hurried } else { Pace::Patient };
        while !self.stop.is_cancelled() {
            let (store, clock) = (Arc::clone(&self.means.store), Arc::clone(&self.means.clock));
            let mut lane = match Lane::open(store, clock, entry, name).await {
                Ok(lane) => lane,
                Err(error) => {
                    self.after_store_failure(entry, &error).await;
                    continue;
                }
            };
            while !self.stop.is_cancelled() {
                self.log.mark_unchanged();
                let deadline = Instant::now() + ONE_DELIVERY;
                let step = lane.step(std::mem::replace(&mut pace, Pace::Patient), deadline).await;
                let rested = match step {
                    Ok(step) => {
                        self.tell(&lane, &step);
                        self.rest(&mut lane, &step).await
                    }
                    Err(error) => Err(error),
                };
                if let Err(error) = rested {
                    // What the lane remembers may not be what the store has: read it again.
                    self.after_store_failure(entry, &error).await;
                    break;
                }
            }
        }
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

    /// Waits for a reason to take the next step. An error is that of the steps that somebody asked
    /// for meanwhile.
    async fn rest(&mut self, lane: &mut Lane, step: &Step) -> Result<(), StoreError> {
        let until = match step {
            Step::Moved { .. } | Step::Buried { .. } | Step::Failed { .. } => return Ok(()),
            Step::NotBefore(time) => Some(*time),
            Step::Idle | Step::Disabled { .. } | Step::Stopped { .. } | Step::Paused { .. } => None,
        };
        loop {
            let Means { clock, ticks, .. } = &mut self.means;
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = async { ticks.until(&**clock, until.expect("guarded")).await },
                    if until.is_some() => return Ok(()),
                changed = self.log.changed() => {
                    // While something is queued, more of it changes nothing but the count.
                    if changed.is_err() || (*step == Step::Idle) {
                        return Ok(());
                    }
                    if let Err(error) = lane.count() {
                        debug!(error = chain(&error), "cannot count what is queued");
                    }
                    self.publish(lane);
                }
                Some(answer) = self.hurried.recv() => {
                    let deadline = Instant::now() + ONE_ATTEMPT;
                    let drained = drain(lane, deadline, |lane, step| {
                        self.tell(lane, step);
                        !self.stop.is_cancelled()
                    })
                    .await;
                    self.publish(lane);
                    let undelivered = match &drained {
                        Ok(undelivered) => undelivered.clone(),
                        Err(error) => self.publish.borrow().left_over(chain(error)),
                    };
                    // Who asked may be gone.
                    drop(answer.send(undelivered));
                    return drained.map(drop);
                }
            }
        }
    }

    fn publish(&self, lane: &Lane) {
        self.publish.send_replace(LaneState {
            sink: lane.sink_name().to_owned(),
            lane: lane.lane_name().to_owned(),
            lag: lane.lag().clone(),
            dead_letters: lane.dead_letters(),
            stopped: lane.is_stopped(),
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
                metrics.delivery_failed(sink, metrics::Undelivered::Retry);
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
                metrics.delivery_failed(sink, metrics::Undelivered::Reject);
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
                metrics.delivery_failed(sink, metrics::Undelivered::Disable);
                error!(
                    sink,
                    lane = name,
                    reason,
                    "sink stopped: it is tried again when its config changes, or after \
                     `seatwatch sink resume`"
                );
            }
            Step::NotBefore(_) | Step::Idle | Step::Stopped { .. } | Step::Paused { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;

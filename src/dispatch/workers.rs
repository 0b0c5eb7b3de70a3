//! The workers of a daemon, one a lane: which there are, and what all of a sink are asked.
//!
//! The config says which sinks are served. A sink that is unchanged is not disturbed; one that
//! changed is served anew once its old workers have ended, so that no lane ever has two.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::by_hand::{self, Act, Acted};
use super::sink_test::{Tested, test_event};
use super::state::LaneState;
use super::step::Pace;
use super::worker::{Handle, Means, Order, Worker};
use super::{NO_TIME, ONE_ATTEMPT, Undelivered};
use crate::config::SinkEntry;
use crate::store::StoreError;

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
            let known = last.unwrap_or_default().iter().find(|state| state.lane == name);
            let new = || LaneState::new(&entry.name, &name);
            let state = known.cloned().unwrap_or_else(new);
            let (worker, handle) = Worker::new(self.means.clone(), stop.clone(), state);
            let (entry, before, grace) = (entry.clone(), before.clone(), self.grace.subscribe());
            self.tasks.spawn(async move {
                all_ended(before).await;
                worker.run(&entry, &name, pace, grace).await;
            });
            handle
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

#[cfg(test)]
mod tests;

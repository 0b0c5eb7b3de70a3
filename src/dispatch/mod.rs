//! Delivers the log's events to the sinks, a worker per lane: order, retry, dead letters.
//!
//! The log is the queue. A slow or broken sink never delays a sync or another lane; what it has
//! not taken stays in the log and is tried again.
//!
//! Knows the store and the sinks' trait; not what a sink does with a delivery, and not Codecov.

mod answer;
mod by_hand;
mod condition;
mod cut;
mod filter;
mod lane;
mod redact;
mod settle;
mod sink_test;
mod state;
mod status;
mod step;
mod timing;
mod told;
mod worker;
mod workers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

pub use by_hand::{Act, Acted, Replayed, Retried, Skipped, act, drop_letters};
pub use condition::Condition;
pub use cut::Lag;
use lane::Lane;
pub use sink_test::{Tested, test_sink};
pub use state::LaneState;
pub use status::{Head, LaneStatus, Orphans, heads, orphans, status, status_with};
use step::{Pace, Step};
pub use worker::Means;
pub use workers::Workers;

use crate::clock::Clock;
use crate::config::SinkEntry;
use crate::organization::OrganizationId;
use crate::store::{Logged, Store, StoreError, View};
use filter::Filter;

/// How long all sinks together may take after a sync without a daemon.
pub const ONE_ATTEMPT: Duration = Duration::from_secs(30);

/// How long one attempt at a delivery may take.
const ONE_DELIVERY: Duration = Duration::from_secs(30);

/// Why events wait that nothing else stands in the way of.
const NO_TIME: &str = "there was no time for more";

/// A lane that did not deliver everything, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    /// The sink's name.
    pub sink: String,
    /// The lane's name.
    pub lane: String,
    /// What stands in the way of what is queued, if anything is.
    pub obstacle: Option<Obstacle>,
    /// How many events wait.
    pub queued: u64,
    /// Events that became dead letters in this attempt, and why the last of them did.
    pub buried: Option<(u64, String)>,
}

/// What stands in the way of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Obstacle {
    /// It failed, and is tried again.
    Failed(String),
    /// It waits for a person.
    Disabled(String),
    /// A person wants the sink to be left alone.
    Paused(DateTime<Utc>),
    /// It is not the time of the sink's digest.
    Digest(DateTime<Utc>),
}

/// The lanes of all sinks, ready to deliver.
pub struct Dispatcher {
    lanes: Vec<Lane>,
}

impl Dispatcher {
    /// Opens every lane of every sink. A new sink starts at the end of the log, so this comes
    /// before the first sync.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn open(
        store: &Arc<Store>,
        clock: &Arc<dyn Clock>,
        sinks: &[SinkEntry],
    ) -> Result<Self, StoreError> {
        let mut lanes = Vec::new();
        for entry in sinks {
            for name in entry.config.lanes() {
                let (store, clock) = (Arc::clone(store), Arc::clone(clock));
                lanes.push(Lane::open(store, clock, entry, &name).await?);
            }
        }
        crash_point!("dispatch:opened");
        Ok(Self { lanes })
    }

    /// Gives every lane one attempt at what it has before it, all at the same time; returns
    /// those that did not deliver everything. Only a `digest` is waited for, and not here.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn attempt_once(self) -> Result<Vec<Undelivered>, StoreError> {
        let deadline = Instant::now() + ONE_ATTEMPT;
        let mut attempts = JoinSet::new();
        for mut lane in self.lanes {
            attempts.spawn(async move {
                let undelivered =
                    drain(&mut lane, deadline, || deadline, |_, _| true, &mut None).await;
                // What a program is left with when this process ends, its guard sees to.
                drop(tokio::time::timeout_at(deadline.into(), lane.close()).await);
                undelivered
            });
        }
        let mut undelivered = Vec::new();
        while let Some(ended) = attempts.join_next().await {
            match ended {
                Ok(result) => undelivered.extend(result?),
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
        undelivered.sort_by(|a, b| (&a.sink, &a.lane).cmp(&(&b.sink, &b.lane)));
        Ok(undelivered)
    }
}

/// Delivers until there is nothing left, something stands in the way, or `go_on`, which hears of
/// every step, says no. No attempt begins after `until`; when the next is to end, `deadline` says.
/// What dies is added to what was `buried` before.
async fn drain(
    lane: &mut Lane,
    until: Instant,
    deadline: impl Fn() -> Instant,
    mut go_on: impl FnMut(&Lane, &Step) -> bool,
    buried: &mut Option<(u64, String)>,
) -> Result<Option<Undelivered>, StoreError> {
    let mut stops = false;
    let obstacle = loop {
        let step = lane.step(Pace::Hurried, deadline()).await?;
        let goes_on = go_on(lane, &step);
        match step {
            Step::Idle => break None,
            Step::NotBefore(time) => break Some(Obstacle::Digest(time)),
            Step::Failed { reason, .. } => break Some(Obstacle::Failed(reason)),
            Step::Disabled { reason, .. } => {
                stops = true;
                break Some(Obstacle::Disabled(reason));
            }
            Step::Stopped { reason } => break Some(Obstacle::Disabled(reason)),
            Step::Paused { since } => break Some(Obstacle::Paused(since)),
            Step::Buried { events, reason } => {
                let before = buried.as_ref().map_or(0, |(count, _)| *count);
                *buried = Some((before + events as u64, reason));
            }
            Step::Moved { .. } => {}
        }
        if !goes_on || Instant::now() >= until {
            break Some(Obstacle::Failed(NO_TIME.to_owned()));
        }
    };
    lane.count().await?;
    let LaneState { sink, lane, lag: Lag { queued, .. }, .. } = lane.state();
    // That a sink stops, is told also where nothing waits for it.
    let obstacle = obstacle.filter(|_| queued > 0 || stops);
    if obstacle.is_none() && buried.is_none() {
        return Ok(None);
    }
    Ok(Some(Undelivered { sink, lane, obstacle, queued, buried: buried.clone() }))
}

/// The name that the store knows a sink by: the former one, until that is carried over.
///
/// # Errors
///
/// The store failed.
pub fn known_as<'a>(view: &View<'_>, entry: &'a SinkEntry) -> rusqlite::Result<&'a str> {
    view.known_as(&entry.name, entry.formerly.as_deref())
}

/// Tells which events a sink wants, as its config says.
pub fn wants(entry: &SinkEntry) -> impl Fn(&Logged) -> bool + Send + Sync + 'static {
    let filter = Filter::of(entry);
    move |event| filter.passes(event)
}

/// The filter that a delivery was cut with, after an organization got another name; none where
/// it stays as it is.
pub fn renamed_filter(kept: &str, old: &OrganizationId, new: &OrganizationId) -> Option<String> {
    Filter::renamed(kept, old, new)
}

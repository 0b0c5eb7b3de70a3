//! How everything stands, for those who look on: systemd's status line, heartbeats, metrics, pages,
//! and how the door is protected behind which the latter are.
//!
//! What is committed is read from the store; what only the loop and the workers know is looked at
//! where they keep it; and what the store could not take is kept here. Nobody who looks on makes
//! them wait.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use itertools::Itertools as _;
use tokio::sync::watch;

use super::heartbeat::Heartbeat;
use super::pulse::Pulse;
use crate::clock::Clock;
use crate::config::{Config, Organization};
use crate::dispatch::{self, Lag, LaneState};
use crate::http::{self, Protection};
use crate::metrics::{LaneGauge, Metrics, Snapshot, Unstored};
use crate::organization::OrganizationId;
use crate::pages::{self, Asked, Page, Surroundings};
use crate::schedule::Timetable;
use crate::standing::State;
use crate::store::{Store, StoreError};
use crate::text::count;

/// What it looks at.
pub(super) struct Sights {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timetable: Arc<Mutex<Timetable>>,
    pub(super) heartbeat: Arc<Mutex<Heartbeat>>,
    pub(super) metrics: Metrics,
    pub(super) pulse: Arc<Pulse>,
}

pub(super) struct Overview {
    sights: Sights,
    shown: Mutex<Shown>,
    /// How many syncs of an organization have failed since the last one that is in the store.
    unrecorded: Mutex<HashMap<OrganizationId, u32>>,
    /// Of the door that is open.
    protection: Mutex<watch::Sender<Arc<Protection>>>,
    ready: AtomicBool,
    changed: AtomicBool,
}

/// What is watched, and who serves it.
#[derive(Default)]
struct Shown {
    config: Option<Arc<Config>>,
    lanes: Vec<watch::Receiver<LaneState>>,
}

impl Overview {
    pub(super) fn new(sights: Sights) -> Self {
        Self {
            sights,
            shown: Mutex::default(),
            unrecorded: Mutex::default(),
            protection: Mutex::default(),
            ready: AtomicBool::new(false),
            changed: AtomicBool::new(true),
        }
    }

    /// What there is to show, from now on.
    pub(super) fn show(&self, config: &Arc<Config>, lanes: Vec<watch::Receiver<LaneState>>) {
        let watched: HashSet<_> = config.organizations.iter().map(|one| &one.id).collect();
        self.unrecorded().retain(|id, _| watched.contains(id));
        *self.shown() = Shown { config: Some(Arc::clone(config)), lanes };
    }

    /// A sync has ended, and is in the store or could not be written there.
    pub(super) fn synced(&self, organization: &OrganizationId, is_recorded: bool) {
        if is_recorded {
            self.unrecorded().remove(organization);
        } else {
            let failures = &mut *self.unrecorded();
            let failures = failures.entry(organization.clone()).or_default();
            *failures = failures.saturating_add(1);
        }
    }

    /// How the endpoints are protected, for whoever comes from now on.
    pub(super) fn protect(&self, protection: Arc<Protection>) {
        self.guard().send_replace(protection);
    }

    /// The same for a new door. The one before it keeps what it had to its end: what is enough for
    /// loopback is not for every address.
    pub(super) fn protect_anew(
        &self,
        protection: Arc<Protection>,
    ) -> watch::Receiver<Arc<Protection>> {
        let (sender, protected) = watch::channel(protection);
        *self.guard() = sender;
        protected
    }

    /// How the endpoints are protected.
    pub(super) fn protection(&self) -> Arc<Protection> {
        Arc::clone(&self.guard().borrow())
    }

    fn guard(&self) -> MutexGuard<'_, watch::Sender<Arc<Protection>>> {
        self.protection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the daemon is up, and not about to stop.
    pub(super) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// The sentence may not be true any more, for another reason than what those who are served
    /// have before them: that is looked at anyway.
    pub(super) fn changed(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Whether it has since this was last asked.
    pub(super) fn has_changed(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }

    fn config(&self) -> Arc<Config> {
        self.shown().config.clone().expect("it is shown before anybody looks")
    }

    /// How every lane stands.
    pub(super) fn lanes(&self) -> Vec<LaneState> {
        self.shown().lanes.iter().map(|lane| lane.borrow().clone()).collect()
    }

    /// When the last sync of each organization ended, of those that ever had one. What had another
    /// name before has been taken over.
    pub(super) fn last_runs(
        &self,
        organizations: &[Organization],
    ) -> Result<HashMap<OrganizationId, DateTime<Utc>>, StoreError> {
        self.sights.store.read(|view| {
            let mut last = HashMap::new();
            for organization in organizations {
                let Some(number) = view.find(&organization.id)? else { continue };
                if let Some(run) = view.last_run(number)? {
                    last.insert(organization.id.clone(), run.last_finished_at);
                }
            }
            Ok(last)
        })
    }

    /// How many organizations are in each state, as their last syncs left them, in the store or
    /// not.
    pub(super) fn states(&self) -> Result<BTreeMap<State, u64>, StoreError> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method is not general enough"
        )]
        let mut vitals = self.sights.store.read(|view| view.vitals())?;
        for (id, failures) in &*self.unrecorded() {
            let known = vitals.remove(id).unwrap_or_default();
            vitals.insert(id.clone(), known.after_more(*failures));
        }
        let mut states = BTreeMap::new();
        for organization in &self.config().organizations {
            *states.entry(State::of_vitals(vitals.get(&organization.id))).or_default() += 1;
        }
        Ok(states)
    }

    /// How many events wait for delivery, and how many those who are served would not take.
    pub(super) fn queued(&self) -> (u64, u64) {
        let lanes = self.lanes();
        let sum = |of: fn(&LaneState) -> u64| lanes.iter().map(of).sum();
        (sum(|lane| lane.lag.queued), sum(|lane| lane.dead_letters))
    }

    /// How many events nobody has taken, also of sinks and receivers that are gone.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general enough"
    )]
    pub(super) fn dead_letters(&self) -> Result<u64, StoreError> {
        self.sights.store.read(|view| view.count_all_letters())
    }

    /// `12 organizations: 11 connected, 1 held; 3 events queued`.
    pub(super) fn sentence(&self) -> Result<String, StoreError> {
        let states = self.states()?;
        let (queued, dead) = (self.queued().0, self.dead_letters()?);
        let all: u64 = states.values().sum();
        let states = states.iter().map(|(state, number)| format!("{number} {}", state.word()));
        let dead = match dead {
            0 => String::new(),
            dead => format!(", {}", count(dead, "dead letter")),
        };
        let (all, queued) = (count(all, "organization"), count(queued, "event"));
        Ok(format!("{all}: {}; {queued} queued{dead}", states.format(", ")))
    }

    /// When the next sync of each organization is due.
    fn next_syncs(&self, organizations: &[Organization]) -> HashMap<OrganizationId, DateTime<Utc>> {
        let timetable = self.sights.timetable.lock().unwrap_or_else(PoisonError::into_inner);
        let next = organizations.iter().map(|one| Some((one.id.clone(), timetable.next(&one.id)?)));
        next.flatten().collect()
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unrecorded(&self) -> MutexGuard<'_, HashMap<OrganizationId, u32>> {
        self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl http::Daemon for Overview {
    fn healthy(&self) -> Result<(), String> {
        self.sights.pulse.trouble().map_or(Ok(()), Err)
    }

    fn ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    fn metrics(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        let lanes = self.lanes().into_iter().map(|state| {
            let LaneState { sink, lag, failed_attempts, dead_letters, stopped, paused, .. } = state;
            let Lag { queued, oldest } = lag;
            (sink, LaneGauge { queued, oldest, failed_attempts, dead_letters, stopped, paused })
        });
        let Sights { store, metrics, heartbeat, .. } = &self.sights;
        let config = self.config();
        let unstored = Unstored {
            next_syncs: self.next_syncs(&config.organizations),
            unrecorded: self.unrecorded().clone(),
            lanes: lanes.collect(),
            heartbeat: heartbeat.lock().unwrap_or_else(PoisonError::into_inner).due(),
            certificate_expiry: self.protection().certificate_expiry(),
        };
        Ok(metrics.render(&Snapshot::take(store, &config, unstored)?))
    }

    fn has_pages(&self) -> Result<(), String> {
        if self.config().http_pages {
            return Ok(());
        }
        let reason = "`http.pages` is false in the configuration\n\
                      hint: take the line out, and run `seatwatch reload`";
        Err(reason.to_owned())
    }

    fn page(&self, asked: &Asked) -> Result<Page, Box<dyn Error + Send + Sync>> {
        let config = self.config();
        let lags: HashMap<_, _> =
            self.lanes().into_iter().map(|state| ((state.sink, state.lane), state.lag)).collect();
        let lag = |sink: &str, lane: &str| lags.get(&(sink.to_owned(), lane.to_owned())).cloned();
        let now = self.sights.clock.now();
        // The page is put together in the same view, so that all of it is of one moment.
        let page = self.sights.store.read(|view| {
            let lanes = match asked {
                Asked::Overview(_) => dispatch::status_with(view, &config.sinks, now, lag)?,
                _ => Vec::new(),
            };
            let around = Surroundings { config: &config, lanes, now };
            Ok(pages::page(view, &around, asked))
        })?;
        Ok(page?)
    }

    fn hosts(&self) -> Arc<[String]> {
        self.config().http_hosts.as_slice().into()
    }
}

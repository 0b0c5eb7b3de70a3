//! How everything stands, for those who look on: systemd's status line, heartbeats, metrics.
//!
//! What is committed is read from the store; what only the loop and the workers know is looked at
//! where they keep it. Nobody who looks on makes them wait.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use itertools::Itertools as _;
use tokio::sync::watch;

use crate::config::Organization;
use crate::dispatch::LaneState;
use crate::organization::OrganizationId;
use crate::schedule::Timetable;
use crate::standing::{Standing, State};
use crate::store::{Store, StoreError};

pub(super) struct Overview {
    store: Arc<Store>,
    timetable: Arc<Mutex<Timetable>>,
    shown: Mutex<Shown>,
}

/// What is watched, and who serves it.
#[derive(Default)]
struct Shown {
    organizations: Arc<[Organization]>,
    lanes: Vec<watch::Receiver<LaneState>>,
}

impl Overview {
    pub(super) fn new(store: Arc<Store>, timetable: Arc<Mutex<Timetable>>) -> Self {
        Self { store, timetable, shown: Mutex::default() }
    }

    /// What there is to show, from now on.
    pub(super) fn show(
        &self,
        organizations: &[Organization],
        lanes: Vec<watch::Receiver<LaneState>>,
    ) {
        *self.shown() = Shown { organizations: organizations.into(), lanes };
    }

    /// How every lane stands.
    pub(super) fn lanes(&self) -> Vec<LaneState> {
        self.shown().lanes.iter().map(|lane| lane.borrow().clone()).collect()
    }

    /// When the last sync of each organization ended, of those that ever had one.
    pub(super) fn last_runs(
        &self,
        organizations: &[Organization],
    ) -> Result<HashMap<OrganizationId, DateTime<Utc>>, StoreError> {
        self.store.read(|view| {
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

    /// How many organizations are in each state, as their last syncs left them.
    pub(super) fn states(&self) -> Result<BTreeMap<State, u64>, StoreError> {
        let organizations = Arc::clone(&self.shown().organizations);
        self.store.read(|view| {
            let mut states = BTreeMap::new();
            for organization in &*organizations {
                let standing = Standing::load(view, &organization.id, None, false)?;
                *states.entry(standing.last_state()).or_default() += 1;
            }
            Ok(states)
        })
    }

    /// How many events wait for delivery, and how many no sink would take.
    pub(super) fn queued(&self) -> (u64, u64) {
        let lanes = self.lanes();
        let sum = |of: fn(&LaneState) -> u64| lanes.iter().map(of).sum();
        (sum(|lane| lane.lag.queued), sum(|lane| lane.dead_letters))
    }

    /// `12 organizations: 11 connected, 1 held; 3 events queued`.
    pub(super) fn sentence(&self) -> Result<String, StoreError> {
        let states = self.states()?;
        let (queued, dead) = self.queued();
        let all: u64 = states.values().sum();
        let states = states.iter().map(|(state, number)| format!("{number} {}", state.word()));
        let dead = match dead {
            0 => String::new(),
            dead => format!(", {}", count(dead, "dead letter")),
        };
        let (all, queued) = (count(all, "organization"), count(queued, "event"));
        Ok(format!("{all}: {}; {queued} queued{dead}", states.format(", ")))
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(number: u64, singular: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {singular}{plural}")
}

//! The syncs of a daemon: which wait, which run, and who waits for their reports.
//!
//! Two syncs of one organization never overlap, and no more run at a time than the config allows.
//! A scheduled sync that comes due while the last one runs is left out; one that a person asks for
//! runs after it, for it must see what they did before they asked.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use crate::chain::chain;
use crate::config::Organization;
use crate::control::Lost;
use crate::exit::{Exit, Failure};
use crate::organization::OrganizationId;
use crate::servers::Servers;
use crate::store::StoreError;
use crate::sync::{Report, Syncer};

/// Whoever waits for reports, or for why there is none. It is dropped without either where a sync
/// does not come to an end.
pub(super) type Asked = mpsc::UnboundedSender<Result<Report, Lost>>;

/// What syncs need, as the config has it.
pub(super) struct Plan {
    pub(super) syncer: Syncer,
    pub(super) servers: Servers,
    pub(super) organizations: HashMap<OrganizationId, Arc<Organization>>,
    pub(super) max_concurrent: usize,
}

/// How a sync ended.
pub(super) struct Ended {
    pub(super) organization: OrganizationId,
    /// The error is the store's, or says that we broke off.
    pub(super) result: Result<Report, Broken>,
}

/// Why a sync has no report.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the sync broke off, a mistake in seatwatch")]
    Panicked(#[source] JoinError),
}

impl From<&Broken> for Failure {
    fn from(broken: &Broken) -> Self {
        match broken {
            Broken::Store(error) => error.into(),
            Broken::Panicked(_) => Self::new(Exit::Internal, chain(broken)),
        }
    }
}

#[derive(Default)]
pub(super) struct Syncs {
    /// None before there is a config: nothing is watched.
    plan: Option<Plan>,
    /// In the order in which they will start.
    waiting: VecDeque<OrganizationId>,
    /// Those who asked for each that waits; nobody where the schedule did.
    asked: HashMap<OrganizationId, Vec<Asked>>,
    running: HashMap<OrganizationId, Running>,
    tasks: JoinSet<Result<Report, StoreError>>,
    /// Whose sync a task is.
    names: HashMap<Id, OrganizationId>,
    /// What ended while nobody asked.
    ended: VecDeque<Ended>,
}

type Joined = Result<(Id, Result<Report, StoreError>), JoinError>;

struct Running {
    task: AbortHandle,
    asked: Vec<Asked>,
}

impl Syncs {
    /// Drops the syncs of all organizations but these, and says of which: nothing of them is
    /// committed after what is written once this has returned.
    pub(super) async fn keep(&mut self, known: &HashSet<OrganizationId>) -> Vec<OrganizationId> {
        let under_way = self.under_way();
        self.waiting.retain(|id| known.contains(id));
        self.asked.retain(|id, _| known.contains(id));
        let gone = |syncs: &Self| syncs.running.keys().any(|id| !known.contains(id));
        for (_, running) in self.running.iter().filter(|(id, _)| !known.contains(*id)) {
            running.task.abort();
        }
        while gone(self) {
            let joined = self.tasks.join_next_with_id().await.expect("what runs has a task");
            let ended = self.end(joined);
            self.ended.extend(ended);
        }
        under_way.into_iter().filter(|id| !known.contains(id)).collect()
    }

    /// Goes on with another plan. Syncs that run go on as they began.
    pub(super) fn replan(&mut self, plan: Plan) {
        self.plan = Some(plan);
        self.start();
    }

    /// All that wait or run.
    pub(super) fn under_way(&self) -> Vec<OrganizationId> {
        self.waiting.iter().chain(self.running.keys()).cloned().collect()
    }

    /// Whether a sync of an organization waits or runs.
    pub(super) fn is_under_way(&self, id: &OrganizationId) -> bool {
        self.asked.contains_key(id) || self.running.contains_key(id)
    }

    /// Whether an organization is watched.
    pub(super) fn knows(&self, id: &OrganizationId) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.organizations.contains_key(id))
    }

    /// Takes in those that are due, without starting them; returns those that wait from now on.
    pub(super) fn queue(&mut self, due: Vec<OrganizationId>) -> Vec<OrganizationId> {
        let mut new = Vec::new();
        for id in due {
            if !self.running.contains_key(&id) && !self.asked.contains_key(&id) {
                self.asked.insert(id.clone(), Vec::new());
                self.waiting.push_back(id.clone());
                new.push(id);
            }
        }
        new
    }

    /// Takes in what a person asks for, before what the schedule does.
    pub(super) fn ask(&mut self, ids: Vec<OrganizationId>, asked: &Asked) {
        for id in ids.into_iter().rev() {
            let known = self.asked.contains_key(&id);
            self.asked.entry(id.clone()).or_default().push(asked.clone());
            if known {
                self.waiting.retain(|waiting| *waiting != id);
            }
            self.waiting.push_front(id);
        }
        self.start();
    }

    /// The next sync that ends; for ever pending while none runs. Cancel-safe.
    pub(super) async fn next_ended(&mut self) -> Ended {
        loop {
            if let Some(ended) = self.ended.pop_front() {
                return ended;
            }
            let Some(joined) = self.tasks.join_next_with_id().await else {
                return std::future::pending().await;
            };
            let ended = self.end(joined);
            self.ended.extend(ended);
            self.start();
        }
    }

    /// Takes leave of a task; none where it was dropped.
    fn end(&mut self, joined: Joined) -> Option<Ended> {
        let (task, result) = match joined {
            Ok((task, result)) => (task, result.map_err(Broken::from)),
            Err(error) => (error.id(), Err(Broken::Panicked(error))),
        };
        let organization = self.names.remove(&task).expect("every task has a name");
        let running = self.running.remove(&organization).expect("what ends was running");
        match result {
            // It was taken out of the config.
            Err(Broken::Panicked(error)) if error.is_cancelled() => None,
            result => {
                for asked in running.asked {
                    let answer = result.as_ref().map(Report::clone);
                    // Whoever asked may be gone.
                    let lost = |broken| Lost {
                        organization: organization.clone(),
                        trouble: Failure::from(broken).of(&organization).into(),
                    };
                    drop(asked.send(answer.map_err(lost)));
                }
                Some(Ended { organization, result })
            }
        }
    }

    /// Starts those that wait, as far as there is room.
    pub(super) fn start(&mut self) {
        let Some(plan) = &self.plan else { return };
        while self.running.len() < plan.max_concurrent {
            let ready = self.waiting.iter().position(|id| !self.running.contains_key(id));
            let Some(id) = ready.and_then(|index| self.waiting.remove(index)) else { break };
            let asked = self.asked.remove(&id).unwrap_or_default();
            let Some(organization) = plan.organizations.get(&id) else { continue };
            let server = plan.servers.get(organization).clone();
            let (organization, syncer) = (Arc::clone(organization), plan.syncer.clone());
            let task =
                self.tasks.spawn(async move { syncer.sync(&organization, &server, |_| {}).await });
            self.names.insert(task.id(), id.clone());
            self.running.insert(id, Running { task, asked });
        }
    }
}

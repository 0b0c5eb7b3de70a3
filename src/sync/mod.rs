//! The pass: reads one roster, checks it, compares it, commits it.
//!
//! ```text
//! fetch ─► diff ─► confirm ─► guard ─► plan ─► commit
//! codecov   pure   codecov     pure    pure   one transaction
//! ```
//!
//! A pass takes no hint about what changed: it reads the present state and acts on it. It never
//! knows a sink. Two passes of one organization must not overlap; the caller sees to that.

mod approve;
mod bounds;
#[cfg(test)]
mod cast;
mod commit;
mod confirm;
mod diff;
mod error;
mod events;
mod guard;
mod health;
mod hold;
mod log_ins;
mod net;
mod pair;
mod pass;
mod plan;
mod rename;
mod report;
mod seats;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

pub use approve::{Refused, approve, difference, reject};
pub use error::SyncError;
pub use health::Patience;
pub use log_ins::read_log_ins;
pub use net::{NetChange, Numbered, net_change};
pub use report::{NotSynced, Report, Synced, Told};

use crate::clock::{Clock, uuid_v7};
use crate::codecov::{Server, Session};
use crate::config::{self, Config, Secret};
use crate::organization::OrganizationId;
use crate::schedule;
use crate::store::{Reader, Store, StoreError, Tx, View};
use commit::Stamp;
use guard::Verdict;
use pass::{Findings, Found, Pass};
use plan::{Before, Facts, Plan};

/// No server is obeyed that asks to be left alone for longer.
const LONGEST_POSTPONEMENT: TimeDelta = TimeDelta::hours(24);

/// The largest roster that may wait for its commit while others are read.
const MOST_WAITING_ROWS: usize = 5_000;

/// What a pass works with. The same for every organization of one server.
#[derive(Clone)]
pub struct Syncer {
    /// What the events' `source` names.
    pub instance: String,
    /// The time for one pass.
    pub sync_timeout: Duration,
    /// Over how long organizations due at one moment are spread.
    pub splay: Duration,
    /// When a person wants to hear of failures.
    pub patience: Patience,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where rosters and events are kept.
    pub memory: Memory,
}

/// What a pass remembers of the last one, and whether it leaves something for the next.
#[derive(Clone, Debug)]
pub enum Memory {
    /// What is found is committed.
    Kept(Arc<Store>),
    /// What is found is only told: a dry run.
    LookedAt(Arc<Reader>),
}

impl Memory {
    /// Under which other name an organization may be found: where something is kept, its history
    /// was carried over before the first sync.
    fn formerly<'a>(&self, organization: &'a config::Organization) -> Option<&'a OrganizationId> {
        match self {
            Self::Kept(_) => None,
            Self::LookedAt(_) => organization.formerly.as_ref(),
        }
    }

    fn read<T>(
        &self,
        question: impl FnOnce(&View<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        match self {
            Self::Kept(store) => store.read(question),
            Self::LookedAt(reader) => reader.read(question),
        }
    }
}

impl Syncer {
    /// What a config says of passes.
    pub fn of(config: &Config, clock: Arc<dyn Clock>, memory: Memory) -> Self {
        let Config { failing_after, remind_every, sync_timeout, splay, .. } = *config;
        let patience = Patience { failing_after, remind_every };
        let instance = config.instance.clone();
        Self { instance, sync_timeout, splay, patience, clock, memory }
    }

    /// Runs one pass over one organization and notes how it ended.
    ///
    /// What `on_open` returns is dropped when Codecov has been asked everything: before the commit,
    /// unless so much waits for it that no more should be read meanwhile. Dropping the future
    /// before the end commits nothing.
    ///
    /// # Errors
    ///
    /// The store failed. That Codecov failed is no error here but what the report says.
    pub async fn sync<Guard>(
        &self,
        organization: &config::Organization,
        server: &Server,
        on_open: impl FnOnce(&Session) -> Guard,
    ) -> Result<Report, StoreError> {
        let (started_at, start) = (self.clock.now(), std::time::Instant::now());
        let formerly = self.memory.formerly(organization);
        let (before, key) = self
            .memory
            .read(|view| Ok((Before::load(view, &organization.id, formerly)?, view.key()?)))?;
        let mut findings = Findings::default();
        let opened = self.open_session(organization, server, &before, started_at);
        let (found, requests, asking) = match opened {
            Err(error) => (Err(error), 0, None),
            Ok((token, opened)) => {
                let asking = on_open(&opened);
                let (memory, clock) = (&self.memory, &*self.clock);
                let (before, session) = (&before, &opened);
                let pass = Pass { organization, before, memory, clock, session };
                let token = key.digest("token", token.expose().as_bytes());
                let found = pass.run(token, &mut findings).await?;
                let is_large = found.as_ref().is_ok_and(|found| found.rows() > MOST_WAITING_ROWS);
                (found, opened.requests(), is_large.then_some(asking))
            }
        };
        crash_point!("sync:fetched");
        let finished_at = self.clock.now();
        let facts = Facts {
            organization: &organization.id,
            before: &before,
            seats: &organization.seats,
            on_first_sync: organization.on_first_sync,
            patience: self.patience,
            now: finished_at,
        };
        let (plan, result) = decide(facts, found);
        let (outcome, failures, events) = (plan.outcome, plan.health.failures, plan.told());
        if let Memory::Kept(store) = &self.memory {
            let stamp = Stamp {
                organization: organization.id.clone(),
                source: format!("/seatwatch/{}/codecov/{}", self.instance, organization.id),
                sync: uuid_v7(started_at),
                started_at,
                finished_at,
                requests,
                missed_from: schedule::missed_from(organization, self.splay, finished_at),
                proof: findings.proof,
            };
            let write = move |tx: &Tx<'_>| commit::write(tx, &stamp, &plan).map(|()| plan);
            // Not there: to free a large roster would keep others from their commits.
            drop(store.write(write).await?);
            crash_point!("sync:committed");
        }
        drop(asking);
        Ok(Report {
            organization: organization.id.clone(),
            outcome,
            result: result.map_err(|error| NotSynced::from(&error)),
            events,
            requests,
            took: start.elapsed(),
            failures_before: before.health.failures,
            failures,
            reason_before: before.failure.map(|failure| failure.reason),
            warnings: findings.warnings,
        })
    }

    fn open_session(
        &self,
        organization: &config::Organization,
        server: &Server,
        before: &Before,
        now: DateTime<Utc>,
    ) -> Result<(Secret, Session), SyncError> {
        // A time further ahead was never asked for: the clock was wrong then, or is now.
        let ahead = |until: &DateTime<Utc>| *until > now && *until - now <= LONGEST_POSTPONEMENT;
        if let Some(until) = before.health.postponed_until.filter(ahead) {
            return Err(SyncError::Postponed { until });
        }
        let token = organization.token.read()?;
        let deadline = tokio::time::Instant::now() + self.sync_timeout;
        let clock = Arc::clone(&self.clock);
        let secret = SecretString::from(token.expose());
        let session = server.session(&organization.id, secret, clock, deadline);
        Ok((token, session))
    }
}

fn decide(facts: Facts<'_>, found: Result<Found, SyncError>) -> (Plan, Result<Synced, SyncError>) {
    match found {
        Err(error) => (Plan::failed(facts, &error), Err(error)),
        Ok(Found::Same) => {
            let totals = facts.before.roster.as_ref().map(|roster| roster.totals);
            let totals = totals.unwrap_or_default();
            (Plan::unchanged(facts), Ok(Synced::Compared { before: totals, after: totals }))
        }
        Ok(Found::Judged(Verdict::Held { found, losses }, bounds)) => {
            let found = found.totals();
            let (plan, hold) = Plan::held(facts, found, losses, bounds);
            let kept = facts.before.roster.as_ref().map(|roster| roster.totals);
            let (hold, kept) = (Box::new(hold), kept.unwrap_or_default());
            (plan, Ok(Synced::Held { hold, kept, found }))
        }
        Ok(Found::Judged(Verdict::Accepted(accepted), bounds)) => {
            let after = accepted.diff().after().totals();
            let synced = match &facts.before.roster {
                None => Synced::Baselined(after),
                Some(roster) => Synced::Compared { before: roster.totals, after },
            };
            (Plan::accepted(facts, accepted, bounds), Ok(synced))
        }
    }
}

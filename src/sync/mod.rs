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
mod pair;
mod plan;
mod rename;
mod report;
mod seats;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

pub use approve::{Approved, Refused, approve, difference, reject};
pub use error::SyncError;
pub use health::Patience;
pub use report::{Report, Synced, Told};

use crate::clock::{Clock, uuid_v7};
use crate::codecov::{AdminProof, Complete, LastRead, Reading, Server, Session};
use crate::config::{self, Secret};
use crate::roster::Roster;
use crate::store::{Answer, Proof, Reader, SecretKey, Store, StoreError, View};
use bounds::Bounds;
use commit::Stamp;
use confirm::{Confirmed, Read};
use guard::Verdict;
use plan::{Before, Facts, Plan};

/// How long an answer about the token's admin right is good for.
const PROOF_LASTS: Duration = Duration::from_secs(60 * 60);

/// No server is obeyed that asks to be left alone for longer.
const LONGEST_POSTPONEMENT: TimeDelta = TimeDelta::hours(24);

/// What a pass works with. The same for every organization of one server.
#[derive(Clone)]
pub struct Syncer {
    /// What the events' `source` names.
    pub instance: String,
    /// The time for one pass.
    pub sync_timeout: Duration,
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
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general enough"
    )]
    fn key(&self) -> Result<SecretKey, StoreError> {
        self.read(|view| view.key())
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

/// What one pass has learnt before it ends, whichever way it ends.
#[derive(Debug, Default)]
struct Findings {
    proof: Option<Proof>,
    warnings: Vec<String>,
}

/// What a pass found on the server.
enum Found {
    /// The last roster, to the byte.
    Same,
    /// A roster that was compared, confirmed and judged.
    Judged(Verdict, Bounds),
}

impl Syncer {
    /// Runs one pass over one organization and notes how it ended.
    ///
    /// Dropping the future before the end commits nothing.
    ///
    /// # Errors
    ///
    /// The store failed. That Codecov failed is no error here but what the report says.
    pub async fn sync(
        &self,
        organization: &config::Organization,
        server: &Server,
        on_open: impl FnOnce(&Session),
    ) -> Result<Report, StoreError> {
        let started_at = self.clock.now();
        let before = self.before(organization)?;
        let mut findings = Findings::default();
        let opened = self.open_session(organization, server, &before, started_at);
        let (found, requests) = match opened {
            Err(error) => (Err(error), 0),
            Ok((token, opened)) => {
                on_open(&opened);
                let pass = Pass { syncer: self, organization, before: &before, session: &opened };
                let found = pass.run(&token, &mut findings).await?;
                (found, opened.requests())
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
        let (outcome, events) = (plan.outcome, plan.told());
        if let Memory::Kept(store) = &self.memory {
            let stamp = Stamp {
                organization: organization.id.clone(),
                source: format!("/seatwatch/{}/codecov/{}", self.instance, organization.id),
                sync: uuid_v7(started_at),
                started_at,
                finished_at,
                requests,
                proof: findings.proof,
            };
            store.write(move |tx| commit::write(tx, &stamp, &plan)).await?;
            crash_point!("sync:committed");
        }
        let organization = organization.id.clone();
        let warnings = findings.warnings;
        Ok(Report { organization, outcome, result, events, requests, warnings })
    }

    fn before(&self, organization: &config::Organization) -> Result<Before, StoreError> {
        self.memory.read(|view| {
            let Some(number) = view.find(&organization.id)? else { return Ok(Before::default()) };
            Ok(Before {
                roster: view.roster_state(number)?,
                health: view.health(number)?,
                proof: view.proof(number)?,
                hold: view.hold(number)?,
                approval: view.approval(number)?,
            })
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

/// The part of a pass that talks to Codecov.
struct Pass<'a> {
    syncer: &'a Syncer,
    organization: &'a config::Organization,
    before: &'a Before,
    session: &'a Session,
}

impl Pass<'_> {
    /// The outer error is the store's, the inner one what kept the roster from us.
    async fn run(
        &self,
        token: &Secret,
        findings: &mut Findings,
    ) -> Result<Result<Found, SyncError>, StoreError> {
        let key = self.syncer.memory.key()?;
        let token = key.digest("token", token.expose().as_bytes());
        let known = match self.read(token, findings).await {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(Ok(Found::Same)),
            Err(error) => return Ok(Err(error)),
        };
        let before = self.syncer.memory.read(|view| {
            let number = view.find(&self.organization.id)?;
            number.map_or_else(|| Ok(Roster::default()), |number| view.roster(number))
        })?;
        Ok(self.judge(token, before, known, findings).await)
    }

    /// The roster as it is now; none where it is the last one to the byte.
    async fn read(
        &self,
        token: [u8; 32],
        findings: &mut Findings,
    ) -> Result<Option<Read>, SyncError> {
        let proof = self.before.proof.as_ref();
        let now = self.syncer.clock.now();
        let stale = |proof: &Proof| health::has_passed(proof.asked_at, PROOF_LASTS, now);
        if proof.is_none_or(|proof| stale(proof) || proof.proven != Some(token)) {
            self.prove_admin(token, findings).await?;
        }
        let last = self.before.roster.as_ref().map(|roster| LastRead {
            rows: roster.totals.members + roster.totals.unnamed.members,
            digest: roster.digest.map(Into::into),
        });
        let twice = last.is_none() || self.before.health.read_twice;
        let last = last.map(|last| LastRead { digest: last.digest.filter(|_| !twice), ..last });
        match self.session.read_roster(last.as_ref()).await? {
            Reading::Same => Ok(None),
            Reading::New { roster, digest } => {
                let read = Read { roster, digest: Some(digest) };
                let read = if twice { self.read_again(read).await? } else { read };
                Ok(Some(read))
            }
        }
    }

    /// A roster that nothing vouches for is read a second time; the union counts.
    async fn read_again(&self, first: Read) -> Result<Read, SyncError> {
        let rows = first.roster.get().rows() as u64;
        let last = LastRead { rows, digest: first.digest };
        match self.session.read_roster(Some(&last)).await? {
            Reading::Same => Ok(first),
            Reading::New { roster, .. } => {
                Ok(Read { roster: Complete::union(first.roster, roster), digest: None })
            }
        }
    }

    async fn judge(
        &self,
        token: [u8; 32],
        before: Roster,
        read: Read,
        findings: &mut Findings,
    ) -> Result<Found, SyncError> {
        let Some(state) = &self.before.roster else {
            // Nobody can be missing from a first roster.
            let bounds = Bounds::new(&self.organization.guard, 0, 0);
            let verdict = guard::judge(Confirmed::first(read), bounds, None);
            return Ok(Found::Judged(verdict, bounds));
        };
        let totals = state.totals;
        let bounds = Bounds::new(&self.organization.guard, totals.members, totals.seats);
        let now = self.syncer.clock.now();
        let approval = self.before.approval.as_ref().filter(|approval| approval.is_valid(now));
        let approved = approval.map(|approval| &approval.losses);
        let confirmed = confirm::confirm(self.session, before, read, bounds, approved).await?;
        if confirmed.has_leavers() && findings.proof.is_none() {
            self.prove_admin(token, findings).await?;
        }
        Ok(Found::Judged(guard::judge(confirmed, bounds, approved), bounds))
    }

    /// Another's token may be shown only a part of the members; an admin's is shown all.
    async fn prove_admin(&self, token: [u8; 32], findings: &mut Findings) -> Result<(), SyncError> {
        let proven = self.before.proof.as_ref().and_then(|proof| proof.proven);
        let (answer, proven) = match self.session.prove_admin().await? {
            AdminProof::Admin => (Answer::Admin, Some(token)),
            AdminProof::NotAdmin => (Answer::NotAdmin, None),
            AdminProof::Unknown { why } => {
                findings
                    .warnings
                    .push(format!("could not tell whether the token is an admin's: {why}"));
                (Answer::Unknown, proven)
            }
        };
        findings.proof = Some(Proof { proven, asked_at: self.syncer.clock.now(), answer });
        if answer == Answer::NotAdmin && self.organization.require_admin {
            return Err(SyncError::NotAdmin);
        }
        Ok(())
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
        Ok(Found::Judged(Verdict::Held { found, losses }, _)) => {
            let found = found.totals();
            let plan = Plan::held(facts, found, losses);
            let kept = facts.before.roster.as_ref().map(|roster| roster.totals);
            let hold = plan.hold.clone().expect("a held roster has a hold");
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

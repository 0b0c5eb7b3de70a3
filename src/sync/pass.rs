//! The part of a pass that talks to Codecov: proof, reading, comparison, verdict.
//!
//! Reads what is remembered, and writes nothing.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::bounds::Bounds;
use super::confirm::{self, Confirmed, Read};
use super::guard::{self, Verdict};
use super::plan::Before;
use super::{Memory, SyncError, health};
use crate::clock::Clock;
use crate::codecov::{AdminProof, Complete, LastRead, Reading, Session};
use crate::config;
use crate::roster::Roster;
use crate::store::{Answer, Proof, StoreError};

/// How long an answer about the token's admin right is good for.
const PROOF_LASTS: Duration = Duration::from_secs(60 * 60);

/// From so many rows on, a thread is worth its while.
const LARGE_ROSTER: u64 = 5_000;

/// What one pass has learnt before it ends, whichever way it ends.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What was heard of the token, if it was asked about.
    pub(super) proof: Option<Proof>,
    /// What a person should know although it stops nothing.
    pub(super) warnings: Vec<String>,
}

/// What a pass found on the server.
pub(super) enum Found {
    /// The last roster, to the byte.
    Same,
    /// A roster that was compared, confirmed and judged.
    Judged(Verdict, Bounds),
}

impl Found {
    /// How many rows are kept for the commit.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Same => 0,
            Self::Judged(Verdict::Accepted(accepted), _) => accepted.diff().after().rows(),
            Self::Judged(Verdict::Held { found, .. }, _) => found.rows(),
        }
    }
}

/// The part of a pass that talks to Codecov.
pub(super) struct Pass<'a> {
    pub(super) organization: &'a config::Organization,
    pub(super) before: &'a Before,
    pub(super) memory: &'a Memory,
    pub(super) clock: &'a dyn Clock,
    pub(super) session: &'a Session,
}

impl Pass<'_> {
    /// The outer error is the store's, the inner one what kept the roster from us.
    pub(super) async fn run(
        &self,
        token: [u8; 32],
        findings: &mut Findings,
    ) -> Result<Result<Found, SyncError>, StoreError> {
        // A large one is loaded beside the parsing of the new one.
        let stored = OnceLock::new();
        let is_large = self.before.rows() > LARGE_ROSTER;
        let on_change = || {
            if is_large {
                stored.get_or_init(|| spawn_blocking(self.load()));
            }
        };
        let read = match self.read(token, on_change, findings).await {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(Ok(Found::Same)),
            Err(error) => return Ok(Err(error)),
        };
        let before = match stored.into_inner() {
            Some(loading) => loading.await.expect("loading runs to its end")?,
            None if self.before.roster.is_none() => Roster::default(),
            None => self.load()()?,
        };
        Ok(self.judge(token, before, read, findings).await)
    }

    /// How to load the roster that was committed last.
    fn load(&self) -> impl FnOnce() -> Result<Roster, StoreError> + Send + 'static {
        let memory = self.memory.clone();
        let id = self.organization.id.clone();
        let formerly = memory.formerly(self.organization).cloned();
        move || {
            memory.read(|view| {
                let number = view.find_renamed(&id, formerly.as_ref())?;
                number.map_or_else(|| Ok(Roster::default()), |number| view.roster(number))
            })
        }
    }

    /// The roster as it is now; none where it is the last one to the byte. `on_change` is called
    /// when it is known to be another.
    async fn read(
        &self,
        token: [u8; 32],
        on_change: impl Fn(),
        findings: &mut Findings,
    ) -> Result<Option<Read>, SyncError> {
        let proof = self.before.proof.as_ref();
        let now = self.clock.now();
        let stale = |proof: &Proof| health::has_passed(proof.asked_at, PROOF_LASTS, now);
        if proof.is_none_or(|proof| stale(proof) || proof.proven != Some(token)) {
            self.prove_admin(token, findings).await?;
        }
        let last = self.before.roster.as_ref().map(|roster| LastRead {
            rows: self.before.rows(),
            digest: roster.digest.map(Into::into),
        });
        let twice = last.is_none() || self.before.health.read_twice;
        let last = last.map(|last| LastRead { digest: last.digest.filter(|_| !twice), ..last });
        match self.session.read_roster_telling(last.as_ref(), on_change).await? {
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
        let now = self.clock.now();
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
        findings.proof = Some(Proof { proven, asked_at: self.clock.now(), answer });
        if answer == Answer::NotAdmin && self.organization.require_admin {
            return Err(SyncError::NotAdmin);
        }
        Ok(())
    }
}

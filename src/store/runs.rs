//! The runs: every sync of every organization, and how it ended.
//!
//! Consecutive runs of one organization that ended alike and brought no event are one row, so
//! that a quiet year costs next to nothing.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::organization::OrganizationId;

use super::{Organization, Tx, View, maybe_time, millis, time, unreadable};

/// The number of a run: later commits have larger ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunNumber(pub(super) i64);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The first roster was stored.
    Baselined,
    /// The roster differed from the last one.
    Changed,
    /// It did not.
    Unchanged,
    /// It was held.
    Held,
    /// There was none.
    Failed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Baselined, Self::Changed, Self::Unchanged, Self::Held, Self::Failed];

    /// The word in the store, in JSON and in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Baselined => "baselined",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Held => "held",
            Self::Failed => "failed",
        }
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason's word.
    pub reason: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// A run that has just ended.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Names the run and its events.
    pub sync: Uuid,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Requests that it sent.
    pub requests: u64,
    /// Events that it brings.
    pub events: u64,
    /// If no other sync has begun by then, one that was due was missed.
    pub missed_from: Option<DateTime<Utc>>,
}

/// One run, or several that ended alike and brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// When the first of them began.
    pub started_at: DateTime<Utc>,
    /// When the first of them ended.
    pub finished_at: DateTime<Utc>,
    /// When the last of them ended.
    pub last_finished_at: DateTime<Utc>,
    /// How many they are.
    pub count: u64,
    /// If no other sync began by then, one that was due was missed. Unknown of runs that an older
    /// version noted.
    pub missed_from: Option<DateTime<Utc>>,
}

impl Run {
    /// Whether they brought a roster that counts.
    pub fn is_good(&self) -> bool {
        !matches!(self.outcome, Outcome::Held | Outcome::Failed)
    }

    /// Whether no sync that was due after them had been missed at a time.
    pub(super) fn is_followed(&self, at: DateTime<Utc>) -> bool {
        let is_missed = self.missed_from.is_some_and(|missed_from| missed_from <= at);
        at <= self.last_finished_at || !is_missed
    }
}

pub(super) const COLUMNS: &str =
    "outcome, reason, message, hint, started_at, finished_at, last_finished_at,
                       count, missed_from";

impl View<'_> {
    /// The latest run of an organization.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn last_run(&self, organization: Organization) -> rusqlite::Result<Option<Run>> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM runs WHERE organization = ?1 ORDER BY id DESC LIMIT 1"
        ))?;
        statement.query_row([organization.0], read_run).optional()
    }

    /// The runs from `from` to `to`, in the order of their commits: from the last one before them
    /// that brought a roster to the first one after them that did, so that gaps at both ends show.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn runs(
        &self,
        organization: Organization,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> rusqlite::Result<Vec<Run>> {
        const GOOD: &str = "organization = ?1 AND outcome NOT IN ('held', 'failed')";
        let mut first = self.0.prepare_cached(&format!(
            "SELECT coalesce((SELECT id FROM runs WHERE {GOOD} AND finished_at <= ?2
                              ORDER BY id DESC LIMIT 1), 0)"
        ))?;
        let first: i64 = first.query_row((organization.0, millis(from)), |row| row.get(0))?;
        // Behind the first: one that a wrong clock dated far ahead may stand before it.
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM runs
             WHERE organization = ?1 AND id >= ?2
               AND id <= coalesce((SELECT id FROM runs WHERE {GOOD} AND id > ?2
                                     AND finished_at > ?3 ORDER BY id LIMIT 1),
                                  9223372036854775807)
             ORDER BY id"
        ))?;
        let rows = statement.query_map((organization.0, first, millis(to)), read_run)?;
        rows.collect()
    }

    /// How many syncs ended in all, of all organizations, as far as they are kept.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn syncs(&self) -> rusqlite::Result<u64> {
        let mut statement = self.0.prepare_cached("SELECT coalesce(sum(count), 0) FROM runs")?;
        statement.query_row([], |row| row.get(0))
    }

    /// Whether a sync of the organization has begun and not ended.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn is_under_way(&self, organization: Organization) -> rusqlite::Result<bool> {
        let mut statement =
            self.0.prepare_cached("SELECT 1 FROM under_way WHERE organization = ?1")?;
        statement.exists([organization.0])
    }
}

pub(super) fn read_run(row: &Row<'_>) -> rusqlite::Result<Run> {
    let word: String = row.get("outcome")?;
    let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.word() == word);
    let text = |column| row.get::<_, Option<String>>(column);
    let failure = text("reason")?.zip(text("message")?).zip(text("hint")?);
    Ok(Run {
        outcome: outcome.ok_or_else(|| unreadable(word))?,
        failure: failure.map(|((reason, message), hint)| Failure { reason, message, hint }),
        started_at: time(row.get("started_at")?)?,
        finished_at: time(row.get("finished_at")?)?,
        last_finished_at: time(row.get("last_finished_at")?)?,
        count: row.get("count")?,
        missed_from: maybe_time(row.get("missed_from")?)?,
    })
}

impl Tx<'_> {
    /// As [`begin_syncs`](Self::begin_syncs), where those that had begun were a process's that is
    /// gone.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn begin_syncs_anew(
        &self,
        organizations: &[OrganizationId],
        now: DateTime<Utc>,
    ) -> rusqlite::Result<()> {
        self.0.0.execute("DELETE FROM under_way", [])?;
        self.begin_syncs(organizations, now)
    }

    /// Notes that the syncs of these organizations have begun, or are about to.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn begin_syncs(
        &self,
        organizations: &[OrganizationId],
        now: DateTime<Utc>,
    ) -> rusqlite::Result<()> {
        let mut begin = self
            .0
            .0
            .prepare_cached("REPLACE INTO under_way (organization, started_at) VALUES (?1, ?2)")?;
        for id in organizations {
            begin.execute((self.organization(id)?.0, millis(now)))?;
        }
        Ok(())
    }

    /// Notes a run: as one more of the last row where both ended alike and brought no event, none
    /// was missed between them, and the clock was not set back.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn note_run(
        &self,
        organization: Organization,
        run: &NewRun,
    ) -> rusqlite::Result<RunNumber> {
        self.0
            .0
            .prepare_cached("DELETE FROM under_way WHERE organization = ?1")?
            .execute([organization.0])?;
        if run.events == 0
            && let Some(number) = self.repeat_run(organization, run)?
        {
            return Ok(number);
        }
        let failure = run.failure.as_ref();
        let mut statement = self.0.0.prepare_cached(
            "INSERT INTO runs (sync, organization, outcome, reason, message, hint, started_at,
                               finished_at, last_finished_at, events, requests, missed_from)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11)",
        )?;
        statement
            .insert(rusqlite::params![
                run.sync.as_bytes(),
                organization.0,
                run.outcome.word(),
                failure.map(|failure| &failure.reason),
                failure.map(|failure| &failure.message),
                failure.map(|failure| &failure.hint),
                millis(run.started_at),
                millis(run.finished_at),
                run.events,
                run.requests,
                run.missed_from.map(millis)
            ])
            .map(RunNumber)
    }

    fn repeat_run(
        &self,
        organization: Organization,
        run: &NewRun,
    ) -> rusqlite::Result<Option<RunNumber>> {
        let failure = run.failure.as_ref();
        let mut latest = self.0.0.prepare_cached(
            "SELECT id FROM runs WHERE organization = ?1 ORDER BY id DESC LIMIT 1",
        )?;
        let latest: Option<i64> =
            latest.query_row([organization.0], |row| row.get(0)).optional()?;
        // Not with RETURNING, for which SQLite makes a table each time.
        let mut statement = self.0.0.prepare_cached(
            "UPDATE runs SET count = count + 1, last_finished_at = ?4, requests = requests + ?5,
                             message = ?6, hint = ?7, missed_from = ?8
             WHERE id = ?1 AND outcome = ?2 AND reason IS ?3 AND events = 0
               AND outcome IN ('unchanged', 'held', 'failed')
               AND (missed_from IS NULL OR missed_from > ?9)
               AND max(finished_at, last_finished_at) <= ?4",
        )?;
        let repeated = statement.execute(rusqlite::params![
            latest,
            run.outcome.word(),
            failure.map(|failure| &failure.reason),
            millis(run.finished_at),
            run.requests,
            failure.map(|failure| &failure.message),
            failure.map(|failure| &failure.hint),
            run.missed_from.map(millis),
            millis(run.started_at)
        ])?;
        Ok(latest.filter(|_| repeated > 0).map(RunNumber))
    }
}

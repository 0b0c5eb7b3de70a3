//! How an organization's syncs fare, and what was last heard of its token's admin right.

use chrono::{DateTime, Utc};
use rusqlite::OptionalExtension as _;

use super::{Organization, Tx, View, maybe_time, millis, time, unreadable};

/// What carries over from one sync of an organization to the next, beside the roster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Syncs that failed in a row, up to now.
    pub failures: u32,
    /// When the first of them ended.
    pub failing_since: Option<DateTime<Utc>>,
    /// When `sync_failing` was last told of them.
    pub told_at: Option<DateTime<Utc>>,
    /// When a sync last succeeded.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The server asked to be left alone until then.
    pub postponed_until: Option<DateTime<Utc>>,
    /// The next roster is read twice: the server said that there was none.
    pub read_twice: bool,
    /// At how many seats `seat_limit_near` was told, until it is armed again.
    pub near_told: Option<u64>,
    /// At how many seats `seat_limit_reached` was told, until it is armed again.
    pub reached_told: Option<u64>,
}

/// What Codecov said of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is an admin's.
    Admin,
    /// It is not.
    NotAdmin,
    /// It would not say.
    Unknown,
}

impl Answer {
    const ALL: [Self; 3] = [Self::Admin, Self::NotAdmin, Self::Unknown];

    /// The word in the store and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::NotAdmin => "not_admin",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn read(word: String) -> rusqlite::Result<Self> {
        let known = Self::ALL.into_iter().find(|answer| answer.word() == word);
        known.ok_or_else(|| unreadable(word))
    }
}

/// The last time that Codecov was asked whether the token is an admin's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Keyed digest of the token that was last proven to be an admin's.
    pub proven: Option<[u8; 32]>,
    /// When Codecov was asked.
    pub asked_at: DateTime<Utc>,
    /// What it said.
    pub answer: Answer,
}

impl View<'_> {
    /// How the syncs of an organization fare.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn health(&self, organization: Organization) -> rusqlite::Result<Health> {
        let mut statement = self.0.prepare_cached(
            "SELECT failures, failing_since, told_at, last_success_at, postponed_until, read_twice,
                    near_told, reached_told
             FROM health WHERE organization = ?1",
        )?;
        let health = statement.query_row([organization.0], |row| {
            Ok(Health {
                failures: row.get("failures")?,
                failing_since: maybe_time(row.get("failing_since")?)?,
                told_at: maybe_time(row.get("told_at")?)?,
                last_success_at: maybe_time(row.get("last_success_at")?)?,
                postponed_until: maybe_time(row.get("postponed_until")?)?,
                read_twice: row.get("read_twice")?,
                near_told: row.get("near_told")?,
                reached_told: row.get("reached_told")?,
            })
        });
        Ok(health.optional()?.unwrap_or_default())
    }

    /// What was last heard of the token's admin right, if it was ever asked.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn proof(&self, organization: Organization) -> rusqlite::Result<Option<Proof>> {
        let mut statement = self.0.prepare_cached(
            "SELECT proven, asked_at, answer FROM proofs WHERE organization = ?1",
        )?;
        statement
            .query_row([organization.0], |row| {
                Ok(Proof {
                    proven: row.get("proven")?,
                    asked_at: time(row.get("asked_at")?)?,
                    answer: Answer::read(row.get("answer")?)?,
                })
            })
            .optional()
    }
}

impl Tx<'_> {
    /// Sets how the syncs of an organization fare.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_health(&self, organization: Organization, health: &Health) -> rusqlite::Result<()> {
        let mut statement = self.0.0.prepare_cached(
            "REPLACE INTO health (organization, failures, failing_since, told_at, last_success_at,
                                  postponed_until, read_twice, near_told, reached_told)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        statement
            .execute(rusqlite::params![
                organization.0,
                health.failures,
                health.failing_since.map(millis),
                health.told_at.map(millis),
                health.last_success_at.map(millis),
                health.postponed_until.map(millis),
                health.read_twice,
                health.near_told,
                health.reached_told
            ])
            .map(drop)
    }

    /// Keeps what was heard of the token's admin right.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_proof(&self, organization: Organization, proof: &Proof) -> rusqlite::Result<()> {
        let mut statement = self.0.0.prepare_cached(
            "REPLACE INTO proofs (organization, proven, asked_at, answer) VALUES (?1, ?2, ?3, ?4)",
        )?;
        statement
            .execute((organization.0, proof.proven, millis(proof.asked_at), proof.answer.word()))
            .map(drop)
    }
}

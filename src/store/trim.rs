//! Retention: takes away what is older than a horizon, a part at a time.
//!
//! What goes are events, states that ended, sums that were over, and runs that neither began nor
//! ended a state that stays. So every roster since the horizon can be rebuilt as before; what each
//! lane loses of events that it has not passed is counted.
//!
//! Does not decide what is old.

use chrono::{DateTime, Utc};
use rusqlite::OptionalExtension as _;

use super::lanes::Lost;
use super::log::Logged;
use super::{Tx, View, maybe_time, millis};

/// How many rows of one kind a step takes at most, so that no sync waits long for it.
const STEP: u64 = if cfg!(test) { 3 } else { 1000 };

/// What is to be trimmed, and how far that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// What is older goes.
    before: DateTime<Utc>,
    /// No event after this one goes.
    last_event: u64,
    /// No run after this one goes, and no state that one of them ended.
    last_run: i64,
    /// Runs up to this one were looked at.
    examined: i64,
}

/// One lane of the config, and what it wants to be told.
pub struct Claim {
    /// The sink's name.
    pub sink: String,
    /// The lane's name.
    pub lane: String,
    /// Whether it would be told of an event.
    pub wants: Box<dyn Fn(&Logged) -> bool + Send + Sync>,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.sink, self.lane)
    }
}

/// What one step has taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Events of the log.
    pub events: u64,
    /// States of members.
    pub states: u64,
    /// Rows of sums.
    pub sums: u64,
    /// Rows of runs.
    pub runs: u64,
    /// How many of the events each claim has lost, in the order of the claims.
    pub lost: Vec<u64>,
}

impl View<'_> {
    /// What a trim to `before` takes away.
    ///
    /// The log and the runs are in the order of their commits; time is not, where a clock was
    /// wrong. Nothing goes that is newer than something within the horizon, so an event that a
    /// clock dated back to 1970 stays as long as its neighbours; and what lies ahead of `now`
    /// says nothing about those.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn trim(&self, before: DateTime<Utc>, now: DateTime<Utc>) -> rusqlite::Result<Trim> {
        let within = (millis(before), millis(now));
        // In the order of the rows: all but the first of them are about to go.
        let event: Option<u64> = self
            .0
            .prepare_cached(
                "SELECT sequence FROM log WHERE +time BETWEEN ?1 AND ?2 ORDER BY 1 LIMIT 1",
            )?
            .query_row(within, |row| row.get(0))
            .optional()?;
        let run: Option<i64> = self
            .0
            .prepare_cached(
                "SELECT id FROM runs WHERE finished_at BETWEEN ?1 AND ?2 ORDER BY 1 LIMIT 1",
            )?
            .query_row(within, |row| row.get(0))
            .optional()?;
        let last_run = || {
            let mut statement = self.0.prepare_cached("SELECT coalesce(max(id), 0) FROM runs")?;
            statement.query_row([], |row| row.get(0))
        };
        Ok(Trim {
            before,
            last_event: event.map_or_else(|| self.end_of_log(), |first| Ok(first - 1))?,
            last_run: run.map_or_else(last_run, |first| Ok(first - 1))?,
            examined: 0,
        })
    }

    /// When a trim was last through.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn trimmed_at(&self) -> rusqlite::Result<Option<DateTime<Utc>>> {
        self.noted_time("trimmed_at")
    }

    /// Before then, rosters cannot be rebuilt any more; none where nothing was trimmed yet.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn known_from(&self) -> rusqlite::Result<Option<DateTime<Utc>>> {
        self.noted_time("known_from")
    }

    pub(super) fn noted_time(&self, name: &str) -> rusqlite::Result<Option<DateTime<Utc>>> {
        let mut statement = self.0.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
        maybe_time(statement.query_row([name], |row| row.get(0)).optional()?)
    }
}

impl Tx<'_> {
    /// Takes one step of a trim. Returns what it took away, and what is left to do.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn trim_step(
        &self,
        trim: &Trim,
        claims: &[Claim],
        now: DateTime<Utc>,
    ) -> rusqlite::Result<(Trimmed, Option<Trim>)> {
        if self.known_from()?.is_none_or(|known| known < trim.before) {
            self.note_time("known_from", trim.before)?;
        }
        let mut trimmed = self.trim_events(trim, claims, now)?;
        if trimmed.events == STEP {
            return Ok((trimmed, Some(*trim)));
        }
        trimmed.states = self.trim_states(trim)?;
        if trimmed.states == STEP {
            return Ok((trimmed, Some(*trim)));
        }
        trimmed.sums = self.trim_sums(trim.before, STEP)?;
        if trimmed.sums == STEP {
            return Ok((trimmed, Some(*trim)));
        }
        let (runs, examined) = self.trim_runs(trim)?;
        trimmed.runs = runs;
        Ok((trimmed, examined.map(|examined| Trim { examined, ..*trim })))
    }

    /// Notes when a trim was last through.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_trimmed_at(&self, now: DateTime<Utc>) -> rusqlite::Result<()> {
        self.note_time("trimmed_at", now)
    }

    fn note_time(&self, name: &str, time: DateTime<Utc>) -> rusqlite::Result<()> {
        let mut statement = self.0.0.prepare_cached("REPLACE INTO meta VALUES (?1, ?2)")?;
        statement.execute((name, millis(time))).map(drop)
    }

    fn trim_events(
        &self,
        trim: &Trim,
        claims: &[Claim],
        now: DateTime<Utc>,
    ) -> rusqlite::Result<Trimmed> {
        let old = self.oldest_events(trim.last_event, trim.before, STEP)?;
        let mut delete = self.0.0.prepare_cached("DELETE FROM log WHERE sequence = ?1")?;
        for event in &old {
            delete.execute([event.sequence])?;
        }
        let mut lost = Vec::new();
        for claim in claims {
            let lane = self.find_lane(&claim.sink, &claim.lane)?;
            let missed = |lane: &super::Lane| {
                let ahead = old.iter().filter(|event| event.sequence > lane.cursor);
                ahead.filter(|event| (claim.wants)(event)).count() as u64
            };
            let events = lane.as_ref().map_or(0, missed);
            if let (Some(lane), 1..) = (&lane, events) {
                self.add_lost(lane, Lost { events, at: now })?;
            }
            lost.push(events);
        }
        if lost.iter().any(|events| *events > 0) {
            self.note_erasure()?;
        }
        Ok(Trimmed { events: old.len() as u64, lost, ..Trimmed::default() })
    }

    fn trim_states(&self, trim: &Trim) -> rusqlite::Result<u64> {
        let mut statement = self.0.0.prepare_cached(
            "DELETE FROM past_states WHERE (organization, ended, member) IN (
                 SELECT past.organization, ended, member
                 FROM past_states AS past JOIN runs ON runs.id = ended
                 WHERE ended <= ?1 AND finished_at < ?2 LIMIT ?3)",
        )?;
        let deleted = statement.execute((trim.last_run, millis(trim.before), STEP))?;
        Ok(deleted as u64)
    }

    /// Of each organization stay: the first run, the last before the horizon and the last of those
    /// that brought a roster, so that it can be told what was known when; and those in which a
    /// state that stays began or ended.
    fn trim_runs(&self, trim: &Trim) -> rusqlite::Result<(u64, Option<i64>)> {
        let mut examine = self.0.0.prepare_cached(
            "SELECT count(*), coalesce(max(id), 0)
             FROM (SELECT id FROM runs WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3)",
        )?;
        let examined = examine.query_row((trim.examined, trim.last_run, STEP), |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, i64>(1)?))
        })?;
        let (count, last) = examined;
        let mut delete = self.0.0.prepare_cached(
            "DELETE FROM runs
             WHERE id > ?1 AND id <= ?2 AND max(finished_at, last_finished_at) < ?4
               AND outcome <> 'baselined'
               AND EXISTS (SELECT 1 FROM runs AS later
                           WHERE later.organization = runs.organization
                             AND later.id > runs.id AND later.id <= ?3
                             AND (later.outcome NOT IN ('held', 'failed')
                                  OR runs.outcome IN ('held', 'failed')))
               AND NOT EXISTS (SELECT 1 FROM states WHERE began = runs.id)
               AND NOT EXISTS (SELECT 1 FROM past_states WHERE began = runs.id)
               AND NOT EXISTS (SELECT 1 FROM past_states WHERE ended = runs.id)",
        )?;
        let deleted = delete.execute((trim.examined, last, trim.last_run, millis(trim.before)))?;
        Ok((deleted as u64, (count == STEP).then_some(last)))
    }
}

#[cfg(test)]
mod tests;

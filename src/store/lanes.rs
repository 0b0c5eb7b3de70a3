//! The lanes' durable cursors, the delivery that each has cut, and the sinks that are paused.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row};

use super::{Carried, Tx, View, maybe_time, millis, time};

/// One receiver of a sink and how far in the log it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    number: i64,
    /// The sink's name in the config.
    pub sink: String,
    /// The lane's name in the sink.
    pub lane: String,
    /// The sequence of the last event that it is done with.
    pub cursor: u64,
    /// Why it was stopped, and the digest of the sink's config then.
    pub disabled: Option<(String, [u8; 32])>,
    /// What retention took before the lane had passed it, if it ever did.
    pub lost: Option<Lost>,
}

/// Events that were trimmed before a lane had passed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How many, since the lane is served.
    pub events: u64,
    /// When the last of them went.
    pub at: DateTime<Utc>,
}

/// A delivery that was cut: what is tried again, over restarts too, until it is got rid of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The same on every attempt.
    pub id: String,
    /// The sequence of its first event.
    pub first: u64,
    /// The sequence of its last event.
    pub last: u64,
    /// The filter that it was cut with, as JSON: what lies between first and last is in it or not.
    pub filter: String,
    /// The number of the attempt that is under way or comes next, from 1.
    pub attempt: u32,
    /// What became of the attempts so far, if any failed.
    pub failed: Option<Failed>,
}

/// What became of the attempts at a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// When the first of them failed.
    pub first_failed_at: DateTime<Utc>,
    /// Not before then comes the next.
    pub next_attempt_at: DateTime<Utc>,
    /// What the last of them met.
    pub reason: String,
}

impl View<'_> {
    /// The name that a sink is known by here: the one that it had before, if it says so, while
    /// nothing is known of it under the one that it has.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn known_as<'a>(
        &self,
        name: &'a str,
        formerly: Option<&'a str>,
    ) -> rusqlite::Result<&'a str> {
        match formerly {
            Some(formerly) if self.knows_sink(formerly)? && !self.knows_sink(name)? => Ok(formerly),
            _ => Ok(name),
        }
    }

    /// The lane of that name, if it was ever served.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn find_lane(&self, sink: &str, lane: &str) -> rusqlite::Result<Option<Lane>> {
        let mut statement = self.0.prepare_cached(
            "SELECT id, sink, lane, cursor, disabled, config, lost, lost_at FROM lanes
             WHERE sink = ?1 AND lane = ?2",
        )?;
        statement.query_row((sink, lane), read_lane).optional()
    }

    /// Whether a sink of that name ever had a place in the log.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn knows_sink(&self, name: &str) -> rusqlite::Result<bool> {
        self.0.prepare_cached("SELECT 1 FROM lanes WHERE sink = ?1")?.exists([name])
    }

    /// Since when a sink is paused, if it is.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn paused(&self, sink: &str) -> rusqlite::Result<Option<DateTime<Utc>>> {
        let mut statement = self.0.prepare_cached("SELECT since FROM pauses WHERE sink = ?1")?;
        maybe_time(statement.query_row([sink], |row| row.get(0)).optional()?)
    }

    /// The delivery that a lane has cut.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn cut(&self, lane: &Lane) -> rusqlite::Result<Option<Cut>> {
        let mut statement = self.0.prepare_cached(
            "SELECT id, first, last, filter, attempt, first_failed_at, next_attempt_at, reason
             FROM deliveries WHERE lane = ?1",
        )?;
        statement.query_row([lane.number], read_cut).optional()
    }
}

fn read_lane(row: &Row<'_>) -> rusqlite::Result<Lane> {
    let disabled: Option<String> = row.get("disabled")?;
    let config: Option<[u8; 32]> = row.get("config")?;
    let lost_at = maybe_time(row.get("lost_at")?)?;
    let events = row.get("lost")?;
    Ok(Lane {
        number: row.get("id")?,
        sink: row.get("sink")?,
        lane: row.get("lane")?,
        cursor: row.get("cursor")?,
        disabled: disabled.zip(config),
        lost: lost_at.map(|at| Lost { events, at }),
    })
}

fn read_cut(row: &Row<'_>) -> rusqlite::Result<Cut> {
    let first_failed_at = maybe_time(row.get("first_failed_at")?)?;
    let next_attempt_at = maybe_time(row.get("next_attempt_at")?)?;
    let reason: Option<String> = row.get("reason")?;
    let failed = first_failed_at.zip(next_attempt_at).zip(reason);
    Ok(Cut {
        id: row.get("id")?,
        first: row.get("first")?,
        last: row.get("last")?,
        filter: row.get("filter")?,
        attempt: row.get("attempt")?,
        failed: failed.map(|((first_failed_at, next_attempt_at), reason)| Failed {
            first_failed_at,
            next_attempt_at,
            reason,
        }),
    })
}

impl Tx<'_> {
    /// The lane of that name; a new one starts at the end of the log.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn lane(&self, sink: &str, lane: &str) -> rusqlite::Result<Lane> {
        if let Some(found) = self.find_lane(sink, lane)? {
            return Ok(found);
        }
        let mut statement = self.0.0.prepare_cached(
            "INSERT INTO lanes (sink, lane, cursor) VALUES (?1, ?2, ?3)
             RETURNING id, sink, lane, cursor, disabled, config, lost, lost_at",
        )?;
        statement.query_row((sink, lane, self.end_of_log()?), read_lane)
    }

    /// Carries what is known of a sink over to the name that it has now: its places in the log,
    /// its dead letters, and whether it is paused. Where the new name has places of its own,
    /// nothing is changed. No worker serves either meanwhile.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn rename_sink(&self, old: &str, new: &str) -> rusqlite::Result<Carried> {
        if !self.knows_sink(old)? {
            return Ok(Carried::Nothing);
        }
        if self.knows_sink(new)? {
            return Ok(Carried::BothKnown);
        }
        for sql in [
            "UPDATE lanes SET sink = ?2 WHERE sink = ?1",
            "UPDATE dead_letters SET sink = ?2 WHERE sink = ?1",
            "UPDATE OR REPLACE pauses SET sink = ?2 WHERE sink = ?1",
        ] {
            self.0.0.prepare_cached(sql)?.execute((old, new))?;
        }
        Ok(Carried::Whole)
    }

    /// Notes that a sink is to be left alone; one that is paused already stays so since then.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn pause(&self, sink: &str, now: DateTime<Utc>) -> rusqlite::Result<DateTime<Utc>> {
        let mut statement = self.0.0.prepare_cached(
            "INSERT INTO pauses VALUES (?1, ?2) ON CONFLICT DO UPDATE SET since = since
             RETURNING since",
        )?;
        time(statement.query_row((sink, millis(now)), |row| row.get(0))?)
    }

    /// Takes a pause back; says since when it was, if there was one.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn end_pause(&self, sink: &str) -> rusqlite::Result<Option<DateTime<Utc>>> {
        let mut statement =
            self.0.0.prepare_cached("DELETE FROM pauses WHERE sink = ?1 RETURNING since")?;
        maybe_time(statement.query_row([sink], |row| row.get(0)).optional()?)
    }

    /// Moves a lane's cursor.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_cursor(&self, lane: &Lane, cursor: u64) -> rusqlite::Result<()> {
        let mut statement =
            self.0.0.prepare_cached("UPDATE lanes SET cursor = ?2 WHERE id = ?1")?;
        statement.execute((lane.number, cursor)).map(drop)
    }

    /// Stops a lane, or with none lets it go on.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_disabled(
        &self,
        lane: &Lane,
        disabled: Option<(&str, [u8; 32])>,
    ) -> rusqlite::Result<()> {
        let (reason, config) = disabled.unzip();
        let mut statement =
            self.0.0.prepare_cached("UPDATE lanes SET disabled = ?2, config = ?3 WHERE id = ?1")?;
        statement.execute((lane.number, reason, config)).map(drop)
    }

    /// Stores or, with none, removes the delivery that a lane has cut.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_cut(&self, lane: &Lane, cut: Option<&Cut>) -> rusqlite::Result<()> {
        let Some(cut) = cut else {
            let mut statement =
                self.0.0.prepare_cached("DELETE FROM deliveries WHERE lane = ?1")?;
            return statement.execute([lane.number]).map(drop);
        };
        let failed = cut.failed.as_ref();
        let mut statement = self.0.0.prepare_cached(
            "REPLACE INTO deliveries (lane, id, first, last, filter, attempt, first_failed_at,
                                      next_attempt_at, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        statement
            .execute(rusqlite::params![
                lane.number,
                cut.id,
                cut.first,
                cut.last,
                cut.filter,
                cut.attempt,
                failed.map(|failed| millis(failed.first_failed_at)),
                failed.map(|failed| millis(failed.next_attempt_at)),
                failed.map(|failed| &failed.reason)
            ])
            .map(drop)
    }

    /// Changes the filters of the deliveries that are cut, where `change` gives another.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn change_filters(&self, change: impl Fn(&str) -> Option<String>) -> rusqlite::Result<()> {
        let mut cut = self.0.0.prepare_cached("SELECT lane, filter FROM deliveries")?;
        let cut = cut.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let cut: Vec<(i64, String)> = cut.collect::<rusqlite::Result<_>>()?;
        let mut set =
            self.0.0.prepare_cached("UPDATE deliveries SET filter = ?2 WHERE lane = ?1")?;
        for (lane, filter) in cut {
            if let Some(filter) = change(&filter) {
                set.execute((lane, filter))?;
            }
        }
        Ok(())
    }

    /// Adds to what retention took from a lane.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub(super) fn add_lost(&self, lane: &Lane, lost: Lost) -> rusqlite::Result<()> {
        let mut statement = self
            .0
            .0
            .prepare_cached("UPDATE lanes SET lost = lost + ?2, lost_at = ?3 WHERE id = ?1")?;
        statement.execute((lane.number, lost.events, millis(lost.at))).map(drop)
    }
}

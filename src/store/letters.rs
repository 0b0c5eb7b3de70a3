//! Dead letters: events that a lane would not take, kept until a person decides.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row};

use seatwatch_sdk::Event;

use super::{Lane, Tx, View, millis, time, unreadable};

/// An event that a lane will not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place in the log.
    pub sequence: u64,
    /// The event as JSON: it outlives the log's retention.
    pub event: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub died_at: DateTime<Utc>,
}

/// A dead letter where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptLetter {
    /// What a person calls it: never used again.
    pub id: u64,
    /// The sink that would not take it.
    pub sink: String,
    /// The lane of that sink.
    pub lane: String,
    /// What it would not take.
    pub event: Event,
    /// Why.
    pub reason: String,
    /// Since when.
    pub died_at: DateTime<Utc>,
}

/// Which dead letters are meant: those that all of these are true of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letters {
    /// Those of this sink.
    pub sink: Option<String>,
    /// Those of this lane.
    pub lane: Option<String>,
    /// Those of these numbers.
    pub ids: Option<Vec<u64>>,
}

impl Letters {
    /// The numbers as JSON, for a statement.
    fn ids(&self) -> Option<String> {
        let ids = self.ids.as_ref()?;
        Some(format!("[{}]", ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",")))
    }
}

/// What `Letters` means in SQL: the first three parameters.
const MEANT: &str = "(?1 IS NULL OR sink = ?1) AND (?2 IS NULL OR lane = ?2)
     AND (?3 IS NULL OR id IN (SELECT value FROM json_each(?3)))";

const COUNT_ALL: &str = "SELECT count(*) FROM dead_letters";

impl View<'_> {
    /// How many events of a lane are dead letters, and why the last of them is.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn dead_letters(&self, sink: &str, lane: &str) -> rusqlite::Result<(u64, Option<String>)> {
        let mut count = self
            .0
            .prepare_cached("SELECT count(*) FROM dead_letters WHERE sink = ?1 AND lane = ?2")?;
        let mut last = self.0.prepare_cached(
            "SELECT reason FROM dead_letters WHERE sink = ?1 AND lane = ?2
             ORDER BY id DESC LIMIT 1",
        )?;
        let count = count.query_row((sink, lane), |row| row.get(0))?;
        Ok((count, last.query_row((sink, lane), |row| row.get(0)).optional()?))
    }

    /// The sinks that have dead letters, by the names that they died under, and their lanes.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn sinks_with_letters(&self) -> rusqlite::Result<Vec<(String, String)>> {
        let mut statement =
            self.0.prepare_cached("SELECT DISTINCT sink, lane FROM dead_letters")?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// How many dead letters there are in all. It reads an index and none of them: the daemon asks
    /// whenever something is delivered.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn count_all_letters(&self) -> rusqlite::Result<u64> {
        self.0.prepare_cached(COUNT_ALL)?.query_row([], |row| row.get(0))
    }

    /// How many of the dead letters that are meant have a number past `after`.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn count_letters(&self, letters: &Letters, after: u64) -> rusqlite::Result<u64> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT count(*) FROM dead_letters WHERE {MEANT} AND id > ?4"
        ))?;
        let Letters { sink, lane, .. } = letters;
        let meant = (sink, lane, letters.ids(), after);
        statement.query_row(meant, |row| row.get(0))
    }

    /// The first of the dead letters that are meant whose number is past `after`, up to `limit`.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn letters(
        &self,
        letters: &Letters,
        after: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<KeptLetter>> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT id, sink, lane, event, reason, died_at FROM dead_letters
             WHERE {MEANT} AND id > ?4 ORDER BY id LIMIT ?5"
        ))?;
        let Letters { sink, lane, .. } = letters;
        let meant = (sink, lane, letters.ids(), after, limit);
        statement.query_map(meant, read_letter)?.collect()
    }
}

fn read_letter(row: &Row<'_>) -> rusqlite::Result<KeptLetter> {
    Ok(KeptLetter {
        id: row.get("id")?,
        sink: row.get("sink")?,
        lane: row.get("lane")?,
        event: serde_json::from_str(row.get_ref("event")?.as_str()?).map_err(unreadable)?,
        reason: row.get("reason")?,
        died_at: time(row.get("died_at")?)?,
    })
}

impl Tx<'_> {
    /// Keeps an event that a lane will not take; says how many that are. One that left the log
    /// meanwhile is not kept: retention has counted it as lost, or its organization was erased.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn bury(&self, lane: &Lane, letter: &DeadLetter) -> rusqlite::Result<u64> {
        let mut statement = self.0.0.prepare_cached(
            "INSERT INTO dead_letters (sink, lane, sequence, event, reason, died_at, organization)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, organization FROM log WHERE sequence = ?3",
        )?;
        statement
            .execute(rusqlite::params![
                lane.sink,
                lane.lane,
                letter.sequence,
                letter.event,
                letter.reason,
                millis(letter.died_at)
            ])
            .map(|kept| kept as u64)
    }

    /// Deletes the dead letters that are meant, for ever; says how many there were.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn drop_letters(&self, letters: &Letters) -> rusqlite::Result<u64> {
        let mut statement =
            self.0.0.prepare_cached(&format!("DELETE FROM dead_letters WHERE {MEANT}"))?;
        let Letters { sink, lane, .. } = letters;
        let dropped = statement.execute((sink, lane, letters.ids()))?;
        Ok(dropped as u64)
    }

    /// Notes why a dead letter was not taken once more.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_letter_reason(&self, id: u64, reason: &str) -> rusqlite::Result<()> {
        let mut statement =
            self.0.0.prepare_cached("UPDATE dead_letters SET reason = ?2 WHERE id = ?1")?;
        statement.execute((id, reason)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::schema;
    use super::*;

    #[test]
    fn all_are_counted_without_reading_one() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, "test".as_ref()).unwrap();
        insta::assert_snapshot!(schema::plan(&connection, COUNT_ALL), @"SCAN dead_letters USING COVERING INDEX dead_letters_of_organization");
    }
}

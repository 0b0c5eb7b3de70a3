//! The log: all events in commit order. It is the queue that every lane reads.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row, ToSql, params_from_iter};
use seatwatch_sdk::{Data, Event, EventKind};
use uuid::Uuid;

use super::{Organization, SecretKey, Tx, View, millis, time, unreadable};
use crate::organization::OrganizationId;

/// An event that is about to be committed.
#[derive(Debug)]
pub struct NewEvent<'a> {
    /// The sync that found it.
    pub sync: Uuid,
    /// Its place among the events of that sync, from 0.
    pub position: u32,
    /// Whose it is; none for the whole instance's.
    pub organization: Option<Organization>,
    /// The number of the member that it is about.
    pub member: Option<i64>,
    /// The `source` of the `CloudEvent`.
    pub source: &'a str,
    /// When the sync is committed.
    pub time: DateTime<Utc>,
    /// What happened.
    pub data: &'a Data,
}

/// What a filter can ask of an event without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its place in the log.
    pub sequence: u64,
    /// What happened.
    pub event: EventKind,
    /// To which organization; none for the whole instance.
    pub organization: Option<Arc<OrganizationId>>,
    /// When.
    pub time: DateTime<Utc>,
}

/// How the log stands: where it is as before, nothing came and nothing went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogState {
    /// The sequence of the newest event, 0 before the first one.
    pub end: u64,
    /// How often something was taken out of it that a lane had before it.
    pub erasures: u64,
}

/// Which events of the past are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Only those of this organization.
    pub organization: Option<Organization>,
    /// Only those about these members, by organization and number.
    pub members: Option<Vec<(Organization, i64)>>,
    /// Only those at or after this time.
    pub since: Option<DateTime<Utc>>,
    /// Only those up to this time.
    pub until: Option<DateTime<Utc>>,
}

/// In the order in which [`read_logged`] takes them; what an event has beyond them comes after.
/// All are read by number: to look for a column's name takes longer than to read it.
pub(super) const COLUMNS: &str = "sequence, event, time, organization";

/// The log where members are asked for: each has few events among many. SQLite, which does not know
/// how many, would rather walk over all in the order that is asked for.
pub(super) const BY_SUBJECT: &str = "log INDEXED BY log_of_subject";

/// How many events an [`Appender`] appends by one statement.
const AT_ONCE: usize = 32;

/// What most events take as JSON, so that there is room at once.
const USUAL_BYTES: usize = 1024;

impl View<'_> {
    /// The sequence of the newest event, 0 before the first one.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn end_of_log(&self) -> rusqlite::Result<u64> {
        // Not max(sequence): the newest events may have been trimmed.
        let mut statement = self.0.prepare_cached(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'log'), 0)",
        )?;
        statement.query_row([], |row| row.get(0))
    }

    /// How the log stands.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn log_state(&self) -> rusqlite::Result<LogState> {
        Ok(LogState { end: self.end_of_log()?, erasures: self.erasures()? })
    }

    /// How often something was taken out of the log that a lane had before it: where it is the same
    /// as before, what was read then still stands there.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn erasures(&self) -> rusqlite::Result<u64> {
        let mut statement = self.0.prepare_cached(
            "SELECT coalesce((SELECT value FROM meta WHERE name = 'erasures'), 0)",
        )?;
        statement.query_row([], |row| row.get(0))
    }

    /// Walks over the log past `after`, in order, as long as `visit` says so.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn walk_log(
        &self,
        after: u64,
        mut visit: impl FnMut(Logged) -> bool,
    ) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM log
             WHERE sequence > ?1 ORDER BY sequence"
        ))?;
        let mut rows = statement.query([after])?;
        let mut names = Names::new(self);
        while let Some(row) = rows.next()? {
            if !visit(read_logged(row, &mut names)?) {
                break;
            }
        }
        Ok(())
    }

    /// Walks over the log past `after`, in order, as long as `visit` says so; each event can be
    /// read on the way.
    ///
    /// # Errors
    ///
    /// The disk or the database failed, or `visit` did.
    pub fn walk_events(
        &self,
        after: u64,
        mut visit: impl FnMut(&Entry<'_>) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS}, sync, position, subject, source, data
             FROM log
             WHERE sequence > ?1 ORDER BY sequence"
        ))?;
        let mut rows = statement.query([after])?;
        let mut names = Names::new(self);
        while let Some(row) = rows.next()? {
            if !visit(&Entry { logged: read_logged(row, &mut names)?, row })? {
                break;
            }
        }
        Ok(())
    }

    /// The events from `first` to `last`, both included, that `wanted` takes.
    ///
    /// # Errors
    ///
    /// The disk or the database failed, or a row is not an event.
    pub fn events(
        &self,
        first: u64,
        last: u64,
        mut wanted: impl FnMut(&Logged) -> bool,
    ) -> rusqlite::Result<Vec<Event>> {
        let mut events = Vec::new();
        self.walk_events(first.saturating_sub(1), |entry| {
            let is_within = entry.logged.sequence <= last;
            if is_within && wanted(&entry.logged) {
                events.push(entry.event()?);
            }
            Ok(is_within)
        })?;
        Ok(events)
    }
}

impl History {
    /// In words of SQL: `?1` is the event past which they are, `?2` and `?6` are the times, `?3` is
    /// the organization, `?4` the members, `?5` how many.
    fn sql(&self) -> String {
        let (log, members) = match self.members {
            Some(_) => (
                BY_SUBJECT,
                " AND organization IN (SELECT value ->> 0 FROM json_each(?4))
                  AND subject IN (SELECT value ->> 1 FROM json_each(?4))",
            ),
            None => ("log", ""),
        };
        let organization = self.organization.map_or("", |_| " AND organization = ?3");
        format!(
            "SELECT {COLUMNS}, sync, position, subject, source, data FROM {log}
             WHERE sequence > ?1 AND (?2 IS NULL OR +time >= ?2)
                   AND (?6 IS NULL OR +time <= ?6){organization}{members}
             ORDER BY sequence LIMIT ?5"
        )
    }
}

/// An event that a walk over the log has come to.
#[derive(Debug)]
pub struct Entry<'a> {
    /// What can be asked without reading it.
    pub logged: Logged,
    row: &'a Row<'a>,
}

impl Entry<'_> {
    /// The event itself.
    ///
    /// # Errors
    ///
    /// The row is not an event.
    pub fn event(&self) -> rusqlite::Result<Event> {
        read_event(self.row, &self.logged)
    }
}

impl View<'_> {
    /// The first events past `after` that are asked for, up to `limit`, in order.
    ///
    /// # Errors
    ///
    /// The disk or the database failed, or a row is not an event.
    pub fn history(
        &self,
        history: &History,
        after: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<Event>> {
        let before = history.since.map_or(Ok(0), |since| self.last_before(since))?;
        let after = after.max(before);
        let (since, until) = (history.since.map(millis), history.until.map(millis));
        let subjects =
            history.members.as_ref().map(|members| self.subjects(members)).transpose()?;
        let organization = history.organization.map(|organization| organization.0);
        let mut statement = self.0.prepare_cached(&history.sql())?;
        let parameters = rusqlite::params![after, since, organization, subjects, limit, until];
        let mut names = Names::new(self);
        let read = |row: &Row<'_>| read_event(row, &read_logged(row, &mut names)?);
        let rows = statement.query_map(parameters, read)?;
        rows.collect()
    }

    /// The sequence before that of the first event at or after a time; the end of the log where
    /// there is none.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn last_before(&self, time: DateTime<Utc>) -> rusqlite::Result<u64> {
        let mut statement =
            self.0.prepare_cached("SELECT min(sequence) - 1 FROM log WHERE time >= ?1")?;
        let before: Option<u64> = statement.query_row([millis(time)], |row| row.get(0))?;
        before.map_or_else(|| self.end_of_log(), Ok)
    }

    /// Number of the organization and opaque name of each member, as JSON.
    pub(super) fn subjects(&self, members: &[(Organization, i64)]) -> rusqlite::Result<String> {
        let key = self.key()?;
        let subject = |&(organization, member): &(Organization, i64)| {
            (organization.0, key.subject(organization, member))
        };
        let subjects: Vec<_> = members.iter().map(subject).collect();
        serde_json::to_string(&subjects)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    }

    /// The first events, up to one of them, that are older than a time.
    pub(super) fn oldest_events(
        &self,
        last: u64,
        before: DateTime<Utc>,
        limit: u64,
    ) -> rusqlite::Result<Vec<Logged>> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM log
             WHERE sequence <= ?1 AND +time < ?2 ORDER BY sequence LIMIT ?3"
        ))?;
        let mut names = Names::new(self);
        let read = |row: &Row<'_>| read_logged(row, &mut names);
        let rows = statement.query_map((last, millis(before), limit), read)?;
        rows.collect()
    }
}

/// Tells the organizations of rows by their numbers. Most often that of a row is that of the row
/// before, so this is faster than a join.
pub(super) struct Names<'a> {
    view: &'a View<'a>,
    last: Option<(i64, Option<Arc<OrganizationId>>)>,
}

impl<'a> Names<'a> {
    pub(super) fn new(view: &'a View<'a>) -> Self {
        Self { view, last: None }
    }

    fn get(&mut self, number: i64) -> rusqlite::Result<Option<Arc<OrganizationId>>> {
        if let Some((last, name)) = &self.last
            && *last == number
        {
            return Ok(name.clone());
        }
        let name = self.look_up(number)?;
        self.last = Some((number, name.clone()));
        Ok(name)
    }

    fn look_up(&self, number: i64) -> rusqlite::Result<Option<Arc<OrganizationId>>> {
        self.view.id(Organization(number)).optional().map(|id| id.map(Arc::new))
    }
}

pub(super) fn read_logged(row: &Row<'_>, names: &mut Names<'_>) -> rusqlite::Result<Logged> {
    let number: Option<i64> = row.get(3)?;
    let organization = number.map(|number| names.get(number)).transpose()?.flatten();
    Ok(Logged {
        sequence: row.get(0)?,
        event: row.get_ref(1)?.as_str()?.parse().map_err(unreadable)?,
        organization,
        time: time(row.get(2)?)?,
    })
}

pub(super) fn read_event(row: &Row<'_>, logged: &Logged) -> rusqlite::Result<Event> {
    let sync = Uuid::from_bytes(row.get(4)?);
    let position: u32 = row.get(5)?;
    let data: Data = serde_json::from_str(row.get_ref(8)?.as_str()?).map_err(unreadable)?;
    Ok(Event {
        id: format!("{sync}-{position:04}"),
        source: row.get(7)?,
        subject: row.get(6)?,
        time: logged.time,
        sequence: logged.sequence,
        correlationid: sync.to_string(),
        data,
    })
}

impl Tx<'_> {
    /// Appends an event.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn append(&self, key: &SecretKey, event: &NewEvent<'_>) -> rusqlite::Result<()> {
        self.insert(&[NewRow::of(key, event)?])
    }

    /// Appends many events, in the order in which they are given.
    pub fn appender(&self, key: SecretKey) -> Appender<'_> {
        Appender { tx: self, key, waiting: Vec::new() }
    }

    /// Notes that something is taken out of the log.
    pub(super) fn note_erasure(&self) -> rusqlite::Result<()> {
        let mut statement = self.0.0.prepare_cached(
            "INSERT INTO meta VALUES ('erasures', 1) ON CONFLICT DO UPDATE SET value = value + 1",
        )?;
        statement.execute([]).map(drop)
    }

    fn insert(&self, rows: &[NewRow]) -> rusqlite::Result<()> {
        let values = vec!["(?, ?, ?, ?, ?, ?, ?, ?)"; rows.len()].join(", ");
        let mut statement = self.0.0.prepare_cached(&format!(
            "INSERT INTO log (sync, position, organization, event, subject, source, time, data)
             VALUES {values}"
        ))?;
        let values = rows.iter().flat_map(NewRow::values);
        statement.execute(params_from_iter(values)).map(drop)
    }
}

/// Appends events, many by one statement: SQLite looks up the last sequence and notes the new one
/// for each statement.
#[derive(Debug)]
pub struct Appender<'a> {
    tx: &'a Tx<'a>,
    key: SecretKey,
    waiting: Vec<NewRow>,
}

impl Appender<'_> {
    /// Appends an event, now or together with later ones.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn append(&mut self, event: &NewEvent<'_>) -> rusqlite::Result<()> {
        self.waiting.push(NewRow::of(&self.key, event)?);
        if self.waiting.len() == AT_ONCE {
            self.tx.insert(&self.waiting)?;
            self.waiting.clear();
        }
        Ok(())
    }

    /// Appends what still waits.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn finish(self) -> rusqlite::Result<()> {
        // One by one: those few are not worth a statement for each number of them.
        self.waiting.chunks(1).try_for_each(|row| self.tx.insert(row))
    }
}

/// An event as its row has it.
#[derive(Debug)]
struct NewRow {
    sync: Uuid,
    position: u32,
    organization: Option<i64>,
    event: &'static str,
    subject: Option<String>,
    source: String,
    time: i64,
    data: String,
}

impl NewRow {
    fn of(key: &SecretKey, event: &NewEvent<'_>) -> rusqlite::Result<Self> {
        let subject = event
            .organization
            .zip(event.member)
            .map(|(organization, member)| key.subject(organization, member));
        let mut data = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut data, event.data)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(Self {
            sync: event.sync,
            position: event.position,
            organization: event.organization.map(|organization| organization.0),
            event: event.data.event.word(),
            subject,
            source: event.source.to_owned(),
            time: millis(event.time),
            data: String::from_utf8(data).expect("JSON is text"),
        })
    }

    fn values(&self) -> [&dyn ToSql; 8] {
        let Self { sync, position, organization, event, subject, source, time, data } = self;
        [sync.as_bytes(), position, organization, event, subject, source, time, data]
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::schema;
    use super::*;

    #[test]
    fn of_the_log_only_the_events_of_the_members_who_are_asked_for_are_walked() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, "test".as_ref()).unwrap();
        let history = History { members: Some(vec![(Organization(1), 1)]), ..History::default() };
        insta::assert_snapshot!(schema::plan(&connection, &history.sql()), @"
        SEARCH log USING INDEX log_of_subject (subject=? AND rowid>?)
        LIST SUBQUERY 2
        SCAN json_each VIRTUAL TABLE INDEX 1:
        LIST SUBQUERY 1
        SCAN json_each VIRTUAL TABLE INDEX 1:
        CREATE BLOOM FILTER
        USE TEMP B-TREE FOR ORDER BY
        ");
    }
}

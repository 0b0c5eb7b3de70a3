//! What pages show: a part of a roster, the newest events, the life of one member.
//!
//! A page has few rows, whatever there is: nothing here reads a whole roster into memory, and
//! since when somebody is what they are is looked up for those alone who are shown.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, params};
use seatwatch_sdk::Event;

use super::log::{BY_SUBJECT, COLUMNS, Names, read_event, read_logged};
use super::rosters::read_member;
use super::vitals::id;
use super::{Organization, Since, View, time};
use crate::organization::OrganizationId;
use crate::roster::{Member, Username};

/// The function of SQL that makes a text lower case, as usernames are made: SQLite's own knows
/// ASCII alone.
const FOLDED: &str = "folded";

/// Lets a connection use [`FOLDED`].
pub(super) fn add_functions(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function(FOLDED, 1, flags, |call| {
        let text = call.get_raw(0).as_str_or_null()?;
        Ok(text.map(|text| Username::new(text).key().to_owned()))
    })
}

/// Which members are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What they have.
    pub having: Having,
    /// A part of their username, name or email, without letter case.
    pub part: Option<String>,
}

/// What members have who are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Having {
    /// Whatever it is.
    #[default]
    Anything,
    /// A seat.
    Seat,
    /// No seat.
    NoSeat,
    /// Admin rights.
    Admin,
}

/// A member of today's roster, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// As they are.
    pub member: Member,
    /// Since when.
    pub since: Since,
}

/// What is known of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// As they are, or were when they left.
    pub member: Member,
    /// Since when they are so, or were so when they left.
    pub since: Since,
    /// When they left, if they did.
    pub left_at: Option<DateTime<Utc>>,
    /// Keys of the usernames that they had before, the latest first.
    pub formerly: Vec<String>,
}

/// Which of the newest events are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// Only those of this organization.
    pub organization: Option<Organization>,
    /// Only those about these members of it, by number.
    pub members: Option<Vec<i64>>,
    /// Only those before this one.
    pub before: Option<u64>,
}

/// One state of a member, by the runs that it lasted from and to.
#[derive(Clone, Copy)]
struct Link {
    began: i64,
    seat: bool,
    admin: bool,
}

impl View<'_> {
    /// The members who are as wanted in the order of their keys: so many of them, after so many.
    /// And how many are as wanted: one walk over the roster tells both, since to look for a part of
    /// a name takes longer than to read it.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn list_members(
        &self,
        organization: Organization,
        wanted: &Wanted,
        limit: u64,
        after: u64,
    ) -> rusqlite::Result<(Vec<Listed>, u64)> {
        let sql = format!(
            "SELECT key, username, name, email, seat, admin, member, began FROM states
             WHERE {} ORDER BY key",
            wanted.condition()
        );
        let part = wanted.folded_part();
        let mut statement = self.0.prepare_cached(&sql)?;
        let mut rows = statement.query((organization.0, part))?;
        let (mut listed, mut total) = (Vec::new(), 0_u64);
        while let Some(row) = rows.next()? {
            total += 1;
            if total <= after || listed.len() as u64 == limit {
                continue;
            }
            let member = read_member(row)?;
            let link = Link { began: row.get(7)?, seat: member.seat, admin: member.admin };
            let since = self.since(organization, row.get(6)?, link)?;
            listed.push(Listed { member, since });
        }
        Ok((listed, total))
    }

    /// What is known of the member of a number; none where nothing is, or nothing any more.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn life(&self, organization: Organization, number: i64) -> rusqlite::Result<Option<Life>> {
        let mut statement = self.0.prepare_cached(
            "SELECT key, username, name, email, seat, admin, began, NULL FROM states
             WHERE organization = ?1 AND member = ?2
             UNION ALL
             SELECT key, username, name, email, seat, admin, began, ended FROM past_states
             WHERE organization = ?1 AND member = ?2
             ORDER BY 7 DESC",
        )?;
        let mut rows = statement.query((organization.0, number))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let member = read_member(row)?;
        let link = Link { began: row.get(6)?, seat: member.seat, admin: member.admin };
        let ended: Option<i64> = row.get(7)?;
        let mut formerly: Vec<String> = Vec::new();
        while let Some(row) = rows.next()? {
            let key: String = row.get(0)?;
            if key != member.key() && !formerly.contains(&key) {
                formerly.push(key);
            }
        }
        let since = self.since(organization, number, link)?;
        let left_at = ended.map(|run| self.time_of_run(run)).transpose()?;
        Ok(Some(Life { member, since, left_at, formerly }))
    }

    /// Since when a member is what a state says: back through the states that it goes on from.
    fn since(
        &self,
        organization: Organization,
        number: i64,
        last: Link,
    ) -> rusqlite::Result<Since> {
        let mut statement = self.0.prepare_cached(
            "SELECT began, seat, admin, ended FROM past_states
             WHERE organization = ?1 AND member = ?2 AND ended <= ?3 ORDER BY ended DESC",
        )?;
        let mut rows = statement.query((organization.0, number, last.began))?;
        let mut first = last;
        let (mut seat, mut admin) = (last.began, last.began);
        while let Some(row) = rows.next()? {
            let link = Link { began: row.get(0)?, seat: row.get(1)?, admin: row.get(2)? };
            if row.get::<_, i64>(3)? != first.began {
                break;
            }
            if link.seat && seat == first.began {
                seat = link.began;
            }
            if link.admin && admin == first.began {
                admin = link.began;
            }
            first = link;
        }
        let since = |has: bool, run: i64| has.then(|| self.time_of_run(run)).transpose();
        Ok(Since {
            member: self.time_of_run(first.began)?,
            seat: since(last.seat, seat)?,
            admin: since(last.admin, admin)?,
        })
    }

    fn time_of_run(&self, run: i64) -> rusqlite::Result<DateTime<Utc>> {
        let mut statement = self.0.prepare_cached("SELECT finished_at FROM runs WHERE id = ?1")?;
        time(statement.query_row([run], |row| row.get(0))?)
    }

    /// The newest events that are asked for, up to `limit`, the newest first.
    ///
    /// # Errors
    ///
    /// The disk or the database failed, or a row is not an event.
    pub fn newest(&self, newest: &Newest, limit: u64) -> rusqlite::Result<Vec<Event>> {
        let subjects = newest.members.as_ref().zip(newest.organization);
        let subjects = subjects.map(|(members, organization)| {
            let members: Vec<_> = members.iter().map(|number| (organization, *number)).collect();
            self.subjects(&members)
        });
        let subjects = subjects.transpose()?;
        let organization = newest.organization.map(|organization| organization.0);
        let mut statement = self.0.prepare_cached(&newest.sql())?;
        let mut rows = statement.query(params![newest.before, organization, subjects, limit])?;
        let (mut events, mut names) = (Vec::new(), Names::new(self));
        while let Some(row) = rows.next()? {
            events.push(read_event(row, &read_logged(row, &mut names)?)?);
        }
        Ok(events)
    }

    /// The organizations of which a sync has begun and not ended. That means something only while
    /// somebody holds the lock.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn under_way(&self) -> rusqlite::Result<HashSet<OrganizationId>> {
        let mut statement = self.0.prepare_cached(
            "SELECT service, owner FROM under_way JOIN organizations ON id = organization",
        )?;
        statement.query_map([], id)?.collect()
    }
}

impl Newest {
    /// In words of SQL: `?1` is the event before which they are, `?2` the organization, `?3` the
    /// members, `?4` how many.
    fn sql(&self) -> String {
        let (log, members) = match self.members {
            Some(_) => (BY_SUBJECT, " AND subject IN (SELECT value ->> 1 FROM json_each(?3))"),
            None => ("log", ""),
        };
        let organization = self.organization.map_or("", |_| " AND organization = ?2");
        format!(
            "SELECT {COLUMNS}, sync, position, subject, source, data FROM {log}
             WHERE sequence < coalesce(?1, 9223372036854775807){organization}{members}
             ORDER BY sequence DESC LIMIT ?4"
        )
    }
}

impl Wanted {
    /// In words of SQL: `?1` is the organization, `?2` what is searched for.
    fn condition(&self) -> String {
        let having = match self.having {
            Having::Anything => "",
            Having::Seat => " AND seat = 1",
            Having::NoSeat => " AND seat = 0",
            Having::Admin => " AND admin = 1",
        };
        let part = " AND (?2 IS NULL OR instr(key, ?2) > 0
                          OR instr(folded(name), ?2) > 0 OR instr(folded(email), ?2) > 0)";
        format!("organization = ?1{having}{part}")
    }

    /// In lower case, as [`FOLDED`] makes it.
    fn folded_part(&self) -> Option<String> {
        let part = self.part.as_deref();
        part.map(|part| Username::new(part).key().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    /// However many events there are.
    #[test]
    fn of_the_log_only_what_a_page_shows_is_walked() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, "test".as_ref()).unwrap();
        let plan = |newest: &Newest| schema::plan(&connection, &newest.sql());
        let organization = Some(Organization(1));
        let of_organization = Newest { organization, ..Newest::default() };
        insta::assert_snapshot!(plan(&of_organization), @"SEARCH log USING INDEX log_of_organization (organization=? AND rowid<?)");
        let of_members = Newest { members: Some(vec![1]), ..of_organization };
        insta::assert_snapshot!(plan(&of_members), @"
        SEARCH log USING INDEX log_of_subject (subject=? AND rowid<?)
        LIST SUBQUERY 1
        SCAN json_each VIRTUAL TABLE INDEX 1:
        USE TEMP B-TREE FOR ORDER BY
        ");
    }
}

//! The sums of an organization's rosters over time: one row whenever they changed.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row, params};
use seatwatch_sdk::{Totals, Unnamed};

use super::{Organization, Tx, View, millis, time};

/// The sums of a roster, from the time at which it was committed until the next ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Since when they are so.
    pub at: DateTime<Utc>,
    /// What they are.
    pub totals: Totals,
}

const COLUMNS: &str = "at, members, seats, admins, unnamed_members, unnamed_seats";

/// All in the index: of many organizations, every row would have to be looked up in the table.
const SEATS_USED: &str = "at, seats + unnamed_seats";

fn walk_back(columns: &str) -> String {
    format!("SELECT {columns} FROM sums WHERE organization = ?1 AND at <= ?2 ORDER BY id DESC")
}

impl View<'_> {
    /// The sums that were valid at `from`, where any were known then, and after them all that
    /// came up to `to`, in the order of their commits.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn sums(
        &self,
        organization: Organization,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> rusqlite::Result<Vec<Sums>> {
        self.back(COLUMNS, organization, (from, to), read_sums, |sums| sums.at)
    }

    /// The seats in use, unnamed rows and all, as [`View::sums`] tells them: from when on how many.
    /// Times far apart cost little.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn seats_used(
        &self,
        organization: Organization,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> rusqlite::Result<Vec<(DateTime<Utc>, u64)>> {
        let read = |row: &Row<'_>| Ok((time(row.get(0)?)?, row.get(1)?));
        self.back(SEATS_USED, organization, (from, to), read, |(at, _)| *at)
    }

    /// Walks back from the newest sums to those that were valid at `from`: nobody looks for them
    /// first, which would be the same walk once more.
    fn back<T>(
        &self,
        columns: &str,
        organization: Organization,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
        at: impl Fn(&T) -> DateTime<Utc>,
    ) -> rusqlite::Result<Vec<T>> {
        let mut statement = self.0.prepare_cached(&walk_back(columns))?;
        let mut rows = statement.query((organization.0, millis(to)))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let sums = read(row)?;
            let is_first = at(&sums) <= from;
            found.push(sums);
            if is_first {
                break;
            }
        }
        found.reverse();
        Ok(found)
    }

    /// The first sums that are known.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn first_sums(&self, organization: Organization) -> rusqlite::Result<Option<Sums>> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM sums WHERE organization = ?1 ORDER BY id LIMIT 1"
        ))?;
        statement.query_row([organization.0], read_sums).optional()
    }

    /// The sums that were valid at a time, where any were known then.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn sums_as_of(
        &self,
        organization: Organization,
        time: DateTime<Utc>,
    ) -> rusqlite::Result<Option<Sums>> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM sums WHERE organization = ?1 AND at <= ?2
             ORDER BY id DESC LIMIT 1"
        ))?;
        statement.query_row((organization.0, millis(time)), read_sums).optional()
    }
}

/// By number: to look for a column's name takes longer than to read it.
fn read_sums(row: &Row<'_>) -> rusqlite::Result<Sums> {
    let unnamed = Unnamed { members: row.get(4)?, seats: row.get(5)? };
    let totals = Totals { members: row.get(1)?, seats: row.get(2)?, admins: row.get(3)?, unnamed };
    Ok(Sums { at: time(row.get(0)?)?, totals })
}

impl Tx<'_> {
    /// Notes the sums of a roster, unless they are those of the one before.
    pub(super) fn note_sums(
        &self,
        organization: Organization,
        sums: &Sums,
    ) -> rusqlite::Result<()> {
        let mut statement = self.0.0.prepare_cached(
            "INSERT INTO sums (organization, at, members, seats, admins, unnamed_members,
                               unnamed_seats)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
             WHERE (?3, ?4, ?5, ?6, ?7) IS NOT
                   (SELECT members, seats, admins, unnamed_members, unnamed_seats FROM sums
                    WHERE organization = ?1 ORDER BY id DESC LIMIT 1)",
        )?;
        let Sums { at, totals } = sums;
        statement
            .execute(params![
                organization.0,
                millis(*at),
                totals.members,
                totals.seats,
                totals.admins,
                totals.unnamed.members,
                totals.unnamed.seats
            ])
            .map(drop)
    }

    /// Takes away what was over before a time, a part at a time; of each organization, what was
    /// valid then stays. Returns how many went.
    pub(super) fn trim_sums(&self, before: DateTime<Utc>, limit: u64) -> rusqlite::Result<u64> {
        let mut statement = self.0.0.prepare_cached(
            "DELETE FROM sums WHERE id IN (
                 SELECT id FROM sums
                 WHERE at < ?1 AND EXISTS (SELECT 1 FROM sums AS later
                                           WHERE later.organization = sums.organization
                                             AND later.id > sums.id AND later.at <= ?1)
                 LIMIT ?2)",
        )?;
        Ok(statement.execute((millis(before), limit))? as u64)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::schema;
    use super::*;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(hour)
    }

    fn totals(members: u64, unnamed: u64) -> Totals {
        let unnamed = Unnamed { members: unnamed, seats: unnamed };
        Totals { members, seats: members - 1, unnamed, ..Totals::default() }
    }

    /// Members of each, and rows without a name.
    fn words(sums: impl IntoIterator<Item = Sums>) -> String {
        let word = |it: Sums| {
            let hour = (it.at - DateTime::UNIX_EPOCH).num_hours();
            format!("{hour}: {}+{}", it.totals.members, it.totals.unnamed.members)
        };
        sums.into_iter().map(word).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn sums_are_noted_when_they_change_and_told_from_the_one_that_is_valid() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, "test".as_ref()).unwrap();
        let tx = Tx(View(&connection));
        let organization = tx.organization(&"github/acme".parse().unwrap()).unwrap();
        let other = tx.organization(&"github/other".parse().unwrap()).unwrap();
        tx.note_sums(other, &Sums { at: at(0), totals: totals(9, 9) }).unwrap();
        for (hour, members, unnamed) in [(1, 3, 0), (2, 3, 0), (5, 3, 1), (9, 2, 1)] {
            let sums = Sums { at: at(hour), totals: totals(members, unnamed) };
            tx.note_sums(organization, &sums).unwrap();
        }
        let between = |from, to| words(tx.sums(organization, at(from), at(to)).unwrap());
        assert_eq!(between(0, 99), "1: 3+0, 5: 3+1, 9: 2+1");
        assert_eq!(between(6, 8), "5: 3+1");
        assert_eq!(between(5, 9), "5: 3+1, 9: 2+1");
        assert_eq!(between(0, 0), "");
        let seats = tx.seats_used(organization, at(6), at(99)).unwrap();
        assert_eq!(seats, [(at(5), 3), (at(9), 2)]);
        assert_eq!(words(tx.sums_as_of(organization, at(8)).unwrap()), "5: 3+1");
        assert_eq!(words(tx.sums_as_of(organization, at(0)).unwrap()), "");
        assert_eq!(words(tx.first_sums(organization).unwrap()), "1: 3+0");
    }

    #[test]
    fn seats_in_use_are_read_from_the_index_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, "test".as_ref()).unwrap();
        insta::assert_snapshot!(schema::plan(&connection, &walk_back(SEATS_USED)), @"SEARCH sums USING COVERING INDEX sums_of_organization (organization=?)");
    }

    /// What the events of an older version tell is taken over.
    #[test]
    fn a_database_of_an_older_version_gets_the_sums_of_its_events() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in [
            include_str!("migrations/0001.sql"),
            include_str!("migrations/0002.sql"),
            include_str!("migrations/0003.sql"),
        ] {
            connection.execute_batch(migration).unwrap();
        }
        connection
            .execute("INSERT INTO organizations (service, owner) VALUES ('github', 'acme')", [])
            .unwrap();
        for (hour, members) in [(1, Some(3)), (2, Some(4)), (2, Some(4)), (3, None), (4, Some(3))] {
            let totals = members.map(|members| totals(members, 1));
            let data = serde_json::json!({ "event": "joined", "totals": totals }).to_string();
            connection
                .execute(
                    "INSERT INTO log (sync, position, organization, event, source, time, data)
                     VALUES (zeroblob(16), 0, 1, 'joined', '/', ?1, ?2)",
                    (millis(at(hour)), data),
                )
                .unwrap();
        }
        connection.execute_batch(include_str!("migrations/0004.sql")).unwrap();
        let sums = View(&connection).sums(Organization(1), at(0), at(9)).unwrap();
        assert_eq!(words(sums), "1: 3+1, 2: 4+1, 4: 3+1");
    }
}

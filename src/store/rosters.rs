//! The rosters: who is on each now, and every state that ended.
//!
//! A member's state has the run in which it began and, once over, the run in which it ended, so
//! that the roster of any past moment can be rebuilt. Only what changed is written.

use std::ops::Range;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row};
use seatwatch_sdk::{Totals, Unnamed};

use super::{Organization, RunNumber, Sums, Tx, View, millis, time, unreadable};
use crate::roster::{Member, Roster, UnnamedRow};

/// The roster that was committed last, without its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterState {
    /// When it was last seen to be so.
    pub read_at: DateTime<Utc>,
    /// Of the rows as Codecov sent them; none where they were put together from several readings.
    pub digest: Option<[u8; 32]>,
    /// Its sums.
    pub totals: Totals,
}

impl View<'_> {
    /// The roster that was committed last, if there is one.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn roster_state(
        &self,
        organization: Organization,
    ) -> rusqlite::Result<Option<RosterState>> {
        let mut statement = self.0.prepare_cached(
            "SELECT read_at, digest, members, seats, admins, unnamed_members, unnamed_seats
             FROM rosters WHERE organization = ?1",
        )?;
        statement
            .query_row([organization.0], |row| {
                Ok(RosterState {
                    read_at: time(row.get("read_at")?)?,
                    digest: row.get("digest")?,
                    totals: Totals {
                        members: row.get("members")?,
                        seats: row.get("seats")?,
                        admins: row.get("admins")?,
                        unnamed: Unnamed {
                            members: row.get("unnamed_members")?,
                            seats: row.get("unnamed_seats")?,
                        },
                    },
                })
            })
            .optional()
    }

    /// The roster that was committed last; an empty one where there is none.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn roster(&self, organization: Organization) -> rusqlite::Result<Roster> {
        let mut statement = self.0.prepare_cached(
            "SELECT key, username, name, email, seat, admin FROM states
             WHERE organization = ?1 ORDER BY key",
        )?;
        let members = statement.query_map([organization.0], read_member)?;
        let members = members.collect::<rusqlite::Result<Vec<_>>>()?;
        Roster::new(members, self.unnamed_rows(organization)?).map_err(unreadable)
    }

    /// Everybody who ever had a username, by its key: in one organization, or in all.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn members_named(
        &self,
        organization: Option<Organization>,
        key: &str,
    ) -> rusqlite::Result<Vec<(Organization, i64)>> {
        let mut statement = self.0.prepare_cached(
            "WITH asked (id) AS (SELECT id FROM organizations WHERE ?1 IS NULL OR id = ?1)
             SELECT organization, member FROM asked JOIN states ON organization = id
             WHERE key = ?2
             UNION
             SELECT organization, member FROM asked JOIN past_states ON organization = id
             WHERE key = ?2",
        )?;
        let organization = organization.map(|organization| organization.0);
        let rows = statement
            .query_map((organization, key), |row| Ok((Organization(row.get(0)?), row.get(1)?)))?;
        rows.collect()
    }

    pub(super) fn unnamed_rows(
        &self,
        organization: Organization,
    ) -> rusqlite::Result<Vec<UnnamedRow>> {
        let mut statement = self.0.prepare_cached(
            "SELECT email, seat FROM unnamed_rows WHERE organization = ?1 ORDER BY position",
        )?;
        let rows = statement.query_map([organization.0], |row| {
            Ok(UnnamedRow { email: row.get("email")?, seat: row.get("seat")? })
        })?;
        rows.collect()
    }
}

/// By number: to look for a column's name takes longer than to read it.
pub(super) fn read_member(row: &Row<'_>) -> rusqlite::Result<Member> {
    let text = |column| row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from);
    let shown = match text(1)? {
        Some(shown) => shown,
        None => row.get_ref(0)?.as_str()?,
    };
    Ok(Member::new(shown, text(2)?, text(3)?, row.get(4)?, row.get(5)?))
}

impl Tx<'_> {
    /// Notes that the roster was read and is as it was.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn touch_roster(
        &self,
        organization: Organization,
        read_at: DateTime<Utc>,
    ) -> rusqlite::Result<()> {
        let mut statement =
            self.0.0.prepare_cached("UPDATE rosters SET read_at = ?2 WHERE organization = ?1")?;
        statement.execute((organization.0, millis(read_at))).map(drop)
    }

    /// Sets what is known of the roster as a whole.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_roster_state(
        &self,
        organization: Organization,
        state: &RosterState,
    ) -> rusqlite::Result<()> {
        let mut statement = self.0.0.prepare_cached(
            "REPLACE INTO rosters (organization, read_at, digest, members, seats, admins,
                                   unnamed_members, unnamed_seats)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let totals = &state.totals;
        statement
            .execute(rusqlite::params![
                organization.0,
                millis(state.read_at),
                state.digest,
                totals.members,
                totals.seats,
                totals.admins,
                totals.unnamed.members,
                totals.unnamed.seats
            ])
            .map(drop)?;
        self.note_sums(organization, &Sums { at: state.read_at, totals: *totals })
    }

    /// Sets the rows that name nobody.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_unnamed_rows(
        &self,
        organization: Organization,
        rows: &[UnnamedRow],
    ) -> rusqlite::Result<()> {
        let mut delete =
            self.0.0.prepare_cached("DELETE FROM unnamed_rows WHERE organization = ?1")?;
        delete.execute([organization.0])?;
        let mut insert = self.0.0.prepare_cached(
            "INSERT INTO unnamed_rows (organization, position, email, seat)
             VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (position, row) in rows.iter().enumerate() {
            insert.execute((organization.0, position, &row.email, row.seat))?;
        }
        Ok(())
    }

    /// Ends the state of the member of that key with this run; returns the member's number, which
    /// survives renames.
    ///
    /// # Errors
    ///
    /// The disk or the database failed, or no such member is on the roster.
    pub fn end_state(
        &self,
        organization: Organization,
        run: RunNumber,
        key: &str,
    ) -> rusqlite::Result<i64> {
        let mut find = self
            .0
            .0
            .prepare_cached("SELECT member FROM states WHERE organization = ?1 AND key = ?2")?;
        let member = find.query_row((organization.0, key), |row| row.get(0))?;
        // Not with RETURNING, for which SQLite makes a table each time.
        let mut keep = self.0.0.prepare_cached(
            "INSERT INTO past_states (organization, ended, member, began, key, username, name,
                                      email, seat, admin)
             SELECT organization, ?2, member, began, key, username, name, email, seat, admin
             FROM states WHERE organization = ?1 AND key = ?3",
        )?;
        keep.execute((organization.0, run.0, key))?;
        let mut end =
            self.0.0.prepare_cached("DELETE FROM states WHERE organization = ?1 AND key = ?2")?;
        end.execute((organization.0, key))?;
        Ok(member)
    }

    /// Numbers for so many new members. No number is ever used again.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn new_members(
        &self,
        organization: Organization,
        count: usize,
    ) -> rusqlite::Result<Range<i64>> {
        let mut statement = self.0.0.prepare_cached(
            "UPDATE organizations SET next_member = next_member + ?2 WHERE id = ?1
             RETURNING next_member - ?2, next_member",
        )?;
        statement.query_row((organization.0, count), |row| Ok(row.get(0)?..row.get(1)?))
    }

    /// Begins a state of the member of that number with this run.
    ///
    /// # Errors
    ///
    /// The disk or the database failed, or another member has that key.
    pub fn begin_state(
        &self,
        organization: Organization,
        run: RunNumber,
        number: i64,
        member: &Member,
    ) -> rusqlite::Result<()> {
        let shown = member.username();
        let mut statement = self.0.0.prepare_cached(
            "INSERT INTO states (organization, key, member, began, username, name, email, seat,
                                 admin)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        statement
            .execute(rusqlite::params![
                organization.0,
                member.key(),
                number,
                run.0,
                (shown != member.key()).then_some(shown),
                member.name(),
                member.email(),
                member.seat,
                member.admin
            ])
            .map(drop)
    }
}

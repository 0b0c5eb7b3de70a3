//! The sums of an organization's rosters over time: one row whenever they changed.

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};
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
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM sums
             WHERE organization = ?1 AND at <= ?3
               AND id >= coalesce((SELECT id FROM sums WHERE organization = ?1 AND at <= ?2
                                   ORDER BY id DESC LIMIT 1), 0)
             ORDER BY id"
        ))?;
        let rows = statement.query_map((organization.0, millis(from), millis(to)), read_sums)?;
        rows.collect()
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
        Ok(self.sums(organization, time, time)?.pop())
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

//! How all organizations stand, in one question: what metrics show.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::Row;
use seatwatch_sdk::{Totals, Unnamed};

use super::{Answer, View, maybe_time, unreadable};
use crate::organization::OrganizationId;

/// How one organization stands, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Sums of its last roster.
    pub totals: Option<Totals>,
    /// How many syncs failed in a row, up to now; none before the first sync.
    pub failures: Option<u32>,
    /// When a sync last succeeded.
    pub last_success_at: Option<DateTime<Utc>>,
    /// What Codecov last said of the token.
    pub answer: Option<Answer>,
    /// Whether a roster waits for a person.
    pub held: bool,
}

impl Vitals {
    /// The same after more syncs that have failed, of which the store does not know.
    #[must_use]
    pub fn after_more(self, failures: u32) -> Self {
        if failures == 0 {
            return self;
        }
        let all = self.failures.unwrap_or_default().saturating_add(failures);
        Self { failures: Some(all), ..self }
    }
}

/// Everything but the list itself is found by primary key.
const ALL: &str = "
    SELECT service, owner, members, seats, admins, unnamed_members, unnamed_seats, failures,
           last_success_at, answer, holds.organization IS NOT NULL AS held
    FROM organizations
    LEFT JOIN rosters ON rosters.organization = organizations.id
    LEFT JOIN health ON health.organization = organizations.id
    LEFT JOIN proofs ON proofs.organization = organizations.id
    LEFT JOIN holds ON holds.organization = organizations.id";

impl View<'_> {
    /// How all organizations stand that were ever synced.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn vitals(&self) -> rusqlite::Result<HashMap<OrganizationId, Vitals>> {
        self.0.prepare_cached(ALL)?.query_map([], |row| Ok((id(row)?, vitals(row)?)))?.collect()
    }
}

pub(super) fn id(row: &Row<'_>) -> rusqlite::Result<OrganizationId> {
    let service: String = row.get("service")?;
    let owner: String = row.get("owner")?;
    let id = service.parse().and_then(|service| OrganizationId::new(service, &owner));
    id.map_err(unreadable)
}

fn vitals(row: &Row<'_>) -> rusqlite::Result<Vitals> {
    Ok(Vitals {
        totals: totals(row)?,
        failures: row.get("failures")?,
        last_success_at: maybe_time(row.get("last_success_at")?)?,
        answer: row.get::<_, Option<String>>("answer")?.map(Answer::read).transpose()?,
        held: row.get("held")?,
    })
}

fn totals(row: &Row<'_>) -> rusqlite::Result<Option<Totals>> {
    let Some(members) = row.get("members")? else { return Ok(None) };
    Ok(Some(Totals {
        members,
        seats: row.get("seats")?,
        admins: row.get("admins")?,
        unnamed: Unnamed { members: row.get("unnamed_members")?, seats: row.get("unnamed_seats")? },
    }))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::schema;
    use super::*;

    #[test]
    fn nothing_but_the_list_of_organizations_is_walked() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("migrations/0001.sql")).unwrap();
        insta::assert_snapshot!(schema::plan(&connection, ALL), @r"
        SCAN organizations USING COVERING INDEX sqlite_autoindex_organizations_1
        SEARCH rosters USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
        SEARCH health USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
        SEARCH proofs USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
        SEARCH holds USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
        ");
    }
}

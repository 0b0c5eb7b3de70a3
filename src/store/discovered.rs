//! What the rules of `discover` have found, and how their look-ups fare.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row};

use super::{Failure, Tx, View, maybe_time, millis, time, unreadable};
use crate::organization::{OrganizationId, Service};

/// An owner that was in the listing of a token and that a rule matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Which it is.
    pub id: OrganizationId,
    /// When a whole listing last had it.
    pub last_seen: DateTime<Utc>,
    /// How many whole listings in a row have been without it since.
    pub missed: u32,
    /// When it was told that it vanished; none while it is there.
    pub vanished_at: Option<DateTime<Utc>>,
    /// When it was last asked about and had no members, as a person's user name has none; none
    /// where it has, and is watched.
    pub empty_at: Option<DateTime<Utc>>,
}

/// How the look-ups on one git service fare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// When one last succeeded.
    pub last_success_at: Option<DateTime<Utc>>,
    /// How many failed in a row, up to now.
    pub failures: u32,
    /// Since when they fail.
    pub failing_since: Option<DateTime<Utc>>,
    /// Why the last one failed.
    pub failure: Option<Failure>,
}

const DISCOVERED: &str = "SELECT service, owner, last_seen, missed, vanished_at, empty_at
                          FROM discovered";

impl View<'_> {
    /// All that was found, in the order of their names.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn discovered(&self) -> rusqlite::Result<Vec<Discovered>> {
        let sql = format!("{DISCOVERED} ORDER BY service, owner");
        self.0.prepare_cached(&sql)?.query_map([], discovered)?.collect()
    }

    /// Those that were told to have vanished, and when.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn vanished(&self) -> rusqlite::Result<HashMap<OrganizationId, DateTime<Utc>>> {
        let vanished = self.discovered()?.into_iter();
        Ok(vanished.filter_map(|found| Some((found.id, found.vanished_at?))).collect())
    }

    /// What was found under one name.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn discovered_as(&self, id: &OrganizationId) -> rusqlite::Result<Option<Discovered>> {
        let sql = format!("{DISCOVERED} WHERE service = ?1 AND owner = ?2");
        let key = (id.service().word(), id.owner());
        self.0.prepare_cached(&sql)?.query_row(key, discovered).optional()
    }

    /// How the look-ups fare, of every service where there was one.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn lookups(&self) -> rusqlite::Result<BTreeMap<Service, Lookups>> {
        let mut statement = self.0.prepare_cached(
            "SELECT service, last_success_at, failures, failing_since, reason, message, hint
             FROM lookups",
        )?;
        let rows = statement.query_map([], |row| Ok((service(row)?, lookups(row)?)))?;
        rows.collect()
    }
}

impl Tx<'_> {
    /// Keeps what is known of one that was found.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_discovered(&self, one: &Discovered) -> rusqlite::Result<()> {
        let mut statement =
            self.0.0.prepare_cached("REPLACE INTO discovered VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        statement
            .execute((
                one.id.service().word(),
                one.id.owner(),
                millis(one.last_seen),
                one.missed,
                one.vanished_at.map(millis),
                one.empty_at.map(millis),
            ))
            .map(drop)
    }

    /// Keeps nothing of one that was found.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn drop_discovered(&self, id: &OrganizationId) -> rusqlite::Result<()> {
        let mut statement =
            self.0.0.prepare_cached("DELETE FROM discovered WHERE service = ?1 AND owner = ?2")?;
        statement.execute((id.service().word(), id.owner())).map(drop)
    }

    /// Keeps how the look-ups on a service fare.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_lookups(&self, service: Service, lookups: &Lookups) -> rusqlite::Result<()> {
        let mut statement =
            self.0.0.prepare_cached("REPLACE INTO lookups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        let failure = lookups.failure.as_ref();
        statement
            .execute((
                service.word(),
                lookups.last_success_at.map(millis),
                lookups.failures,
                lookups.failing_since.map(millis),
                failure.map(|failure| &failure.reason),
                failure.map(|failure| &failure.message),
                failure.map(|failure| &failure.hint),
            ))
            .map(drop)
    }
}

fn service(row: &Row<'_>) -> rusqlite::Result<Service> {
    row.get::<_, String>("service")?.parse().map_err(unreadable)
}

fn discovered(row: &Row<'_>) -> rusqlite::Result<Discovered> {
    let owner: String = row.get("owner")?;
    Ok(Discovered {
        id: OrganizationId::new(service(row)?, &owner).map_err(unreadable)?,
        last_seen: time(row.get("last_seen")?)?,
        missed: row.get("missed")?,
        vanished_at: maybe_time(row.get("vanished_at")?)?,
        empty_at: maybe_time(row.get("empty_at")?)?,
    })
}

fn lookups(row: &Row<'_>) -> rusqlite::Result<Lookups> {
    let failure = match (row.get("reason")?, row.get("message")?, row.get("hint")?) {
        (Some(reason), Some(message), Some(hint)) => Some(Failure { reason, message, hint }),
        _ => None,
    };
    Ok(Lookups {
        last_success_at: maybe_time(row.get("last_success_at")?)?,
        failures: row.get("failures")?,
        failing_since: maybe_time(row.get("failing_since")?)?,
        failure,
    })
}

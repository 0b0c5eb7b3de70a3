//! Rosters that wait for a person, and what persons said of them.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row};
use serde::{Deserialize, Serialize};

use super::{Organization, Tx, View, maybe_time, millis, time, unreadable};
use crate::roster::Losses;

/// A roster that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Names exactly these losses.
    pub id: String,
    /// What the roster lacked when it was read last.
    pub losses: Losses,
    /// The hold as `roster_held` last told it.
    pub told_id: String,
    /// What it lacked then.
    pub told_losses: Losses,
    /// When that was.
    pub told_at: DateTime<Utc>,
    /// When the organization came to be held.
    pub since: DateTime<Utc>,
    /// When a person said that it is wrong: no more reminders.
    pub rejected_at: Option<DateTime<Utc>>,
}

/// A person's word that a hold is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The hold that was approved.
    pub hold: String,
    /// Exactly what may be lost.
    pub losses: Losses,
    /// When it was said.
    pub approved_at: DateTime<Utc>,
}

impl View<'_> {
    /// The hold of an organization, if it is held.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn hold(&self, organization: Organization) -> rusqlite::Result<Option<Hold>> {
        let mut statement = self.0.prepare_cached(
            "SELECT id, losses, told_id, told_losses, told_at, since, rejected_at FROM holds
             WHERE organization = ?1",
        )?;
        statement
            .query_row([organization.0], |row| {
                Ok(Hold {
                    id: row.get("id")?,
                    losses: losses(row, "losses")?,
                    told_id: row.get("told_id")?,
                    told_losses: losses(row, "told_losses")?,
                    told_at: time(row.get("told_at")?)?,
                    since: time(row.get("since")?)?,
                    rejected_at: maybe_time(row.get("rejected_at")?)?,
                })
            })
            .optional()
    }

    /// What a person has approved for an organization and no commit has used up yet.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn approval(&self, organization: Organization) -> rusqlite::Result<Option<Approval>> {
        let mut statement = self.0.prepare_cached(
            "SELECT hold, losses, approved_at FROM approvals WHERE organization = ?1",
        )?;
        statement
            .query_row([organization.0], |row| {
                Ok(Approval {
                    hold: row.get("hold")?,
                    losses: losses(row, "losses")?,
                    approved_at: time(row.get("approved_at")?)?,
                })
            })
            .optional()
    }
}

impl Tx<'_> {
    /// Sets or, with none, ends the hold of an organization.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_hold(
        &self,
        organization: Organization,
        hold: Option<&Hold>,
    ) -> rusqlite::Result<()> {
        let Some(hold) = hold else {
            let mut statement =
                self.0.0.prepare_cached("DELETE FROM holds WHERE organization = ?1")?;
            return statement.execute([organization.0]).map(drop);
        };
        let mut statement = self.0.0.prepare_cached(
            "REPLACE INTO holds (organization, id, losses, told_id, told_losses, told_at, since,
                                 rejected_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        statement
            .execute(rusqlite::params![
                organization.0,
                hold.id,
                text(&hold.losses)?,
                hold.told_id,
                text(&hold.told_losses)?,
                millis(hold.told_at),
                millis(hold.since),
                hold.rejected_at.map(millis)
            ])
            .map(drop)
    }

    /// Sets or, with none, uses up what a person has approved.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn set_approval(
        &self,
        organization: Organization,
        approval: Option<&Approval>,
    ) -> rusqlite::Result<()> {
        let Some(approval) = approval else {
            let mut statement =
                self.0.0.prepare_cached("DELETE FROM approvals WHERE organization = ?1")?;
            return statement.execute([organization.0]).map(drop);
        };
        let mut statement = self.0.0.prepare_cached(
            "REPLACE INTO approvals (organization, hold, losses, approved_at)
             VALUES (?1, ?2, ?3, ?4)",
        )?;
        let losses = text(&approval.losses)?;
        statement
            .execute((organization.0, &approval.hold, losses, millis(approval.approved_at)))
            .map(drop)
    }
}

fn losses(row: &Row<'_>, column: &str) -> rusqlite::Result<Losses> {
    serde_json::from_str(&row.get::<_, String>(column)?).map_err(unreadable)
}

fn text(losses: &Losses) -> rusqlite::Result<String> {
    serde_json::to_string(losses).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

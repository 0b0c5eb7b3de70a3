//! Takes a person's word on a held roster.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::organization::OrganizationId;
use crate::roster::Losses;
use crate::store::{Approval, Hold, Store, StoreError, Tx};

/// How long an approval waits for the sync that uses it up.
const APPROVAL_LASTS: chrono::TimeDelta = chrono::TimeDelta::hours(24);

impl Approval {
    /// Whether it still covers what it was given for.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        now < self.ends_at()
    }

    /// When it ends if no sync has used it up by then.
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.approved_at + APPROVAL_LASTS
    }
}

/// Why a person's word was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refused {
    /// The organization is not held.
    #[error("no roster is held")]
    NotHeld,
    /// The hold is not the one that was named.
    #[error("hold `{named}` is not the one that is held now, which is `{}`", hold.id)]
    OtherHold {
        /// The one that was named.
        named: String,
        /// The one that is there.
        hold: Box<Hold>,
    },
    /// It is not what was shown: the person may not know what they approve.
    #[error("the held roster has changed since it was told")]
    Changed {
        /// As it is now; `told_losses` is what was shown.
        hold: Box<Hold>,
    },
}

/// Approves the hold of an organization: the one that is named, or else the one that was told. The
/// next sync accepts exactly its set.
///
/// # Errors
///
/// The outer error is the store's; the inner one says why the word was not taken.
pub async fn approve(
    store: &Store,
    organization: &OrganizationId,
    named: Option<String>,
    now: DateTime<Utc>,
) -> Result<Result<(), Refused>, StoreError> {
    change(store, organization, move |tx, number, hold| {
        match named {
            Some(named) if named != hold.id => {
                return Ok(Err(Refused::OtherHold { named, hold: Box::new(hold) }));
            }
            None if hold.id != hold.told_id => {
                return Ok(Err(Refused::Changed { hold: Box::new(hold) }));
            }
            _ => {}
        }
        let approval = Approval { hold: hold.id, losses: hold.losses, approved_at: now };
        tx.set_approval(number, Some(&approval)).map(Ok)
    })
    .await
}

/// Says that the held roster is wrong: it stays held, and nobody is reminded of it any more.
///
/// # Errors
///
/// The outer error is the store's; the inner one says why the word was not taken.
pub async fn reject(
    store: &Store,
    organization: &OrganizationId,
    now: DateTime<Utc>,
) -> Result<Result<Hold, Refused>, StoreError> {
    change(store, organization, move |tx, number, hold| {
        let hold = Hold { rejected_at: Some(now), ..hold };
        tx.set_hold(number, Some(&hold))?;
        tx.set_approval(number, None)?;
        Ok(Ok(hold))
    })
    .await
}

/// Does something about the hold of an organization, in one transaction.
async fn change<T: Send + 'static>(
    store: &Store,
    organization: &OrganizationId,
    act: impl FnOnce(&Tx<'_>, crate::store::Organization, Hold) -> rusqlite::Result<Result<T, Refused>>
    + Send
    + 'static,
) -> Result<Result<T, Refused>, StoreError> {
    let organization = organization.clone();
    store
        .write(move |tx| {
            let Some(number) = tx.find(&organization)? else { return Ok(Err(Refused::NotHeld)) };
            match tx.hold(number)? {
                Some(hold) => act(tx, number, hold),
                None => Ok(Err(Refused::NotHeld)),
            }
        })
        .await
}

/// How one set of losses differs from another: `+` is new, `-` is no longer among them.
pub fn difference(told: &Losses, now: &Losses) -> Vec<String> {
    let sets = [
        ("leaves", &told.leavers, &now.leavers),
        ("loses the seat", &told.seat_losers, &now.seat_losers),
    ];
    let mut lines = Vec::new();
    for (what, told, now) in sets {
        lines.extend(now.difference(told).map(|key| format!("+ {key} {what}")));
        lines.extend(told.difference(now).map(|key| format!("- {key} {what}")));
    }
    match (told.last_admin, now.last_admin) {
        (false, true) => lines.push("+ no admin is left".to_owned()),
        (true, false) => lines.push("- no admin is left".to_owned()),
        _ => {}
    }
    lines
}

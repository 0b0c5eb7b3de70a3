//! What a sync did, for people and machines at a command line.
//!
//! Plain data: a daemon sends it over its socket to the command that asked for the sync.

use std::time::Duration;

use seatwatch_sdk::{EventKind, Totals};
use serde::{Deserialize, Serialize};

use super::SyncError;
use crate::chain::chain;
use crate::codecov::Reason;
use crate::organization::OrganizationId;
use crate::store::{Hold, Outcome};

/// What one sync of one organization did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Which organization.
    pub organization: OrganizationId,
    /// How it ended, in a word.
    pub outcome: Outcome,
    /// What it found, or why it found nothing.
    pub result: Result<Synced, NotSynced>,
    /// The events that it brought, in order; on a dry run those that it would have brought.
    pub events: Vec<Told>,
    /// Requests that were sent.
    pub requests: u64,
    /// From its beginning to its commit.
    pub took: Duration,
    /// How many syncs of the organization had failed in a row before this one.
    pub failures_before: u32,
    /// The same after it: no more than before where it was postponed, for nothing was asked.
    pub failures: u32,
    /// The word for why the sync before this one failed, if it did.
    pub reason_before: Option<String>,
    /// What a person should know although it stopped nothing.
    pub warnings: Vec<String>,
}

/// How a sync ended that read a whole roster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Synced {
    /// The first roster was stored.
    Baselined(Totals),
    /// The roster was compared with the last one and took its place.
    Compared {
        /// Sums of the last one.
        before: Totals,
        /// Sums of the new one.
        after: Totals,
    },
    /// It waits for a person; the last one stays.
    Held {
        /// What it waits for.
        hold: Box<Hold>,
        /// Sums of the last one.
        kept: Totals,
        /// Sums of the one that is held back.
        found: Totals,
    },
}

/// Why a sync found nothing, in words.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NotSynced {
    /// The word for metrics and exit codes.
    pub reason: Reason,
    /// Whether the configuration is to blame, whatever the reason: a token that cannot be read.
    pub misconfigured: bool,
    /// What happened, with all that caused it.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl From<&SyncError> for NotSynced {
    fn from(error: &SyncError) -> Self {
        Self {
            reason: error.reason(),
            misconfigured: matches!(error, SyncError::Token(_)),
            message: chain(error),
            hint: error.hint(),
        }
    }
}

/// One event in a word, and whom it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What happened.
    pub event: EventKind,
    /// The username; none for the organization's own events.
    pub member: Option<String>,
    /// The former username of somebody who was renamed.
    pub formerly: Option<String>,
}

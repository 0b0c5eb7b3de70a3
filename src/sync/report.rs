//! What a sync did, for people and machines at a command line.

use seatwatch_sdk::{EventKind, Totals};

use super::SyncError;
use crate::organization::OrganizationId;
use crate::store::{Hold, Outcome};

/// What one sync of one organization did.
#[derive(Debug)]
pub struct Report {
    /// Which organization.
    pub organization: OrganizationId,
    /// How it ended, in a word.
    pub outcome: Outcome,
    /// What it found, or why it found nothing.
    pub result: Result<Synced, SyncError>,
    /// The events that it brought, in order; on a dry run those that it would have brought.
    pub events: Vec<Told>,
    /// Requests that were sent.
    pub requests: u64,
    /// What a person should know although it stopped nothing.
    pub warnings: Vec<String>,
}

/// How a sync ended that read a whole roster.
#[derive(Debug)]
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

/// One event in a word, and whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub event: EventKind,
    /// The username; none for the organization's own events.
    pub member: Option<String>,
    /// The former username of somebody who was renamed.
    pub formerly: Option<String>,
}

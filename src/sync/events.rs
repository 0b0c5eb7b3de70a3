//! Puts what a sync found into the words that sinks read.
//!
//! Pure. The store adds what only it knows: sequence and subject.

use chrono::{DateTime, Utc};
use seatwatch_sdk::{Data, EventKind, Organization, Totals};
use serde_json::Value;

use super::diff::Change;
use crate::organization::OrganizationId;

/// What all events of one sync share.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) organization: OrganizationId,
    /// After the sync.
    pub(super) totals: Option<Totals>,
    /// Before it.
    pub(super) previous_totals: Option<Totals>,
    /// When the roster that this one was compared with was read.
    pub(super) since: Option<DateTime<Utc>>,
}

impl Frame {
    /// An event of the organization.
    pub(super) fn organization_event(&self, event: EventKind, details: Value) -> Data {
        Data {
            event,
            organization: Some(Organization {
                service: self.organization.service().word().to_owned(),
                owner: self.organization.owner().to_owned(),
            }),
            member: None,
            before: None,
            after: None,
            totals: self.totals,
            previous_totals: self.previous_totals,
            since: self.since,
            details: Some(details),
        }
    }

    /// One event of a member.
    pub(super) fn member_event(&self, event: EventKind, change: Change<'_>) -> Data {
        Data {
            member: Some(change.newest().profile().into()),
            before: change.before.map(crate::roster::Member::profile),
            after: change.after.map(crate::roster::Member::profile),
            details: None,
            ..self.organization_event(event, Value::Null)
        }
    }
}

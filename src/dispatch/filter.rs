//! Which events of the log a sink is told about.

use std::collections::BTreeSet;

use seatwatch_sdk::EventKind;
use serde::{Deserialize, Serialize};

use crate::config::{OrganizationFilter, SinkEntry};
use crate::organization::OrganizationId;
use crate::store::Logged;

/// Lets pass what a sink wants. A delivery keeps the filter that it was cut with, so that a
/// change of the config does not change what is tried again.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    events: BTreeSet<EventKind>,
    organizations: OrganizationFilter,
}

/// The form in which a delivery keeps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    events: BTreeSet<EventKind>,
    organizations: Option<Vec<String>>,
}

impl Filter {
    /// What the config says; a sink that names no events gets all but `updated`.
    pub(super) fn of(entry: &SinkEntry) -> Self {
        let all_but_updated =
            || EventKind::ALL.iter().copied().filter(|kind| *kind != EventKind::Updated).collect();
        Self {
            events: entry.events.clone().unwrap_or_else(all_but_updated),
            organizations: entry.organizations.clone(),
        }
    }

    /// Whether the sink wants it. What concerns the whole instance passes every organization
    /// filter.
    pub(super) fn passes(&self, event: &Logged) -> bool {
        let organization = event.organization.as_ref();
        self.events.contains(&event.event)
            && organization.is_none_or(|id| self.organizations.matches(id))
    }

    /// As JSON.
    pub(super) fn keep(&self) -> String {
        let kept = Kept {
            events: self.events.clone(),
            organizations: self.organizations.patterns().map(<[String]>::to_vec),
        };
        serde_json::to_string(&kept).expect("words and patterns are JSON")
    }

    /// One in JSON after an organization got another name: what passed of it under the old one
    /// passes under the new one. None where nothing has to change.
    pub(super) fn renamed(
        text: &str,
        old: &OrganizationId,
        new: &OrganizationId,
    ) -> Option<String> {
        let mut filter = Self::from_kept(text)?;
        if filter.organizations.matches(new) || !filter.organizations.matches(old) {
            return None;
        }
        let patterns = filter.organizations.patterns()?.iter().cloned();
        filter.organizations =
            OrganizationFilter::of(patterns.chain([new.to_string()]).collect()).ok()?;
        Some(filter.keep())
    }

    /// From JSON.
    pub(super) fn from_kept(text: &str) -> Option<Self> {
        let kept: Kept = serde_json::from_str(text).ok()?;
        let organizations = match kept.organizations {
            Some(patterns) => OrganizationFilter::of(patterns).ok()?,
            None => OrganizationFilter::all(),
        };
        Some(Self { events: kept.events, organizations })
    }
}

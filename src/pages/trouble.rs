//! What keeps an organization from being up to date, and what a person can do about it.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::show::{self, Moment};
use super::{Surroundings, link};
use crate::organization::OrganizationId;
use crate::standing::Standing;
use crate::store::{Hold, View};
use crate::text::count;

/// So many names of those who would leave are shown.
const NAMES: usize = 20;

/// An organization that fails, is held, or has vanished from the token's listing.
#[derive(Debug, Serialize)]
pub(super) struct Trouble {
    id: String,
    href: String,
    vanished: Option<Moment>,
    failing: Option<Failing>,
    held: Option<Held>,
}

#[derive(Debug, Serialize)]
struct Failing {
    since: Option<Moment>,
    syncs: String,
    reason: String,
    message: String,
    hint: String,
}

#[derive(Debug, Serialize)]
struct Held {
    since: Moment,
    hold: String,
    rejected: bool,
    /// Whether it has become another since a person was told of it.
    changed: bool,
    /// What would be lost, in sentences, and whose it is.
    losses: Vec<(String, Vec<String>, usize)>,
    last_admin: bool,
    approve: String,
    reject: String,
}

impl Trouble {
    /// What is wrong with an organization that stands so; none where nothing is.
    pub(super) fn load(
        view: &View<'_>,
        around: &Surroundings<'_>,
        id: &OrganizationId,
        standing: &Standing,
    ) -> rusqlite::Result<Option<Self>> {
        let found = match around.config.find(id) {
            Some(organization) if organization.discovered => view.discovered_as(id)?,
            _ => None,
        };
        let vanished_at = found.and_then(|found| found.vanished_at);
        Ok(Self::of(id, standing, vanished_at, around.config.zone_of(id)))
    }

    /// Whether what is shown of the organization is older than its last sync.
    pub(super) fn is_stale(&self) -> bool {
        self.failing.is_some() || self.held.is_some()
    }

    /// None where there is none.
    pub(super) fn of(
        id: &OrganizationId,
        standing: &Standing,
        vanished_at: Option<DateTime<Utc>>,
        zone: Tz,
    ) -> Option<Self> {
        let vanished = vanished_at.map(|at| Moment::of(at, zone));
        let failure = standing.last_run.as_ref().and_then(|run| run.failure.as_ref());
        let failing = failure.map(|failure| Failing {
            since: standing.health.failing_since.map(|since| Moment::of(since, zone)),
            syncs: count(u64::from(standing.health.failures), "sync"),
            reason: show::name(&failure.reason),
            message: show::sentence(&failure.message),
            hint: show::sentence(&failure.hint),
        });
        let held = standing.hold.as_ref().map(|hold| Held::of(id, hold, zone));
        (failing.is_some() || held.is_some() || vanished.is_some()).then(|| Self {
            id: id.to_string(),
            href: link::organization(id),
            vanished,
            failing,
            held,
        })
    }
}

impl Held {
    fn of(id: &OrganizationId, hold: &Hold, zone: Tz) -> Self {
        let changed = hold.id != hold.told_id;
        let which = if changed { format!(" --hold {}", hold.id) } else { String::new() };
        let losses = [
            ("would leave", &hold.losses.leavers),
            ("would lose the seat", &hold.losses.seat_losers),
        ];
        let losses = losses.into_iter().filter(|(_, keys)| !keys.is_empty()).map(|(what, keys)| {
            let names = keys.iter().take(NAMES).map(|key| show::name(key)).collect();
            let told = format!("{} {what}", count(keys.len() as u64, "member"));
            (told, names, keys.len().saturating_sub(NAMES))
        });
        Self {
            since: Moment::of(hold.since, zone),
            hold: hold.id.clone(),
            rejected: hold.rejected_at.is_some(),
            changed,
            losses: losses.collect(),
            last_admin: hold.losses.last_admin,
            approve: format!("seatwatch approve {id}{which}"),
            reject: format!("seatwatch reject {id}"),
        }
    }
}

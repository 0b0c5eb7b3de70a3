//! When an organization is due, and what wakes the daemon to look.
//!
//! [`Timetable`] decides: pure, cron expression, zone, splay and a time in, the organizations that
//! are due out. [`Ticker`] wakes: once a second, and it knows of no organization. The library
//! behind it is not asked for more, because it loses firings, keeps a zone as a fixed offset and
//! overlaps its jobs; so no schedule is ever given to it.

mod ticker;
mod ticks;
mod timetable;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sha2::{Digest as _, Sha256};

use crate::config::{Cron, Organization};
use crate::organization::OrganizationId;

pub use ticker::{Ticker, TickerError};
pub use ticks::{Beat, Ticks};
pub use timetable::{Due, Timetable};

/// The first time after `after` at which an organization is due, its share of the splay included.
pub fn next_run(
    organization: &Organization,
    splay: Duration,
    after: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    Rule::of(organization, splay).next_after(after)
}

/// By when a sync after `last` should have begun: an hour or a tenth of the time between two after
/// the one that is due then, but no later than the next one is.
pub fn missed_from(
    organization: &Organization,
    splay: Duration,
    last: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let rule = Rule::of(organization, splay);
    let due = rule.next_after(last)?;
    let next = rule.next_after(due)?;
    let late = ((next - due) / 10).max(TimeDelta::hours(1));
    Some(next.min(due.checked_add_signed(late)?))
}

/// What decides when an organization is due.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    schedule: Cron,
    zone: Tz,
    /// The organization's share of the splay.
    offset: TimeDelta,
}

impl Rule {
    fn of(organization: &Organization, splay: Duration) -> Self {
        Self {
            schedule: organization.schedule.clone(),
            zone: organization.timezone,
            offset: share(&organization.id, splay),
        }
    }

    fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = after.checked_sub_signed(self.offset)?;
        self.schedule.next_after(self.zone, after)?.checked_add_signed(self.offset)
    }
}

/// An organization's own place within a length of time: always the same, on a full second, and
/// evenly spread over them.
fn share(id: &OrganizationId, within: Duration) -> TimeDelta {
    let digest: [u8; 32] = Sha256::digest(id.to_string()).into();
    let (head, _) = digest.split_first_chunk().expect("a digest has 32 bytes");
    let seconds = u64::from_be_bytes(*head).checked_rem(within.as_secs()).unwrap_or_default();
    // A splay is at most a hundred years.
    TimeDelta::from_std(Duration::from_secs(seconds)).unwrap_or_default()
}

#[cfg(test)]
mod tests;

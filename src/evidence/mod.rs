//! The evidence pack: what a reviewer takes along of one organization, or of all, between two
//! times.
//!
//! Rosters at both ends, all that changed, every sync, when nobody looked, the seats in use and
//! what they cost: as CSV and JSON, and as one page that needs nothing else. The same config and
//! times give the same bytes, whatever was synced since, so whoever doubts a pack can make it
//! again.
//!
//! Reads the store through [`gather()`]; asks Codecov nothing, and knows no command line.

mod digest;
mod gather;
mod page;
mod sheets;
mod workplace;
mod write;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use seatwatch_sdk::{Event, EventKind, Totals};

use crate::codecov::Sessions;
use crate::config::{Cost, SeatsConfig};
use crate::coverage::{self, Gap};
use crate::organization::OrganizationId;
use crate::people::Comparison;
use crate::store::{PastRoster, Run, Sums};

pub use digest::digest;
pub use gather::gather;
pub use write::{Written, write};

/// Of which time a pack is.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// Where it begins.
    pub from: DateTime<Utc>,
    /// Where it ends.
    pub to: DateTime<Utc>,
    /// When the pack is made: one that ends now may say what is known of the present alone.
    pub now: DateTime<Utc>,
}

/// What a pack says.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The name of the installation.
    pub instance: &'a str,
    /// SHA-256 of the configuration file, in hexadecimal digits.
    pub config_sha256: String,
    /// Where it begins.
    pub from: DateTime<Utc>,
    /// Where it ends.
    pub to: DateTime<Utc>,
    /// The zone of the times on the page; machines get UTC.
    pub zone: Tz,
    /// Of which organizations, in the order of the config.
    pub organizations: Vec<Chapter<'a>>,
    /// Of which not, though they were read: those that are not in the config any more.
    pub left_out: Vec<OrganizationId>,
    /// Next to a list of people from somewhere else.
    pub compared: Option<Compared<'a>>,
}

/// What a pack says of one organization.
#[derive(Debug)]
pub struct Chapter<'a> {
    /// Which.
    pub id: OrganizationId,
    /// What people call it.
    pub label: Option<&'a str>,
    /// What is paid for.
    pub seats: SeatsConfig,
    /// Before then nothing is known of it; none where no roster was read up to the end.
    pub known_since: Option<DateTime<Utc>>,
    /// Whether a sync of it had ended by the end of the pack.
    pub is_seen: bool,
    /// Since when all syncs are known, where retention has taken some before; what it left of them
    /// is not told.
    pub syncs_known_from: Option<DateTime<Utc>>,
    /// Since when it is known of syncs that were due whether they ran, where that is not always.
    pub gaps_known_from: Option<DateTime<Utc>>,
    /// Just before the pack begins, or when the organization begins to be known, if that is later.
    pub before_at: DateTime<Utc>,
    /// The roster at that time.
    pub before: Option<PastRoster>,
    /// The roster where the pack ends.
    pub after: Option<PastRoster>,
    /// All events between the two, in order.
    pub events: Vec<Event>,
    /// All syncs, and around them those to the next that brought a roster.
    pub runs: Vec<Run>,
    /// When nobody looked; none where no sync is known of.
    pub gaps: Option<Vec<Gap>>,
    /// The sums over time.
    pub sums: Vec<Sums>,
    /// Who is logged in at Codecov, where that was asked, or why Codecov did not say it.
    pub sessions: Option<Result<Sessions, String>>,
}

/// A list of people, and what came of holding it against the rosters at the end.
#[derive(Debug)]
pub struct Compared<'a> {
    /// The name of the list's file.
    pub list: String,
    /// SHA-256 of it, in hexadecimal digits.
    pub sha256: String,
    /// What came of it.
    pub comparison: Comparison<'a>,
}

impl Chapter<'_> {
    /// The sums at the end.
    fn totals(&self) -> Option<Totals> {
        self.after.as_ref().map(|roster| roster.totals)
    }

    /// What the seats at the end cost a month.
    fn cost(&self) -> Option<Cost> {
        self.seats.cost(&self.totals()?)
    }

    /// How many seats more are in use at the end than are paid for, if any are.
    pub fn over(&self) -> Option<u64> {
        self.seats.over(&self.totals()?)
    }

    /// Who is logged in at Codecov, where that is known.
    fn log_ins(&self) -> Option<&Sessions> {
        self.sessions.as_ref()?.as_ref().ok()
    }

    /// How many members have changed so since the beginning.
    fn count(&self, kind: EventKind) -> u64 {
        let since = self.events.iter().filter(|event| event.time > self.before_at);
        since.filter(|event| event.data.event == kind).count() as u64
    }

    /// When nobody looked, as far as that is known.
    fn gaps(&self) -> &[Gap] {
        self.gaps.as_deref().unwrap_or_default()
    }

    /// The runs that ended in the time of the pack, and whether they were over by its end.
    fn runs_within(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> impl Iterator<Item = (&Run, bool)> {
        let from = self.syncs_known_from.unwrap_or(from);
        let next = self.runs.iter().skip(1).map(Some).chain([None]);
        let runs = self.runs.iter().zip(next);
        let runs =
            runs.filter(move |(run, _)| run.last_finished_at >= from && run.finished_at <= to);
        runs.map(move |(run, next)| (run, coverage::is_over(run, next, to)))
    }
}

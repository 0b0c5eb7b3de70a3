//! How an organization stands, in one of five words.
//!
//! Knows the store; not who asks.

use chrono::{DateTime, TimeDelta, Utc};
use seatwatch_sdk::Totals;

use crate::organization::OrganizationId;
use crate::store::{Health, Hold, Organization, Outcome, Run, View, Vitals};

/// What is known of an organization, as of what is committed.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The sums of its last roster.
    pub totals: Option<Totals>,
    /// How its syncs fare.
    pub health: Health,
    /// The roster that waits for a person.
    pub hold: Option<Hold>,
    /// Its latest run, or the latest of some that ended alike.
    pub last_run: Option<Run>,
    /// Whether a sync has begun and not ended.
    pub under_way: bool,
}

/// Over so long the trend of seats is told.
pub const TREND: TimeDelta = TimeDelta::days(30);

/// How many more seats are in use than a while ago, or than when the first roster was read, if
/// that was later; none where no roster was read yet.
///
/// # Errors
///
/// The disk or the database failed.
pub fn seats_trend(
    view: &View<'_>,
    organization: Organization,
    now: DateTime<Utc>,
) -> rusqlite::Result<Option<i64>> {
    let then = match now.checked_sub_signed(TREND) {
        Some(then) => view.sums_as_of(organization, then)?,
        None => None,
    };
    let then = then.map_or_else(|| view.first_sums(organization), |then| Ok(Some(then)))?;
    let now = view.roster_state(organization)?;
    let used = |totals: Totals| i64::try_from(totals.seats_used()).unwrap_or(i64::MAX);
    Ok(now.zip(then).map(|(now, then)| used(now.totals) - used(then.totals)))
}

/// The five words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The last sync brought a roster.
    Connected,
    /// It brought one that waits for a person.
    Held,
    /// It brought none.
    Failing,
    /// A sync is under way.
    Syncing,
    /// There was no sync yet.
    New,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Connected, Self::Held, Self::Failing, Self::Syncing, Self::New];

    /// How the last sync left an organization.
    fn of(failing: bool, held: bool, known: bool) -> Self {
        match (failing, held, known) {
            (true, ..) => Self::Failing,
            (false, true, _) => Self::Held,
            (false, false, true) => Self::Connected,
            (false, false, false) => Self::New,
        }
    }

    /// How the last sync left an organization; none where there was none.
    pub fn of_vitals(vitals: Option<&Vitals>) -> Self {
        let Some(Vitals { failures, held, totals, .. }) = vitals else { return Self::New };
        Self::of(failures.is_some_and(|failures| failures > 0), *held, totals.is_some())
    }

    /// For machines, and in sentences.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Held => "held",
            Self::Failing => "failing",
            Self::Syncing => "syncing",
            Self::New => "new",
        }
    }
}

impl Standing {
    /// As a view of the store has it, under its name or the one that it had before. That a sync
    /// has begun means something only while somebody holds the lock: `locked` says so.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn load(
        view: &View<'_>,
        id: &OrganizationId,
        formerly: Option<&OrganizationId>,
        locked: bool,
    ) -> rusqlite::Result<Self> {
        let Some(number) = view.find_renamed(id, formerly)? else { return Ok(Self::default()) };
        Ok(Self {
            totals: view.roster_state(number)?.map(|roster| roster.totals),
            health: view.health(number)?,
            hold: view.hold(number)?,
            last_run: view.last_run(number)?,
            under_way: locked && view.is_under_way(number)?,
        })
    }

    /// The word for it.
    pub fn state(&self) -> State {
        let failing = self.last_run.as_ref().is_some_and(|run| run.outcome == Outcome::Failed);
        if self.under_way {
            State::Syncing
        } else {
            State::of(failing, self.hold.is_some(), self.totals.is_some())
        }
    }
}

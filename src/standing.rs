//! How an organization stands, in one of five words.
//!
//! Knows the store and the config; not who asks.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use seatwatch_sdk::Totals;

use crate::config;
use crate::organization::OrganizationId;
use crate::schedule;
use crate::store::{Health, Hold, Organization, RosterState, Run, Sums, View, Vitals};

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
const TREND: TimeDelta = TimeDelta::days(30);

/// How the seats in use have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trend {
    /// How many more there are.
    pub change: i64,
    /// Over how long: 30 days, or less where the first roster was read later.
    pub over: TimeDelta,
}

/// How many more seats are in use than 30 days ago, or than when the first roster was read, if
/// that was later; none where no roster was read yet.
///
/// # Errors
///
/// The disk or the database failed.
pub fn seats_trend(
    view: &View<'_>,
    organization: Organization,
    now: DateTime<Utc>,
) -> rusqlite::Result<Option<Trend>> {
    let then = match now.checked_sub_signed(TREND) {
        Some(then) => view.sums_as_of(organization, then)?,
        None => None,
    };
    let then = then.map_or_else(|| view.first_sums(organization), |then| Ok(Some(then)))?;
    let used = |totals: Totals| i64::try_from(totals.seats_used()).unwrap_or(i64::MAX);
    let trend = |(state, then): (RosterState, Sums)| Trend {
        change: used(state.totals) - used(then.totals),
        over: (now - then.at).clamp(TimeDelta::zero(), TREND),
    };
    Ok(view.roster_state(organization)?.zip(then).map(trend))
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

impl Trend {
    /// Whether it is one over the whole time.
    pub fn is_whole(&self) -> bool {
        self.over == TREND
    }
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

    /// For people, where it stands alone.
    pub fn title(self) -> &'static str {
        match self {
            Self::Connected => "Connected",
            Self::Held => "Held",
            Self::Failing => "Failing",
            Self::Syncing => "Syncing",
            Self::New => "New",
        }
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
        if self.under_way {
            State::Syncing
        } else {
            State::of(self.health.failures > 0, self.hold.is_some(), self.totals.is_some())
        }
    }

    /// When the organization is synced next, by its schedule: after the last one, also where that
    /// time has passed and nobody called.
    pub fn next_sync(
        &self,
        organization: &config::Organization,
        splay: Duration,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let last = self.last_run.as_ref().map_or(now, |run| run.last_finished_at);
        let due = schedule::next_run(organization, splay, last);
        due.max(self.health.postponed_until.filter(|_| due.is_some()))
    }
}

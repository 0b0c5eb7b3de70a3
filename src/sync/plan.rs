//! Decides everything that a sync is going to write, before the first row is touched.
//!
//! What was known before and what was found in; the new health, hold, roster and events out. Pure,
//! but for loading what was known. A dry run stops here; the commit writes it down.

use chrono::{DateTime, Utc};
use seatwatch_sdk::{Data, EventKind, Totals};
use serde_json::json;

use super::SyncError;
use super::bounds::Bounds;
use super::diff::Change;
use super::events::Frame;
use super::guard::Accepted;
use super::health::{self, Patience};
use super::hold::{self, NAMES_SHOWN};
use super::report::Told;
use super::seats;
use crate::chain::chain;
use crate::config::{OnFirstSync, SeatsConfig};
use crate::organization::OrganizationId;
use crate::roster::Losses;
use crate::store::{Approval, Failure, Health, Hold, Outcome, Proof, RosterState, View};

/// What was known of an organization when its sync began.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    /// The roster that was committed last, if there is one.
    pub(super) roster: Option<RosterState>,
    pub(super) health: Health,
    pub(super) proof: Option<Proof>,
    pub(super) hold: Option<Hold>,
    pub(super) approval: Option<Approval>,
    /// Why the last sync failed, if it did.
    pub(super) failure: Option<Failure>,
}

impl Before {
    /// As a view of the store has it; nothing of an organization that was never synced, under
    /// this name or the one that it had.
    pub(super) fn load(
        view: &View<'_>,
        id: &OrganizationId,
        formerly: Option<&OrganizationId>,
    ) -> rusqlite::Result<Self> {
        let number = view.find_renamed(id, formerly)?;
        let Some(number) = number else { return Ok(Self::default()) };
        Ok(Self {
            roster: view.roster_state(number)?,
            health: view.health(number)?,
            proof: view.proof(number)?,
            hold: view.hold(number)?,
            approval: view.approval(number)?,
            failure: view.last_run(number)?.and_then(|run| run.failure),
        })
    }

    /// How many rows the last roster had, named and unnamed.
    pub(super) fn rows(&self) -> u64 {
        self.totals().map_or(0, |totals| totals.members + totals.unnamed.members)
    }

    fn totals(&self) -> Option<Totals> {
        self.roster.as_ref().map(|roster| roster.totals)
    }

    fn since(&self) -> Option<DateTime<Utc>> {
        self.roster.as_ref().map(|roster| roster.read_at)
    }
}

/// What a decision depends on beside the roster that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) organization: &'a OrganizationId,
    pub(super) before: &'a Before,
    pub(super) seats: &'a SeatsConfig,
    pub(super) on_first_sync: OnFirstSync,
    pub(super) patience: Patience,
    pub(super) now: DateTime<Utc>,
}

impl Facts<'_> {
    fn frame(&self, totals: Option<Totals>, previous_totals: Option<Totals>) -> Frame {
        Frame {
            organization: self.organization.clone(),
            totals,
            previous_totals,
            since: self.before.since(),
        }
    }
}

/// Everything that a sync is going to write.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) outcome: Outcome,
    /// Why there is no roster.
    pub(super) failure: Option<Failure>,
    pub(super) organization_events: Vec<Data>,
    pub(super) health: Health,
    pub(super) hold: NextHold,
    pub(super) roster: NextRoster,
    frame: Frame,
}

/// What becomes of the hold, and of an approval of it.
#[derive(Debug)]
pub(super) enum NextHold {
    /// No roster was read: nothing is known of it.
    Kept,
    /// This is the hold now.
    Held(Box<Hold>),
    /// A roster has passed; an approval is used up by the commit that it was given for.
    Ended,
}

/// What becomes of the roster.
#[derive(Debug)]
pub(super) enum NextRoster {
    /// It was not read, or is held back: the last one stays as it is.
    Kept,
    /// It was read and is as it was.
    Same,
    /// This one takes its place; its member events are told or, at a quiet baseline, not.
    Replaced { accepted: Box<Accepted>, totals: Totals, told: bool },
}

impl Plan {
    /// The roster is the last one to the byte.
    pub(super) fn unchanged(facts: Facts<'_>) -> Self {
        let totals = facts.before.totals();
        let frame = facts.frame(totals, totals);
        Self::succeeded(facts, frame, Outcome::Unchanged, NextRoster::Same, "within_bounds")
    }

    /// The guard has accepted the roster.
    pub(super) fn accepted(facts: Facts<'_>, accepted: Accepted, bounds: Bounds) -> Self {
        let totals = accepted.diff().after().totals();
        let first = facts.before.roster.is_none();
        let told = !first || facts.on_first_sync == OnFirstSync::Emit;
        let previous = match facts.before.totals() {
            None if told => Some(Totals::default()),
            previous => previous,
        };
        let outcome = match accepted.diff().changes().next() {
            _ if first => Outcome::Baselined,
            Some(_) => Outcome::Changed,
            None => Outcome::Unchanged,
        };
        let by_approval = bounds.exceeded_by(&accepted.diff().losses(), None);
        let how = if by_approval { "approved" } else { "within_bounds" };
        let frame = facts.frame(Some(totals), previous);
        let roster = NextRoster::Replaced { accepted: Box::new(accepted), totals, told };
        Self::succeeded(facts, frame, outcome, roster, how)
    }

    fn succeeded(
        facts: Facts<'_>,
        frame: Frame,
        outcome: Outcome,
        roster: NextRoster,
        how: &str,
    ) -> Self {
        let before = facts.before;
        let (health, recovered) = health::succeeded(&before.health, facts.now);
        let mut events = Vec::new();
        events.extend(recovered.then(|| recovery(&frame, &before.health)));
        if outcome == Outcome::Baselined {
            let details = json!({ "on_first_sync": facts.on_first_sync });
            events.push(frame.organization_event(EventKind::Baselined, details));
        }
        events.extend(before.hold.as_ref().map(|hold| {
            // The one that was told, so that a receiver can close what it has opened.
            let details = json!({ "hold": hold.told_id, "how": how });
            frame.organization_event(EventKind::RosterReleased, details)
        }));
        let used = frame.totals.map_or(0, |totals| totals.seats_used());
        let told = seats::Told { near: health.near_told, reached: health.reached_told };
        let (alarms, told) = seats::alarms(facts.seats, used, told);
        events.extend(
            alarms
                .into_iter()
                .map(|alarm| frame.organization_event(alarm, seats::details(facts.seats, used))),
        );
        Self {
            outcome,
            failure: None,
            organization_events: events,
            health: Health { near_told: told.near, reached_told: told.reached, ..health },
            hold: NextHold::Ended,
            roster,
            frame,
        }
    }

    /// The guard holds the roster back: nothing of it is written but that.
    pub(super) fn held(
        facts: Facts<'_>,
        found: Totals,
        losses: Losses,
        bounds: Bounds,
    ) -> (Self, Hold) {
        let before = facts.before;
        let totals = before.totals();
        let frame = facts.frame(totals, totals);
        let (health, recovered) = health::succeeded(&before.health, facts.now);
        // What is known is as old as before.
        let last_success_at = before.health.last_success_at;
        let health = Health { last_success_at, ..health };
        let remind_every = facts.patience.remind_every;
        let (hold, tell) = hold::held(before.hold.clone(), losses, bounds, remind_every, facts.now);
        let mut events = Vec::new();
        events.extend(recovered.then(|| recovery(&frame, &before.health)));
        events.extend(tell.then(|| {
            let names = hold.losses.leavers.iter().chain(&hold.losses.seat_losers);
            let details = json!({
                "hold": hold.id,
                "leavers": hold.losses.leavers.len(),
                "seat_losers": hold.losses.seat_losers.len(),
                "last_admin": hold.losses.last_admin,
                "members": totals.map_or(0, |totals| totals.members),
                "members_found": found.members,
                "seats": totals.map_or(0, |totals| totals.seats),
                "seats_found": found.seats,
                "names": names.take(NAMES_SHOWN).collect::<Vec<_>>(),
            });
            frame.organization_event(EventKind::RosterHeld, details)
        }));
        let plan = Self {
            outcome: Outcome::Held,
            failure: None,
            organization_events: events,
            health,
            hold: NextHold::Held(Box::new(hold.clone())),
            roster: NextRoster::Kept,
            frame,
        };
        (plan, hold)
    }

    /// There is no roster.
    pub(super) fn failed(facts: Facts<'_>, error: &SyncError) -> Self {
        let before = facts.before;
        let totals = before.totals();
        let frame = facts.frame(totals, totals);
        let (health, tell) = match error {
            // Nothing was asked, so nothing failed once more.
            SyncError::Postponed { .. } => (before.health.clone(), false),
            _ => health::failed(
                &before.health,
                error.reason(),
                error.postponed_until(),
                facts.patience,
                facts.now,
            ),
        };
        let message = chain(error);
        let details = json!({
            "reason": error.reason().word(),
            "message": message,
            "hint": error.hint(),
            "failures": health.failures,
            "since": health.failing_since,
            "last_success": health.last_success_at,
        });
        let event = tell.then(|| frame.organization_event(EventKind::SyncFailing, details));
        Self {
            outcome: Outcome::Failed,
            failure: Some(Failure {
                reason: error.reason().word().to_owned(),
                message,
                hint: error.hint(),
            }),
            organization_events: event.into_iter().collect(),
            health,
            hold: NextHold::Kept,
            roster: NextRoster::Kept,
            frame,
        }
    }

    /// What happened to whom, in the order of the members' keys.
    pub(super) fn member_events(&self) -> impl Iterator<Item = (EventKind, Change<'_>)> {
        let accepted = match &self.roster {
            NextRoster::Replaced { accepted, told: true, .. } => Some(accepted),
            _ => None,
        };
        accepted
            .into_iter()
            .flat_map(|accepted| accepted.diff().changes())
            .flat_map(|change| change.kinds().map(move |kind| (kind, change)))
    }

    /// The event as sinks will read it.
    pub(super) fn member_event(&self, event: EventKind, change: Change<'_>) -> Data {
        self.frame.member_event(event, change)
    }

    /// All events in a word each, in order.
    pub(super) fn told(&self) -> Vec<Told> {
        let organization = self.organization_events.iter().map(|data| Told {
            event: data.event,
            member: None,
            formerly: None,
        });
        let members = self.member_events().map(|(event, change)| {
            let renamed = change.before.filter(|_| event == EventKind::Renamed);
            Told {
                event,
                member: Some(change.newest().username().to_owned()),
                formerly: renamed.map(|before| before.username().to_owned()),
            }
        });
        organization.chain(members).collect()
    }
}

fn recovery(frame: &Frame, before: &Health) -> Data {
    let details = json!({
        "failures": before.failures,
        "failing_since": before.failing_since,
        "last_success": before.last_success_at,
    });
    frame.organization_event(EventKind::SyncRecovered, details)
}

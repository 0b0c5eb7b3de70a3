//! Writes what a sync found: run, roster history and events, in one transaction.
//!
//! The plan holds a new roster only as the guard's `Accepted`, so a sync that skips the guard
//! does not compile. Before the transaction, nothing happened; after it, nothing can be lost.

use chrono::{DateTime, Utc};
use seatwatch_sdk::Data;
use uuid::Uuid;

use super::diff::{Change, Diff};
use super::plan::{NextHold, NextRoster, Plan};
use crate::organization::OrganizationId;
use crate::store::{
    Appender, Hold, NewEvent, NewRun, Organization, Proof, RosterState, RunNumber, Tx,
};

/// What the store is told of a sync beside what was found.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    pub(super) organization: OrganizationId,
    /// The `source` of its events.
    pub(super) source: String,
    pub(super) sync: Uuid,
    pub(super) started_at: DateTime<Utc>,
    pub(super) finished_at: DateTime<Utc>,
    pub(super) requests: u64,
    /// If no other sync has begun by then, one that was due was missed.
    pub(super) missed_from: Option<DateTime<Utc>>,
    /// What was heard of the token in this sync, if it was asked about.
    pub(super) proof: Option<Proof>,
}

/// Writes the plan. The caller commits.
pub(super) fn write(tx: &Tx<'_>, stamp: &Stamp, plan: &Plan) -> rusqlite::Result<()> {
    crash_point!("commit:begin");
    let organization = tx.organization(&stamp.organization)?;
    let events = plan.organization_events.len() + plan.member_events().count();
    let run = tx.note_run(
        organization,
        &NewRun {
            sync: stamp.sync,
            outcome: plan.outcome,
            failure: plan.failure.clone(),
            started_at: stamp.started_at,
            finished_at: stamp.finished_at,
            requests: stamp.requests,
            events: events as u64,
            missed_from: stamp.missed_from,
        },
    )?;
    tx.set_health(organization, &plan.health)?;
    if let Some(proof) = &stamp.proof {
        tx.set_proof(organization, proof)?;
    }
    write_hold(tx, organization, stamp, &plan.hold)?;
    let events = tx.appender(tx.key()?);
    let mut log = Log { tx, stamp, organization, events, position: 0 };
    for data in &plan.organization_events {
        log.append(None, data)?;
    }
    match &plan.roster {
        NextRoster::Kept => {}
        NextRoster::Same => tx.touch_roster(organization, stamp.finished_at)?,
        NextRoster::Replaced { accepted, totals, told } => {
            let digest = accepted.digest().map(|digest| *digest.as_bytes());
            let state = RosterState { read_at: stamp.finished_at, digest, totals: *totals };
            tx.set_roster_state(organization, &state)?;
            let diff = accepted.diff();
            if diff.before().unnamed() != diff.after().unnamed() {
                tx.set_unnamed_rows(organization, diff.after().unnamed())?;
            }
            write_members(&mut log, run, plan, diff, *told)?;
        }
    }
    log.events.finish()?;
    crash_point!("commit:end");
    Ok(())
}

/// A person may have spoken while the roster was read: that stands.
fn write_hold(
    tx: &Tx<'_>,
    organization: Organization,
    stamp: &Stamp,
    next: &NextHold,
) -> rusqlite::Result<()> {
    match next {
        NextHold::Kept => Ok(()),
        NextHold::Held(hold) => {
            let now = tx.hold(organization)?.filter(|now| now.id == hold.id);
            let rejected_at = now.and_then(|now| now.rejected_at).or(hold.rejected_at);
            tx.set_hold(organization, Some(&Hold { rejected_at, ..(**hold).clone() }))
        }
        NextHold::Ended => {
            tx.set_hold(organization, None)?;
            match tx.approval(organization)? {
                Some(approval) if approval.approved_at > stamp.started_at => Ok(()),
                _ => tx.set_approval(organization, None),
            }
        }
    }
}

/// First ends every state that is over, then begins the new ones: a username may pass from one
/// member to another within one sync.
fn write_members(
    log: &mut Log<'_>,
    run: RunNumber,
    plan: &Plan,
    diff: &Diff,
    told: bool,
) -> rusqlite::Result<()> {
    let mut numbers = Vec::new();
    for change in diff.changes() {
        let ended =
            change.before.map(|member| log.tx.end_state(log.organization, run, member.key()));
        numbers.push(ended.transpose()?);
    }
    crash_point!("commit:members");
    let joiners = numbers.iter().filter(|number| number.is_none()).count();
    let mut new_numbers = log.tx.new_members(log.organization, joiners)?;
    for (change, number) in diff.changes().zip(numbers) {
        let number = number.or_else(|| new_numbers.next());
        let number = number.expect("there is a number for everybody who has none");
        if let Some(member) = change.after {
            log.tx.begin_state(log.organization, run, number, member)?;
        }
        if told {
            log.append_all(number, plan, change)?;
        }
    }
    Ok(())
}

/// The log of events while the events of one sync are appended to it.
struct Log<'a> {
    tx: &'a Tx<'a>,
    stamp: &'a Stamp,
    organization: Organization,
    events: Appender<'a>,
    position: u32,
}

impl Log<'_> {
    /// What happened to one member. The events differ in their kind alone.
    fn append_all(&mut self, member: i64, plan: &Plan, change: Change<'_>) -> rusqlite::Result<()> {
        let mut kinds = change.kinds();
        let Some(first) = kinds.next() else { return Ok(()) };
        let mut data = plan.member_event(first, change);
        self.append(Some(member), &data)?;
        for kind in kinds {
            data.event = kind;
            self.append(Some(member), &data)?;
        }
        Ok(())
    }

    fn append(&mut self, member: Option<i64>, data: &Data) -> rusqlite::Result<()> {
        let event = NewEvent {
            sync: self.stamp.sync,
            position: self.position,
            organization: Some(self.organization),
            member,
            source: &self.stamp.source,
            time: self.stamp.finished_at,
            data,
        };
        self.position += 1;
        self.events.append(&event)
    }
}

#[cfg(test)]
mod tests;

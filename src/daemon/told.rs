//! What a sync leaves in the log of the program and in the metrics.
//!
//! One line a sync. A failure is not told once an attempt but at the first, at powers of two, when
//! its reason is another than that of the one before, and when it is over. A sync that was postponed
//! has asked nothing, and is no attempt.

use itertools::Itertools as _;
use tracing::{debug, error, info, warn};

use super::syncs::Broken;
use crate::chain::chain;
use crate::metrics::{Metrics, Unrecorded};
use crate::organization::OrganizationId;
use crate::sync::{NotSynced, Report, Synced};

pub(super) fn tell(report: &Report, metrics: &Metrics) {
    let failure = report.result.as_ref().err().map(|failed| failed.reason);
    let kinds = report.events.iter().map(|told| told.event);
    metrics.synced(report.outcome, failure, kinds, report.took);
    let organization = &report.organization;
    let (outcome, requests) = (report.outcome.word(), report.requests);
    let took_ms = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX);
    for warning in &report.warnings {
        warn!(%organization, "{warning}");
    }
    match &report.result {
        Ok(Synced::Baselined(totals) | Synced::Compared { after: totals, .. }) => {
            let (members, seats, admins) = (totals.members, totals.seats_used(), totals.admins);
            let events = events(report);
            let failures = report.failures_before;
            if failures == 0 {
                info!(
                    %organization, outcome, members, seats, admins, events, requests, took_ms,
                    "synced"
                );
            } else {
                info!(
                    %organization, outcome, members, seats, admins, events, requests, took_ms,
                    failures, "synced again"
                );
            }
        }
        Ok(Synced::Held { hold, kept, found }) => warn!(
            %organization, outcome, hold = hold.id, leavers = hold.losses.leavers.len(),
            seat_losers = hold.losses.seat_losers.len(), members = kept.members,
            members_found = found.members, requests, took_ms,
            "roster held: it waits for `seatwatch approve` or `seatwatch reject`"
        ),
        Err(NotSynced { reason, message, hint, .. }) => {
            let failures = report.failures;
            let reason = reason.word();
            let is_another = report.reason_before.as_deref().is_some_and(|before| before != reason);
            let is_news = failures.is_power_of_two() || is_another;
            if is_news && failures > report.failures_before {
                warn!(
                    %organization, outcome, reason, failures, requests, took_ms,
                    error = message, hint, "sync failed"
                );
            } else {
                debug!(
                    %organization, outcome, reason, failures, requests, took_ms,
                    error = message, hint, "sync failed"
                );
            }
        }
    }
}

/// One of which nothing is in the store: whoever looks there takes all to be well.
pub(super) fn tell_broken(organization: &OrganizationId, broken: &Broken, metrics: &Metrics) {
    metrics.unrecorded(match broken {
        Broken::Store(_) => Unrecorded::Store,
        Broken::Panicked(_) => Unrecorded::Internal,
    });
    error!(%organization, error = chain(broken), "sync failed, and nothing of it was committed");
}

/// `joined 2, seat_lost 1`.
fn events(report: &Report) -> String {
    let counts = report.events.iter().map(|told| told.event).counts();
    let counts = counts.into_iter().sorted();
    counts.map(|(event, number)| format!("{event} {number}")).join(", ")
}

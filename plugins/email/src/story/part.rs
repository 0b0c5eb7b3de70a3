//! Whether a mail tells all that its totals count.
//!
//! The totals are those of whole syncs. A mail has a part of one where it was too much for one mail,
//! or where its sink is not told of everything. Then the numbers do not add up, and a reader who
//! counts should know why.

use seatwatch_sdk::{Event, EventKind, Totals};

/// Members, seats and admins, each a number that events add to and take from. Unnamed rows are never
/// in an event, and so not in here.
type Counts = [u64; 3];

/// Whether the totals of an organization count changes that are not among its events.
pub(super) fn is_part(events: &[&Event]) -> bool {
    let mut known = None;
    events.chunk_by(|one, next| one.correlationid == next.correlationid).any(|sync| {
        let Some((before, after)) = totals(sync) else { return false };
        // There was another sync between the two.
        let is_gap =
            known.replace(after).zip(before).is_some_and(|(known, before)| known != before);
        is_gap || !add_up(sync, before, after)
    })
}

/// From before a sync to after it, as far as its events tell.
fn totals(sync: &[&Event]) -> Option<(Option<Counts>, Counts)> {
    let counts = |totals: Totals| [totals.members, totals.seats, totals.admins];
    let data = sync.iter().map(|event| &event.data).find(|data| data.totals.is_some())?;
    Some((data.previous_totals.map(counts), counts(data.totals?)))
}

fn add_up(sync: &[&Event], before: Option<Counts>, after: Counts) -> bool {
    let count = |kind| sync.iter().filter(|event| event.data.event == kind).count() as u64;
    let more = [EventKind::Joined, EventKind::SeatGained, EventKind::AdminGranted].map(count);
    let less = [EventKind::Left, EventKind::SeatLost, EventKind::AdminRevoked].map(count);
    // A first roster is told in one event, or each of its members, too.
    let is_quiet = before.is_none() && more == Counts::default();
    let before = before.unwrap_or_default();
    let adds_up = |place: usize| {
        before[place].checked_add(more[place]) == after[place].checked_add(less[place])
    };
    is_quiet || (0..after.len()).all(adds_up)
}

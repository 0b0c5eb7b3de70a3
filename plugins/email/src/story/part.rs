//! Whether a mail tells all that its totals count.
//!
//! The totals are those of whole syncs. A mail has a part of one where it was too much for one mail,
//! or where its sink is not told of everything. Then the numbers do not add up, and a reader who
//! counts should know why.

use seatwatch_sdk::{Event, EventKind, Totals};

/// Members, seats and admins, each a number that events add to and take from, as the mail shows them:
/// with the seats of unnamed rows, which are never in an event. Who was deleted with a seat holds it
/// still.
type Counts = [u64; 3];

/// Whether the totals of an organization count changes that are not among its events.
pub(super) fn is_part(events: &[&Event]) -> bool {
    let mut known = None;
    events.chunk_by(|one, next| one.correlationid == next.correlationid).any(|sync| {
        let Some(Change { before, after, unnamed_seats }) = Change::of(sync) else {
            return false;
        };
        // There was another sync between the two.
        let is_gap =
            known.replace(after).zip(before).is_some_and(|(known, before)| known != before);
        // A first roster is told in one event, or each of its members, too: not its unnamed rows.
        let is_quiet =
            before.is_none() && !sync.iter().any(|event| MORE.contains(&event.data.event));
        is_gap || !(is_quiet || add_up(sync, before.unwrap_or([0, unnamed_seats, 0]), after))
    })
}

/// What a sync made of the totals, as far as its events tell.
struct Change {
    before: Option<Counts>,
    after: Counts,
    /// After it.
    unnamed_seats: u64,
}

impl Change {
    fn of(sync: &[&Event]) -> Option<Self> {
        let counts = |totals: Totals| [totals.members, totals.seats_used(), totals.admins];
        let data = sync.iter().map(|event| &event.data).find(|data| data.totals.is_some())?;
        let (before, totals) = (data.previous_totals.map(counts), data.totals?);
        Some(Self { before, after: counts(totals), unnamed_seats: totals.unnamed.seats })
    }
}

const MORE: [EventKind; 3] = [EventKind::Joined, EventKind::SeatGained, EventKind::AdminGranted];
const LESS: [EventKind; 3] = [EventKind::Left, EventKind::SeatLost, EventKind::AdminRevoked];

fn add_up(sync: &[&Event], before: Counts, after: Counts) -> bool {
    let count = |kind| sync.iter().filter(|event| event.data.event == kind).count() as u64;
    let (more, less) = (MORE.map(count), LESS.map(count));
    let adds_up = |place: usize| {
        before[place].checked_add(more[place]) == after[place].checked_add(less[place])
    };
    (0..after.len()).all(adds_up)
}

//! What to do next about the changes of members. It claims no more than Codecov's list can tell.

use seatwatch_sdk::{Event, EventKind, Totals};

use super::Sums;
use super::words::count;

/// A sentence or two for each thing that somebody may have to do something about.
pub(super) fn about(events: &[&Event], totals: Option<&Sums>) -> Vec<String> {
    let number = |kind| events.iter().filter(|event| event.data.event == kind).count() as u64;
    let about = |kind, say: fn(u64) -> String| Some(number(kind)).filter(|it| *it > 0).map(say);
    let no_admin = totals.filter(|totals| totals.admins.after == 0);
    let no_admin = no_admin.filter(|_| number(EventKind::AdminRevoked) > 0).map(|_| {
        "Nobody on the list is an admin any more: make sure that somebody can still manage seats."
            .to_owned()
    });
    let lost = number(EventKind::SeatLost);
    let unnamed = unnamed_now(events).min(lost);
    let advice = [
        no_admin,
        (lost > unnamed).then(|| freed(lost - unnamed)),
        (unnamed > 0).then(|| held(unnamed)),
        about(EventKind::SeatGained, taken),
        about(EventKind::AdminGranted, admins),
        about(EventKind::Left, left),
        about(EventKind::Renamed, |_| {
            "A renaming is inferred: the new username has the email that the old one had."
                .to_owned()
        }),
    ];
    advice.into_iter().flatten().collect()
}

fn freed(seats: u64) -> String {
    match seats {
        1 => "1 seat was freed. Unless somebody else gets it, it need not be paid for any longer: \
              compare with the seats that you have bought."
            .to_owned(),
        seats => format!(
            "{seats} seats were freed. Those that nobody else gets need not be paid for any \
             longer: compare with the seats that you have bought."
        ),
    }
}

/// How many more seats are held by rows that name nobody than were before.
fn unnamed_now(events: &[&Event]) -> u64 {
    let seats = |totals: Option<Totals>| Some(totals?.unnamed.seats);
    let before = events.iter().find_map(|event| seats(event.data.previous_totals));
    let after = events.iter().rev().find_map(|event| seats(event.data.totals));
    before.zip(after).map_or(0, |(before, after)| after.saturating_sub(before))
}

fn held(seats: u64) -> String {
    match seats {
        1 => {
            "1 seat that was lost is held by a row without a name now, as a deleted account is: it \
              still counts as in use."
                .to_owned()
        }
        seats => format!(
            "{seats} of the lost seats are held by rows without a name now, as deleted accounts are: \
             they still count as in use."
        ),
    }
}

fn taken(seats: u64) -> String {
    let (seats, were) = (count(seats, "seat"), if seats == 1 { "was" } else { "were" });
    format!(
        "{seats} {were} taken. Codecov may give seats by itself, on a first pull request: take \
         back what nobody meant to give."
    )
}

fn admins(admins: u64) -> String {
    let (rights, were) = (count(admins, "admin right"), if admins == 1 { "was" } else { "were" });
    format!("{rights} {were} granted: make sure that this was meant.")
}

fn left(_: u64) -> String {
    "“Left” means: no longer on Codecov's list of members. It is no proof that somebody has left \
     the company."
        .to_owned()
}

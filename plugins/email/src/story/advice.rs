//! What to do next about the changes of members. It claims no more than Codecov's list can tell.

use seatwatch_sdk::{Event, EventKind};

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
    let advice = [
        no_admin,
        about(EventKind::SeatLost, freed),
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

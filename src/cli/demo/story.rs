//! The story: what happens at Codecov, in which order, and what has to be told of it.
//!
//! Pure. Who is in the cast is decided by the simulator, which makes up the same people every time.

use seatwatch_sdk::EventKind::{
    self, AdminGranted, Baselined, Joined, Left, Renamed, RosterHeld, RosterReleased, SeatGained,
    SyncFailing, SyncRecovered,
};

use crate::simulator::Action::{self, GrantAdmin, Join, LeaveAndUnseat, Rename, Seat};
use crate::simulator::Change;

/// The organizations, and how many members each has at the beginning.
pub(super) const CAST: [&str; 3] =
    ["github/acme=12", "github/umbrella=16", "gitlab/example-group=8"];

const ACME: &str = "github/acme";
const UMBRELLA: &str = "github/umbrella";
const GROUP: &str = "gitlab/example-group";

/// Something happens, and is told.
pub(super) struct Scene {
    /// What people read above it.
    pub(super) heading: &'static str,
    pub(super) deeds: Vec<Deed>,
    /// The story goes on when all of these were told.
    pub(super) told: Vec<(&'static str, EventKind)>,
}

/// One thing that happens.
pub(super) enum Deed {
    /// All of it at one moment.
    Changes(Vec<Change>),
    /// The server answers with nothing but errors from now on.
    Outage,
    /// The server answers again.
    Repair,
    /// A person approves a held roster.
    Approve(&'static str),
}

/// The scenes, in order.
pub(super) fn story() -> Vec<Scene> {
    use Deed::{Approve, Changes, Outage, Repair};
    let gone = "hana-haddad ines-ito jonas-jansen kemal-kowalska \
                lena-lindqvist mona-moreau noor-novak olga-okafor";
    let gone = gone.split_whitespace().map(|name| at(UMBRELLA, name, LeaveAndUnseat)).collect();
    vec![
        Scene {
            heading: "the first rosters are a quiet baseline",
            deeds: vec![],
            told: vec![(ACME, Baselined), (UMBRELLA, Baselined), (GROUP, Baselined)],
        },
        Scene {
            heading: "at github/acme two people take a seat: now ten of ten are taken",
            deeds: vec![Changes(vec![
                at(ACME, "dana-dubois", Seat),
                at(ACME, "emil-eklund", Seat),
            ])],
            told: vec![(ACME, SeatGained), (ACME, SeatGained)],
        },
        Scene {
            heading: "at gitlab/example-group somebody leaves, with the seat, and somebody comes",
            deeds: vec![Changes(vec![
                at(GROUP, "fay-farkas", LeaveAndUnseat),
                at(GROUP, "robin-reyes", Join),
            ])],
            told: vec![(GROUP, Joined), (GROUP, Left)],
        },
        Scene {
            heading: "on GitHub somebody becomes an admin of acme, and somebody takes another name",
            deeds: vec![Changes(vec![
                at(ACME, "chidi-castillo", GrantAdmin),
                at(ACME, "fay-farkas", Rename("night-owl".to_owned())),
            ])],
            told: vec![(ACME, AdminGranted), (ACME, Renamed), (UMBRELLA, Renamed)],
        },
        Scene {
            heading: "at github/umbrella half of the members vanish at once: too many to be believed",
            deeds: vec![Changes(gone)],
            told: vec![(UMBRELLA, RosterHeld)],
        },
        Scene {
            heading: "nothing of it was committed; somebody looks at it, and approves it",
            deeds: vec![Approve(UMBRELLA)],
            told: vec![(UMBRELLA, RosterReleased), (UMBRELLA, Left)],
        },
        Scene {
            heading: "the server of Codecov is down",
            deeds: vec![Outage],
            told: vec![(ACME, SyncFailing), (UMBRELLA, SyncFailing), (GROUP, SyncFailing)],
        },
        Scene {
            heading: "it is back, and in the meantime somebody has left gitlab/example-group",
            deeds: vec![Changes(vec![at(GROUP, "emil-eklund", LeaveAndUnseat)]), Repair],
            told: vec![
                (ACME, SyncRecovered),
                (UMBRELLA, SyncRecovered),
                (GROUP, SyncRecovered),
                (GROUP, Left),
            ],
        },
    ]
}

fn at(organization: &str, username: &str, action: Action) -> Change {
    let organization = organization.parse().expect("the cast has organizations");
    Change { organization, username: username.to_owned(), action }
}

#[cfg(test)]
mod tests {
    use super::super::super::simulate::{self, Cast};
    use super::*;

    #[test]
    fn everybody_in_the_story_is_there_when_it_happens_to_them() {
        let cast: Vec<Cast> = CAST.iter().map(|one| one.parse().unwrap()).collect();
        let (mut world, _) = simulate::world(&cast);
        for deed in story().into_iter().flat_map(|scene| scene.deeds) {
            let Deed::Changes(changes) = deed else { continue };
            for change in changes {
                world.apply(&change).unwrap();
            }
        }
    }
}

//! What changed between two rosters, as events.
//!
//! On the roster, with a seat, admin: each is a bit per member, and an event is a bit that
//! flipped. So the sums hold by construction: seats after = before + gained − lost.
//!
//! Pure: no clock, no store, and no opinion on whether the change can be believed; that is the
//! guard's.

use seatwatch_sdk::EventKind;

use super::pair::{self, Pair};
use super::rename;
use crate::roster::{Losses, Member, Roster};

/// One member before and after; at least one of the two is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change<'a> {
    /// None for who joined.
    pub before: Option<&'a Member>,
    /// None for who left.
    pub after: Option<&'a Member>,
}

impl<'a> Change<'a> {
    /// The newest known state: `after`, or `before` for who left.
    pub(super) fn newest(&self) -> &'a Member {
        self.after.or(self.before).expect("a change has a side")
    }

    /// What happened to the member, in the order of [`EventKind::ALL`]; nothing where the two
    /// sides are equal.
    pub(super) fn kinds(self) -> impl Iterator<Item = EventKind> {
        let flip = |bit: fn(&Member) -> bool, on, off| match (
            self.before.is_some_and(bit),
            self.after.is_some_and(bit),
        ) {
            (false, true) => Some(on),
            (true, false) => Some(off),
            (true, true) | (false, false) => None,
        };
        let identity = match (self.before, self.after) {
            (Some(before), Some(after)) if before.key() != after.key() => Some(EventKind::Renamed),
            _ => flip(|_| true, EventKind::Joined, EventKind::Left),
        };
        let seat = flip(|member| member.seat, EventKind::SeatGained, EventKind::SeatLost);
        let admin = flip(|member| member.admin, EventKind::AdminGranted, EventKind::AdminRevoked);
        let updated = self.is_edited().then_some(EventKind::Updated);
        [identity, seat, admin, updated].into_iter().flatten()
    }

    /// Under one key, but shown differently.
    fn is_edited(self) -> bool {
        let (Some(before), Some(after)) = (self.before, self.after) else { return false };
        before.key() == after.key()
            && (before.username(), before.name(), before.email())
                != (after.username(), after.name(), after.email())
    }
}

/// Two rosters of one organization and what lies between them.
#[derive(Debug)]
pub(super) struct Diff {
    before: Roster,
    after: Roster,
    pairs: Vec<Pair>,
}

impl Diff {
    /// Compares by username, then tells renames from leaving and joining.
    pub(super) fn between(before: Roster, after: Roster) -> Self {
        let pairs = pair::by_username(&before, &after);
        let pairs = rename::tell(&before, &after, pairs);
        Self { before, after, pairs }
    }

    /// The members that differ, by the key of their newest state.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.pairs.iter().map(|pair| Change {
            before: pair.before.map(|index| &self.before.members()[index]),
            after: pair.after.map(|index| &self.after.members()[index]),
        })
    }

    /// The roster that was compared with.
    pub(super) fn before(&self) -> &Roster {
        &self.before
    }

    /// The newer roster.
    pub(super) fn after(&self) -> &Roster {
        &self.after
    }

    /// Both rosters, to compare again with a newer reading.
    pub(super) fn into_rosters(self) -> (Roster, Roster) {
        (self.before, self.after)
    }

    /// Members whose names the newer roster does not list: who left, and who goes by another
    /// name. Absence is no proof, so these are what has to be confirmed.
    pub(super) fn absent(&self) -> impl Iterator<Item = &Member> {
        self.changes().filter_map(|change| {
            let before = change.before?;
            self.after.get(before.key()).is_none().then_some(before)
        })
    }

    /// What the newer roster lacks of what the older one had.
    pub(super) fn losses(&self) -> Losses {
        let keys = |wanted: fn(&Change<'_>) -> bool| {
            let changes = self.changes().filter(wanted);
            changes.filter_map(|change| change.before).map(|m| m.key().to_owned()).collect()
        };
        let lost_seat = |change: &Change<'_>| {
            change.after.is_some_and(|after| !after.seat)
                && change.before.is_some_and(|before| before.seat)
        };
        let has_admin = |roster: &Roster| roster.members().iter().any(|member| member.admin);
        Losses {
            leavers: keys(|change| change.after.is_none()),
            seat_losers: keys(lost_seat),
            last_admin: has_admin(&self.before) && !has_admin(&self.after),
        }
    }
}

#[cfg(test)]
mod tests;

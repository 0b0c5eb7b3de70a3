//! Pairs the members of two rosters by username.
//!
//! Pure, and innocent of renames: who goes by another name is two pairs here.

use itertools::{EitherOrBoth, Itertools as _};

use crate::roster::Roster;

/// Where the two sides of a change stand in their rosters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) before: Option<usize>,
    pub(super) after: Option<usize>,
}

/// A pair for every member that differs, by key: a merge-join of two sorted lists.
pub(super) fn by_username(before: &Roster, after: &Roster) -> Vec<Pair> {
    let (before, after) = (before.members().iter(), after.members().iter());
    before
        .enumerate()
        .merge_join_by(after.enumerate(), |(_, old), (_, new)| old.key().cmp(new.key()))
        .filter_map(|pair| match pair {
            EitherOrBoth::Left((old, _)) => Some(Pair { before: Some(old), after: None }),
            EitherOrBoth::Right((new, _)) => Some(Pair { before: None, after: Some(new) }),
            EitherOrBoth::Both((_, old), (_, new)) if old == new => None,
            EitherOrBoth::Both((old, _), (new, _)) => {
                Some(Pair { before: Some(old), after: Some(new) })
            }
        })
        .collect()
}

//! Tells renames and take-overs from people who leave and join.
//!
//! Codecov's list has no stable id (`docs/CODECOV_API.md` section 0), so a renamed person looks
//! like one who left and one who joined, and a person whose username was taken over looks like
//! one who changed. The email is the trace that tells them apart.
//!
//! Pure, like the diff that it completes.

use std::collections::{HashMap, HashSet};

use itertools::Itertools as _;

use super::pair::Pair;
use crate::roster::{Member, Roster};

/// Joins a leaver and a joiner that are one person, and parts an old and a new holder of one
/// username that are two. Keeps the order by key, and who left before who joined.
pub(super) fn tell(before: &Roster, after: &Roster, pairs: Vec<Pair>) -> Vec<Pair> {
    let pairs = part_take_overs(before, after, pairs);
    let mut pairs = join_renames(before, after, pairs);
    let key = |pair: &Pair| match (pair.before, pair.after) {
        (_, Some(index)) => after.members()[index].key(),
        (Some(index), None) => before.members()[index].key(),
        (None, None) => unreachable!("a pair has a side"),
    };
    pairs.sort_by(|a, b| (key(a), a.after.is_some()).cmp(&(key(b), b.after.is_some())));
    pairs
}

/// If a new unnamed row carries the email that a username had, while that username now shows
/// another one, the unnamed row is the old member and the named one is somebody new. A row that
/// was unnamed before is somebody else who had the same email.
fn part_take_overs(before: &Roster, after: &Roster, pairs: Vec<Pair>) -> Vec<Pair> {
    let (known, now) = (unnamed_emails(before), unnamed_emails(after));
    let is_new = |email: &str| now.get(email).copied() > known.get(email).copied();
    if now.is_empty() {
        return pairs;
    }
    let taken_over = |pair: &Pair| {
        let (Some(old), Some(new)) = (pair.before, pair.after) else { return false };
        let (old, new) = (&before.members()[old], &after.members()[new]);
        old.email() != new.email() && email(old).is_some_and(is_new)
    };
    let part = |pair: Pair| {
        let [left, joined] =
            [Pair { after: None, ..pair }, Pair { before: None, ..pair }].map(Some);
        if taken_over(&pair) { [left, joined] } else { [Some(pair), None] }
    };
    pairs.into_iter().flat_map(part).flatten().collect()
}

/// A leaver and a joiner with the same email, which nobody else has in either roster.
fn join_renames(before: &Roster, after: &Roster, pairs: Vec<Pair>) -> Vec<Pair> {
    let of_leaver = |pair: &Pair| match (pair.before, pair.after) {
        (Some(old), None) => email(&before.members()[old]).map(|email| (email, old)),
        _ => None,
    };
    let of_joiner = |pair: &Pair| match (pair.before, pair.after) {
        (None, Some(new)) => email(&after.members()[new]).map(|email| (email, new)),
        _ => None,
    };
    let mut leavers: HashMap<&str, usize> = pairs.iter().filter_map(of_leaver).collect();
    if leavers.is_empty() {
        return pairs;
    }
    let joiners: HashMap<&str, usize> = pairs.iter().filter_map(of_joiner).collect();
    leavers.retain(|email, _| joiners.contains_key(email));
    if leavers.is_empty() {
        return pairs;
    }
    for roster in [before, after] {
        let ambiguous = emails(roster).filter(|email| leavers.contains_key(email)).duplicates();
        let ambiguous: HashSet<&str> = ambiguous.collect();
        leavers.retain(|email, _| !ambiguous.contains(*email));
    }
    let renamed: HashMap<usize, usize> =
        leavers.iter().map(|(email, old)| (*old, joiners[email])).collect();
    let known_as_new: HashSet<usize> = renamed.values().copied().collect();
    pairs
        .into_iter()
        .filter_map(|pair| match (pair.before, pair.after) {
            (None, Some(new)) if known_as_new.contains(&new) => None,
            (Some(old), None) => Some(Pair { after: renamed.get(&old).copied(), ..pair }),
            _ => Some(pair),
        })
        .collect()
}

/// How many unnamed rows carry each email.
fn unnamed_emails(roster: &Roster) -> HashMap<&str, usize> {
    let emails = roster.unnamed().iter().filter_map(|row| row.email.as_deref());
    emails.filter_map(trace).counts()
}

fn emails(roster: &Roster) -> impl Iterator<Item = &str> {
    let unnamed = roster.unnamed().iter().filter_map(|row| row.email.as_deref());
    roster.members().iter().filter_map(email).chain(unnamed)
}

fn email(member: &Member) -> Option<&str> {
    member.email().and_then(trace)
}

/// A blank address is nobody's trace.
fn trace(email: &str) -> Option<&str> {
    (!email.trim().is_empty()).then_some(email)
}

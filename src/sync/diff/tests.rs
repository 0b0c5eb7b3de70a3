//! What a difference is, line by line, and what holds of every difference.

use itertools::Itertools as _;
use proptest::prelude::*;
use seatwatch_sdk::EventKind;

use super::super::cast::{Listener, roster, rosters};
use super::*;

/// The events that turn one cast into the other.
#[track_caller]
fn check(before: &str, after: &str, events: &str) {
    let diff = Diff::between(roster(before), roster(after));
    assert_eq!(told(&diff).join(", "), events, "{before} ─► {after}");
}

fn told(diff: &Diff) -> Vec<String> {
    let told = |change: Change<'_>, kind: EventKind| {
        let newest = change.newest().username();
        match change.before.filter(|_| kind == EventKind::Renamed) {
            Some(before) => format!("{kind} {}→{newest}", before.username()),
            None => format!("{kind} {newest}"),
        }
    };
    diff.changes().flat_map(|change| change.kinds().map(move |kind| told(change, kind))).collect()
}

#[test]
fn every_bit_that_flips_is_one_event() {
    check("", "", "");
    check("ann bob", "bob ann", "");
    check("ann", "ann*", "seat_gained ann");
    check("ann*", "ann", "seat_lost ann");
    check("ann", "ann!", "admin_granted ann");
    check("ann*!", "ann", "seat_lost ann, admin_revoked ann");
    check("ann*", "ann!", "seat_lost ann, admin_granted ann");
    check("", "ann*!", "joined ann, seat_gained ann, admin_granted ann");
    check("ann*!", "", "left ann, seat_lost ann, admin_revoked ann");
    check("bob ann", "cat* bob", "left ann, joined cat, seat_gained cat");
}

#[test]
fn what_is_shown_of_a_member_is_updated() {
    check("ann", "ann/Ann", "updated ann");
    check("ann/Ann", "ann/", "updated ann");
    check("ann", "ann=", "updated ann");
    check("ann=e1", "ann=e2", "updated ann");
    check("ann=e1", "ann=E1", "updated ann");
    check("ann", "Ann", "updated Ann");
    check("ann/a=e1", "ANN*/b=e2", "seat_gained ANN, updated ANN");
    check("zoë", "ZOË", "updated ZOË");
}

#[test]
fn one_email_under_another_name_is_a_rename() {
    check("ann=e1", "anna=e1", "renamed ann→anna");
    check("ann*=e1", "anna!=e1", "renamed ann→anna, seat_lost anna, admin_granted anna");
    check("ann/A=e1", "anna/B=e1", "renamed ann→anna");
    check("zed=e1 bob", "ann=e1 bob*", "renamed zed→ann, seat_gained bob");
    check("ann=e1 bob=e2", "anna=e1 bert=e2", "renamed ann→anna, renamed bob→bert");
    check("ann=e1", "anna=E1", "left ann, joined anna"); // Codecov keeps the case of an email.
    check("ann", "anna", "left ann, joined anna");
    check("ann/A", "anna/A", "left ann, joined anna");
}

#[test]
fn a_blank_email_is_no_trace() {
    check("ann=", "anna=", "left ann, joined anna");
    check("ann=␣", "anna=␣", "left ann, joined anna");
    check("ann=", "ann=e1 _=", "updated ann");
}

#[test]
fn an_email_of_several_is_no_trace() {
    check("ann=e1 bob=e1", "anna=e1 bob", "left ann, joined anna, updated bob");
    check("ann=e1 bob=e1", "cat=e1", "left ann, left bob, joined cat");
    check("ann=e1", "anna=e1 anne=e1", "left ann, joined anna, joined anne");
    check("ann=e1 bob", "anna=e1 bob=e1", "left ann, joined anna, updated bob");
    check("ann=e1", "anna=e1 _=e1", "left ann, joined anna");
    check("ann=e1 _=e1", "anna=e1", "left ann, joined anna");
}

#[test]
fn a_renamed_person_can_be_renamed_again() {
    check("ann=e1", "bob=e1", "renamed ann→bob");
    check("bob=e1", "cat=e1", "renamed bob→cat");
    check("cat=e1", "ann=e1", "renamed cat→ann");
    // Within one sync nobody can tell a chain from two people who changed their email.
    check("ann=e1 bob=e2", "bob=e1 cat=e2", "left ann, updated bob, joined cat");
}

#[test]
fn a_name_that_was_taken_over_is_two_people() {
    check("ann=e1", "ann=e2 _=e1", "left ann, joined ann");
    check("ann*=e1", "ann!=e2 _*=e1", "left ann, seat_lost ann, joined ann, admin_granted ann");
    check("Ann=e1", "ann _=e1", "left Ann, joined ann");
    check("ann=e1", "ann=e1 _=e1", ""); // The address is still theirs.
    check("ann=e1", "ann=e2 _=e3", "updated ann");
    check("ann=e1", "_=e1", "left ann"); // Nobody took the name.
    check("ann=e1 bob=e2", "ann=e2 _=e1", "left ann, renamed bob→ann");
}

#[test]
fn unnamed_rows_are_no_events() {
    check("", "_ _*=e1", "");
    check("_* _*", "", "");
    check("_=e1", "ann=e1", "joined ann");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Who knew the old roster and hears the events knows the new one.
    #[test]
    fn the_events_turn_the_old_roster_into_the_new_one(before in rosters(), after in rosters()) {
        let diff = Diff::between(before.clone(), after.clone());
        let mut listener = Listener::of(&before);
        for change in diff.changes() {
            let (before, after) = (change.before.map(Member::profile), change.after.map(Member::profile));
            for kind in change.kinds() {
                listener.hear(kind, before.as_ref(), after.as_ref());
            }
        }
        prop_assert_eq!(listener, Listener::of(&after));
    }

    #[test]
    fn a_roster_does_not_differ_from_itself(roster in rosters()) {
        let diff = Diff::between(roster.clone(), roster);
        prop_assert_eq!(diff.changes().next(), None);
        prop_assert_eq!(diff.losses(), Losses::default());
    }

    #[test]
    fn the_sums_hold(before in rosters(), after in rosters()) {
        let (old, new) = (before.totals(), after.totals());
        let diff = Diff::between(before, after);
        let count = |wanted| diff.changes().flat_map(Change::kinds).filter(|kind| *kind == wanted).count() as u64;
        prop_assert_eq!(old.members + count(EventKind::Joined), new.members + count(EventKind::Left));
        prop_assert_eq!(old.seats + count(EventKind::SeatGained), new.seats + count(EventKind::SeatLost));
        prop_assert_eq!(old.admins + count(EventKind::AdminGranted), new.admins + count(EventKind::AdminRevoked));
    }

    /// By key, who left a name before who came by it, and each by the order of the kinds.
    #[test]
    fn events_have_an_order(before in rosters(), after in rosters()) {
        let diff = Diff::between(before, after);
        let places: Vec<_> = diff
            .changes()
            .flat_map(|change| change.kinds().map(move |kind| (change.newest().key(), change.after.is_some(), kind)))
            .collect();
        prop_assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
        prop_assert!(diff.changes().all(|change| change.kinds().next().is_some()), "a change without an event");
    }

    /// Exactly who left and who joined with an email that nobody else has in either roster.
    #[test]
    fn a_rename_is_one_leaver_and_one_joiner_of_a_unique_email(before in rosters(), after in rosters()) {
        let diff = Diff::between(before.clone(), after.clone());
        let renamed: Vec<_> = diff
            .changes()
            .filter_map(|change| change.before.zip(change.after))
            .filter(|(old, new)| old.key() != new.key())
            .map(|(old, new)| (old.key(), new.key()))
            .collect();
        let mut expected = Vec::new();
        for email in ["e1", "e2", "e3"] {
            let rows = |roster: &Roster| roster.unnamed().iter().filter(|row| row.email.as_deref() == Some(email)).count();
            let holders = |roster: &Roster| -> Vec<Member> {
                roster.members().iter().filter(|m| m.email() == Some(email)).cloned().collect()
            };
            let (old, new) = (holders(&before), holders(&after));
            let ([old], [new], 0, 0) = (&*old, &*new, rows(&before), rows(&after)) else { continue };
            // A name that was taken over is free for a joiner; its old holder is not renamed, for
            // an unnamed row has the email.
            let taken = |member: &Member| {
                let count = |roster: &Roster, email| roster.unnamed().iter().filter(|row| row.email.as_deref() == Some(email)).count();
                before.get(member.key()).and_then(|old| old.email()).filter(|email| !email.trim().is_empty())
                    .is_some_and(|email| count(&after, email) > count(&before, email))
            };
            if after.get(old.key()).is_none() && (before.get(new.key()).is_none() || (taken(new) && old.key() != new.key())) {
                expected.push((old.key().to_owned(), new.key().to_owned()));
            }
        }
        expected.sort_by(|a, b| a.1.cmp(&b.1));
        let renamed: Vec<_> = renamed.into_iter().map(|(old, new)| (old.to_owned(), new.to_owned())).collect();
        prop_assert_eq!(renamed, expected);
    }

    #[test]
    fn losses_are_what_the_events_take_away(before in rosters(), after in rosters()) {
        let diff = Diff::between(before.clone(), after.clone());
        let losses = diff.losses();
        let keys = |kind, gone| -> std::collections::BTreeSet<String> {
            diff.changes()
                .filter(|change| change.after.is_none() == gone && change.kinds().any(|k| k == kind))
                .filter_map(|change| change.before)
                .map(|member| member.key().to_owned())
                .collect()
        };
        prop_assert_eq!(losses.leavers, keys(EventKind::Left, true));
        prop_assert_eq!(losses.seat_losers, keys(EventKind::SeatLost, false));
        prop_assert_eq!(losses.last_admin, before.totals().admins > 0 && after.totals().admins == 0);
        // Who has to be confirmed is whoever's name is missing, under whatever name they are now.
        let absent: Vec<_> = diff.absent().map(Member::key).collect();
        let missing: Vec<_> =
            before.members().iter().map(Member::key).filter(|key| after.get(key).is_none()).collect();
        prop_assert_eq!(absent.into_iter().sorted().collect_vec(), missing);
    }

    /// Presence in either of two readings is proof.
    #[test]
    fn a_union_lacks_nobody(first in rosters(), later in rosters()) {
        let union = first.clone().union(later.clone());
        for member in first.members().iter().chain(later.members()) {
            prop_assert_eq!(union.get(member.key()), later.get(member.key()).or_else(|| first.get(member.key())));
        }
        prop_assert!(union.members().is_sorted_by(|a, b| a.key() < b.key()));
        prop_assert_eq!(union.unnamed().len(), first.unnamed().len().max(later.unnamed().len()));
    }
}

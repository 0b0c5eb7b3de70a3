use itertools::Itertools as _;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::gather::Gathering;
use super::super::table;
use super::*;

fn list(rows: &[impl AsRef<str>]) -> People {
    let header = "email,username,name";
    let text = std::iter::once(header).chain(rows.iter().map(AsRef::as_ref)).join("\n");
    let mut gathering = Gathering::new(1_000);
    table::read(text.as_bytes(), std::io::empty(), None, &mut gathering).unwrap();
    gathering.into_people().unwrap()
}

/// A member is written `ann*!:ann@x`: with a seat, an admin, with an address. Without a name it is
/// an unnamed row.
fn roster(members: &[impl AsRef<str>]) -> Roster {
    let (mut named, mut unnamed) = (Vec::new(), Vec::new());
    for member in members {
        let (name, email) = member.as_ref().split_once(':').unwrap_or((member.as_ref(), ""));
        let email = (!email.is_empty()).then_some(email);
        let (seat, admin) = (name.contains('*'), name.contains('!'));
        match name.trim_end_matches(['*', '!']) {
            "" => unnamed.push(UnnamedRow { email: email.map(Into::into), seat }),
            username => named.push(Member::new(username, None, email, seat, admin)),
        }
    }
    Roster::new(named, unnamed).unwrap()
}

fn id(number: usize) -> OrganizationId {
    format!("github/org-{number}").parse().unwrap()
}

/// What is found, a line each: `org-0 ann* not_in_list`, and for the list `@3 ann no_access`.
fn told(entries: &[Entry<'_>], is_numbered: bool) -> String {
    entries
        .iter()
        .map(|entry| {
            let organization = entry.organization.map_or("list", OrganizationId::owner);
            let who = entry.username.or(entry.email).unwrap_or("?");
            let seat = if entry.seat == Some(true) { "*" } else { "" };
            let by = entry.matched_by.map(|by| format!(" by {}", by.word())).unwrap_or_default();
            let at = if is_numbered { entry.listed_at.iter().join(",") } else { String::new() };
            format!("{organization} {who}{seat} {}{by} {at}", entry.finding.word())
        })
        .map(|line| line.trim_end().to_owned())
        .join("\n")
}

#[track_caller]
fn check(members: &str, rows: &[&str], expected: &str) {
    let roster = roster(&members.split_whitespace().collect::<Vec<_>>());
    let (id, people) = (id(0), list(rows));
    let comparison = compare(&[(&id, &roster)], &people);
    assert_eq!(told(&comparison.entries, true), expected);
}

#[test]
fn members_are_told_by_their_address_or_else_by_their_username() {
    check("ann*:ann@x", &["ann@x,,"], "");
    check("ann*:ANN@x", &["Ann@X,,"], "");
    check("Ann*", &["a@x,@ann,"], "");
    check("ann*:private@home", &["ann@x,ANN,"], "");
    check("ann*:two@x", &["one@x; two@x,,"], "");
    check("ann*", &["a@x,\"ann, ann-bot\","], "");
    check("ann*:ann@y", &["ann@x,anna,"], "org-0 ann* not_in_list\nlist anna no_access 2");
}

#[test]
fn seats_of_strangers_come_first() {
    check(
        "ann:ann@x bob*:bob@x cat!:cat@x dan*:dan@x",
        &["dan@x,,", "eve@x,,"],
        "org-0 bob* not_in_list\norg-0 ann not_in_list\norg-0 cat not_in_list\n\
         list eve@x no_access 3",
    );
}

#[test]
fn where_there_is_nothing_to_tell_by_nobody_is_a_stranger() {
    // A list of addresses tells nothing of somebody whose address Codecov does not know.
    check("ann* bob*:bob@x", &["bob@x,,"], "org-0 ann* cannot_tell");
    check("ann*:unknown", &["bob@x,,"], "org-0 ann* cannot_tell\nlist bob@x no_access 2");
    // A list of usernames does.
    check("ann*:a@x bob*", &[",bob,"], "org-0 ann* not_in_list");
    // Nor does a row without either tell anything.
    check("ann*:a@x", &["a@x,,", "-,n/a,Bob"], "list ? cannot_tell 3");
}

#[test]
fn several_possibilities_are_told_and_none_is_chosen() {
    // Two members have the address of one person.
    check(
        "ann*:ann@x bot*:ann@x",
        &["ann@x,,"],
        "org-0 ann* ambiguous by email 2\norg-0 bot* ambiguous by email 2",
    );
    // One by the address, the other by the username.
    check(
        "ann*:other@x bob*:ann@x",
        &["ann@x,ann,"],
        "org-0 ann* ambiguous by username 2\norg-0 bob* ambiguous by email 2",
    );
    // Two people have the address of one member, and the address and the username of one.
    check("ann*:ann@x", &["ann@x,,Ann", "ann@x,,Bea"], "org-0 ann* ambiguous by email 2,3");
    check("ann*:ann@x", &["b@x,ann,", "ann@x,,"], "org-0 ann* ambiguous by email 2,3");
    // Not if they are the same person twice, or the same person twice over.
    check("ann*:ann@x", &["ann@x,,Ann", "ann@x,,Ann"], "");
    check("ann*:ann@x", &["ann@x,ann,Ann"], "");
}

#[test]
fn seats_of_rows_that_name_nobody_are_told_by_their_address() {
    let roster = roster(&["ann*:ann@x", "*:bob@x", "*:cat@x", "*", ":dan@x"]);
    let (id, people) = (id(0), list(&["ann@x,ann,", "bob@x,bob,"]));
    let comparison = compare(&[(&id, &roster)], &people);
    let seats = UnnamedSeats { in_list: 1, not_in_list: 1, cannot_tell: 1 };
    assert_eq!(comparison.organizations[0].unnamed_seats, seats);
    // Bob's account is gone and takes a seat: he is not without access.
    let expected = "org-0 cat@x* not_in_list\norg-0 ?* cannot_tell";
    assert_eq!(told(&comparison.entries, true), expected);
}

#[test]
fn access_in_one_organization_is_access() {
    let (first, second) = (roster(&["ann:ann@x"]), roster(&["bob:bob@x", ":cat@x", "*:dan@x"]));
    let (acme, beta) = (id(0), id(1));
    let people = list(&["ann@x,,", "bob@x,,", "cat@x,,", "dan@x,,", "eve@x,,"]);
    let comparison = compare(&[(&acme, &first), (&beta, &second)], &people);
    assert_eq!(told(&comparison.entries, false), "list cat@x no_access\nlist eve@x no_access");
    let Listed { with_email, with_username, with_access, no_access, cannot_tell } =
        comparison.listed;
    assert_eq!([with_email, with_username, with_access, no_access, cannot_tell], [5, 0, 3, 2, 0]);
}

#[test]
fn machines_get_rows_with_the_keys_of_members() {
    let (first, second) = (roster(&["Ann*!:Ann@X", "bob*"]), roster(&["ann:ann@x", "eve*:eve@x"]));
    let (acme, beta) = (id(0), id(1));
    let people = list(&["ann@x,,Ann", "cat@x,,Cat", ",,Nobody"]);
    let comparison = compare(&[(&acme, &first), (&beta, &second)], &people);
    insta::assert_json_snapshot!(comparison);
    let rows = serde_json::to_value(&comparison.entries).unwrap();
    for row in rows.as_array().unwrap() {
        let keys = row.as_object().unwrap().keys();
        assert!(keys.eq(COLUMNS), "{row}");
    }
    for entry in &comparison.entries {
        let row = serde_json::to_value(entry).unwrap();
        assert_eq!(row["finding"], entry.finding.word());
    }
}

/// An address or a username out of so few that they meet often.
fn key() -> impl Strategy<Value = String> {
    select(&["ann", "bob", "cat", "dan", "eve"][..]).prop_map(str::to_owned)
}

fn optional(suffix: &'static str) -> impl Strategy<Value = String> {
    proptest::option::weighted(0.7, key())
        .prop_map(move |key| key.map(|key| format!("{key}{suffix}")).unwrap_or_default())
}

fn rows() -> impl Strategy<Value = Vec<String>> {
    let row = (optional("@x"), optional(""), optional(""))
        .prop_map(|(email, username, name)| format!("{email},{username},{name}"));
    // At least somebody who can be told, or it is no list.
    (vec(row, 0..6), key()).prop_map(|(mut rows, key)| {
        rows.push(format!("{key}@x,,"));
        rows
    })
}

fn members() -> impl Strategy<Value = Vec<String>> {
    let member = (key(), optional("@x"), any::<bool>());
    vec(member, 0..6).prop_map(|members| {
        let unique = members.into_iter().unique_by(|(name, ..)| name.clone());
        unique
            .map(|(name, email, seat)| format!("{name}{}:{email}", if seat { "*" } else { "" }))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_is_counted_once(
        rosters in vec((members(), vec(optional("@x"), 0..4)), 1..3),
        rows in rows(),
    ) {
        let rosters: Vec<(OrganizationId, Roster)> = rosters
            .iter()
            .enumerate()
            .map(|(number, (members, unnamed))| {
                let unnamed = unnamed.iter().map(|email| format!("*:{email}"));
                let all: Vec<String> = members.iter().cloned().chain(unnamed).collect();
                (id(number), roster(&all))
            })
            .collect();
        let people = list(&rows);
        let given: Vec<_> = rosters.iter().map(|(id, roster)| (id, roster)).collect();
        let comparison = compare(&given, &people);
        for (sums, (id, roster)) in comparison.organizations.iter().zip(&rosters) {
            let Sums { by_email, by_username, ambiguous, cannot_tell, not_in_list, .. } = sums;
            let all = [by_email, by_username, ambiguous, cannot_tell, not_in_list];
            let totals = roster.totals();
            prop_assert_eq!(all.iter().map(|it| it.members).sum::<u64>(), totals.members);
            prop_assert_eq!(all.iter().map(|it| it.seats).sum::<u64>(), totals.seats);
            let UnnamedSeats { in_list, not_in_list: gone, cannot_tell: untold } =
                sums.unnamed_seats;
            prop_assert_eq!(in_list + gone + untold, totals.unnamed.seats);
            // What is counted is what is told.
            let count = |finding| {
                let is_it = |entry: &&Entry<'_>| {
                    entry.organization == Some(id) && entry.finding == finding
                };
                comparison.entries.iter().filter(is_it).count() as u64
            };
            prop_assert_eq!(count(Finding::NotInList), not_in_list.members + gone);
            let is_ghost_seat = |entry: &&Entry<'_>| {
                entry.organization == Some(id)
                    && entry.finding == Finding::NotInList
                    && entry.seat == Some(true)
            };
            let ghost_seats = comparison.entries.iter().filter(is_ghost_seat).count() as u64;
            prop_assert_eq!(ghost_seats, sums.ghost_seats());
            prop_assert_eq!(count(Finding::Ambiguous), ambiguous.members);
            prop_assert_eq!(count(Finding::CannotTell), cannot_tell.members + untold);
        }
        let Listed { with_access, no_access, cannot_tell, .. } = comparison.listed;
        prop_assert_eq!(with_access + no_access + cannot_tell, people.len() as u64);
    }

    #[test]
    fn nobody_is_a_stranger_who_is_in_the_list_or_cannot_be_told(
        members in members(),
        rows in rows(),
    ) {
        let (id, roster, people) = (id(0), roster(&members), list(&rows));
        let comparison = compare(&[(&id, &roster)], &people);
        let has_usernames = people.iter().any(|person| person.usernames().next().is_some());
        for entry in comparison.entries.iter().filter(|it| it.finding == Finding::NotInList) {
            prop_assert!(has_usernames || entry.email.is_some());
            for person in people.iter() {
                prop_assert!(person.emails().all(|email| Some(email) != entry.email));
                prop_assert!(person.usernames().all(|name| Some(name) != entry.username));
            }
        }
        for entry in comparison.entries.iter().filter(|it| it.finding == Finding::NoAccess) {
            for member in roster.members() {
                prop_assert!(entry.email.is_none() || member.email() != entry.email);
                prop_assert!(Some(member.key()) != entry.username);
            }
        }
    }

    /// Each member next to each person.
    #[test]
    fn ambiguous_is_whoever_is_not_one_person_and_the_only_one(
        members in members(),
        rows in rows(),
    ) {
        let (id, roster, people) = (id(0), roster(&members), list(&rows));
        let may_be = |member: &Member, person: &Person<'_>| {
            person.emails().any(|email| member.email() == Some(email))
                || person.usernames().any(|name| name == member.key())
        };
        let is_ambiguous = |member: &&Member| {
            let possible: Vec<_> = people.iter().filter(|it| may_be(member, it)).collect();
            let is_only_one = possible.first().is_some_and(|person| {
                roster.members().iter().filter(|it| may_be(it, person)).count() == 1
            });
            possible.len() > 1 || (possible.len() == 1 && !is_only_one)
        };
        let comparison = compare(&[(&id, &roster)], &people);
        let ambiguous = comparison.entries.iter().filter(|it| it.finding == Finding::Ambiguous);
        let mut told: Vec<&str> = ambiguous.filter_map(|entry| entry.username).collect();
        told.sort_unstable();
        let expected: Vec<&str> =
            roster.members().iter().filter(is_ambiguous).map(Member::username).collect();
        prop_assert_eq!(told, expected);
    }

    #[test]
    fn the_order_of_rows_makes_no_difference(
        members in members(),
        unnamed in vec(optional("@x"), 0..4),
        rows in rows(),
        seed: u64,
    ) {
        let unnamed = unnamed.iter().map(|email| format!("*:{email}"));
        let members: Vec<String> = members.into_iter().chain(unnamed).collect();
        let shuffled = |rows: &[String]| {
            let mut rows = rows.to_vec();
            fastrand::Rng::with_seed(seed).shuffle(&mut rows);
            rows
        };
        let id = id(0);
        let compared = |members: &[String], rows: &[String]| {
            let (roster, people) = (roster(members), list(rows));
            let Comparison { organizations, listed, entries } = compare(&[(&id, &roster)], &people);
            format!("{organizations:?} {listed:?}\n{}", told(&entries, false))
        };
        prop_assert_eq!(
            compared(&members, &rows),
            compared(&shuffled(&members), &shuffled(&rows))
        );
    }

    /// By an address or a username of which kind there are some already.
    #[test]
    fn one_more_in_the_list_makes_no_stranger(
        members in members(),
        rows in rows(),
        more in key(),
    ) {
        let (id, roster, before) = (id(0), roster(&members), list(&rows));
        let strangers = |people: &People| -> Vec<String> {
            let comparison = compare(&[(&id, &roster)], people);
            let strangers = comparison.entries.iter().filter(|it| it.finding == Finding::NotInList);
            strangers.map(|entry| entry.username.unwrap().to_owned()).collect()
        };
        let mut kinds = vec![format!("{more}@x,,")];
        if before.iter().any(|person| person.usernames().next().is_some()) {
            kinds.push(format!(",{more},"));
        }
        for row in kinds {
            let after = strangers(&list(&[&rows[..], &[row]].concat()));
            let before = strangers(&before);
            prop_assert!(after.iter().all(|name| before.contains(name)));
        }
    }
}

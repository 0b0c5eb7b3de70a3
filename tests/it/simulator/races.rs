//! The list changes while it is read: between two pages, and between count and rows of one.
//!
//! These are the observations of `CODECOV_API.md` section 8, one line each.

use itertools::Itertools as _;
use seatwatch::organization::Service::Github;
use seatwatch::simulator::Action::{self, Join, Leave, Seat};
use seatwatch::simulator::{Change, Churn, Moment, Person, Script};

use super::{Desk, acme};

/// `m01 m02 …`, so many of them.
fn members(count: usize) -> String {
    (1..=count).map(|number| format!("m{number:02}")).join(" ")
}

/// What happens before the request of this number, counted from 1.
type Race<'a> = (u64, &'a [(&'a str, Action)]);

/// Walks over the pages of ten of that many members, of whom `away` have left before, while
/// the race happens. Expected are the count of each page, and then how the rows that were read
/// differ from the list as it is afterwards.
async fn check(count: usize, away: &[&str], race: Race<'_>, expected: &str) {
    let desk = Desk::open(&members(count)).await;
    // The author of a pull request: known to Codecov, and in no organization.
    desk.simulator.edit(|world| world.add_person(Github, Person::named("author")));
    for username in away {
        let person = desk.person(username);
        desk.simulator.edit(|world| world.leave(desk.acme, person));
    }
    let (at, changes) = race;
    let change = |(username, action): &(&str, Action)| Change {
        organization: acme(),
        username: (*username).to_owned(),
        action: action.clone(),
    };
    let changes = changes.iter().map(change).collect_vec();
    desk.simulator.before_request(move |number, world| {
        let changes = if number == at { changes.as_slice() } else { &[] };
        for change in changes {
            world.apply(change).unwrap();
        }
    });

    let (mut counts, mut read) = (Vec::new(), Vec::new());
    for page in 1.. {
        let answer = desk.page(page, 10).await;
        let Some((count, usernames)) = answer.split_once(": ") else {
            counts.push(answer);
            break;
        };
        read.extend(usernames.split_whitespace().map(str::to_owned));
        counts.push(count.to_owned());
        if page * 10 >= count.parse().unwrap() {
            break;
        }
    }
    desk.page(1, 1).await; // What happens after the last page happens now.
    let listed = desk.simulator.edit(|world| {
        let rows = world.rows(desk.acme);
        rows.iter().filter_map(|row| row.username.map(str::to_owned)).collect_vec()
    });

    let missing = listed.iter().filter(|username| !read.contains(username));
    let gone = read.iter().filter(|username| !listed.contains(username));
    let told = [counts.join(",")]
        .into_iter()
        .chain(missing.map(|username| format!("misses {username}")))
        .chain(gone.map(|username| format!("has {username}")))
        .chain(read.iter().duplicates().map(|username| format!("twice {username}")))
        .join(" ");
    assert_eq!(told, expected);
}

#[tokio::test]
async fn changes_between_pages_shift_the_rows_behind_them() {
    check(30, &[], (2, &[]), "30,30,30").await;
    check(30, &[], (2, &[("m03", Leave)]), "30,29,29 misses m11 has m03").await;
    check(30, &[], (2, &[("m25", Leave)]), "30,29,29").await;
    check(30, &[], (2, &[("new", Join)]), "30,31,31,31").await;
    check(30, &["m03"], (2, &[("m03", Join)]), "29,30,30 misses m03 twice m11").await;
    check(30, &[], (2, &[("m03", Leave), ("new", Join)]), "30,30,30 misses m11 has m03").await;
    check(30, &["m03"], (2, &[("m05", Leave), ("m03", Join)]), "29,29,29 misses m03 has m05").await;
    check(21, &[], (3, &[("m05", Leave)]), "21,21,Invalid page. misses m21 has m05").await;
    check(30, &[], (4, &[("new", Join)]), "30,30,30 misses new").await;
    check(30, &[], (2, &[("author", Seat)]), "30,31,31,31").await;
}

/// Ten low ids leave or return between the count and the rows of the one page there is.
#[tokio::test]
async fn one_page_is_not_a_snapshot() {
    let desk = Desk::open(&members(60)).await;
    let acme = desk.acme;
    let early: Vec<_> = (1..=10).map(|number| desk.person(&format!("m{number:02}"))).collect();
    let mut listed = true;
    desk.simulator.between_count_and_rows(move |number, world| {
        if number == 1 {
            return;
        }
        for person in &early {
            if listed { world.leave(acme, *person) } else { world.join(acme, *person) }
        }
        listed = !listed;
    });
    let read = async || {
        let page = desk.page(1, 1000).await;
        let (count, usernames) = page.split_once(": ").unwrap();
        let usernames: Vec<_> = usernames.split_whitespace().map(str::to_owned).collect();
        let last = usernames.last().unwrap().clone();
        (count.to_owned(), usernames.len(), last)
    };
    assert_eq!(read().await, ("60".to_owned(), 60, "m60".to_owned()));
    assert_eq!(read().await, ("60".to_owned(), 50, "m60".to_owned())); // They leave.
    assert_eq!(read().await, ("50".to_owned(), 50, "m50".to_owned())); // They return: ten fall off.
}

/// The same of one who leaves and returns, as a script has it.
#[tokio::test]
async fn a_script_can_part_the_count_from_the_rows() {
    let mut desk = Desk::open(&members(30)).await;
    let step = |number, action| {
        format!(
            "- between_count_and_rows: {number}\n  change: {{ organization: github/acme, \
             username: m01, action: {action} }}\n"
        )
    };
    let script = format!("steps:\n{}{}", step(2, "leave"), step(4, "join"));
    desk.simulator.run(Script::parse(&script).unwrap());
    let read = async || {
        let page = desk.page(1, 1000).await;
        let (count, usernames) = page.split_once(": ").unwrap();
        let usernames = usernames.split_whitespace().collect_vec();
        format!(
            "{count}: {} rows, {} to {}",
            usernames.len(),
            usernames[0],
            usernames.last().unwrap()
        )
    };
    assert_eq!(read().await, "30: 30 rows, m01 to m30");
    desk.ask("/health/").await; // No list: the change waits for one.
    assert_eq!(read().await, "30: 29 rows, m02 to m30");
    assert_eq!(read().await, "29: 29 rows, m01 to m29");
    assert_eq!(read().await, "30: 30 rows, m01 to m30");
}

/// Whatever happens at random, the record of it turns the world before into the world after.
#[tokio::test]
async fn the_record_of_changes_is_the_truth() {
    let desk = Desk::open(&members(40)).await;
    let mut replayed = desk.simulator.edit(|world| world.clone());
    desk.simulator.churn(Some(Churn::new([acme()], 42).at_most(4)));
    let mut counts = Vec::new();
    for request in 0..120 {
        let page = desk.page(1 + request % 3, 10).await;
        counts.push(page.split_once(": ").unwrap().0.parse::<usize>().unwrap());
    }
    let changes = desk.simulator.changes();
    assert!(changes.iter().any(|change| change.moment == Moment::BetweenCountAndRows));
    let mut changes = changes.iter().peekable();
    for (request, count) in (1..).zip(counts) {
        let counted = (request, Moment::Before);
        while let Some(next) = changes.next_if(|next| (next.request, next.moment) <= counted) {
            replayed.apply(&next.change).unwrap();
        }
        assert_eq!(count, replayed.rows(desk.acme).len(), "request {request}");
    }
    changes.for_each(|rest| replayed.apply(&rest.change).unwrap());
    desk.simulator.edit(|world| assert_eq!(world.rows(desk.acme), replayed.rows(desk.acme)));
}

//! A roster that lost too much at once: held, told once, and let go by a person's word or by
//! itself. Nobody is told to be gone meanwhile.

use std::thread;
use std::time::Duration;

use insta::assert_snapshot;
use seatwatch::simulator::Fault;
use serde_json::Value;

use crate::world::{World, read_events};

/// An admin and as many members as the range is long, each with a seat: `boss! m01* m02*`.
fn crowd(members: std::ops::RangeInclusive<u32>) -> String {
    members.fold("boss!".to_owned(), |cast, number| format!("{cast} m{number:02}*"))
}

/// Twenty members of twenty-one were there, and ten of them are gone: six might go.
fn held() -> World {
    let world = World::start(&crowd(1..=20));
    world.sync().ok();
    world.members(&crowd(11..=20)).sync();
    world
}

/// The details of the last event, without what is shown elsewhere.
fn last_details(world: &World) -> String {
    let details = world.events().pop().unwrap()["data"]["details"].take();
    world.filtered(&serde_json::to_string_pretty(&details).unwrap())
}

#[test]
fn a_held_roster_stays_held_and_is_told_once() {
    let world = World::start(&crowd(1..=20));
    world.sync().ok();
    world.members(&format!("{} newcomer*", crowd(11..=20)));
    let first = world.sync();
    assert_snapshot!(first.shown(), @r"
    github/acme  21 members  20 seats  1 admin  held (fde070b2)
      would leave    m01, m02, m03, m04, m05, m06, m07, m08, m09, m10
      roster_held
    error: github/acme: roster held (fde070b2): 10 of 21 members would leave, 11 of 20 seats would remain; nothing was committed
    hint: if this is right, run `seatwatch approve github/acme`; if not, `seatwatch reject github/acme`
    exit code 65
    ");
    assert_snapshot!(last_details(&world), @r#"
    {
      "hold": "fde070b2",
      "leavers": 10,
      "seat_losers": 0,
      "last_admin": false,
      "members": 21,
      "members_found": 12,
      "seats": 20,
      "seats_found": 11,
      "names": [
        "m01",
        "m02",
        "m03",
        "m04",
        "m05",
        "m06",
        "m07",
        "m08",
        "m09",
        "m10"
      ]
    }
    "#);
    let events = world.events();
    assert_eq!(events[1]["data"]["totals"], events[1]["data"]["previous_totals"]);
    for _ in 0..2 {
        let again = world.sync();
        assert_eq!((again.code, &again.stderr), (Some(65), &first.stderr));
    }
    assert_eq!(world.told(), "baselined\nroster_held\n");
    // What is kept is what was there before, all of it.
    let roster = world.run(&["roster", "github/acme", "--format", "json"]).ok().rows();
    assert_eq!(roster.len(), 21);
    assert!(roster.iter().all(|member| member["username"] != "newcomer"), "{roster:?}");
}

#[test]
fn status_says_who_is_missing_and_what_to_do() {
    let world = held();
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE  MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Held        21     20        –       1  [TIME]  [TIME]

    github/acme: roster held since [TIME] as fde070b2, last tried [TIME]
      10 would leave: m01, m02, m03, m04, m05, m06, m07, m08, m09, m10
    hint: if this is right: seatwatch approve github/acme; if not: seatwatch reject github/acme

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
    let rows = world.run(&["status", "--format", "json"]).ok().rows();
    assert_eq!(rows[0]["state"], "held");
    assert_snapshot!(serde_json::to_string_pretty(&rows[0]).unwrap(), @r#"
    {
      "organization": "github/acme",
      "label": null,
      "state": "held",
      "members": 21,
      "seats": 20,
      "seats_limit": null,
      "seats_change_30d": 0,
      "cost": null,
      "currency": null,
      "admins": 1,
      "unnamed_members": 0,
      "unnamed_seats": 0,
      "last_sync": "[TIME]",
      "last_success": "[TIME]",
      "next_sync": "[TIME]",
      "failures": 0,
      "reason": null,
      "message": null,
      "hint": null,
      "hold": "fde070b2",
      "approved_at": null,
      "vanished_at": null
    }
    "#);
}

#[test]
fn the_machines_row_of_a_held_sync_names_the_hold() {
    let world = held();
    let ran = world.run(&["sync", "--format", "json"]);
    assert_eq!(ran.code, Some(65));
    let row = &ran.rows()[0];
    assert_eq!(row["outcome"], "held");
    assert_eq!(row["hold"], world.hold());
    assert_eq!((&row["members"], &row["left"]), (&Value::from(21), &Value::from(0)));
}

#[test]
fn a_reminder_comes_when_it_is_due_and_ends_with_a_rejection() {
    let world = World::start(&crowd(1..=20)).with_config("remind_every: 1s");
    world.sync().ok();
    world.members(&crowd(11..=20)).sync();
    thread::sleep(Duration::from_millis(1010));
    world.sync();
    assert_eq!(world.told(), "baselined\nroster_held\nroster_held\n");

    assert_snapshot!(world.run(&["reject", "github/acme"]).ok().shown(), @"github/acme: hold fde070b2 rejected; no more reminders");
    thread::sleep(Duration::from_millis(1010));
    assert_eq!(world.sync().code, Some(65), "it stays held");
    assert_eq!(world.told(), "baselined\nroster_held\nroster_held\n");
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE  MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Held        21     20        –       1  [TIME]  [TIME]

    github/acme: roster held since [TIME] as fde070b2, rejected, last tried [TIME]
      10 would leave: m01, m02, m03, m04, m05, m06, m07, m08, m09, m10
    hint: if this is right after all: seatwatch approve github/acme

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");

    // A person may think better of it.
    world.run(&["approve", "github/acme"]).ok();
    assert!(world.told().contains("roster_released\nleft m01\n"), "{}", world.told());
}

/// A sync that fails does not take a person's word back, so they are told that it still counts.
#[test]
fn an_approval_outlives_a_sync_that_fails() {
    let world = held();
    world.fault(Fault::Status { status: 401, retry_after: None });
    assert_snapshot!(world.run(&["approve", "github/acme"]).shown(), @"
    error: github/acme: token_refused: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 401 Unauthorized: `Invalid token.`; nothing was committed
    hint: make an API token in the Codecov settings of an admin of the organization and put it into the token file; it is read afresh each time
    github/acme: the approval stands until [TIME]: the next sync that succeeds uses it
    exit code 77
    ");
    let approved = world.run(&["status", "--format", "json"]).rows()[0]["approved_at"].take();
    assert_eq!(approved, "[TIME]");
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE    MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Failing       21     20        –       1  [TIME]  [TIME]

    github/acme: failing since [TIME] (1 sync), last tried [TIME]: token_refused: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 401 Unauthorized: `Invalid token.`
    hint: make an API token in the Codecov settings of an admin of the organization and put it into the token file; it is read afresh each time

    github/acme: roster held since [TIME] as fde070b2
      10 would leave: m01, m02, m03, m04, m05, m06, m07, m08, m09, m10
      approved at [TIME]; the next sync that succeeds before [TIME] uses it
    hint: to take that back: seatwatch reject github/acme

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
    world.calm().sync().ok();
    assert!(world.told().contains("roster_released\nleft m01\n"), "{}", world.told());
    assert_eq!(world.run(&["status", "--format", "json"]).rows()[0]["approved_at"], Value::Null);
}

#[test]
fn an_approval_lets_exactly_the_leavers_go() {
    let world = held();
    assert_snapshot!(world.run(&["approve", "github/acme"]).ok().shown(), @r"
    github/acme  11 members (−10)  10 seats (−10)  1 admin
      roster_released
      left           m01, m02, m03, m04, m05, m06, m07, m08, m09, m10
      seat_lost      m01, m02, m03, m04, m05, m06, m07, m08, m09, m10
    ");
    let told = world.told();
    let lost = |number| format!("left m{number:02}\nseat_lost m{number:02}\n");
    let all: String = (1..=10).map(lost).collect();
    assert_eq!(told, format!("baselined\nroster_held\nroster_released\n{all}"));
    let released = world.events().swap_remove(2);
    assert_eq!(released["data"]["details"]["how"], "approved");
    assert_eq!(released["correlationid"], world.events()[3]["correlationid"]);

    assert_snapshot!(world.run(&["approve", "github/acme"]).shown(), @r"
    error: github/acme: no roster is held
    hint: `seatwatch status` shows how every organization stands
    exit code 65
    ");
    assert_snapshot!(world.run(&["reject", "github/acme"]).shown(), @r"
    error: github/acme: no roster is held
    hint: `seatwatch status` shows how every organization stands
    exit code 65
    ");
    assert_eq!(world.told(), told);

    // It is used up: as many again are held again.
    world.members("boss! m11* m12*");
    assert_eq!(world.sync().code, Some(65));
}

#[test]
fn an_approval_covers_no_more_than_was_shown_and_what_is_in_bounds() {
    // Six beyond the approved set may go unasked, seven may not.
    for (first_left, released) in [(17, true), (18, false)] {
        let world = held();
        world.members(&crowd(first_left..=20));
        let ran = world.run(&["approve", "github/acme"]);
        assert_eq!(ran.code, Some(if released { 0 } else { 65 }), "{}", ran.shown());
        let told = world.told();
        assert_eq!(told.contains("roster_released"), released, "{told}");
        let left = told.matches("\nleft ").count();
        assert_eq!(left, if released { 16 } else { 0 }, "{told}");
    }
}

#[test]
fn a_hold_that_changed_since_it_was_told_has_to_be_named() {
    let world = held();
    let told = world.hold();
    world.members(&format!("{} m01*", crowd(14..=20))).sync();
    let now = world.hold();
    assert_ne!(told, now);
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE  MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Held        21     20        –       1  [TIME]  [TIME]

    github/acme: roster held since [TIME] as ae868388, last tried [TIME]
      12 would leave: m02, m03, m04, m05, m06, m07, m08, m09, m10, m11, m12, m13
    hint: it has changed since it was told as fde070b2; to accept what stands here: seatwatch approve github/acme --hold ae868388

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
    assert_snapshot!(world.run(&["approve", "github/acme"]).shown(), @r"
    error: github/acme: the held roster has changed since it was told
      + m11 leaves
      + m12 leaves
      + m13 leaves
      - m01 leaves
    hint: to accept it as it is now: seatwatch approve github/acme --hold ae868388
    exit code 65
    ");
    assert_snapshot!(world.run(&["approve", "github/acme", "--hold", &told]).shown(), @r"
    error: github/acme: hold `fde070b2` is not the one that is held now, which is `ae868388`
      + m11 leaves
      + m12 leaves
      + m13 leaves
      - m01 leaves
    hint: to accept it as it is now: seatwatch approve github/acme --hold ae868388
    exit code 65
    ");
    assert_snapshot!(world.run(&["approve", "github/acme", "--hold", "nonsense"]).shown(), @r"
    error: github/acme: hold `nonsense` is not the one that is held now, which is `ae868388`
      + m11 leaves
      + m12 leaves
      + m13 leaves
      - m01 leaves
    hint: to accept it as it is now: seatwatch approve github/acme --hold ae868388
    exit code 65
    ");
    assert_eq!(world.told(), "baselined\nroster_held\n");
    world.run(&["approve", "github/acme", "--hold", &now]).ok();
    assert!(!world.told().contains("left m01"), "{}", world.told());
    assert!(world.told().contains("left m13"), "{}", world.told());
}

#[test]
fn a_wrong_id_is_refused_where_nothing_has_changed() {
    let world = held();
    assert_snapshot!(world.run(&["approve", "github/acme", "--hold", "00000000"]).shown(), @r"
    error: github/acme: hold `00000000` is not the one that is held now, which is `fde070b2`
    hint: to accept it as it is now: seatwatch approve github/acme --hold fde070b2
    exit code 65
    ");
    assert_eq!(world.told(), "baselined\nroster_held\n");
}

#[test]
fn nothing_is_held_where_nothing_was_read() {
    let world = World::start("ann");
    assert_snapshot!(world.run(&["approve", "github/acme"]).shown(), @r"
    error: github/acme: no roster is held
    hint: `seatwatch status` shows how every organization stands
    exit code 65
    ");
    assert_snapshot!(world.run(&["approve", "github/acne"]).shown(), @r"
    error: github/acne: not among the organizations of the config
    hint: did you mean `github/acme`?
    exit code 64
    ");
}

#[test]
fn a_roster_that_comes_back_is_released_by_itself() {
    let world = held();
    world.members(&format!("{} newcomer", crowd(2..=20))).sync().ok();
    assert_eq!(
        world.told(),
        "baselined\nroster_held\nroster_released\nleft m01\nseat_lost m01\njoined newcomer\n"
    );
    assert_eq!(world.events()[2]["data"]["details"]["how"], "within_bounds");
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE      MEMBERS  SEATS    30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Connected       21     19  −1 so far       1  [TIME]  [TIME]

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");

    // To the very byte what it was before: released as well, and told again when it comes back.
    world.members(&crowd(11..=20)).sync();
    world.members(&format!("{} newcomer", crowd(2..=20))).sync().ok();
    assert!(world.told().ends_with("\nroster_held\nroster_released\n"), "{}", world.told());
}

#[test]
fn a_failure_in_between_leaves_the_hold_as_it_is() {
    let world = held();
    let hold = world.hold();
    world.fault(seatwatch::simulator::Fault::EmptyList).sync();
    assert_eq!(world.hold(), hold);
    world.calm().run(&["approve", "github/acme"]).ok();
    assert!(world.told().contains("left m10"), "{}", world.told());
}

/// A roster of 21 with 20 seats and one admin becomes this.
#[track_caller]
fn holds(cast: &str, because: Option<&str>) {
    let world = World::start(&crowd(1..=20));
    world.sync().ok();
    let ran = world.members(cast).sync();
    match because {
        None => assert_eq!(ran.code, Some(0), "{}", ran.shown()),
        Some(because) => {
            assert_eq!(ran.code, Some(65), "{}", ran.shown());
            let expected = format!("): {because}; nothing was committed\n");
            assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
            assert_eq!(world.told(), "baselined\nroster_held\n");
        }
    }
}

#[test]
fn lost_seats_and_the_last_admin_are_held_too() {
    let without_seat = |number: u32| {
        (1..=number).fold(crowd(number + 1..=20), |cast, number| format!("{cast} m{number:02}"))
    };
    holds(&without_seat(6), None);
    holds(
        &without_seat(7),
        Some("7 of 20 seat holders would stay and lose the seat, 13 of 20 seats would remain"),
    );
    // Who leaves does not lose a seat besides.
    holds(&without_seat(7).replace(" m07", ""), None);
    holds(&crowd(1..=20).replace('!', ""), Some("no admin would be left"));
    let gone = crowd(1..=20).replace("boss!", "");
    holds(&gone, Some("1 of 21 members would leave, no admin would be left"));
    holds(&format!("{gone} heir!"), None);
    holds(&crowd(1..=20).replace("boss!", "boss m21!"), None);
}

#[test]
fn who_never_had_an_admin_loses_none() {
    let world = World::start("ann* bob cat");
    world.sync().ok();
    world.members("ann*").sync().ok();
}

/// Of `members`, the admin included, so many leave: the most that may, and one more.
#[derive(Clone, Copy)]
struct Threshold {
    top: &'static str,
    own: &'static str,
    members: u32,
    most: u32,
}

fn check_threshold(Threshold { top, own, members, most }: Threshold) {
    let last = members - 1;
    let mut world = World::start(&crowd(1..=last));
    if !top.is_empty() {
        world = world.with_config(&format!("guard: {{ {top} }}"));
    }
    if !own.is_empty() {
        world = world.with_organization(&format!("guard: {{ {own} }}"));
    }
    let case = format!("{top} / {own} / {members}");
    world.sync().ok();
    assert_eq!(world.members(&crowd(most + 2..=last)).sync().code, Some(65), "{case}");
    world.members(&crowd(most + 1..=last)).sync().ok();
    let told = world.told();
    assert_eq!(told.matches("\nleft ").count(), most as usize, "{case}: {told}");
}

#[test]
fn the_bounds_are_exact() {
    let case = |top, own, members, most| Threshold { top, own, members, most };
    let cases = [
        case("", "", 10, 5),
        case("", "", 19, 5),
        case("", "", 20, 6),
        case("", "", 99, 29),
        case("", "", 100, 30),
        case("min_leavers: 0", "", 10, 3),
        case("min_leavers: 0, max_leave_percent: 0", "", 10, 0),
        case("min_leavers: 2", "max_leave_percent: 10", 20, 2),
        case("max_leavers: 6", "", 90, 6),
        case("max_leavers: 2", "", 90, 5),
        case("max_leavers: 0, min_leavers: 0", "min_leavers: 7", 30, 7),
        case("max_leave_percent: 100", "max_leave_percent: 50", 20, 10),
    ];
    thread::scope(|scope| {
        for part in cases.chunks(4) {
            scope.spawn(move || part.iter().copied().for_each(check_threshold));
        }
    });
}

#[test]
fn a_first_roster_is_never_held() {
    let world = World::start("ann").with_config("guard: { min_leavers: 0, max_leave_percent: 0 }");
    world.sync().ok();
    assert_eq!(read_events(&world.path("events.ndjson")).len(), 1);
}

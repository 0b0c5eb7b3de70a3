//! Syncs that fail: when that is told, what status says, and what the next sync does about it.

use std::thread;
use std::time::Duration;

use insta::assert_snapshot;
use seatwatch::simulator::{Fault, GitHost, RetryAfter, Route, When};

use crate::world::World;

const EMPTY: Fault = Fault::EmptyList;

fn details(world: &World, index: usize) -> String {
    let details = world.events()[index]["data"]["details"].take();
    world.filtered(&serde_json::to_string_pretty(&details).unwrap())
}

#[test]
fn failures_are_told_from_the_third_in_a_row_and_once() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    world.fault(EMPTY);
    for told in ["", "", "sync_failing\n", "sync_failing\n"] {
        assert_eq!(world.sync().code, Some(65));
        assert_eq!(world.told(), format!("baselined\n{told}"));
    }
    assert_snapshot!(details(&world, 1), @r#"
    {
      "reason": "empty",
      "message": "Codecov lists no members of `github/acme`",
      "hint": "the owner may be a person's user name, whose list is always empty: name the organization instead",
      "failures": 3,
      "since": "[TIME]",
      "last_success": "[TIME]"
    }
    "#);
    let failing = world.events().swap_remove(1);
    assert_eq!(failing["data"]["details"]["last_success"], world.events()[0]["time"]);
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE    MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Failing        2      1        –       1  [TIME]  [TIME]

    github/acme: failing since [TIME] (4 syncs), last tried [TIME]: empty: Codecov lists no members of `github/acme`
    hint: the owner may be a person's user name, whose list is always empty: name the organization instead

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");

    world.calm().sync().ok();
    world.sync().ok();
    assert_eq!(world.told(), "baselined\nsync_failing\nsync_recovered\n");
    assert_snapshot!(details(&world, 2), @r#"
    {
      "failures": 4,
      "failing_since": "[TIME]",
      "last_success": "[TIME]"
    }
    "#);
    assert_eq!(world.run(&["status", "--format", "json"]).rows()[0]["state"], "connected");

    // It counts anew.
    world.fault(EMPTY).sync();
    world.sync();
    assert_eq!(world.told().matches("sync_failing").count(), 1);
}

#[test]
fn a_failure_that_passes_is_not_told() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    world.fault(EMPTY).sync();
    world.sync();
    world.calm().sync().ok();
    assert_eq!(world.told(), "baselined\n");
}

#[test]
fn failures_are_told_again_when_a_reminder_is_due() {
    let world = World::start("ann").with_config("failing_after: 1\nremind_every: 1s");
    world.fault(EMPTY).sync();
    assert_eq!(world.told(), "sync_failing\n");
    thread::sleep(Duration::from_millis(1010));
    world.sync();
    assert_eq!(world.told(), "sync_failing\nsync_failing\n");
    assert_eq!(world.events()[0]["data"]["details"]["last_success"], serde_json::Value::Null);
    assert_eq!(world.events()[1]["data"]["details"]["failures"], 2);
    // Before there ever was a roster there is nothing to compare with, and yet it recovers.
    world.calm().sync().ok();
    assert_eq!(world.told(), "sync_failing\nsync_failing\nsync_recovered\nbaselined\n");
}

/// As the pages do, `status` calls a sync the last one if it brought a roster.
#[test]
fn the_last_sync_is_the_last_that_worked() {
    let world = World::start("ann*");
    world.sync_at("2026-01-05T09:00:00Z");
    world.fault(EMPTY).sync_at("2026-01-05T10:00:00Z").sync_at("2026-01-05T11:00:00Z");
    let status = world.says(&["status"]).ok().stdout;
    let (table, trouble) = status.split_once("\n\n").unwrap();
    assert!(table.contains("2026-01-05 09:00 UTC"), "{status}");
    let since =
        "failing since 2026-01-05 10:00 UTC (2 syncs), last tried 2026-01-05 11:00 UTC: empty";
    assert!(trouble.contains(since), "{status}");
}

#[test]
fn a_long_retry_after_ends_the_sync_and_puts_the_next_one_off() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    let retry_after = Some(RetryAfter::Seconds(7200));
    let limited = Fault::Status { status: 429, retry_after };
    world.simulator.fault(When::always().on(Route::Users), limited);
    assert_snapshot!(world.sync().shown(), @r"
    error: github/acme: rate_limited: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` asks to wait 2h, longer than the time that is left: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 429 Too Many Requests; nothing was committed
    hint: sync less often, or lower `codecov.requests_per_second`
    exit code 75
    ");
    world.calm().asked();
    assert_snapshot!(world.sync().shown(), @r"
    error: github/acme: rate_limited: Codecov asked not to be called before [TIME]; nothing was committed
    hint: nothing to do: the first sync after that time asks again
    exit code 75
    ");
    assert_eq!(world.asked(), Vec::<String>::new());
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE    MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Failing        2      1        –       1  [TIME]  [TIME]

    github/acme: failing since [TIME] (1 sync), last tried [TIME]: rate_limited: Codecov asked not to be called before [TIME]
    hint: nothing to do: the first sync after that time asks again

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
    assert_eq!(world.told(), "baselined\n");
}

const ONCE: &str = "users/?page=1&page_size=1000";

#[test]
fn a_roster_that_was_not_there_is_read_twice_when_it_is_back() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    let first = world.asked();
    assert_eq!(first, ["user-sessions/?page=1&page_size=1", ONCE, ONCE]);
    world.sync().ok();
    assert_eq!(world.asked(), [ONCE]);

    let mut owner = None;
    let mut rename = |to: &str| {
        world.edit(|world, acme| {
            let acme = *owner.get_or_insert(acme);
            world.rename(acme, to);
        });
    };
    rename("acme-corp");
    assert_eq!(world.sync().code, Some(78));
    world.asked();
    rename("acme");
    world.sync().ok();
    assert_eq!(world.asked(), [ONCE, ONCE], "after organization_not_found");

    world.fault(EMPTY).sync();
    world.calm().asked();
    world.sync().ok();
    assert_eq!(world.asked(), [ONCE, ONCE], "after empty");

    world.fault(Fault::Body("[]".to_owned())).sync();
    world.calm().asked();
    world.sync().ok();
    assert_eq!(world.asked(), [ONCE], "after bad_response");
    assert_eq!(world.told(), "baselined\n");
}

#[test]
fn one_organization_that_fails_does_not_stop_the_others() {
    let world = World::start("ann* bob!").with_other("github/beta").with_other("github/gone");
    world.edit(|world, acme| {
        let beta = world.organization(&"github/beta".parse().unwrap());
        world.set_members(beta, "cat* dan!");
        // The token is acme's own.
        world.join(beta, acme);
        world.grant_admin(beta, acme);
    });
    let beta = When::always().organization("github/beta".parse().unwrap());
    world.simulator.fault(beta.on(Route::Users), EMPTY);
    let ran = world.sync();
    assert_eq!(ran.code, Some(65), "that of beta, which stands before gone");
    assert_snapshot!(ran.shown(), @r"
    github/acme  2 members  1 seat  1 admin  baseline
      baselined
    error: github/beta: empty: Codecov lists no members of `github/beta`; nothing was committed
    hint: the owner may be a person's user name, whose list is always empty: name the organization instead
    error: github/gone: organization_not_found: Codecov knows no owner `github/gone`; nothing was committed
    hint: check the service and the spelling of the owner
    exit code 65
    ");
    world.calm();
    let ran = world.sync();
    assert_eq!(ran.code, Some(78));
    assert_snapshot!(ran.stdout, @r"
    github/acme  2 members  1 seat  1 admin
    github/beta  3 members  1 seat  2 admins  baseline
      baselined
    ");
}

/// A world whose token is that of ann, a member who is no admin.
fn plain_member() -> World {
    let world = World::start("ann* bob!");
    let token = world.edit(|world, _| {
        let ann = world.find("github".parse().unwrap(), "ann").unwrap();
        world.issue_token("ann", ann)
    });
    world.write_token(&token);
    world
}

#[test]
fn a_token_that_is_not_an_admins_is_refused() {
    let world = plain_member();
    let ran = world.sync();
    assert_eq!(ran.code, Some(77));
    assert_snapshot!(ran.shown(), @r"
    error: github/acme: token_not_admin: the token is not an admin's of this organization, so Codecov may show it only a part of the members; nothing was committed
    hint: use the token of an admin of the organization; where Codecov is self-hosted, which answers this question otherwise, set `require_admin: false`
    exit code 77
    ");
    assert_eq!(world.told(), "");
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE    MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC  NEXT SYNC
    github/acme   Failing        –      –        –       –  –          [TIME]

    github/acme: failing since [TIME] (1 sync), last tried [TIME]: token_not_admin: the token is not an admin's of this organization, so Codecov may show it only a part of the members
    hint: use the token of an admin of the organization; where Codecov is self-hosted, which answers this question otherwise, set `require_admin: false`

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
}

#[test]
fn without_require_admin_it_is_taken() {
    let world = plain_member().with_organization("require_admin: false");
    assert_snapshot!(world.sync().ok().shown(), @r"
    github/acme  2 members  1 seat  1 admin  baseline
      baselined
    ");
    world.members("ann* bob! cat").sync().ok();
    world.members("ann* bob!").sync().ok();
    assert_eq!(world.told(), "baselined\njoined cat\nleft cat\n");
}

#[test]
fn the_admin_right_is_asked_for_when_the_token_changes_and_before_leavers_are_told() {
    let sessions = |world: &World| {
        world.asked().iter().filter(|target| target.starts_with("user-sessions")).count()
    };
    let world = World::start("ann* bob! cat");
    world.sync().ok();
    assert_eq!(sessions(&world), 1, "at first");
    world.sync().ok();
    world.members("ann* bob! cat dan").sync().ok();
    assert_eq!(sessions(&world), 0, "at most hourly");
    let token = world.edit(|world, acme| world.issue_token("new", acme));
    world.write_token(&token);
    world.sync().ok();
    assert_eq!(sessions(&world), 1, "for another token");
    world.sync().ok();
    assert_eq!(sessions(&world), 0, "which is known then");
    world.members("ann* bob! dan").sync().ok();
    assert_eq!(sessions(&world), 1, "before a leaver is told");

    // Whoever wrote the token is no admin: what it shows is not believed.
    let token = world.edit(|world, _| {
        let ann = world.find("github".parse().unwrap(), "ann").unwrap();
        world.issue_token("ann", ann)
    });
    world.write_token(&token);
    world.members("ann* bob!");
    assert_eq!(world.sync().code, Some(77));
    assert_eq!(world.told(), "baselined\njoined dan\nleft cat\n");
}

#[test]
fn a_git_host_that_cannot_tell_warns_and_blocks_nothing() {
    let hosts = [
        GitHost::Unauthorized,
        GitHost::Forbidden,
        GitHost::NotFound,
        GitHost::RateLimited,
        GitHost::Broken,
    ];
    let mut shown = String::new();
    for host in hosts {
        let world = plain_member();
        world.edit(|world, acme| world.set_git_host(acme, host));
        shown.push_str(&world.sync().ok().stderr);
        assert_eq!(world.told(), "baselined\n");
        world.members("ann* bob! cat").sync().ok();
        world.members("ann* bob!").sync().ok();
        assert_eq!(world.told(), "baselined\njoined cat\nleft cat\n");
    }
    assert_snapshot!(shown, @r"
    warning: github/acme: could not tell whether the token is an admin's: `[URL]/api/v2/github/acme/user-sessions/?page=1&page_size=1` answered 401 Unauthorized: `Github API unauthorized error: Unauthorized`
    warning: github/acme: could not tell whether the token is an admin's: `[URL]/api/v2/github/acme/user-sessions/?page=1&page_size=1` answered 403 Forbidden: `Github API: Forbidden`
    warning: github/acme: could not tell whether the token is an admin's: `[URL]/api/v2/github/acme/user-sessions/?page=1&page_size=1` answered 404 Not Found: `Github API: Not Found`
    warning: github/acme: could not tell whether the token is an admin's: `[URL]/api/v2/github/acme/user-sessions/?page=1&page_size=1` answered 403 Forbidden: `Github API rate limit error: secondary rate limit`
    warning: github/acme: could not tell whether the token is an admin's: `[URL]/api/v2/github/acme/user-sessions/?page=1&page_size=1` answered 500 Internal Server Error
    ");
}

//! Organizations that nobody names: what the token sees, and what rules make of it.

use std::fmt::Write as _;
use std::fs;

use seatwatch::organization::Service;
use seatwatch::simulator::{Fault, Route, When};
use serde_json::Value;

use crate::world::{Ran, World, whole_lines};

/// Every owner on GitHub but the one that nobody wants.
pub(crate) const ALL: &str = "discover: [{ service: github, match: \"*\", exclude: \"*-old\" }]\n";

/// `bob` is an admin of `github/acme` and has a token of his own; nothing is named.
pub(crate) fn world() -> World {
    let world = World::start("bob! ann*");
    let token = world.edit(|world, _| {
        let bob = world.find(Service::Github, "bob").unwrap();
        world.issue_token("bob", bob)
    });
    world.write_token(&token);
    world
}

/// A config with these lines, and no organization but those that they name.
pub(crate) fn config(world: &World, lines: &str) -> String {
    let base_url = world.simulator.base_url();
    format!(
        "instance: test\nstate_dir: state\nlisten: 127.0.0.1:0\n\
         codecov: {{ base_url: \"{base_url}\", token_file: token, requests_per_second: 1000 }}\n\
         sinks: {{ events: {{ type: file, path: events.ndjson }} }}\n{lines}"
    )
}

/// Lets the token's owner be in another organization.
pub(crate) fn join(world: &World, owner: &str, members: &str) {
    world.edit(|world, _| {
        let organization = world.organization(&format!("github/{owner}").parse().unwrap());
        world.set_members(organization, members);
    });
}

/// Lets the token's owner leave an organization.
pub(crate) fn leave(world: &World, owner: &str) {
    world.edit(|world, _| {
        let organization = world.organization(&format!("github/{owner}").parse().unwrap());
        let bob = world.find(Service::Github, "bob").unwrap();
        world.leave(organization, bob);
    });
}

fn run(world: &World, lines: &str, arguments: &[&str]) -> Ran {
    run_with(world, &config(world, lines), arguments)
}

fn run_with(world: &World, config: &str, arguments: &[&str]) -> Ran {
    world.ran(&mut world.command_with(config, arguments))
}

/// The events so far as `github/acme baselined`, one a line.
pub(crate) fn told(world: &World) -> String {
    let words = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        let data = &event["data"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let owner = text(&data["organization"]["owner"]);
        let member = text(&data["member"]["username"]);
        format!("{owner} {} {member}", text(&data["event"])).trim_end().to_owned() + "\n"
    };
    whole_lines(&world.path("events.ndjson")).iter().map(|line| words(line)).collect()
}

/// What `status` has of every organization: `acme connected, beta failing since it vanished`.
fn watched(world: &World, lines: &str) -> String {
    let rows = run(world, lines, &["status", "--format", "json"]).ok().rows();
    let rows = rows.iter().filter(|row| row["organization"].is_string());
    let told = |row: &Value| {
        let name = row["organization"].as_str().unwrap().trim_start_matches("github/");
        let vanished = if row["vanished_at"].is_string() { ", vanished" } else { "" };
        format!("{name} {}{vanished}", row["state"].as_str().unwrap())
    };
    rows.map(told).collect::<Vec<_>>().join("; ")
}

#[test]
fn where_one_service_has_nothing_to_say_the_others_have() {
    let world = world();
    let lines = "discover: [{ service: gitlab, match: \"*\" }, { service: gh, match: \"*\" }]\n";
    insta::assert_snapshot!(run(&world, lines, &["discover"]).shown(), @"
    ORGANIZATION  NAME  CONFIGURED
    github/acme   –     by a rule
    github/bob    bob   by a rule

    nothing to add: all organizations of the token are watched
    error: discover on gitlab with [DIR]/token: empty: Codecov lists nobody on gitlab whom the token could see
    hint: not even its own user: the token is of an account on another git service
    exit code 65
    ");
}

/// As the daemon does: a token of one service says nothing of what another sees.
#[test]
fn each_service_is_asked_with_the_tokens_that_are_for_it() {
    let world = world();
    let [eve, own] = world.edit(|world, _| {
        let group = world.organization(&"gitlab/grp".parse().unwrap());
        world.set_members(group, "eve! fay*");
        let eve = world.find(Service::Gitlab, "eve").unwrap();
        let labs = world.organization(&"github/labs".parse().unwrap());
        world.set_members(labs, "gus!");
        let gus = world.find(Service::Github, "gus").unwrap();
        [world.issue_token("eve", eve), world.issue_token("gus", gus)]
    });
    world.write_token_to("gitlab-token", &eve);
    world.write_token_to("labs-token", &own);
    let rule = "discover: [{ service: gitlab, match: \"*\", token_file: gitlab-token }]\n";
    let named = "organizations: [github/acme, { service: gitlab, owner: grp, token_file: \
                 gitlab-token }, { service: gh, owner: labs, token_file: labs-token }]\n";
    let mut said = String::new();
    let mut ask = |lines: &str, arguments: &[&str]| {
        said += &run(&world, lines, &[&["discover"], arguments].concat()).shown();
        said += "\n";
    };
    for arguments in [&[][..], &["--service", "gitlab"]] {
        ask(rule, arguments);
    }
    ask(named, &[]);
    world.write_token_to("gitlab-token", "5ea70000-0000-4000-8000-00000000dead");
    ask(rule, &["--service", "gitlab"]);
    insta::assert_snapshot!(said, @r#"
    ORGANIZATION  NAME  CONFIGURED
    gitlab/grp    –     by a rule
    gitlab/eve    eve   by a rule

    nothing to add: all organizations of the token are watched

    ORGANIZATION  NAME  CONFIGURED
    gitlab/grp    –     by a rule
    gitlab/eve    eve   by a rule

    nothing to add: all organizations of the token are watched

    ORGANIZATION  NAME  CONFIGURED
    github/acme   –     yes
    github/bob    bob   no
    gitlab/grp    –     yes
    gitlab/eve    eve   no

    one of these may be the user name of the token's owner, which has no members: leave that one out

    to watch the others too, add to the list `organizations` of the config:

      - github/bob
      - { service: gitlab, owner: "eve", token_file: "[DIR]/gitlab-token" }
    warning: discover on github: not asked with what is only for some organizations (github/labs): what that alone sees is not listed

    error: discover on gitlab with [DIR]/gitlab-token: token_refused: `[URL]/api/v2/gitlab/?page=1&page_size=1000` answered 401 Unauthorized: `Invalid token.`
    hint: make an API token in the Codecov settings of an admin of the organization and put it into the token file; it is read afresh each time
    exit code 77
    "#);
    let bare = config(&world, "").replace("token_file: token, ", "");
    let bare = run_with(&world, &bare, &["discover", "--service", "gitlab"]);
    insta::assert_snapshot!(bare.shown(), @"
    error: discover: the config names no token for gitlab
    hint: name a file in `codecov.token_file`, or a variable in `codecov.token_env`
    exit code 78
    ");
}

#[test]
fn what_the_token_sees_can_be_pasted_into_the_config() {
    let world = world();
    join(&world, "beta", "bob!");
    world.edit(|world, acme| world.set_name(acme, Some("Acme \u{202e}Org")));
    let listed = run(&world, "", &["discover", "--service", "github"]).ok();
    insta::assert_snapshot!(listed.shown(), @r"
    ORGANIZATION  NAME              CONFIGURED
    github/acme   Acme \u{202e}Org  no
    github/bob    bob               no
    github/beta   –                 no

    one of these may be the user name of the token's owner, which has no members: leave that one out

    to watch them, add to the config:

    organizations:
      - github/acme
      - github/bob
      - github/beta
    ");

    let (_, pasted) = listed.stdout.split_once("organizations:\n").unwrap();
    let organizations = format!("organizations:\n{pasted}");
    let checked = run(&world, &organizations, &["check"]).ok();
    assert!(checked.stdout.contains("github/beta"), "{}", checked.shown());

    // What is watched already is told apart, by name or by a rule.
    let lines = "organizations: [github/acme]\ndiscover: [{ service: gh, match: beta }]\n";
    run(&world, lines, &["sync"]).ok();
    let listed = run(&world, lines, &["discover", "--service", "github"]).ok();
    insta::assert_snapshot!(listed.shown(), @r"
    ORGANIZATION  NAME              CONFIGURED
    github/acme   Acme \u{202e}Org  yes
    github/bob    bob               no
    github/beta   –                 by a rule

    one of these may be the user name of the token's owner, which has no members: leave that one out

    to watch the others too, add to the list `organizations` of the config:

      - github/bob
    ");
    // Without a service, on those that the config names, each once.
    let all = run(&world, lines, &["discover"]).ok();
    assert_eq!(all.stdout, listed.stdout);
    insta::assert_snapshot!(run(&world, "", &["discover"]).shown(), @"
    error: discover: the config names no git service to look at
    hint: name one: `seatwatch discover --service github`
    exit code 64
    ");
    let rows = run(&world, lines, &["discover", "--service", "gh", "--format", "json"]).ok().rows();
    assert_eq!(rows[0]["name"], "Acme \u{202e}Org");
    let configured: Vec<&Value> = rows.iter().map(|row| &row["configured"]).collect();
    assert_eq!(configured, [true, false, true]);
    let lines = "discover: [{ service: gh, match: \"*\", exclude: [beta, bob] }]\n";
    let listed = run(&world, lines, &["discover", "--service", "github"]).ok();
    insta::assert_snapshot!(listed.shown(), @r"
    ORGANIZATION  NAME              CONFIGURED
    github/acme   Acme \u{202e}Org  by a rule
    github/bob    bob               no: excluded by a rule
    github/beta   –                 no: excluded by a rule

    nothing to add: all organizations of the token are watched, but what a rule excludes
    ");
    let csv = run(&world, lines, &["discover", "--service", "github", "--format", "csv"]).ok();
    assert!(csv.stdout.starts_with("organization,name,configured\n"), "{}", csv.shown());
}

#[test]
fn what_cannot_be_listed_is_said_with_what_to_do() {
    let world = world();
    let mut said = String::new();
    let mut ask = |lines: &str, service: &str| {
        said += &run(&world, lines, &["discover", "--service", service]).shown();
        said += "\n";
    };
    ask("", "gitlab"); // Bob's account is on GitHub.
    world.simulator.fault(When::always().on(Route::Owners), Fault::Html);
    ask("", "github");
    world.calm();
    world.write_token("5ea70000-0000-4000-8000-00000000dead");
    ask("", "github");
    insta::assert_snapshot!(said, @"
    error: discover on gitlab with [DIR]/token: empty: Codecov lists nobody on gitlab whom the token could see
    hint: not even its own user: the token is of an account on another git service
    exit code 65

    error: discover on github with [DIR]/token: bad_response: the answer to `[URL]/api/v2/github/?page=1&page_size=1000` is not JSON of the expected kind
    hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    exit code 76

    error: discover on github with [DIR]/token: token_refused: `[URL]/api/v2/github/?page=1&page_size=1000` answered 401 Unauthorized: `Invalid token.`
    hint: make an API token in the Codecov settings of an admin of the organization and put it into the token file; it is read afresh each time
    exit code 77
    ");
    let refused = run(&world, "", &["discover", "--service", "svn"]);
    assert_eq!(refused.code, Some(64), "{}", refused.shown());
    // Any other command wants to know what to watch.
    assert_eq!(run(&world, "", &["check"]).code, Some(78));
}

#[test]
fn a_rule_watches_what_it_matches_and_no_people() {
    let world = world();
    for owner in ["beta", "beta-old"] {
        join(&world, owner, "bob! cat*");
    }
    assert_eq!(watched(&world, ALL), "");
    insta::assert_snapshot!(run(&world, ALL, &["sync"]).ok().shown(), @"
    github/acme  2 members  1 seat  1 admin  baseline
      baselined
    github/beta  2 members  1 seat  1 admin  baseline
      baselined
    ");
    assert_eq!(watched(&world, ALL), "acme connected; beta connected");
    assert_eq!(told(&world).matches("baselined\n").count(), 2);

    // Everything else knows them, too.
    let roster = run(&world, ALL, &["roster", "github/beta"]).ok();
    assert!(roster.stdout.contains("cat"), "{}", roster.shown());
    run(&world, ALL, &["history", "github/beta"]).ok();
    insta::assert_snapshot!(run(&world, ALL, &["check"]).ok().shown(), @"
    ORGANIZATION  SCHEDULE   NEXT SYNC             TOKEN
    github/acme   0 * * * *  [TIME]  [DIR]/token
    github/beta   0 * * * *  [TIME]  [DIR]/token
    discover: all of [DIR]/token that match github/*, except github/*-old

    SINK    TYPE  EVENTS           ORGANIZATIONS
    events  file  all but updated  all

    [DIR]/seatwatch.yaml: configuration is valid
    ");
    let online = run(&world, ALL, &["check", "--online"]).ok().shown();
    let (_machine, asked) = online.split_once("\n\n").unwrap();
    insta::assert_snapshot!(asked, @"
    ORGANIZATION  SCHEDULE   NEXT SYNC             TOKEN                  ONLINE
    github/acme   0 * * * *  [TIME]  [DIR]/token  token accepted, sees the organization, admin
    github/beta   0 * * * *  [TIME]  [DIR]/token  token accepted, sees the organization, admin
    discover: all of [DIR]/token that match github/*, except github/*-old (token accepted, matches 3 owners)

    SINK    TYPE  EVENTS           ORGANIZATIONS  ONLINE
    events  file  all but updated  all            would deliver

    [DIR]/seatwatch.yaml: configuration is valid
    ");
    world.simulator.fault(When::always().on(Route::Owners), Fault::Html);
    let checked = run(&world, ALL, &["check", "--online", "--format", "json"]);
    assert_eq!(checked.code, Some(76), "{}", checked.shown());
    let rule = checked.rows().into_iter().find(|row| row["discover"].is_string()).unwrap();
    assert_eq!(
        (&rule["discover"], &rule["ok"]),
        (&"github/*, except github/*-old".into(), &false.into())
    );
    world.calm();
    let refused = run(&world, ALL, &["org", "forget", "github/beta", "--yes"]);
    insta::assert_snapshot!(refused.shown(), @"
    error: github/beta: is in the config, and would be back with the next sync
    hint: name it in `exclude` of the rule that has found it first
    exit code 64
    ");

    // A person's list is not asked for again, and no sync of theirs ever fails.
    world.asked();
    run(&world, ALL, &["sync"]).ok();
    let asked = world.asked();
    assert!(!asked.iter().any(|target| target.contains("bob/")), "{asked:?}");

    // What the rule does not want any more is not watched; what is known of it stays.
    let less = "discover: [{ service: github, match: [acme, \"b*\"], exclude: beta }]\n";
    assert_eq!(watched(&world, less), "acme connected");
    run(&world, less, &["history", "github/beta"]).ok();
}

#[test]
fn who_is_named_is_as_it_stands_there() {
    let world = world();
    join(&world, "beta", "bob! cat*");
    let lines = "organizations: [{ service: github, owner: beta, label: By name }]\n";
    let lines = format!("{lines}{ALL}");
    run(&world, &lines, &["sync"]).ok();
    let rows = run(&world, &lines, &["status", "--format", "json"]).ok().rows();
    assert_eq!(
        (&rows[0]["organization"], &rows[0]["label"]),
        (&"github/beta".into(), &"By name".into())
    );
    assert_eq!(watched(&world, &lines), "beta connected; acme connected");
    // And nobody is told of what the listing lacks.
    leave(&world, "beta");
    for _ in 0..3 {
        run(&world, &lines, &["sync"]);
    }
    assert!(!told(&world).contains("vanished"), "{}", told(&world));
}

#[test]
fn what_vanished_is_told_once_and_kept() {
    let world = world();
    join(&world, "beta", "bob! cat*");
    run(&world, ALL, &["sync"]).ok();
    leave(&world, "beta");
    run(&world, ALL, &["sync"]);
    assert_eq!(watched(&world, ALL), "acme connected; beta failing"); // Once is no proof.
    let vanished = run(&world, ALL, &["sync"]);
    insta::assert_snapshot!(vanished.shown(), @"
    github/acme  2 members  1 seat  1 admin
    warning: github/beta: is not in the token's listing any more; it is still watched
    error: github/beta: not_a_member: the token may not see the members of `github/beta`; nothing was committed
    hint: use the token of an admin of the organization; if the owner is a person's user name, there is no member list to read
    exit code 77
    ");
    run(&world, ALL, &["sync"]);
    assert_eq!(watched(&world, ALL), "acme connected; beta failing, vanished");
    assert_eq!(told(&world).matches("beta organization_vanished\n").count(), 1);
    let status = run(&world, ALL, &["status"]).ok();
    insta::assert_snapshot!(status.shown(), @"
    ORGANIZATION  STATE      MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Connected        2      1        –       1  [TIME]  [TIME]
    github/beta   Failing          2      1        –       1  [TIME]  [TIME]

    github/beta: failing since [TIME] (3 syncs), last tried [TIME]: not_a_member: the token may not see the members of `github/beta`
    hint: use the token of an admin of the organization; if the owner is a person's user name, there is no member list to read

    github/beta: not in the token's listing since [TIME]; still watched
    hint: if it is gone for good, name it in `exclude` of its rule

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
    let roster = run(&world, ALL, &["roster", "github/beta"]).ok();
    assert!(roster.stdout.contains("cat"), "{}", roster.shown());

    // Back, and gone again: told again.
    join(&world, "beta", "bob! cat*");
    run(&world, ALL, &["sync"]).ok();
    assert_eq!(watched(&world, ALL), "acme connected; beta connected");
    leave(&world, "beta");
    run(&world, ALL, &["sync"]);
    run(&world, ALL, &["sync"]);
    assert_eq!(told(&world).matches("beta organization_vanished\n").count(), 2);
}

#[test]
fn that_nothing_was_looked_up_yet_is_said() {
    let world = world();
    insta::assert_snapshot!(run(&world, ALL, &["status"]).ok().shown(), @"
    no organization is watched yet: 1 rule of `discover`, not looked up so far
    hint: `seatwatch sync` looks them up, and so does the daemon

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
}

#[test]
fn a_listing_that_fails_vanishes_nobody() {
    let world = world();
    join(&world, "beta", "bob! cat*");
    run(&world, ALL, &["sync"]).ok();
    let mut said = String::new();
    for fault in [
        Fault::EmptyList,
        Fault::Html,
        Fault::TornJson(40),
        Fault::ShiftedCount(1),
        Fault::Body(
            r#"{"count":1,"next":null,"previous":null,"total_pages":1,"results":[
            {"service":"GitHub","username":"acme","name":null}]}"#
                .to_owned(),
        ),
        Fault::InvalidPage,
    ] {
        world.simulator.fault(When::always().on(Route::Owners), fault);
        for _ in 0..2 {
            let ran = run(&world, ALL, &["sync"]);
            // The organizations themselves are as well as ever.
            assert!(ran.stdout.contains("github/beta"), "{}", ran.shown());
            assert!(ran.code.is_some_and(|code| code > 0), "{}", ran.shown());
            writeln!(said, "{}exit code {}", ran.stderr, ran.code.unwrap()).unwrap();
        }
        world.calm();
    }
    insta::assert_snapshot!(said, @"
    error: discover on github: empty: Codecov lists nobody on github whom the token could see; what was known is still watched
    hint: not even its own user: the token is of an account on another git service
    exit code 65
    error: discover on github: empty: Codecov lists nobody on github whom the token could see; what was known is still watched
    hint: not even its own user: the token is of an account on another git service
    exit code 65
    error: discover on github: bad_response: the answer to `[URL]/api/v2/github/?page=1&page_size=1000` is not JSON of the expected kind; what was known is still watched
    hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    exit code 76
    error: discover on github: bad_response: the answer to `[URL]/api/v2/github/?page=1&page_size=1000` is not JSON of the expected kind; what was known is still watched
    hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    exit code 76
    error: discover on github: bad_response: the answer to `[URL]/api/v2/github/?page=1&page_size=1000` is not JSON of the expected kind; what was known is still watched
    hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    exit code 76
    error: discover on github: bad_response: the answer to `[URL]/api/v2/github/?page=1&page_size=1000` is not JSON of the expected kind; what was known is still watched
    hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    exit code 76
    error: discover on github: inconsistent: the list of owners changed during each of 4 walks: page 1 has 3 rows where 4 were due; what was known is still watched
    hint: the list may hold still when it is asked for again; if it never does, raise `codecov.page_size`, so that it is read in fewer pages
    exit code 75
    error: discover on github: inconsistent: the list of owners changed during each of 4 walks: page 1 has 3 rows where 4 were due; what was known is still watched
    hint: the list may hold still when it is asked for again; if it never does, raise `codecov.page_size`, so that it is read in fewer pages
    exit code 75
    error: discover on github: bad_response: the list of owners names nobody who could be on github; what was known is still watched
    hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    exit code 76
    error: discover on github: bad_response: the list of owners names nobody who could be on github; what was known is still watched
    hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    exit code 76
    error: discover on github: bad_response: the list of owners has no first page; what was known is still watched
    hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    exit code 76
    error: discover on github: bad_response: the list of owners has no first page; what was known is still watched
    hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    exit code 76
    ");
    assert_eq!(watched(&world, ALL), "acme connected; beta connected");
    insta::assert_snapshot!(run(&world, ALL, &["status"]).ok().shown(), @"
    ORGANIZATION  STATE      MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Connected        2      1        –       1  [TIME]  [TIME]
    github/beta   Connected        2      1        –       1  [TIME]  [TIME]

    discover on github: failing since [TIME] (12 look-ups): bad_response: the list of owners has no first page
    hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");

    // A token that is refused says nothing about organizations.
    let token = fs::read_to_string(world.path("token")).unwrap();
    world.write_token("5ea70000-0000-4000-8000-00000000dead");
    for _ in 0..3 {
        assert_eq!(run(&world, ALL, &["sync"]).code, Some(77));
    }
    world.write_token(&token);
    assert_eq!(watched(&world, ALL), "acme failing; beta failing");
    run(&world, ALL, &["sync"]).ok();
    assert!(!told(&world).contains("vanished"), "{}", told(&world));
    let rows = run(&world, ALL, &["status", "--format", "json"]).ok().rows();
    let lookups = rows.iter().find(|row| row["discover"] == "github").unwrap();
    assert_eq!((&lookups["failures"], &lookups["reason"]), (&0.into(), &Value::Null));
}

/// What is wrong with one owner stands in no other's way, and is tried again.
#[test]
fn one_that_does_not_answer_is_found_later() {
    let world = world();
    run(&world, ALL, &["sync"]).ok();
    join(&world, "beta", "bob! cat*");
    join(&world, "gamma", "bob! dan*");
    // The first that is asked about is beta.
    world.simulator.fault(When::once().on(Route::Users), Fault::Html);
    let ran = run(&world, ALL, &["sync"]);
    assert_eq!(ran.code, Some(76), "{}", ran.shown());
    assert!(ran.stderr.contains("error: discover on github: bad_response"), "{}", ran.shown());
    assert_eq!(watched(&world, ALL), "acme connected; gamma connected");
    run(&world, ALL, &["sync"]).ok();
    assert_eq!(watched(&world, ALL), "acme connected; beta connected; gamma connected");
}

//! Names as they are and as they are shown: hard ones, and rows that have none.

use super::*;

/// People whose names do something to a terminal, a spreadsheet or the width of a page.
fn hard_names() -> World {
    let world = World::start("ann*");
    world.edit(|world, acme| {
        let long = "x".repeat(300);
        for (username, name, email) in [
            ("bell\u{7}", "tab\there, line\nthere", "esc\u{1b}[31m@example.com"),
            ("evil\u{202e}gnp", "zero\u{200b}width", "\"quoted\"@example.com"),
            ("=cmd", "=HYPERLINK(\"http://x\")", "+1@example.com"),
            ("-dash", "@at", "\t=tab"),
            ("zoë-名前", "Zoë 🦀 \"Q\" <b>&amp;</b>", "ZOË@Exämple.test"),
            ("dependabot[bot]", long.as_str(), "bot@example.com"),
        ] {
            let person = Person::named(username).name(name).email(email);
            let person = world.add_person("github".parse().unwrap(), person);
            world.join(acme, person);
        }
    });
    world.sync().ok();
    world
}

#[test]
fn hard_names_are_escaped_for_people_only() {
    let world = hard_names();
    let long = "x".repeat(300);
    let shortened = |text: &str| text.replace(&long, "[300 x]");
    let table = world.run(&["roster", "github/acme"]).ok().stdout;
    assert_snapshot!(shortened(&squeezed(&table)), @r#"
    USERNAME  NAME  EMAIL  MEMBER SINCE  SEAT SINCE  ADMIN SINCE
    -dash  @at  \u{9}=tab  ≤ [TIME]  –  –
    =cmd  =HYPERLINK("http://x")  +1@example.com  ≤ [TIME]  –  –
    ann  ann  ann@example.com  ≤ [TIME]  ≤ [TIME]  –
    bell\u{7}  tab\u{9}here, line\u{a}there  esc\u{1b}[31m@example.com  ≤ [TIME]  –  –
    dependabot[bot]  [300 x]  bot@example.com  ≤ [TIME]  –  –
    evil\u{202e}gnp  zero\u{200b}width  "quoted"@example.com  ≤ [TIME]  –  –
    zoë-名前  Zoë 🦀 "Q" <b>&amp;</b>  ZOË@Exämple.test  ≤ [TIME]  –  –

    7 members, 1 seat, 0 admins as of [TIME]
    ≤ since then, or for longer: nothing older is known
    "#);
    assert!(!table.chars().any(|c| c.is_control() && c != '\n'), "{table:?}");
    let json = world.run(&["roster", "github/acme", "--format", "json"]).ok();
    let rows = json.rows();
    let bell = rows.iter().find(|row| row["username"] == "bell\u{7}").unwrap();
    assert_eq!(bell["name"], "tab\there, line\nthere");
    assert_eq!(bell["email"], "esc\u{1b}[31m@example.com");
    assert!(rows.iter().any(|row| row["username"] == "evil\u{202e}gnp"));
    assert!(rows.iter().any(|row| row["name"] == long.as_str()));
    let csv = world.run(&["roster", "github/acme", "--format", "csv"]).ok().stdout;
    assert_snapshot!(shortened(&csv).escape_debug().to_string().replace("\\n", "\n").replace("\\\"", "\""), @r#"
    organization,username,name,email,seat,admin,status,member_since,seat_since,admin_since,known_since
    github/acme,\'-dash,\'@at,\'\t=tab,false,false,disabled,[TIME],,,[TIME]
    github/acme,\'=cmd,"\'=HYPERLINK(""http://x"")",\'+1@example.com,false,false,disabled,[TIME],,,[TIME]
    github/acme,ann,ann,ann@example.com,true,false,enabled,[TIME],[TIME],,[TIME]
    github/acme,bell\u{7},"tab\there, line
    there",esc\u{1b}[31m@example.com,false,false,disabled,[TIME],,,[TIME]
    github/acme,dependabot[bot],[300 x],bot@example.com,false,false,disabled,[TIME],,,[TIME]
    github/acme,evil\u{202e}gnp,zero\u{200b}width,"""quoted""@example.com",false,false,disabled,[TIME],,,[TIME]
    github/acme,zoë-名前,"Zoë 🦀 ""Q"" <b>&amp;</b>",ZOË@Exämple.test,false,false,disabled,[TIME],,,[TIME]
    "#);
}

#[test]
fn hard_names_are_escaped_in_what_a_sync_says() {
    let world = hard_names();
    world.members("ann*");
    let ran = world.sync();
    assert_snapshot!(ran.shown(), @r"
    github/acme  7 members  1 seat  0 admins  held (c890226e)
      would leave    -dash, =cmd, bell\u{7}, dependabot[bot], evil\u{202e}gnp, zoë-名前
      roster_held
    error: github/acme: roster held (c890226e): 6 of 7 members would leave; nothing was committed
    hint: if this is right, run `seatwatch approve github/acme`; if not, `seatwatch reject github/acme`
    exit code 65
    ");
    assert_snapshot!(world.run(&["status"]).ok().stdout, @r"
    ORGANIZATION  STATE  MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Held         7      1        –       0  [TIME]  [TIME]

    github/acme: roster held since [TIME] as c890226e, last tried [TIME]
      6 would leave: -dash, =cmd, bell\u{7}, dependabot[bot], evil\u{202e}gnp, zoë-名前
    hint: if this is right: seatwatch approve github/acme; if not: seatwatch reject github/acme

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
}

/// One more sync would fail as the last one did.
#[test]
fn why_no_roster_could_be_read_yet_is_said() {
    let world = World::start("ann* bob!").with_other("github/nobody");
    let mut said = String::new();
    for _ in 0..2 {
        world.sync();
        said += &world.run(&["roster", "github/nobody"]).shown();
    }
    said += &world.run(&["history", "github/nobody"]).shown();
    said += &world.run(&["report", "github/nobody", "--output", "pack"]).shown();
    said += &world.run(&["roster", "--all"]).stderr;
    assert_snapshot!(said, @"
    error: github/nobody: no roster was read yet; 1 sync failed: organization_not_found: Codecov knows no owner `github/nobody`
    hint: check the service and the spelling of the owner
    exit code 65
    error: github/nobody: no roster was read yet; 2 syncs failed, the last: organization_not_found: Codecov knows no owner `github/nobody`
    hint: check the service and the spelling of the owner
    exit code 65
    error: github/nobody: no roster was read yet; 2 syncs failed, the last: organization_not_found: Codecov knows no owner `github/nobody`
    hint: check the service and the spelling of the owner
    exit code 65
    error: github/nobody: no roster was read yet; 2 syncs failed, the last: organization_not_found: Codecov knows no owner `github/nobody`
    hint: check the service and the spelling of the owner
    exit code 65
    warning: github/nobody: no roster was read yet; 2 syncs failed, the last: organization_not_found: Codecov knows no owner `github/nobody`; left out
    hint: check the service and the spelling of the owner
    ");
}

#[test]
fn a_roster_is_listed_for_people_and_machines() {
    let world = World::start("ann* bob! cat");
    world.edit(|world, acme| {
        let nobody = world.add_person("github".parse().unwrap(), Person::default());
        world.seat(acme, nobody);
    });
    let early = world.run(&["roster", "github/acme"]);
    assert_snapshot!(early.shown(), @r"
    error: github/acme: no roster was read yet
    hint: run `seatwatch sync github/acme`
    exit code 65
    ");
    assert!(!world.state_dir().exists());
    world.sync().ok();
    assert_snapshot!(world.run(&["roster", "GH/ACME"]).ok().shown(), @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE          ADMIN SINCE
    ann       ann   ann@example.com  ≤ [TIME]  ≤ [TIME]  –
    bob       bob   bob@example.com  ≤ [TIME]  –                   ≤ [TIME]
    cat       cat   cat@example.com  ≤ [TIME]  –                   –

    3 members, 1 seat, 1 admin as of [TIME]
    and 1 unnamed row with 1 seat
    ≤ since then, or for longer: nothing older is known
    ");
    assert_snapshot!(world.run(&["roster", "github/acme", "--format", "csv"]).ok().stdout, @"
    organization,username,name,email,seat,admin,status,member_since,seat_since,admin_since,known_since
    github/acme,ann,ann,ann@example.com,true,false,enabled,[TIME],[TIME],,[TIME]
    github/acme,bob,bob,bob@example.com,false,true,disabled,[TIME],,[TIME],[TIME]
    github/acme,cat,cat,cat@example.com,false,false,disabled,[TIME],,,[TIME]
    ");
    let rows = world.run(&["roster", "github/acme", "--format", "json"]).ok().rows();
    assert_snapshot!(rows[0], @r#"{"organization":"github/acme","username":"ann","name":"ann","email":"ann@example.com","seat":true,"admin":false,"status":"enabled","member_since":"[TIME]","seat_since":"[TIME]","admin_since":null,"known_since":"[TIME]"}"#);
    assert_snapshot!(world.run(&["roster", "github/acne"]).shown(), @"
    error: github/acne: neither in the config nor in the store
    hint: did you mean `github/acme`?
    exit code 64
    ");
    assert_snapshot!(world.run(&["roster", "gitlab/other"]).shown(), @"
    error: gitlab/other: neither in the config nor in the store
    hint: known here: github/acme
    exit code 64
    ");
    assert_snapshot!(world.run(&["roster", "acme"]).shown(), @"
    error: seatwatch roster: `ORG`: `acme` does not name an organization: expected `service/owner`, such as `github/acme`
    hint: `seatwatch status` lists the organizations of the config
    exit code 64
    ");
}

#[test]
fn rows_that_name_nobody_are_counted_and_nobodys_events() {
    let world = World::start("ann* bob! cat*");
    world.sync().ok();
    let github = || "github".parse().unwrap();
    let told = |world: &World, from: usize| {
        let events = world.events();
        events[from..].iter().map(in_words).collect::<Vec<_>>().join(", ")
    };
    // ann's username is taken over by somebody else: two people, not one who changed.
    world.edit(|world, acme| {
        let ann = world.find(github(), "ann").unwrap();
        let new = world.take_over(ann).unwrap();
        world.set_email(new, Some("other@example.com"));
        world.join(acme, new);
    });
    world.sync().ok();
    let first = told(&world, 1);
    assert_snapshot!(first, @"left ann, seat_lost ann, joined ann");

    // cat is queued for deletion, and the seat keeps the row in the list.
    let count = world.events().len();
    world.edit(|world, _| {
        let cat = world.find(github(), "cat").unwrap();
        world.queue_deletion(cat);
    });
    world.sync().ok();
    assert_snapshot!(told(&world, count), @"left cat, seat_lost cat");

    let count = world.events().len();
    // bob becomes `deleted_user_` and a number.
    world.edit(|world, _| {
        let bob = world.find(github(), "bob").unwrap();
        world.delete(bob);
    });
    // bob was the only admin.
    assert_eq!(world.sync().code, Some(65));
    world.run(&["approve", "github/acme"]).ok();
    assert_snapshot!(told(&world, count), @"roster_held, roster_released, left bob, admin_revoked bob");
    assert_snapshot!(world.run(&["roster", "github/acme"]).ok().stdout, @"
    USERNAME  NAME  EMAIL              MEMBER SINCE      SEAT SINCE  ADMIN SINCE
    ann             other@example.com  [TIME]  –           –

    1 member, 0 seats, 0 admins as of [TIME]
    and 3 unnamed rows with 2 seats
    ≤ since then, or for longer: nothing older is known
    ");
    let totals = world.events().pop().unwrap()["data"]["totals"].take();
    assert_snapshot!(totals, @r#"{"members":1,"seats":0,"admins":0,"unnamed":{"members":3,"seats":2}}"#);
}

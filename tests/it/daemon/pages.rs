//! The pages of the daemon, as a browser gets them: what they show, and what no name does to them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use regex::Regex;
use seatwatch::simulator::{Fault, Person};

use super::process::Running;
use crate::world::World;

/// What a daemon answers to who looks at it.
pub(super) struct Looker {
    daemon: Running,
    address: String,
}

impl Looker {
    fn at(world: &World) -> Self {
        Self::of(world.daemon())
    }

    pub(super) fn of(daemon: Running) -> Self {
        let pattern = Regex::new(r"started .*listen=(\S+)").unwrap();
        let address = daemon.until("told where it listens", || {
            Some(pattern.captures(&daemon.log())?.get(1)?.as_str().to_owned())
        });
        Self { daemon, address }
    }

    /// The status and all that follows it.
    fn ask(&self, path: &str) -> (u16, String) {
        let port = self.address.rsplit_once(':').unwrap().1;
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// A page that is there.
    #[track_caller]
    pub(super) fn page(&self, path: &str) -> String {
        let (status, page) = self.ask(path);
        assert_eq!(status, 200, "{path}: {page}");
        page
    }

    /// What stands between header and footer, without what differs from run to run.
    #[track_caller]
    fn main(&self, path: &str) -> String {
        let page = self.page(path);
        let main = page.split_once("<main").unwrap().1.split_once("</main>").unwrap().0;
        [
            (r"(?s)<svg class=.chart.*?</svg>", "[CHART]"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d [A-Z]+", "[TIME]"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d", "[MINUTE]"),
            (r"\d{4}-\d\d-\d\d", "[DAY]"),
            (r"\b[0-9a-f]{8}\b", "[HOLD]"),
            (r"http://127.0.0.1:\d+", "[URL]"),
            (r"\n\s*\n", "\n"),
        ]
        .iter()
        .fold(main.to_owned(), |text, (differs, word)| {
            Regex::new(differs).unwrap().replace_all(&text, *word).into_owned()
        })
    }

    /// The members that a page of a roster lists.
    #[track_caller]
    fn listed(&self, path: &str) -> Vec<String> {
        let pattern = Regex::new(r#"scope="row"><a href="[^"]*"><bdi>([^<]*)"#).unwrap();
        let page = self.page(path);
        pattern.captures_iter(&page).map(|found| found[1].to_owned()).collect()
    }

    pub(super) fn leave(self) {
        self.daemon.stop();
    }
}

/// `ann` goes, `bob` gets a seat, `cat` comes and is called otherwise.
fn lively() -> World {
    let world = World::start("ann* bob! cat").rarely();
    let world =
        world.with_organization("label: Acme & <Sons>").with_organization("seats: { limit: 2 }");
    world.sync().ok();
    world.members("bob*! cat dan");
    world.sync().ok();
    world.edit(|world, acme| {
        let cat = world.find(seatwatch::organization::Service::Github, "cat").unwrap();
        world.rename(cat, "Catherine");
        world.seat(acme, cat);
    });
    world.sync().ok();
    world
}

#[test]
fn pages_show_what_is_and_what_was() {
    let world = lively();
    let looker = Looker::at(&world);
    assert_snapshot!("overview", looker.main("/"));
    assert_snapshot!("organization", looker.main("/org/github/acme"));
    assert_snapshot!("member", looker.main("/org/github/acme/member/cat"));
    assert_snapshot!("member_who_left", looker.main("/org/github/acme/member/ANN"));
    looker.leave();
}

#[test]
fn who_is_held_or_fails_is_told_with_what_to_do() {
    let many = |from: usize| (from..20).map(|n| format!("p{n}!")).collect::<Vec<_>>().join(" ");
    let world = World::start(&many(0)).rarely().with_other("gitlab/grp/sub");
    world.sync();
    world.members(&many(15));
    world.sync();
    let looker = Looker::at(&world);
    let text = looker.main("/");
    assert!(text.contains("seatwatch approve github/acme"), "{text}");
    assert!(text.contains("seatwatch reject github/acme"), "{text}");
    assert_snapshot!("held", looker.main("/org/github/acme"));
    // Of who would leave, that is not only to be found among the others.
    let leaver = looker.main("/org/github/acme/member/p3");
    let lead = Regex::new("<p class=\"lead\">.*").unwrap().find(&leaver).unwrap().as_str();
    assert_snapshot!(lead, @r#"<p class="lead">As of <time datetime="[TIME]" title="[TIME]">[MINUTE]</time>, when a roster was last taken over. With the one that is held, they would leave.</p>"#);
    assert!(leaver.contains("seatwatch approve github/acme"), "{leaver}");
    let other = looker.main("/org/github/acme/member/p17");
    assert!(other.contains("when a roster was last taken over.</p>"), "{other}");
    assert_snapshot!("failing", looker.main("/org/gitlab/grp:sub"));
    assert_eq!(looker.main("/org/gitlab/grp/sub"), looker.main("/org/gitlab/grp:sub"));
    assert_eq!(looker.main("/org/gitlab/grp/sub/"), looker.main("/org/gitlab/grp:sub"));
    assert_eq!(looker.listed("/?state=held"), ["github/acme"]);
    assert_eq!(looker.listed("/?state=failing"), ["gitlab/grp:sub"]);
    assert_eq!(looker.listed("/?q=GRP"), ["gitlab/grp:sub"]);
    assert_eq!(looker.listed("/?state=new&q="), [""; 0]);
    looker.leave();
}

/// One failing organization is reminded of every day: that is one line, and what changed is seen.
#[test]
fn what_is_told_again_and_again_is_one_recent_change() {
    let world = World::start("ann*! bob* cat*").rarely().with_config("failing_after: 1");
    let world = world.with_organization("seats: { limit: 2 }");
    world.sync_at("2026-01-01T10:00:00Z").fault(Fault::Html);
    for day in 1..30 {
        world.sync_at(&format!("2026-02-{:02}T10:00:00Z", day.min(28)));
    }
    let looker = Looker::at(&world);
    let overview = looker.main("/");
    assert_eq!(overview.matches("Syncs keep failing").count(), 1, "{overview}");
    assert!(overview.contains("Baseline stored"), "{overview}");

    // More seats than are paid for are no more left than none, and that is not all there is to say.
    let organization = looker.main("/org/github/acme");
    for page in [&overview, &organization] {
        assert!(page.contains(">1 over<"), "{page}");
    }
    assert!(!organization.contains("Seats left"), "{organization}");
    // Where nobody looks now, the small chart is shaded, too.
    let page = looker.page("/");
    assert!(page.contains("chart-spark") && page.contains("class=\"chart-gap\""), "{page}");
    looker.leave();
}

/// A sink that gets nothing through needs a person as much as an organization does.
#[test]
fn a_sink_in_trouble_needs_attention() {
    let world = World::start("ann*").rarely();
    let world = world.with_other_sink("lost: { type: file, path: missing/events.ndjson }");
    assert_eq!(world.sync().code, Some(0));
    let looker = Looker::at(&world);
    let overview = looker.main("/");
    let (_, needy) = overview.split_once("Need attention").unwrap();
    insta::assert_snapshot!(world.filtered(needy.split_once("</section>").unwrap().0), @r#"
    </dt><dd class="bad">1</dd></div>
    </dl>
    <section aria-labelledby="troubles">
    <h2 id="troubles">Needs attention</h2>
    <article class="trouble trouble-failing">
    <h3>Sink <bdi>lost</bdi>: failing</h3>
    <p dir="auto">cannot create `[DIR]/missing/events.ndjson`: no such file or directory; create the directory `[DIR]/missing`</p>
    <p><code>seatwatch sync</code></p>
    </article>
    "#);
    looker.leave();
}

/// That nothing happened is more than is known of what `retention` has taken.
#[test]
fn a_timeline_says_where_it_begins() {
    let said = |trim_to: Option<&str>| {
        let world = World::start("ann! bob").rarely();
        world.sync_at("2026-01-05T09:00:00Z");
        world.members("ann!").sync_at("2026-01-05T10:00:00Z");
        world.members("ann! bob").sync_at("2026-01-05T11:00:00Z");
        trim_to.map(|time| world.trim_to(time));
        let looker = Looker::at(&world);
        let last = |path: &str| {
            let page = looker.main(path);
            let pattern = Regex::new("<p class=\"(empty|quiet)\">(No change|What was).*").unwrap();
            let said = pattern.find(&page).map_or("nothing of it", |found| found.as_str());
            let said = Regex::new("<[^>]*>").unwrap().replace_all(said, "");
            format!("{path}: {said}\n")
        };
        let paths = ["/", "/org/github/acme", "/org/github/acme/member/ann"];
        let said = paths.map(last).concat();
        looker.leave();
        said
    };
    assert_snapshot!(said(None), @"
    /: nothing of it
    /org/github/acme: nothing of it
    /org/github/acme/member/ann: No change was seen since [MINUTE], when the first roster was read.
    ");
    assert_snapshot!(said(Some("2026-01-05T10:30:00Z")), @"
    /: nothing of it
    /org/github/acme: What was before [MINUTE] is not kept.
    /org/github/acme/member/ann: No change was seen since [MINUTE]; what was before is not kept.
    ");
    assert_snapshot!(said(Some("2026-01-05T12:00:00Z")), @"
    /: No change was seen since [MINUTE]; what was before is not kept.
    /org/github/acme: No change was seen since [MINUTE]; what was before is not kept.
    /org/github/acme/member/ann: No change was seen since [MINUTE]; what was before is not kept.
    ");
}

/// They are shown, they lead to their own page, and they are nothing but text.
#[test]
fn no_name_does_harm() {
    let long = "w".repeat(300);
    let names = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "https://evil.example/?a=b&c=d#e",
        "100%/..?x",
        "..",
        "{{ 7 * 7 }}{% raw %}",
        "مرحبا بالعالم",
        "🦀 👩‍👩‍👧",
        "tab\tline\nbidi\u{202e}bell\u{7}nul\u{0}",
        &long,
    ];
    let world = World::start("ann*!").rarely();
    world.edit(|world, acme| {
        for name in names {
            let person = Person::named(name).name(name).email(name);
            let person = world.add_person(seatwatch::organization::Service::Github, person);
            world.join(acme, person);
            world.seat(acme, person);
        }
    });
    world.sync().ok();
    world.edit(|world, acme| {
        for name in names {
            let person = world.find(seatwatch::organization::Service::Github, name).unwrap();
            world.unseat(acme, person);
        }
    });
    world.run(&["approve", "github/acme"]);
    world.sync();
    let looker = Looker::at(&world);
    let hrefs = Regex::new(r#"<th[^>]*><a href="([^"]*)"><bdi>([^<]*)<"#).unwrap();
    let roster = looker.page("/org/github/acme");
    let found: Vec<_> = hrefs.captures_iter(&roster).collect();
    assert_eq!(found.len(), names.len() + 1);
    for link in found {
        let path = link[1].replace("&amp;", "&");
        let page = looker.page(&path);
        assert!(
            page.contains(&format!("<span dir=\"auto\">{}</span>", &link[2])),
            "{path}: {page}"
        );
    }
    for path in ["/", "/org/github/acme", "/org/github/acme?q=%3Cscript%3E"] {
        let page = looker.page(path);
        for harm in ["<script", "<img", "\u{202e}", "\u{7}", "\0", " onerror=alert(1)>\""] {
            assert!(!page.contains(harm), "{path}: {harm:?}: {page}");
        }
    }
    // A pattern is text, too.
    let listed = looker.listed("/org/github/acme?q=%25");
    assert_eq!(listed, ["100%/..?x", "{{ 7 * 7 }}{% raw %}"]);
    looker.leave();
}

#[test]
fn a_roster_is_paged_searched_and_filtered() {
    let cast = (0..120).map(|n| format!("m{n:03}{}", ["", "*", "!"][n % 3]));
    let world = World::start(&cast.collect::<Vec<_>>().join(" ")).rarely();
    world.sync().ok();
    let looker = Looker::at(&world);
    let listed = |query: &str| looker.listed(&format!("/org/github/acme{query}"));
    assert_eq!(listed("").len(), 50);
    assert_eq!(listed("?page=2").first().unwrap(), "m050");
    assert_eq!(listed("?page=3").last().unwrap(), "m119");
    assert_eq!(listed("?q=M07&show=").len(), 10);
    assert_eq!(listed("?q=m07&show=seats"), ["m070", "m073", "m076", "m079"]);
    assert_eq!(listed("?q=m07&show=admins"), ["m071", "m074", "m077"]);
    assert_eq!(listed("?show=no-seat&page=2").len(), 30);
    assert_eq!(listed("?q=m004@EXAMPLE"), ["m004"]);
    assert_eq!(listed("?q=_"), [""; 0]);
    looker.leave();
}

#[test]
fn what_is_not_there_is_a_page_that_says_what_is() {
    let world = lively();
    let looker = Looker::at(&world);
    let check = |path: &str, says: &str| {
        let (status, page) = looker.ask(path);
        assert_eq!(status, 404, "{path}");
        assert!(
            page.contains(says) && page.contains("<a href=\"/\">All organizations</a>"),
            "{page}"
        );
    };
    check("/nowhere", "There is no such page");
    check("/?page=2", "There is no such part");
    check("/?page=x", "There is no such part");
    check(
        "/?state=sleepy",
        "state is one of connected, held, failing, syncing, new, and not sleepy.",
    );
    check("/org/github/acmee", "href=\"/org/github/acme\"");
    check("/org/svn/acme", "There is no such organization");
    check("/org/github/a%2Fb/member/ann", "There is no such organization");
    check("/org/github/acme?page=2", "There is no such part");
    check("/org/github/acme?show=all", "show is one of seats, no-seat, admins, and not all.");
    check("/org/github/acme?before=x", "There is no such part");
    check("/org/github/acme?before=1", "There is no such part");
    check("/org/github/acme?before=18446744073709551615", "There is no such part");
    check("/org/github/acme/member/nobody", "There is no such member");
    check("/org/github/acme/member/%3Cb%3E", "username &lt;b&gt;,");
    looker.leave();
}

#[test]
fn without_pages_the_rest_is_served() {
    let world = World::start("ann*!").rarely().with_config("http: { pages: false }");
    let looker = Looker::at(&world);
    assert_snapshot!(looker.ask("/").1, @"
    there are no pages: `http.pages` is false in the configuration
    hint: take the line out, and run `seatwatch reload`
    ");
    assert_eq!(looker.ask("/metrics").0, 200);
    looker.leave();

    // Where other machines can reach it, too.
    let config = world.config().replace("listen: 127.0.0.1:0", "listen: 0.0.0.0:0");
    let daemon = world.daemon_of(&config);
    let pattern = Regex::new(r"started .*listen=(0\S+)").unwrap();
    let address = daemon.until("told where it listens", || {
        Some(pattern.captures(&daemon.log())?.get(1)?.as_str().to_owned())
    });
    let looker = Looker { daemon, address };
    assert_eq!(looker.ask("/").0, 404);
    assert_eq!(looker.ask("/metrics").0, 200);
    assert_eq!(looker.ask("/-/healthy").0, 200);
    looker.leave();
}

/// Prints what a page costs where there is much. In a release build:
/// `cargo test --release --test it how_long_pages_take -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "it is for whoever runs it")]
fn how_long_pages_take() {
    let mut world = World::populated(10_000).rarely();
    for number in 1..1_000 {
        world = world.watching(&format!("team-{number:04}"), "ann*! bob");
    }
    world.sync().ok();
    let looker = Looker::at(&world);
    for path in [
        "/",
        "/?page=20",
        "/?q=team-09&state=connected",
        "/org/github/acme",
        "/org/github/acme?page=200",
        "/org/github/acme?q=dana",
        "/org/github/acme?q=nobody-at-all",
    ] {
        let mut times: Vec<Duration> = (0..21)
            .map(|_| {
                let start = Instant::now();
                looker.ask(path);
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        eprintln!("{path}: median {:?}, worst {:?}", times[10], times[20]);
    }
    looker.leave();
}

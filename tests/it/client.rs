//! What the client makes of good answers, bad answers and none.

mod log_ins;
mod owners;
mod patience;
mod questions;
mod refusals;
mod trust;

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use seatwatch::clock::Clock;
use seatwatch::codecov::{
    AdminProof, Authorities, Digest, Error, LastRead, Policy, Reading, Server, Session, Settings,
    can_be_looked_up,
};
use seatwatch::roster::{Roster, Username};

use crate::canned::{Canned, Reply, Request, json, recorded, with_headers};
use crate::closed_port::ClosedPort;

const TOKEN: &str = "4f3cb2a1-0d4e-4b5c-9c1d-7e8f90a1b2c3";

/// A clock that stands still.
struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-23T10:00:00Z".parse().unwrap()
    }
}

/// How a test's client differs from the usual one.
struct Setup {
    base_url: String,
    organization: &'static str,
    page_size: u32,
    timeout: Duration,
    deadline: Duration,
    requests_per_second: f64,
    ca_file: Option<PathBuf>,
    policy: Policy,
}

impl Setup {
    fn at(base_url: impl Into<String>) -> Self {
        let (min_delay, max_delay) = (Duration::from_millis(1), Duration::from_millis(4));
        Self {
            base_url: base_url.into(),
            organization: "github/acme",
            page_size: 10_000,
            timeout: Duration::from_secs(20),
            deadline: Duration::from_secs(60),
            requests_per_second: 10_000.0,
            ca_file: None,
            policy: Policy { min_delay, max_delay, ..Policy::default() },
        }
    }

    fn of(canned: &Canned) -> Self {
        Self::at(format!("http://{}", canned.address))
    }

    fn server(&self) -> Result<Server, Error> {
        let settings = Settings {
            base_url: self.base_url.parse().unwrap(),
            page_size: self.page_size,
            timeout: self.timeout,
            requests_per_second: self.requests_per_second,
            authorities: self.ca_file.as_deref().map(Authorities::read).transpose()?,
        };
        Server::new(&settings, self.policy)
    }

    fn session(&self) -> Session {
        self.session_with(&self.server().unwrap())
    }

    /// The time of a session begins once its server is made, which may take a while.
    fn session_with(&self, server: &Server) -> Session {
        let deadline = tokio::time::Instant::now() + self.deadline;
        let organization = self.organization.parse().unwrap();
        server.session(&organization, TOKEN.into(), Arc::new(Frozen), deadline)
    }

    /// The text with the URLs that the server was asked for cut down to what differs.
    fn without_urls(&self, text: &str) -> String {
        let url = format!("{}/api/v2/github/acme/", self.base_url);
        text.replace(&format!("{url}users/?page=1&page_size=1000"), "[PAGE]")
            .replace(&format!("{url}user-sessions/?page=1&page_size=1000"), "[SESSION LIST]")
            .replace(&format!("{url}users/{{username}}/"), "[MEMBER]")
            .replace(&format!("{url}user-sessions/?page=1&page_size=1"), "[SESSIONS]")
            .replace(&url, "[OWNER]")
            .replace(&self.base_url, "[SERVER]")
    }

    /// Reads the roster and tells it, or the error, as one text.
    async fn read(&self) -> String {
        match self.session().read_roster(None).await {
            Ok(Reading::New { roster, .. }) => told(roster.get()),
            Ok(Reading::Same) => "same".to_owned(),
            Err(error) => told_error(&error),
        }
    }
}

/// A roster is told as `"ann* bob!"`: two members, ann has a seat, bob is an admin; `?` is an
/// unnamed row.
fn told(roster: &Roster) -> String {
    let mut words: Vec<String> = roster
        .members()
        .iter()
        .map(|member| {
            let seat = if member.seat { "*" } else { "" };
            let admin = if member.admin { "!" } else { "" };
            format!("{}{seat}{admin}", member.username())
        })
        .collect();
    words.extend(roster.unnamed().iter().map(|row| if row.seat { "?*" } else { "?" }.to_owned()));
    words.join(" ")
}

/// The rows of a roster that is written as [`told`] tells it, in the order of the text.
fn rows(text: &str) -> Vec<String> {
    let row = |word: &str| {
        let name = word.trim_end_matches(['*', '!']);
        let username = if name == "?" { "null".to_owned() } else { format!("\"{name}\"") };
        let (seat, admin) = (word.contains('*'), word.contains('!'));
        format!(
            r#"{{"service":"github","username":{username},"name":null,"activated":{seat},"is_admin":{admin},"email":null}}"#
        )
    };
    text.split_whitespace().map(row).collect()
}

fn page(count: usize, total_pages: usize, rows: &[String]) -> Reply {
    let rows = rows.join(",");
    let body = format!(
        r#"{{"count":{count},"next":"http://evil.test/","previous":null,"results":[{rows}],"total_pages":{total_pages}}}"#
    );
    json(200, &body)
}

/// The page of `roster` that a request asks for, as Codecov would cut it.
fn cut(roster: &str, request: &Request, largest_page: u64) -> Reply {
    let size = usize::try_from(request.number("page_size").min(largest_page)).unwrap();
    let number = usize::try_from(request.number("page")).unwrap();
    let rows = rows(roster);
    let total_pages = rows.len().div_ceil(size).max(1);
    if number > total_pages {
        return recorded("users-page-past-the-end");
    }
    page(rows.len(), total_pages, rows.chunks(size).nth(number - 1).unwrap_or_default())
}

/// A whole roster in one page.
fn roster(text: &str) -> Reply {
    let rows = rows(text);
    page(rows.len(), 1, &rows)
}

fn status(status: u16) -> Reply {
    json(status, r#"{"error": "Server Error (500)"}"#)
}

/// An error as people see it: reason, sentence and causes. Whatever the error is, neither the
/// token nor a made-up person may stand in it.
#[track_caller]
fn told_error(error: &Error) -> String {
    let mut text = format!("{}: {error}", error.reason());
    let mut source = error.source();
    while let Some(cause) = source {
        assert!(!error.to_string().contains(&cause.to_string()), "`{error}` repeats its source");
        write!(text, ": {cause}").unwrap();
        source = cause.source();
    }
    let everything = format!("{text} {error:?} {error:#?} {:?}", error.hint());
    for secret in [TOKEN, "example.test", "s3cret"] {
        assert!(!everything.contains(secret), "`{secret}` stands in: {everything}");
    }
    text
}

#[track_caller]
fn check(found: &str, expected: &str) {
    assert!(found.contains(expected), "expected `{expected}` in: {found}");
}

// What is asked.

#[tokio::test]
async fn a_small_roster_takes_one_request() {
    let canned = Canned::script([recorded("users-hard-rows")]);
    let session = Setup::of(&canned).session();
    let Reading::New { roster, .. } = session.read_roster(None).await.unwrap() else {
        panic!("there was no last roster");
    };
    insta::assert_snapshot!(told(roster.get()), @"123456 =cmd|' /C calc'!A0 Case-Kept crlf ctrl dependabot[bot] left-but-seated* longxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx mona*! twin user000001! zoë-名前* ? ? ? ? ?*");
    assert_eq!(session.requests(), 1);
    assert_eq!((session.progress().rows_read(), session.progress().rows_expected()), (17, 17));

    let [request] = &canned.requests()[..] else { panic!("one request was enough") };
    assert_eq!(request.line, "GET /api/v2/github/acme/users/?page=1&page_size=1000");
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
    check(request.header("user-agent").unwrap(), "seatwatch/");
}

#[tokio::test]
async fn a_prefix_of_the_server_is_kept() {
    let canned = Canned::script([roster("ann*")]);
    for base_url in ["/tools/codecov", "/tools/codecov/api/v2/"] {
        let base_url = format!("http://{}{base_url}", canned.address);
        let setup = Setup { organization: "gl/Grp/Sub", ..Setup::at(base_url) };
        assert_eq!(setup.read().await, "ann*");
    }
    for request in canned.requests() {
        let line = "GET /tools/codecov/api/v2/gitlab/grp:sub/users/?page=1&page_size=1000";
        assert_eq!(request.line, line);
    }
}

/// Reads `roster`, whose last size was `last_rows`, from a server that gives at most
/// `largest_page` rows at once.
#[track_caller]
fn asked(
    roster: &'static str,
    last_rows: u64,
    page_size: u32,
    largest_page: u64,
) -> impl Future<Output = String> {
    let canned = Canned::start(move |request| cut(roster, request, largest_page));
    async move {
        let session = Setup { page_size, ..Setup::of(&canned) }.session();
        let last = LastRead { rows: last_rows, digest: None };
        let reading = session.read_roster(Some(&last)).await.unwrap();
        let Reading::New { roster: found, .. } = reading else { panic!("nothing to be same as") };
        let expected: Vec<_> = roster.split_whitespace().collect();
        assert_eq!(told(found.get()), expected.join(" "));
        canned.queries()
    }
}

#[tokio::test]
async fn a_larger_roster_is_walked_in_larger_pages() {
    let all = u64::MAX;
    insta::assert_snapshot!(asked("a b c d e", 0, 10_000, all).await, @"page=1&page_size=1000");
    // It was larger last time: no small page first.
    insta::assert_snapshot!(asked("a b c d e", 1001, 10_000, all).await, @"page=1&page_size=10000");
    // The configured page is smaller than the first one would be.
    insta::assert_snapshot!(asked("a b c d e", 5, 2, all).await, @"
    page=1&page_size=2
    page=2&page_size=2
    page=3&page_size=2
    ");
    // The server gives no more than two at once, whatever it is asked for.
    insta::assert_snapshot!(asked("a b c d e", 5, 10_000, 2).await, @"
    page=1&page_size=1000
    page=1&page_size=10000
    page=2&page_size=2
    page=3&page_size=2
    ");
}

#[tokio::test]
async fn recorded_pages_make_the_recorded_roster() {
    let pages = ["users-page-1-of-3", "users-page-2-of-3", "users-page-3-of-3"].map(recorded);
    let walked = Setup { page_size: 10, ..Setup::of(&Canned::script(pages)) }.read().await;
    let whole = Setup::of(&Canned::script([recorded("users-one-page")])).read().await;
    assert_eq!(walked, whole);
    assert_eq!(walked.split(' ').count(), 30);
}

#[tokio::test]
async fn a_roster_that_is_the_same_is_not_read_again() {
    let canned = Canned::start(|request| cut("ann* bob! cem ?", request, u64::MAX));
    let mut last = LastRead { rows: 4, digest: None };
    let reading = Setup::of(&canned).session().read_roster(Some(&last)).await.unwrap();
    let Reading::New { digest, .. } = reading else { panic!("no digest to compare with") };
    last.digest = Some(digest);
    for page_size in [1, 2, 3, 10_000] {
        let session = Setup { page_size, ..Setup::of(&canned) }.session();
        let reading = session.read_roster(Some(&last)).await.unwrap();
        assert!(matches!(reading, Reading::Same), "in pages of {page_size}");
    }
    last.digest = Some(Digest::from([7; 32]));
    let reading = Setup::of(&canned).session().read_roster(Some(&last)).await.unwrap();
    assert!(matches!(reading, Reading::New { .. }));
}

// Rosters that change while they are read.

#[tokio::test]
async fn a_walk_that_does_not_fit_together_is_made_again() {
    let start = || page(5, 3, &rows("a b"));
    for pieces in [
        vec![start(), page(4, 2, &rows("d e"))], // One leaves.
        vec![start(), page(5, 3, &rows("c"))],   // A page is short.
        vec![start(), page(5, 3, &rows("b c")), page(5, 3, &rows("d"))], // One is there twice,
        vec![start(), page(5, 3, &rows("c d")), page(5, 3, &rows("B"))], // letter case aside.
        vec![start(), page(5, 3, &rows("c d")), recorded("users-page-past-the-end")],
    ] {
        let first_walk = pieces.len();
        let canned = Canned::start(move |request| match pieces.get(request.index) {
            Some(piece) => piece.clone(),
            None => cut("a b c d e", request, u64::MAX),
        });
        let found = Setup { page_size: 2, ..Setup::of(&canned) }.read().await;
        assert_eq!(found, "a b c d e");
        assert_eq!(canned.requests().len(), first_walk + 3);
    }
}

#[tokio::test]
async fn a_roster_that_never_holds_still_is_inconsistent() {
    for (piece, why) in [
        (page(60, 1, &rows("a b")), "page 1 has 2 rows where 60 were due"),
        (page(1, 1, &rows("a b")), "page 1 has 2 rows where 1 were due"),
        (page(2, 1, &rows("ann Ann")), "a username stands in the list twice"),
        (page(2, 9_999_999_999, &rows("a b")), "page 1 says that there are 9999999999 pages"),
        (page(0, 1, &rows("a")), "page 1 has 1 rows where 0 were due"),
    ] {
        let canned = Canned::script([piece]);
        let found = Setup { page_size: 1000, ..Setup::of(&canned) }.read().await;
        check(&found, "inconsistent: the roster changed during each of 4 walks");
        check(&found, why);
        assert_eq!(canned.requests().len(), 4);
    }
}

// Answers that are no roster.

//! What the client makes of good answers, bad answers and none.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use seatwatch::clock::Clock;
use seatwatch::codecov::{
    AdminProof, Digest, Error, LastRead, Policy, Reading, Server, Session, Settings,
    can_be_looked_up,
};
use seatwatch::roster::{Roster, Username};

use crate::canned::{Canned, Reply, Request, json, recorded, with_headers};

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
            ca_file: self.ca_file.clone(),
        };
        Server::with_policy(&settings, self.policy)
    }

    fn session(&self) -> Session {
        let deadline = tokio::time::Instant::now() + self.deadline;
        let organization = self.organization.parse().unwrap();
        self.server().unwrap().session(&organization, TOKEN.into(), Arc::new(Frozen), deadline)
    }

    /// The text with the URLs that the server was asked for cut down to what differs.
    fn without_urls(&self, text: &str) -> String {
        let url = format!("{}/api/v2/github/acme/", self.base_url);
        text.replace(&format!("{url}users/?page=1&page_size=1000"), "[PAGE]")
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
            format!("{}{seat}{admin}", member.username.shown())
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

#[tokio::test]
async fn every_refusal_has_its_own_reason() {
    let (unknown, member) = ("users-unknown-organization", "users-not-a-member");
    let mut refusals = String::new();
    for (users, owner) in [
        ("users-bad-token", ""),
        ("users-expired-token", ""),
        ("users-no-token", ""),
        ("sessions-not-admin-host-says-member", ""),
        (member, "owner-detail-without-token"),
        (unknown, "owner-detail-unknown"),
        (unknown, "users-basic-auth"),
        ("users-unknown-service", ""),
        ("users-own-user-name", ""),
        ("users-page-past-the-end", ""),
        ("route-unknown", ""),
        ("base-url-without-v2", ""),
        ("users-html-accepted", ""),
        ("health", ""),
        ("user-one", ""),
    ] {
        let canned = Canned::start(move |request| {
            let is_list = request.line.contains("/users/");
            assert_eq!(request.header("authorization").is_some(), is_list);
            recorded(if is_list { users } else { owner })
        });
        let setup = Setup::of(&canned);
        let error = setup.session().read_roster(None).await.unwrap_err();
        writeln!(refusals, "{}", setup.without_urls(&told_error(&error))).unwrap();
        assert!(!error.hint().is_empty());
        assert_eq!(error.postpone_until(), None);
    }
    insta::assert_snapshot!(refusals, @r"
    token_refused: `[PAGE]` answered 401 Unauthorized: `Invalid token.`
    token_refused: `[PAGE]` answered 401 Unauthorized: `Invalid token.`
    token_refused: `[PAGE]` answered 401 Unauthorized: `Authentication credentials were not provided.`
    token_refused: `[PAGE]` answered 403 Forbidden: `You do not have permission to perform this action.`
    not_a_member: the token may not see the members of `github/acme`
    organization_not_found: Codecov knows no owner `github/acme`
    server_error: `[OWNER]` answered 500 Internal Server Error after 5 attempts
    organization_not_found: Codecov knows no service `github`
    empty: Codecov lists no members of `github/acme`
    bad_response: the member list of `github/acme` has no first page
    bad_response: `[PAGE]` answered 404 Not Found
    bad_response: the answer to `[PAGE]` has no field `count`
    bad_response: the answer to `[PAGE]` is not JSON of the expected kind
    bad_response: the answer to `[PAGE]` is not JSON of the expected kind
    bad_response: the answer to `[PAGE]` has no field `count`
    ");
}

#[tokio::test]
async fn what_is_not_as_agreed_is_a_bad_response() {
    let row = &rows("ann")[0];
    let one = |row: &str| page(1, 1, &[row.to_owned()]);
    let other = |from: &str, to: &str| one(&row.replace(from, to));
    let redirect = |to: &str| with_headers(302, &format!("Location: {to}\r\n"), b"");
    let mut answers = String::new();
    for reply in [
        other("\"activated\":false,", ""),
        other("false", "\"no\""),
        other("\"ann\"", r#"{"is":"ann@example.test"}"#),
        other("ann", &"x".repeat(1025)),
        one("[]"),
        one("\"ann@example.test\""),
        json(200, r#"{"count":1,"results":[],"total_pages":"1"}"#),
        json(200, r#"{"count":1000001,"results":[],"total_pages":1}"#),
        json(200, r#"{"count":1e99,"results":[],"total_pages":1}"#),
        json(200, r#"{"count":1,"results":[{"username":"ann@exam"#),
        json(200, "\u{feff}{}"),
        json(204, ""),
        json(400, "<h1>Bad Request (400)</h1>"),
        json(404, r#"{"detail":"Not found."}"#),
        json(404, &format!(r#"{{"detail":"no {TOKEN}\n\u202eoh"}}"#)),
        json(404, &format!(r#"{{"detail":"no {}"}}"#, TOKEN.replace('-', "").to_uppercase())),
        json(418, &format!(r#"{{"detail":"{}"}}"#, "long ".repeat(1000))),
        redirect("https://me:s3cret@new.test/api/?key=s3cret#s3cret"),
        redirect("/elsewhere"),
        redirect(&format!("https://new.test/{TOKEN}")),
        with_headers(304, "", b""),
        with_headers(200, "Content-Encoding: gzip\r\n", b"this is not gzip"),
    ] {
        let canned = Canned::script([reply]);
        let setup = Setup::of(&canned);
        let found = setup.read().await;
        let found = found.strip_prefix("bad_response: ").unwrap_or_else(|| panic!("{found}"));
        writeln!(answers, "{}", setup.without_urls(found)).unwrap();
        assert_eq!(canned.requests().len(), 1, "{found}");
    }
    insta::assert_snapshot!(answers, @r"
    row 1 of page 1 of the member list has no field `activated`
    row 1 of page 1 of the member list has a field `activated` of the wrong type
    row 1 of page 1 of the member list has a field `username` of the wrong type
    row 1 of page 1 of the member list has a field `username` of more than 1024 bytes
    row 1 of page 1 of the member list is not JSON of the expected kind
    row 1 of page 1 of the member list is not JSON of the expected kind
    the answer to `[PAGE]` has a field `total_pages` of the wrong type
    Codecov counts 1000001 members, more than 1000000
    the answer to `[PAGE]` has a field `count` of the wrong type
    the answer to `[PAGE]` is not JSON of the expected kind
    the answer to `[PAGE]` is not JSON of the expected kind
    `[PAGE]` answered 204 No Content
    `[PAGE]` answered 400 Bad Request
    `[PAGE]` answered 404 Not Found: `Not found.`
    `[PAGE]` answered 404 Not Found: `no ***\n\u{202e}oh`
    `[PAGE]` answered 404 Not Found: `***`
    `[PAGE]` answered 418 I'm a teapot: `long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long …`
    `[PAGE]` redirects to `https://new.test/api/`
    `[PAGE]` redirects to `[SERVER]/elsewhere`
    `[PAGE]` redirects to `https://new.test/***`
    `[PAGE]` answered 304 Not Modified
    the answer to `[PAGE]` cannot be decoded: error decoding response body: request or response body error: Invalid gzip header
    ");
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_the_end() {
    let spaces = vec![b' '; 1 << 20];
    let chunk = [b"100000\r\n", &*spaces, b"\r\n"].concat();
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..65 {
        bomb.write_all(&spaces).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 100_000);
    for reply in [
        Reply::Endless(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), chunk),
        Reply::Endless(b"HTTP/1.1 200 X\r\n\r\n".to_vec(), spaces.clone()),
        Reply::ThenHang(b"HTTP/1.1 200 X\r\nContent-Length: 67108865\r\n\r\n".to_vec()),
        with_headers(200, "Content-Encoding: gzip\r\n", &bomb),
    ] {
        let canned = Canned::script([reply]);
        let found = Setup::of(&canned).read().await;
        check(&found, "is larger than 64 MiB");
        assert_eq!(canned.requests().len(), 1);
    }
}

// Trying again.

/// The first bytes of a whole answer: it breaks off within the roster.
fn broken_off() -> Reply {
    let Reply::Bytes(mut bytes) = roster("ann* bob") else { unreachable!() };
    bytes.truncate(bytes.len() - 50);
    Reply::Bytes(bytes)
}

fn slow() -> Reply {
    let Reply::Bytes(bytes) = broken_off() else { unreachable!() };
    Reply::ThenHang(bytes)
}

#[tokio::test]
async fn what_may_pass_is_tried_five_times() {
    for (reply, reason) in [
        (status(429), "rate_limited: "),
        (status(500), "server_error: "),
        (status(502), "server_error: "),
        (status(503), "server_error: "),
        (Reply::Bytes(vec![]), "unreachable: the connection broke before the end of "),
        (Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()), "unreachable: "),
        (broken_off(), "unreachable: the connection broke before the end of "),
        (Reply::ThenHang(vec![]), "timeout: no whole answer within 150ms to "),
        (slow(), "timeout: no whole answer within 150ms to "),
        (with_headers(429, "Retry-After: 0\r\n", b""), "rate_limited: "),
        (
            with_headers(503, "Retry-After: Mon, 23 Nov 2026 09:00:00 GMT\r\n", b""),
            "server_error: ",
        ),
    ] {
        let timeout = Duration::from_millis(150);
        let canned = Canned::script([reply.clone(), reply.clone(), roster("ann* bob")]);
        let setup = Setup { timeout, ..Setup::of(&canned) };
        assert_eq!(setup.read().await, "ann* bob");

        let canned = Canned::script([reply]);
        let found = Setup { timeout, ..Setup::of(&canned) }.read().await;
        check(&found, reason);
        check(&found, " after 5 attempts");
        assert_eq!(canned.requests().len(), 5);
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let session = Setup::at(format!("http://{free}")).session();
    let error = session.read_roster(None).await.unwrap_err();
    let found = told_error(&error);
    check(&found, "unreachable: no connection for `http://127.0.0.1:");
    check(&found, "after 5 attempts");
    check(&found, "Connection refused");
    assert_eq!(session.requests(), 5);
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_is_kept() {
    for retry_after in ["1", "Mon, 23 Nov 2026 10:00:01 GMT"] {
        let busy = with_headers(429, &format!("Retry-After: {retry_after}\r\n"), b"");
        let canned = Canned::script([busy, roster("ann")]);
        let started = Instant::now();
        assert_eq!(Setup::of(&canned).read().await, "ann");
        assert!(started.elapsed() >= Duration::from_secs(1), "{retry_after}");
    }
}

#[tokio::test]
async fn a_wait_past_the_end_of_the_sync_postpones_the_next() {
    for (status, retry_after, until) in [
        (429, "3600", "2026-11-23T11:00:00Z"),
        (503, "61", "2026-11-23T10:01:01Z"),
        (429, "Mon, 23 Nov 2026 12:30:00 GMT", "2026-11-23T12:30:00Z"),
        (429, "99999999999999999999", "2026-11-24T10:00:00Z"), // A day, not the end of time.
    ] {
        let busy = with_headers(status, &format!("Retry-After: {retry_after}\r\n"), b"");
        let canned = Canned::script([busy]);
        let error = Setup::of(&canned).session().read_roster(None).await.unwrap_err();
        check(&told_error(&error), "rate_limited: ");
        check(&told_error(&error), "longer than this sync may take");
        assert_eq!(error.postpone_until(), Some(until.parse().unwrap()));
        assert_eq!(canned.requests().len(), 1);
    }
}

#[tokio::test]
async fn nothing_goes_on_after_the_deadline() {
    let hour = Duration::from_secs(3600);
    let patient = Policy { attempts: 5, min_delay: hour, max_delay: hour };
    let deadline = Duration::from_millis(300);
    for (reply, policy, expected) in [
        // A pause would outlast it: the reason is what the pause was for.
        (status(500), Some(patient), "server_error: "),
        (status(429), Some(patient), "rate_limited: "),
        (Reply::ThenHang(vec![]), None, "timeout: the time for this sync was up before the answer"),
        (slow(), None, "timeout: the time for this sync was up before the answer"),
    ] {
        let canned = Canned::script([reply]);
        let usual = Setup::of(&canned);
        let policy = policy.unwrap_or(usual.policy);
        let started = Instant::now();
        let found = Setup { deadline, policy, ..usual }.read().await;
        check(&found, expected);
        assert!(started.elapsed() < Duration::from_secs(10));
        assert_eq!(canned.requests().len(), 1);
    }
}

#[tokio::test]
async fn all_sessions_of_a_server_share_its_rate() {
    let canned = Canned::script([roster("ann")]);
    let server = Setup { requests_per_second: 10.0, ..Setup::of(&canned) }.server().unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let session = |organization: &str| {
        let organization = organization.parse().unwrap();
        server.session(&organization, TOKEN.into(), Arc::new(Frozen), deadline)
    };
    let (one, other) = (session("github/one"), session("github/other"));
    let started = Instant::now();
    for _ in 0..6 {
        tokio::try_join!(one.still_listed(), other.still_listed()).unwrap();
    }
    // Ten may come at once, the other two take a tenth of a second each.
    assert!(started.elapsed() >= Duration::from_millis(190), "{:?}", started.elapsed());
    assert_eq!((one.requests(), other.requests()), (6, 6));
}

// The other questions.

#[tokio::test]
async fn a_sync_may_move_between_threads() {
    fn sendable(future: impl Future<Output = ()> + Send) -> impl Future<Output = ()> {
        future
    }
    let canned = Canned::script([roster("ann")]);
    let session = Setup::of(&canned).session();
    sendable(async {
        session.read_roster(None).await.unwrap();
        session.still_listed().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_admin_is_proven_or_not_or_unknown() {
    let mut proofs = String::new();
    for answer in [
        recorded("sessions-as-admin"),
        recorded("sessions-not-admin-host-says-member"),
        recorded("sessions-not-admin-host-says-401"),
        recorded("sessions-not-admin-host-says-403"),
        recorded("sessions-not-admin-host-says-404"),
        recorded("sessions-not-admin-host-says-429"),
        recorded("sessions-not-admin-host-says-500"),
        recorded("users-no-token"),
        recorded("users-bad-token"),
        recorded("users-not-a-member"),
        recorded("users-html-accepted"),
        recorded("base-url-without-v2"),
        status(429),
        Reply::Bytes(vec![]),
        Reply::ThenHang(vec![]),
    ] {
        let canned = Canned::script([answer]);
        let timeout = Duration::from_millis(150);
        let setup = Setup { timeout, ..Setup::of(&canned) };
        let proof = match setup.session().prove_admin().await {
            Ok(AdminProof::Unknown { why }) => format!("Unknown: {why}"),
            Ok(known) => format!("{known:?}"),
            Err(error) => told_error(&error),
        };
        writeln!(proofs, "{}", setup.without_urls(&proof)).unwrap();
        let [request] = &canned.requests()[..] else { panic!("one attempt only") };
        assert_eq!(request.line, "GET /api/v2/github/acme/user-sessions/?page=1&page_size=1");
    }
    insta::assert_snapshot!(proofs, @r"
    Admin
    NotAdmin
    Unknown: `[SESSIONS]` answered 401 Unauthorized: `Github API unauthorized error: Unauthorized`
    Unknown: `[SESSIONS]` answered 403 Forbidden: `Github API: Forbidden`
    Unknown: `[SESSIONS]` answered 404 Not Found: `Github API: Not Found`
    Unknown: `[SESSIONS]` answered 403 Forbidden: `Github API rate limit error: secondary rate limit`
    Unknown: `[SESSIONS]` answered 500 Internal Server Error
    Unknown: `[SESSIONS]` answered 401 Unauthorized: `Authentication credentials were not provided.`
    token_refused: `[SESSIONS]` answered 401 Unauthorized: `Invalid token.`
    Unknown: `[SESSIONS]` answered 404 Not Found: `No Owner matches the given query.`
    Unknown: the answer to `[SESSIONS]` is not JSON of the expected kind
    Unknown: the answer to `[SESSIONS]` has no field `count`
    Unknown: `[SESSIONS]` answered 429 Too Many Requests
    Unknown: the connection broke before the end of `[SESSIONS]`
    Unknown: no whole answer within 150ms to `[SESSIONS]`
    ");
}

#[tokio::test]
async fn a_member_is_looked_up_by_name() {
    let bot = Username::new("Dependabot[bot]");
    assert!(can_be_looked_up(&bot));
    let mut found = String::new();
    for answer in [
        json(200, &rows("dependabot[bot]*")[0]),
        json(200, &rows("?*")[0]),
        json(200, &rows("dependabot[bot]")[0].replace("github", "to_be_deleted")),
        recorded("user-gone"),
        recorded("user-one"),
        recorded("users-bad-token"),
        recorded("route-unknown"),
        recorded("users-basic-auth"),
        recorded("users-html-accepted"),
        json(200, r#"{"username":"x"}"#),
    ] {
        let canned = Canned::script([answer]);
        let setup = Setup::of(&canned);
        let member = match setup.session().look_up(&bot).await {
            Ok(Some(member)) => told(&Roster::new(vec![member], vec![]).unwrap()),
            Ok(None) => "nobody".to_owned(),
            Err(error) => told_error(&error),
        };
        writeln!(found, "{}", setup.without_urls(&member)).unwrap();
        let line = &canned.requests()[0].line;
        assert_eq!(line, "GET /api/v2/github/acme/users/Dependabot%5Bbot%5D/");
    }
    insta::assert_snapshot!(found, @r"
    dependabot[bot]*
    bad_response: the answer to `[MEMBER]` is about another member
    nobody
    nobody
    bad_response: the answer to `[MEMBER]` is about another member
    token_refused: `[MEMBER]` answered 401 Unauthorized: `Invalid token.`
    bad_response: `[MEMBER]` answered 404 Not Found
    server_error: `[MEMBER]` answered 500 Internal Server Error after 5 attempts
    bad_response: the answer to `[MEMBER]` is not JSON of the expected kind
    bad_response: the answer to `[MEMBER]` has no field `service`
    ");
}

#[tokio::test]
async fn an_organization_is_still_listed_or_not() {
    for (users, owner, expected) in [
        ("users-one-page", "", "yes"),
        ("users-own-user-name", "", "empty: "),
        ("users-not-a-member", "owner-detail-without-token", "not_a_member: "),
        ("users-not-a-member", "owner-detail-unknown", "organization_not_found: "),
        ("users-bad-token", "", "token_refused: "),
        ("users-page-past-the-end", "", "bad_response: "),
    ] {
        let canned = Canned::start(move |request| {
            recorded(if request.line.contains("/users/") { users } else { owner })
        });
        let found = match Setup::of(&canned).session().still_listed().await {
            Ok(()) => "yes".to_owned(),
            Err(error) => told_error(&error),
        };
        check(&found, expected);
        check(&canned.requests()[0].line, "users/?page=1&page_size=1");
    }
}

#[tokio::test]
async fn an_owner_is_asked_for_without_the_token() {
    for (answer, expected) in [
        (json(200, r#"{"service":"github","username":"Acme","name":null}"#), "Acme"),
        (recorded("owner-detail-unknown"), "nobody"),
        (recorded("users-unknown-service"), "nobody"),
        (recorded("users-no-token"), "bad_response: "),
        (recorded("base-url-without-v2"), "bad_response: "),
        (recorded("route-unknown"), "bad_response: "),
    ] {
        let canned = Canned::script([answer]);
        let found = match Setup::of(&canned).session().owner().await {
            Ok(owner) => owner.unwrap_or("nobody".to_owned()),
            Err(error) => told_error(&error),
        };
        check(&found, expected);
        let request = &canned.requests()[0];
        assert_eq!(request.line, "GET /api/v2/github/acme/");
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn a_token_that_is_none_is_not_sent() {
    let canned = Canned::script([roster("ann")]);
    let setup = Setup::of(&canned);
    let deadline = tokio::time::Instant::now() + setup.deadline;
    let organization = "github/acme".parse().unwrap();
    let token = format!("{TOKEN}\n").into();
    let server = setup.server().unwrap();
    let session = server.session(&organization, token, Arc::new(Frozen), deadline);
    let error = session.read_roster(None).await.unwrap_err();
    check(&told_error(&error), "token_refused: the token holds a character that no token has");
    assert_eq!((canned.requests().len(), session.requests()), (0, 0));
}

// Trust.

/// A server whose certificate comes from nobody, and the file that makes it trusted.
fn self_signed(directory: &tempfile::TempDir) -> (Canned, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let accept = move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).ok()?;
        Some(rustls::StreamOwned::new(connection, stream))
    };
    (Canned::start_with(accept, |_| roster("ann*")), ca_file)
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_named() {
    let directory = tempfile::tempdir().unwrap();
    let (canned, ca_file) = self_signed(&directory);
    let base_url = format!("https://localhost:{}", canned.address.port());

    let session = Setup::at(&base_url).session();
    let error = session.read_roster(None).await.unwrap_err();
    check(&told_error(&error), "tls: no trusted connection for `https://localhost:");
    check(&error.hint(), "codecov.ca_file");
    assert_eq!(session.requests(), 1, "trying again does not help");

    let trusting = Setup { ca_file: Some(ca_file.clone()), ..Setup::at(base_url) };
    assert_eq!(trusting.read().await, "ann*");

    // Trusted, but for another name.
    let other = format!("https://127.0.0.1:{}", canned.address.port());
    check(&Setup { ca_file: Some(ca_file), ..Setup::at(other) }.read().await, "tls: ");
}

#[tokio::test]
async fn a_server_without_tls_is_no_trusted_connection() {
    let accept = |mut stream: TcpStream| {
        stream.read_exact(&mut [0; 64]).ok()?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok()?;
        stream.read_to_end(&mut Vec::new()).ok()?;
        None::<TcpStream>
    };
    let canned = Canned::start_with(accept, |_| unreachable!("nothing was asked"));
    let found = Setup::at(format!("https://{}", canned.address)).read().await;
    check(&found, "tls: no trusted connection for `https://127.0.0.1:");
}

#[test]
fn an_unusable_ca_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (content, expected) in [
        (None, "tls: ca_file: `[FILE]` cannot be read: No such file"),
        (Some(""), "tls: ca_file: `[FILE]` holds no certificate"),
        (Some("not a certificate"), "tls: ca_file: `[FILE]` holds no certificate"),
        (Some(broken), "tls: ca_file: `[FILE]` is not in PEM form"),
        (Some(garbage), "tls: no trust can be put in `[FILE]`"),
    ] {
        let file = directory.path().join("ca.pem");
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let setup = Setup { ca_file: Some(file.clone()), ..Setup::at("https://x.test") };
        let error = setup.server().err().expect("an unusable file");
        check(&told_error(&error).replace(file.to_str().unwrap(), "[FILE]"), expected);
        check(&error.hint(), "ca_file");
    }
}

// What takes an environment of its own: each such test is run again as a child process.

/// Runs an ignored test of this module in a process with that environment.
#[track_caller]
fn run_alone(test: &str, environment: &[(&str, &str)]) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--ignored", "--nocapture", &format!("client::{test}")]);
    let output = child.envs(environment.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
}

#[test]
fn a_machine_without_certificates_can_sync() {
    let nowhere = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    run_alone("alone_without_certificates", &nowhere);
}

#[tokio::test]
#[ignore = "its environment is made by another test"]
async fn alone_without_certificates() {
    // Without TLS, with a certificate that nobody trusts, and with one that is named.
    assert_eq!(Setup::of(&Canned::script([roster("ann")])).read().await, "ann");
    let directory = tempfile::tempdir().unwrap();
    let (canned, ca_file) = self_signed(&directory);
    let base_url = format!("https://localhost:{}", canned.address.port());
    check(&Setup::at(&base_url).read().await, "tls: ");
    let trusting = Setup { ca_file: Some(ca_file), ..Setup::at(base_url) };
    assert_eq!(trusting.read().await, "ann*");
}

#[test]
fn a_proxy_in_the_environment_is_used() {
    let proxy = Canned::script([roster("ann")]);
    let url = format!("http://{}", proxy.address);
    run_alone("alone_behind_a_proxy", &[("http_proxy", &url), ("no_proxy", "")]);
    let line = "GET http://codecov.test/api/v2/github/acme/users/?page=1&page_size=1000";
    assert_eq!(proxy.requests()[0].line, line);
}

#[tokio::test]
#[ignore = "its environment is made by another test"]
async fn alone_behind_a_proxy() {
    assert_eq!(Setup::at("http://codecov.test").read().await, "ann");
}

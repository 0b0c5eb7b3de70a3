//! Every bad answer by name, through the program: its reason, its exit code, all that a person
//! reads about it; that it committed nothing and lost nothing; and that the next sync is right.
//!
//! A fault that lasts takes the time of all attempts, so the cases run side by side.

use std::fmt::Write as _;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use insta::assert_snapshot;
use seatwatch::simulator::{Fault, GitHost, RetryAfter, Route, When};
use serde_json::json;

use crate::canned::{self, Canned};
use crate::closed_port::ClosedPort;
use crate::world::{Ran, World, acme};

/// One bad day.
struct Case {
    name: &'static str,
    arrange: Box<dyn Fn(&mut World) + Send + Sync>,
}

fn case(name: &'static str, arrange: impl Fn(&mut World) + Send + Sync + 'static) -> Case {
    Case { name, arrange: Box::new(arrange) }
}

/// A fault of the member list that lasts.
fn list(name: &'static str, fault: Fault) -> Case {
    case(name, move |world| {
        world.simulator.fault(When::always().on(Route::Users), fault.clone());
    })
}

fn status(status: u16) -> Fault {
    Fault::Status { status, retry_after: None }
}

fn body(text: &str) -> Fault {
    Fault::Body(text.to_owned())
}

fn wrong(field: &str, value: serde_json::Value) -> Fault {
    Fault::WrongField { field: field.to_owned(), value }
}

fn missing(field: &str) -> Fault {
    Fault::MissingField(field.to_owned())
}

/// Of the three members before the bad day, two are left after it.
fn world() -> World {
    World::start("ann* bob! cat")
}

/// Lives through one bad day and says what a person reads of it.
fn live_through(case: &Case) -> String {
    let mut world = world();
    world.sync().ok();
    let before = world.run(&["roster", "github/acme"]).ok().stdout;
    let token = std::fs::read_to_string(world.path("token")).unwrap();
    let organization = world.edit(|_, acme| acme);
    (case.arrange)(&mut world);
    world.simulator.edit(|all| all.set_members(organization, "ann* bob!"));
    let ran = world.sync();
    let name = case.name;
    assert_ne!(ran.code, Some(0), "{name}: {}", ran.shown());
    assert_eq!(world.told(), "baselined\n", "{name}");

    let row = &world.run(&["status", "--format", "json"]).ok().rows()[0];
    assert_eq!(row["state"], "failing", "{name}");
    let reason = format!("error: github/acme: {}: ", row["reason"].as_str().unwrap());
    assert!(ran.stderr.contains(&reason), "{name}: {}", ran.shown());

    world.write_token(&token);
    world.reset_base_url();
    world.calm();
    world.simulator.edit(|all| all.rename(organization, "acme"));
    let kept = world.run(&["roster", "github/acme"]).ok().stdout;
    assert_eq!(kept, before, "{name}: nothing was committed");
    world.sync().ok();
    assert_eq!(world.told(), "baselined\nleft cat\n", "{name}: nothing is lost");
    format!("{name}\n{}", indented(&ran))
}

fn indented(ran: &Ran) -> String {
    ran.shown().lines().fold(String::new(), |mut text, line| {
        writeln!(text, "  {line}").unwrap();
        text
    })
}

/// The stories of all cases, in order.
fn tell(cases: &[Case]) -> String {
    let stories: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> =
            cases.iter().map(|case| scope.spawn(move || live_through(case))).collect();
        running.into_iter().map(|story| story.join().unwrap()).collect()
    });
    stories.concat()
}

#[test]
fn what_is_refused() {
    let cases = [
        case("unknown token", |world| {
            world.write_token("5ea70000-0000-4000-8000-00000000dead");
        }),
        case("no token at all", |world| world.write_token("not-a-token")),
        case("expired token", |world| {
            let token = world.edit(|world, acme| {
                let token = world.issue_token("old", acme);
                world.expire_token(&token);
                token
            });
            world.write_token(&token);
        }),
        case("not a member", |world| {
            let token = world.edit(|world, organization| {
                world.set_git_host(organization, GitHost::NotFound);
                let stranger = seatwatch::simulator::Person::named("stranger");
                let stranger = world.add_person(acme().service(), stranger);
                world.issue_token("stranger", stranger)
            });
            world.write_token(&token);
        }),
        case("unknown organization", |world| {
            world.edit(|world, acme| world.rename(acme, "acme-corp"));
        }),
        list("list answers 401", status(401)),
        list("list answers 403", status(403)),
        list("list answers 404 in another way", status(404)),
        list("list answers 400", status(400)),
        list(
            "redirect",
            Fault::Redirect { status: 302, location: "https://example.com/login".into() },
        ),
        list(
            "redirect to https",
            Fault::Redirect {
                status: 301,
                location: "https://127.0.0.1/api/v2/github/acme/users/".into(),
            },
        ),
    ];
    assert_snapshot!(tell(&cases), @"
    unknown token
      error: github/acme: token_refused: `[URL]/api/v2/github/acme/user-sessions/?page=1&page_size=1` answered 401 Unauthorized: `Invalid token.`; nothing was committed
      hint: make an API token in the Codecov settings of an admin of the organization and put it into the token file; it is read afresh each time
      exit code 77
    no token at all
      error: github/acme: token_refused: `[URL]/api/v2/github/acme/user-sessions/?page=1&page_size=1` answered 401 Unauthorized: `Invalid token.`; nothing was committed
      hint: make an API token in the Codecov settings of an admin of the organization and put it into the token file; it is read afresh each time
      exit code 77
    expired token
      error: github/acme: token_refused: `[URL]/api/v2/github/acme/user-sessions/?page=1&page_size=1` answered 401 Unauthorized: `Invalid token.`; nothing was committed
      hint: make an API token in the Codecov settings of an admin of the organization and put it into the token file; it is read afresh each time
      exit code 77
    not a member
      error: github/acme: not_a_member: the token may not see the members of `github/acme`; nothing was committed
      hint: use the token of an admin of the organization; if the owner is a person's user name, there is no member list to read
      exit code 77
    unknown organization
      error: github/acme: organization_not_found: Codecov knows no owner `github/acme`; nothing was committed
      hint: check the service and the spelling of the owner
      exit code 78
    list answers 401
      error: github/acme: token_refused: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 401 Unauthorized: `Invalid token.`; nothing was committed
      hint: make an API token in the Codecov settings of an admin of the organization and put it into the token file; it is read afresh each time
      exit code 77
    list answers 403
      error: github/acme: bad_response: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 403 Forbidden: `Forbidden`; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    list answers 404 in another way
      error: github/acme: bad_response: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 404 Not Found: `Not Found`; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    list answers 400
      error: github/acme: bad_response: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 400 Bad Request: `Bad Request`; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    redirect
      error: github/acme: bad_response: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` redirects to `https://example.com/login`; nothing was committed
      hint: redirects are not followed, because the token would go along: set `codecov.base_url` to where the server really is
      exit code 76
    redirect to https
      error: github/acme: bad_response: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` redirects to `https://127.0.0.1/api/v2/github/acme/users/`; nothing was committed
      hint: redirects are not followed, because the token would go along: set `codecov.base_url` to where the server really is
      exit code 76
    ");
}

#[test]
fn what_is_no_member_list() {
    let cases = [
        list("page for people", Fault::Html),
        list("JSON cut short", Fault::TornJson(100)),
        list("nothing", body("")),
        list("another object", body(r#"{"pulls": "/internal/github/acme/repos/users/pulls"}"#)),
        list("an array", body("[]")),
        list("empty list", Fault::EmptyList),
        list("seat is a word", wrong("activated", json!("yes"))),
        list("username is a number", wrong("username", json!(7))),
        list("count is a word", wrong("count", json!("many"))),
        list("count is negative", wrong("count", json!(-1))),
        list("results is an object", wrong("results", json!({}))),
        list("far too many", wrong("count", json!(2_000_000))),
        list("seat is missing", missing("activated")),
        list("username is missing", missing("username")),
        list("count is missing", missing("count")),
        list("short page", Fault::ShortPage(1)),
        list("double row", Fault::DoubleRow),
        list("count is off", Fault::ShiftedCount(1)),
        list("no first page", Fault::InvalidPage),
    ];
    assert_snapshot!(tell(&cases), @r"
    page for people
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` is not JSON of the expected kind; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    JSON cut short
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` is not JSON of the expected kind; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    nothing
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` is not JSON of the expected kind; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    another object
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` has no field `count`; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    an array
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` is not JSON of the expected kind; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    empty list
      error: github/acme: empty: Codecov lists no members of `github/acme`; nothing was committed
      hint: the owner may be a person's user name, whose list is always empty: name the organization instead
      exit code 65
    seat is a word
      error: github/acme: bad_response: row 1 of page 1 of the member list has a field `activated` of the wrong type; nothing was committed
      hint: if Codecov's API has changed, a newer seatwatch may know it
      exit code 76
    username is a number
      error: github/acme: bad_response: row 1 of page 1 of the member list has a field `username` of the wrong type; nothing was committed
      hint: if Codecov's API has changed, a newer seatwatch may know it
      exit code 76
    count is a word
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` has a field `count` of the wrong type; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    count is negative
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` has a field `count` of the wrong type; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    results is an object
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` has a field `results` of the wrong type; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    far too many
      error: github/acme: bad_response: Codecov counts 2000000 members, more than 1000000; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    seat is missing
      error: github/acme: bad_response: row 1 of page 1 of the member list has no field `activated`; nothing was committed
      hint: if Codecov's API has changed, a newer seatwatch may know it
      exit code 76
    username is missing
      error: github/acme: bad_response: row 1 of page 1 of the member list has no field `username`; nothing was committed
      hint: if Codecov's API has changed, a newer seatwatch may know it
      exit code 76
    count is missing
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` has no field `count`; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    short page
      error: github/acme: inconsistent: the roster changed during each of 4 walks: page 1 has 1 rows where 2 were due; nothing was committed
      hint: the list may hold still when it is asked for again; if it never does, raise `codecov.page_size`, so that it is read in fewer pages
      exit code 75
    double row
      error: github/acme: inconsistent: the roster changed during each of 4 walks: a username stands in the list twice; nothing was committed
      hint: the list may hold still when it is asked for again; if it never does, raise `codecov.page_size`, so that it is read in fewer pages
      exit code 75
    count is off
      error: github/acme: inconsistent: the roster changed during each of 4 walks: page 1 has 2 rows where 3 were due; nothing was committed
      hint: the list may hold still when it is asked for again; if it never does, raise `codecov.page_size`, so that it is read in fewer pages
      exit code 75
    no first page
      error: github/acme: bad_response: the member list of `github/acme` has no first page; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    ");
}

#[test]
fn what_never_ends() {
    let cases = [
        list("endless body", Fault::Endless),
        list("gzip bomb", Fault::GzipBomb),
        case("no answer before the sync has to end", |world| {
            world.reset_config("sync_timeout: 2s");
            world.simulator.fault(When::always().on(Route::Users), Fault::Hang);
        }),
    ];
    assert_snapshot!(tell(&cases), @r"
    endless body
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` is larger than 64 MiB; nothing was committed
      hint: if the organization is that large, lower `codecov.page_size`
      exit code 76
    gzip bomb
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` is larger than 64 MiB; nothing was committed
      hint: if the organization is that large, lower `codecov.page_size`
      exit code 76
    no answer before the sync has to end
      error: github/acme: timeout: the time for this sync was up before the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000`; nothing was committed
      hint: if the server is merely slow, raise `codecov.timeout` and `sync_timeout`, or lower `codecov.page_size`
      exit code 69
    ");
}

#[test]
fn what_lasts_through_all_attempts() {
    let closed = ClosedPort::hold();
    let nobody = format!("http://{}", closed.address);
    let cases = [
        list("server error", status(500)),
        list("bad gateway", status(502)),
        list("a status of an edge", status(522)),
        list("request time-out", status(408)),
        list("rate limited", status(429)),
        list("reset", Fault::Reset),
        list("reset in the body", Fault::ResetInBody(50)),
        list("cut off", Fault::CutOff(50)),
        case("slow body", |world| {
            world.reset_codecov("timeout: 1s");
            world.fault(Fault::Slow { bytes: 10, every: Duration::from_millis(100) });
        }),
        case("nobody listens", move |world| world.set_base_url(&nobody)),
    ];
    assert_snapshot!(without_ports(&tell(&cases)), @"
    server error
      error: github/acme: server_error: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 500 Internal Server Error after 5 attempts; nothing was committed
      hint: the server has a problem of its own, which may be over when it is asked again
      exit code 69
    bad gateway
      error: github/acme: server_error: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 502 Bad Gateway after 5 attempts; nothing was committed
      hint: the server has a problem of its own, which may be over when it is asked again
      exit code 69
    a status of an edge
      error: github/acme: server_error: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 522 after 5 attempts; nothing was committed
      hint: the server has a problem of its own, which may be over when it is asked again
      exit code 69
    request time-out
      error: github/acme: timeout: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 408 Request Timeout after 5 attempts; nothing was committed
      hint: if the server is merely slow, raise `codecov.timeout` and `sync_timeout`, or lower `codecov.page_size`
      exit code 69
    rate limited
      error: github/acme: rate_limited: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 429 Too Many Requests after 5 attempts; nothing was committed
      hint: sync less often, or lower `codecov.requests_per_second`
      exit code 75
    reset
      error: github/acme: unreachable: the connection broke before the end of `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` after 5 attempts: connection reset by peer; nothing was committed
      hint: check `codecov.base_url`, the network, and the proxy in the environment
      exit code 69
    reset in the body
      error: github/acme: unreachable: the connection broke before the end of `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` after 5 attempts: connection reset by peer; nothing was committed
      hint: check `codecov.base_url`, the network, and the proxy in the environment
      exit code 69
    cut off
      error: github/acme: unreachable: the connection broke before the end of `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` after 5 attempts: end of file before message length reached; nothing was committed
      hint: check `codecov.base_url`, the network, and the proxy in the environment
      exit code 69
    slow body
      error: github/acme: timeout: no whole answer within 1s to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` after 5 attempts; nothing was committed
      hint: if the server is merely slow, raise `codecov.timeout` and `sync_timeout`, or lower `codecov.page_size`
      exit code 69
    nobody listens
      error: github/acme: unreachable: no connection for `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` after 5 attempts: connection refused; nothing was committed
      hint: check `codecov.base_url`, the network, and the proxy in the environment
      exit code 69
    ");
}

fn without_ports(text: &str) -> String {
    regex::Regex::new(r"127\.0\.0\.1:\d+").unwrap().replace_all(text, "[URL]").into_owned()
}

#[test]
fn what_is_not_the_server_that_was_meant() {
    let elsewhere = |name, answer: canned::Reply| {
        case(name, move |world| {
            let canned = Canned::script([answer.clone()]);
            world.set_base_url(&format!("http://{}", canned.address));
        })
    };
    let html = canned::with_headers(200, "Content-Type: text/html\r\n", b"<h1>Hello</h1>");
    let gone = canned::with_headers(404, "Content-Type: text/html\r\n", b"<h1>Not Found</h1>");
    let login = canned::with_headers(302, "Location: /login?next=%2F\r\n", b"");
    let cases = [
        elsewhere("a web site", html),
        elsewhere("a web site without such a page", gone),
        elsewhere("a proxy that wants a login", login),
        elsewhere(
            "Codecov without the API",
            canned::json(404, r#"{"error": "Page Not Found (404)"}"#),
        ),
        elsewhere("a base URL without v2", canned::json(200, r#"{"pulls": "/internal/x"}"#)),
        elsewhere(
            "a server of many names",
            canned::with_headers(400, "Content-Type: text/html\r\n", b"<h1>Bad Request (400)</h1>"),
        ),
        case("a certificate of nobody", |world| world.set_base_url(&self_signed().0)),
        case("no TLS where TLS is expected", |world| {
            let plain = format!("https://{}", world.simulator.address());
            world.set_base_url(&plain);
        }),
    ];
    assert_snapshot!(without_ports(&tell(&cases)), @"
    a web site
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` is not JSON of the expected kind; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    a web site without such a page
      error: github/acme: bad_response: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 404 Not Found; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    a proxy that wants a login
      error: github/acme: bad_response: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` redirects to `[URL]/login`; nothing was committed
      hint: redirects are not followed, because the token would go along: set `codecov.base_url` to where the server really is
      exit code 76
    Codecov without the API
      error: github/acme: bad_response: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 404 Not Found; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    a base URL without v2
      error: github/acme: bad_response: the answer to `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` has no field `count`; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    a server of many names
      error: github/acme: bad_response: `[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 400 Bad Request; nothing was committed
      hint: check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
      exit code 76
    a certificate of nobody
      error: github/acme: tls: no trusted connection for `[URL]/api/v2/github/acme/users/?page=1&page_size=1000`: the certificate of `localhost` comes from an authority that is not trusted; nothing was committed
      hint: if the authority is your own, name its certificate in `codecov.ca_file`
      exit code 69
    no TLS where TLS is expected
      error: github/acme: tls: no trusted connection for `[URL]/api/v2/github/acme/users/?page=1&page_size=1000`: the server speaks no TLS; nothing was committed
      hint: check scheme and port of `codecov.base_url`, and the proxy in the environment
      exit code 69
    ");
}

/// A server whose certificate nobody vouches for, and the certificate in PEM form.
pub(crate) fn self_signed() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
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
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        Some(rustls::StreamOwned::new(connection, stream))
    };
    let canned = Canned::start_with(accept, |_| canned::json(200, "{}"));
    (format!("https://localhost:{}", canned.address.port()), made.cert.pem())
}

#[test]
fn a_service_that_does_not_know_the_owner() {
    let world = World::start("ann").with_other("gitlab/acme");
    let ran = world.sync();
    assert_eq!(ran.code, Some(78));
    assert_snapshot!(ran.stderr, @r"
    error: gitlab/acme: organization_not_found: Codecov knows no owner `gitlab/acme`; nothing was committed
    hint: check the service and the spelling of the owner
    ");
}

#[test]
fn a_name_of_a_person_is_no_organization() {
    let world = World::start("ann!").with_other("github/ann");
    let ran = world.sync();
    assert_eq!(ran.code, Some(77));
    assert_snapshot!(ran.stderr, @r"
    error: github/ann: token_not_admin: the token is not an admin's of this organization, so Codecov may show it only a part of the members; nothing was committed
    hint: use the token of an admin of the organization; where Codecov is self-hosted, which answers this question otherwise, set `require_admin: false`
    ");
}

/// What passes by itself: the sync takes longer, and nobody notices otherwise.
#[test]
fn what_passes_is_not_noticed() {
    let once = |fault: Fault| vec![(When::once().on(Route::Users), fault)];
    let page =
        |number: u64, fault: Fault| vec![(When::once().on(Route::Users).page(number), fault)];
    let cases: Vec<(&str, Vec<(When, Fault)>)> = vec![
        ("503", once(status(503))),
        ("429", once(status(429))),
        (
            "Retry-After",
            once(Fault::Status { status: 429, retry_after: Some(RetryAfter::Seconds(1)) }),
        ),
        (
            "Retry-After as a date",
            once(Fault::Status {
                status: 503,
                retry_after: Some(RetryAfter::DateIn(Duration::from_secs(1))),
            }),
        ),
        (
            "Retry-After is nonsense",
            once(Fault::Status {
                status: 503,
                retry_after: Some(RetryAfter::Raw("soon".to_owned())),
            }),
        ),
        ("reset", once(Fault::Reset)),
        ("reset in the body", once(Fault::ResetInBody(60))),
        ("cut off", once(Fault::CutOff(60))),
        ("hang", once(Fault::Hang)),
        ("hang in the body", once(Fault::HangInBody(60))),
        ("late", once(Fault::Late(Duration::from_millis(1300)))),
        (
            "slow, but fast enough",
            once(Fault::Slow { bytes: 100, every: Duration::from_millis(20) }),
        ),
        ("page 2 breaks off", page(2, Fault::ResetInBody(20))),
        ("short page", once(Fault::ShortPage(1))),
        ("double row", once(Fault::DoubleRow)),
        ("count is off", page(2, Fault::ShiftedCount(1))),
        ("invalid page in mid-walk", page(2, Fault::InvalidPage)),
        (
            "two of them",
            vec![
                (When::once().on(Route::Users), status(503)),
                (When::once().on(Route::Users), Fault::Reset),
            ],
        ),
        ("a look-up fails once", vec![(When::once().on(Route::User), status(500))]),
        (
            "an edge caps the page size",
            vec![(When::always().on(Route::Users), Fault::CappedPageSize(2))],
        ),
    ];
    thread::scope(|scope| {
        for (name, faults) in &cases {
            scope.spawn(move || {
                let mut world = world().with_codecov("page_size: 3");
                world.members("ann* bob! cat dan eve").sync().ok();
                if faults.iter().any(|(_, fault)| keeps_waiting(fault)) {
                    world.reset_codecov("timeout: 1s\n  page_size: 3");
                }
                for (when, fault) in faults {
                    world.simulator.fault(when.clone(), fault.clone());
                }
                world.members("ann* bob! cat dan fay");
                let ran = world.sync();
                assert_eq!(ran.code, Some(0), "{name}: {}", ran.shown());
                assert_eq!(ran.stderr, "", "{name}");
                assert_eq!(world.told(), "baselined\nleft eve\njoined fay\n", "{name}");
            });
        }
    });
}

/// Nothing but the time limit of a request ends it.
fn keeps_waiting(fault: &Fault) -> bool {
    matches!(fault, Fault::Hang | Fault::HangInBody(_) | Fault::Late(_))
}

/// The list shows that cat is gone, and then the token loses the organization: the 404 of her
/// name proves nothing.
#[test]
fn a_leaver_is_not_believed_when_the_list_is_lost_meanwhile() {
    let world = world();
    world.sync().ok();
    world.members("ann* bob!");
    let not_found = Fault::Status { status: 404, retry_after: None };
    let requests = world.simulator.requests();
    let later = When::always().on(Route::Users).from_request(requests + 2);
    world.simulator.fault(later, not_found);
    let ran = world.sync();
    assert_eq!(ran.code, Some(76), "{}", ran.shown());
    assert_eq!(world.told(), "baselined\n");
    world.calm().sync().ok();
    assert_eq!(world.told(), "baselined\nleft cat\n");
}

/// A member whom the list misses although she is there stays.
#[test]
fn who_is_missed_by_a_race_stays() {
    let world = world();
    world.sync().ok();
    world.simulator.fault(
        When::once().on(Route::Users),
        body(
            r#"{"count":2,"next":null,"previous":null,"total_pages":1,"results":[
            {"service":"github","username":"ann","name":"ann","activated":true,"is_admin":false,"email":"ann@example.com"},
            {"service":"github","username":"bob","name":"bob","activated":false,"is_admin":true,"email":"bob@example.com"}]}"#,
        ),
    );
    let ran = world.sync().ok();
    assert_eq!(world.told(), "baselined\n", "{}", ran.shown());
    let rows = world.run(&["roster", "github/acme", "--format", "json"]).ok().rows();
    assert_eq!(rows.len(), 3);
}

/// A list with this admin alone.
fn only(name: &str) -> Fault {
    body(&format!(
        r#"{{"count":1,"next":null,"previous":null,"total_pages":1,"results":[
        {{"service":"github","username":"{name}","name":"{name}","activated":false,"is_admin":true,"email":"{name}@example.com"}}]}}"#
    ))
}

/// Ann is there, though the list lacks her for good; a leaver who cannot be looked up, or a list
/// that cannot be asked for at once, makes nobody doubt what was answered about her.
#[test]
fn who_was_found_stays_whatever_becomes_of_the_other_look_ups() {
    // After the list, ann is looked up, then bob, and then the list is asked for once more.
    let cases = [
        ("bob", 3, Route::User, status(500)),
        ("bob", 3, Route::User, status(403)),
        ("bob", 3, Route::User, status(408)),
        ("bob", 3, Route::User, Fault::Reset),
        ("bob", 3, Route::User, Fault::Html),
        ("bob", 4, Route::Users, Fault::Html),
        ("bob/1", 9, Route::Other, Fault::Html),
        ("0815", 9, Route::Other, Fault::Html),
    ];
    thread::scope(|scope| {
        for (leaver, request, route, fault) in cases {
            scope.spawn(move || {
                let world = World::start(&format!("ann* {leaver} cat!"));
                world.sync().ok();
                world.members("ann* cat!");
                let first = world.simulator.requests();
                let later = When::always().on(route).from_request(first + request);
                let later = if route == Route::Users { later.times(1) } else { later };
                world.simulator.fault(later, fault.clone());
                world.simulator.fault(When::always().on(Route::Users), only("cat"));
                let ran = world.sync();
                assert_eq!(ran.code, Some(0), "{fault:?}: {}", ran.shown());
                let told = format!("baselined\nleft {leaver}\n");
                assert_eq!(world.told(), told, "{fault:?}: {}", ran.shown());
            });
        }
    });
}

/// However many cannot be looked up: who can be is not told gone.
#[test]
fn everybody_is_looked_up() {
    let world = World::start("bob cat dan eve zoe fay!");
    world.sync().ok();
    world.members("zoe fay!");
    world.simulator.fault(When::always().on(Route::User).times(4), Fault::Html);
    world.simulator.fault(When::always().on(Route::Users), only("fay"));
    world.sync().ok();
    assert_eq!(world.told(), "baselined\nleft bob\nleft cat\nleft dan\nleft eve\n");
}

/// The walks have their part of the time, also where a look-up hangs.
#[test]
fn a_look_up_that_hangs_leaves_time_to_walk() {
    let world = World::start("ann bob!").with_config("sync_timeout: 12s");
    world.sync().ok();
    world.members("bob!");
    world.simulator.fault(When::always().on(Route::User), Fault::Hang);
    world.sync().ok();
    assert_eq!(world.told(), "baselined\nleft ann\n");
}

//! Who is logged in: the whole list, for admins.

use seatwatch::codecov::Sessions;
use seatwatch::organization::Service;
use seatwatch::simulator::{self, Simulator};

use super::*;

/// A list is told as `"ann+2026-11-28 bob-2026-11-18 cat- ?-"`: ann's session expires, bob's has
/// expired, cat has none, and neither has a row without a name.
fn told_sessions(sessions: &Sessions) -> String {
    let row = |row: &seatwatch::codecov::SessionRow| {
        let name = row.username.as_ref().map_or("?", Username::shown);
        let day = row.expires_at.map(|at| at.format("%F").to_string());
        format!("{name}{}{}", if row.active { '+' } else { '-' }, day.unwrap_or_default())
    };
    sessions.rows.iter().map(row).collect::<Vec<_>>().join(" ")
}

async fn read(setup: &Setup) -> String {
    match setup.session().read_log_ins().await {
        Ok(sessions) => told_sessions(&sessions),
        Err(error) => setup.without_urls(&told_error(&error)),
    }
}

fn log_in(name: &str) -> String {
    let username = if name == "?" { "null".to_owned() } else { format!("\"{name}\"") };
    format!(
        r#"{{"username":{username},"name":null,"has_active_session":true,"expiry_date":"2026-11-28T09:57:03.893859Z"}}"#
    )
}

fn log_ins(names: &str) -> Vec<String> {
    names.split_whitespace().map(log_in).collect()
}

#[tokio::test]
async fn the_list_of_sessions_is_read_as_codecov_sends_it() {
    let canned = Canned::script([page(3, 1, &log_ins("ann Bob ?"))]);
    let session = Setup::of(&canned).session();
    let sessions = session.read_log_ins().await.unwrap();
    assert_eq!(told_sessions(&sessions), "ann+2026-11-28 Bob+2026-11-28 ?+2026-11-28");
    assert_eq!(sessions.asked_at, Frozen.now());
    assert_eq!(session.requests(), 1);
    let request = &canned.requests()[0];
    assert_eq!(request.line, "GET /api/v2/github/acme/user-sessions/?page=1&page_size=1000");
    assert_eq!(request.header("authorization"), Some(&*format!("Bearer {TOKEN}")));

    // The recorded page is the first of six, of a server that gives no more than five at once.
    let recorded_page = Canned::script([recorded("sessions-as-admin")]);
    let five = Setup { page_size: 5, ..Setup::of(&recorded_page) };
    let found = read(&five).await;
    // The same five come again, and nobody is listed twice.
    check(&found, "inconsistent: the list of log-in sessions changed during each of 4 walks");
    check(&found, "stands in the list twice");
}

#[tokio::test]
async fn a_list_of_sessions_is_walked_as_a_roster_is() {
    for (pieces, expected) in [
        // Whole.
        (
            vec![page(3, 2, &log_ins("a b")), page(3, 2, &log_ins("c"))],
            "a+2026-11-28 b+2026-11-28 c+2026-11-28",
        ),
        (vec![page(0, 1, &[])], ""),
        // In pieces: nothing is better than a part.
        (vec![page(3, 2, &log_ins("a b")), page(2, 2, &log_ins("c"))], "inconsistent: "),
        (vec![page(3, 2, &log_ins("a b")), page(3, 3, &log_ins("c"))], "inconsistent: "),
        (vec![page(3, 2, &log_ins("a b")), page(3, 2, &[])], "inconsistent: "),
        (vec![page(3, 2, &log_ins("a b")), page(3, 2, &log_ins("A"))], "inconsistent: "),
        (vec![page(3, 2, &log_ins("a b")), recorded("users-page-past-the-end")], "inconsistent: "),
        (vec![page(3, 1, &log_ins("a b"))], "inconsistent: "),
        (
            vec![recorded("users-page-past-the-end")],
            "bad_response: the list of log-in sessions has no first page",
        ),
    ] {
        let length = pieces.len();
        let canned = Canned::start(move |request| pieces[request.index % length].clone());
        let found = read(&Setup { page_size: 2, ..Setup::of(&canned) }).await;
        if expected.ends_with(' ') { check(&found, expected) } else { assert_eq!(found, expected) }
    }
}

#[tokio::test]
async fn who_may_not_read_sessions_hears_why() {
    let mut found = String::new();
    for answer in [
        recorded("sessions-not-admin-host-says-member"),
        recorded("sessions-not-admin-host-says-401"),
        recorded("sessions-not-admin-host-says-403"),
        recorded("sessions-not-admin-host-says-404"),
        recorded("sessions-not-admin-host-says-429"),
        recorded("sessions-not-admin-host-says-500"),
        recorded("users-bad-token"),
        recorded("users-no-token"),
        recorded("users-not-a-member"),
        recorded("users-unknown-service"),
        recorded("users-html-accepted"),
        recorded("route-unknown"),
        page(1, 1, &[r#"{"username":"ann","has_active_session":true}"#.to_owned()]),
        page(1, 1, &[log_in("ann").replace("true", "\"yes\"")]),
        page(1, 1, &[log_in("ann").replace("2026-11-28T", "tomorrow ")]),
    ] {
        let canned = Canned::script([answer]);
        writeln!(found, "{}", read(&Setup::of(&canned)).await).unwrap();
    }
    insta::assert_snapshot!(found, @"
    token_not_admin: Codecov shows the log-in sessions of `github/acme` to its admins only
    server_error: `[SESSION LIST]` answered 401 Unauthorized: `Github API unauthorized error: Unauthorized`
    server_error: `[SESSION LIST]` answered 403 Forbidden: `Github API: Forbidden`
    server_error: `[SESSION LIST]` answered 404 Not Found: `Github API: Not Found`
    server_error: `[SESSION LIST]` answered 403 Forbidden: `Github API rate limit error: secondary rate limit`
    server_error: `[SESSION LIST]` answered 500 Internal Server Error after 5 attempts
    token_refused: `[SESSION LIST]` answered 401 Unauthorized: `Invalid token.`
    token_refused: `[SESSION LIST]` answered 401 Unauthorized: `Authentication credentials were not provided.`
    organization_not_found: Codecov knows no owner `github/acme`
    organization_not_found: Codecov knows no owner `github/acme`
    bad_response: the answer to `[SESSION LIST]` is not JSON of the expected kind
    bad_response: `[SESSION LIST]` answered 404 Not Found
    bad_response: row 1 of page 1 of the list of log-in sessions has no field `expiry_date`
    bad_response: row 1 of page 1 of the list of log-in sessions has a field `has_active_session` of the wrong type
    bad_response: row 1 of page 1 of the list of log-in sessions has a field `expiry_date` of the wrong type
    ");
}

#[tokio::test]
async fn the_simulator_tells_who_is_logged_in() {
    let mut world = simulator::World::default();
    let acme = world.organization(&"github/acme".parse().unwrap());
    world.set_members(acme, "ann* bob cat*");
    for (name, expires) in [("ann", "9999-01-01T00:00:00Z"), ("bob", "2001-01-01T00:00:00Z")] {
        let person = world.find(Service::Github, name).unwrap();
        world.set_session(person, Some(expires.parse().unwrap()));
    }
    let token = world.issue_token("admin", acme);
    let simulator = Simulator::start(world, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let setup = Setup { page_size: 2, ..Setup::at(simulator.base_url()) };
    let deadline = tokio::time::Instant::now() + setup.deadline;
    let organization = "github/acme".parse().unwrap();
    let server = setup.server().unwrap();
    let session = server.session(&organization, token.into(), Arc::new(Frozen), deadline);
    let sessions = session.read_log_ins().await.unwrap();
    assert_eq!(told_sessions(&sessions), "ann+9999-01-01 bob-2001-01-01 cat-");
}

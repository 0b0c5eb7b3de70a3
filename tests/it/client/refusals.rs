//! What the server refuses, and what it says that is no roster.

use super::*;

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
        (unknown, "users-html-accepted"),
        (unknown, "users-no-token"),
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
    insta::assert_snapshot!(refusals, @"
    token_refused: `[PAGE]` answered 401 Unauthorized: `Invalid token.`
    token_refused: `[PAGE]` answered 401 Unauthorized: `Invalid token.`
    token_refused: `[PAGE]` answered 401 Unauthorized: `Authentication credentials were not provided.`
    bad_response: `[PAGE]` answered 403 Forbidden: `You do not have permission to perform this action.`
    not_a_member: the token may not see the members of `github/acme`
    organization_not_found: Codecov knows no owner `github/acme`
    not_a_member: the token may not see the members of `github/acme`, or there is no such owner: `[OWNER]` answered 500 Internal Server Error after 5 attempts
    not_a_member: the token may not see the members of `github/acme`, or there is no such owner: the answer to `[OWNER]` is not JSON of the expected kind
    not_a_member: the token may not see the members of `github/acme`, or there is no such owner: `[OWNER]` answered 401 Unauthorized: `Authentication credentials were not provided.`
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

/// What is said about a refusal does not blame who has no part in it.
#[tokio::test]
async fn a_refusal_says_whom_to_turn_to() {
    let detail = |status, text: &str| json(status, &format!(r#"{{"detail":"{text}"}}"#));
    let moved = |status| with_headers(status, "Location: https://new.test/\r\n", b"");
    let mut said = String::new();
    for reply in [
        recorded("users-bad-token"),
        detail(401, "Invalid token header. Token string should not contain spaces."),
        recorded("users-no-token"),
        detail(401, "Sign in first"),
        detail(403, "Request blocked by WAF"),
        moved(301),
        moved(304),
        moved(308),
    ] {
        let canned = Canned::script([reply]);
        let setup = Setup::of(&canned);
        let error = setup.session().read_roster(None).await.unwrap_err();
        let told = setup.without_urls(&told_error(&error));
        writeln!(said, "{told}\n  {}", error.hint()).unwrap();
    }
    insta::assert_snapshot!(said, @"
    token_refused: `[PAGE]` answered 401 Unauthorized: `Invalid token.`
      make an API token in the Codecov settings of an admin of the organization and put it into the token file; it is read afresh each time
    token_refused: `[PAGE]` answered 401 Unauthorized: `Invalid token header. Token string should not contain spaces.`
      make an API token in the Codecov settings of an admin of the organization and put it into the token file; it is read afresh each time
    token_refused: `[PAGE]` answered 401 Unauthorized: `Authentication credentials were not provided.`
      the token was sent and did not arrive: see to it that no proxy in front of Codecov takes the `Authorization` header off
    bad_response: `[PAGE]` answered 401 Unauthorized: `Sign in first`
      check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    bad_response: `[PAGE]` answered 403 Forbidden: `Request blocked by WAF`
      check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    bad_response: `[PAGE]` redirects to `https://new.test/`
      redirects are not followed, because the token would go along: set `codecov.base_url` to where the server really is
    bad_response: `[PAGE]` answered 304 Not Modified
      check that `codecov.base_url` is the root of a Codecov server and that no proxy answers in its place
    bad_response: `[PAGE]` redirects to `https://new.test/`
      redirects are not followed, because the token would go along: set `codecov.base_url` to where the server really is
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
        json(499, ""),
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
    `[PAGE]` answered 499
    `[PAGE]` answered 418 I'm a teapot: `long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long …`
    `[PAGE]` redirects to `https://new.test/api/`
    `[PAGE]` redirects to `[SERVER]/elsewhere`
    `[PAGE]` redirects to `https://new.test/***`
    `[PAGE]` answered 304 Not Modified
    the answer to `[PAGE]` cannot be decoded: Invalid gzip header
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

//! The other questions: admin, one member, the owner.

use super::*;

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
        let hangs = matches!(answer, Reply::ThenHang(_));
        let canned = Canned::script([answer]);
        let mut setup = Setup::of(&canned);
        if hangs {
            setup.timeout = Duration::from_millis(500);
        }
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
    Unknown: no whole answer within 500ms to `[SESSIONS]`
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

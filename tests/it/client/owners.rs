//! Whom a token sees on a git service.

use seatwatch::organization::Service;

use super::*;

/// The listing as `acme user000001 hard`, or the error.
async fn read(setup: &Setup, service: Service) -> String {
    let deadline = tokio::time::Instant::now() + setup.deadline;
    let owners = setup.server().unwrap().owners(TOKEN.into(), Arc::new(Frozen), deadline);
    match owners.read(service).await {
        Ok(owners) => {
            let name = |username: &Option<Username>| match username {
                Some(username) => username.shown().to_owned(),
                None => "?".to_owned(),
            };
            owners.iter().map(|owner| name(&owner.username)).collect::<Vec<_>>().join(" ")
        }
        Err(error) => setup.without_urls(&told_error(&error)),
    }
}

fn owners(names: &str) -> Vec<String> {
    let row = |name| format!(r#"{{"service":"github","username":"{name}","name":null}}"#);
    names.split_whitespace().map(row).collect()
}

#[tokio::test]
async fn the_owners_of_a_token_are_read_as_codecov_sends_them() {
    let canned = Canned::script([recorded("owners-of-token")]);
    let setup = Setup::of(&canned);
    assert_eq!(read(&setup, Service::Github).await, "acme user000001 hard");
    let [request] = &canned.requests()[..] else { panic!("one request was enough") };
    assert_eq!(request.line, "GET /api/v2/github/?page=1&page_size=1000");
    assert_eq!(request.header("authorization"), Some(&*format!("Bearer {TOKEN}")));

    // In pages that are our own, whatever `next` says.
    let pages = [page(3, 2, &owners("acme beta")), page(3, 2, &owners("mona"))];
    let canned = Canned::script(pages);
    let setup = Setup { page_size: 2, ..Setup::of(&canned) };
    assert_eq!(read(&setup, Service::Github).await, "acme beta mona");
    assert_eq!(canned.requests()[1].line, "GET /api/v2/github/?page=2&page_size=2");

    // Another service's name is somebody else's here.
    let mut mixed = owners("acme beta");
    mixed[0] = mixed[0].replace("github", "github_enterprise");
    let canned = Canned::script([page(2, 1, &mixed)]);
    let setup = Setup::of(&canned);
    assert_eq!(read(&setup, Service::GithubEnterprise).await, "acme");
    assert_eq!(canned.requests()[0].line, "GET /api/v2/github_enterprise/?page=1&page_size=1000");
}

#[tokio::test]
async fn what_is_not_the_whole_list_is_none() {
    let mut found = String::new();
    for answer in [
        page(0, 1, &[]),
        page(3, 1, &owners("acme beta")),
        page(2, 1, &owners("acme Acme")),
        page(1, 1, &[r#"{"service":"github","name":null}"#.to_owned()]),
        page(2, 1, &["acme", "beta"].map(|name| owners(name)[0].replace("github", "GitHub"))),
        page(2, 1, &["acme", "beta"].map(|_| owners("?")[0].replace("\"?\"", "null"))),
        page(2, 1, &[owners(".."), owners("a#b")].concat()),
        json(404, r#"{"detail":"Service not found: github"}"#),
        recorded("users-bad-token"),
        recorded("users-page-past-the-end"),
        recorded("users-html-accepted"),
        recorded("route-unknown"),
        status(500),
    ] {
        let canned = Canned::script([answer]);
        writeln!(found, "{}", read(&Setup::of(&canned), Service::Github).await).unwrap();
    }
    insta::assert_snapshot!(found, @"
    empty: Codecov lists nobody on github whom the token could see
    inconsistent: the list of owners changed during each of 4 walks: page 1 has 2 rows where 3 were due
    inconsistent: the list of owners changed during each of 4 walks: a username stands in the list twice
    bad_response: row 1 of page 1 of the list of owners has no field `username`
    bad_response: the list of owners names nobody who could be on github
    bad_response: the list of owners names nobody who could be on github
    bad_response: the list of owners names nobody who could be on github
    organization_not_found: Codecov knows no service `github`
    token_refused: `[SERVER]/api/v2/github/?page=1&page_size=1000` answered 401 Unauthorized: `Invalid token.`
    bad_response: the list of owners has no first page
    bad_response: the answer to `[SERVER]/api/v2/github/?page=1&page_size=1000` is not JSON of the expected kind
    bad_response: `[SERVER]/api/v2/github/?page=1&page_size=1000` answered 404 Not Found
    server_error: `[SERVER]/api/v2/github/?page=1&page_size=1000` answered 500 Internal Server Error after 5 attempts
    ");
}

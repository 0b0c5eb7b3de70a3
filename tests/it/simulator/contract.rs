//! What `CODECOV_API.md` says in words and no recording holds: one line for each sentence.

use seatwatch::organization::Service::{Github, Gitlab};
use seatwatch::simulator::{Options, Person};

use super::Desk;

const NO_OWNER: &str = r#"404 {"detail":"No Owner matches the given query."}"#;
const NO_ROUTE: &str = r#"404 {"error": "Page Not Found (404)"}"#;
const NO_TOKEN: &str = r#"401 {"detail":"Authentication credentials were not provided."}"#;
const BAD_TOKEN: &str = r#"401 {"detail":"Invalid token."}"#;
const BROKEN: &str = r#"500 {"error": "Server Error (500)"}"#;

impl Desk {
    /// The status and the body.
    async fn told(&self, request: reqwest::RequestBuilder) -> String {
        let response = request.header("host", "api.codecov.test").send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.text().await.unwrap();
        format!("{status} {}", body.trim_start())
    }

    async fn check(&self, path: &str, expected: &str) {
        let told = self.told(self.get(path)).await;
        assert!(told.starts_with(expected), "{path}: {told}");
    }

    async fn check_with(&self, header: (&str, &str), path: &str, expected: &str) {
        let url = format!("{}{path}", self.simulator.base_url());
        let request = self.client.get(url).header(header.0, header.1);
        let told = self.told(request).await;
        assert!(told.starts_with(expected), "{header:?}: {told}");
    }
}

#[tokio::test]
async fn paths_mean_what_the_server_takes_them_for() {
    let desk = Desk::open("ann").await;
    desk.simulator.edit(|world| {
        let group = world.add_organization(Gitlab, "Grp:Sub", Some("A group"));
        world.join(group, desk.acme);
    });
    let users = r#"200 {"count":1,"next":null,"previous":null,"results":["#;
    desk.check("/api/v2/gitlab/grp:sub/users/", users).await;
    desk.check("/api/v2/GL/grp%3Asub/users", users).await;
    desk.check("/api/v2/gitlab/grp%2Fsub/users/", NO_ROUTE).await;
    desk.check("/api/v2/github//acme/users/", NO_ROUTE).await;
    desk.check("/api/v2/github/acme/Users/", NO_ROUTE).await;
    desk.check("/api/v2/github/acme%20/users/", NO_OWNER).await;
    desk.check("/api/v2/github/ac%00me/users/", BROKEN).await;
    desk.check("/api/v2/github/1/users/", NO_OWNER).await;
    desk.check("/api/v2/github", "301 ").await;
    desk.check("/api/v2/svn/", r#"404 {"detail":"Service not found: svn"}"#).await;
    desk.check("/api/v2/github/ann/", r#"200 {"service":"github","username":"ann","name":"ann"}"#)
        .await;
    desk.check(
        "/api/v2/gitlab/GRP:SUB/",
        r#"200 {"service":"gitlab","username":"Grp:Sub","name":"A group"}"#,
    )
    .await;
    let elsewhere =
        r#"200 {"pulls":"http://api.codecov.test/internal/github/acme/repos/users/pulls"}"#;
    desk.check("/api/v1/github/acme/users/", elsewhere).await;
    desk.check("/", "200 26.7.6 is live!").await;
}

#[tokio::test]
async fn tokens_are_told_apart_as_far_as_the_server_does() {
    let desk = Desk::open("ann").await;
    let path = "/api/v2/github/acme/users/";
    let bearer = format!("Bearer {}", desk.token);
    let empty = r#"401 {"detail":"Invalid token header. No credentials provided."}"#;
    let spaces =
        r#"401 {"detail":"Invalid token header. Token string should not contain spaces."}"#;
    desk.check_with(("authorization", "Token x"), path, NO_TOKEN).await;
    desk.check_with(("authorization", &desk.token), path, NO_TOKEN).await;
    desk.check_with(("authorization", "Bearer"), path, empty).await;
    desk.check_with(("authorization", &format!("{bearer} x")), path, spaces).await;
    desk.check_with(("authorization", "Bearer x"), path, BAD_TOKEN).await;
    desk.check_with(("authorization", "Bearer x"), "/api/v2/github/acme/", BAD_TOKEN).await;
    desk.check_with(("authorization", "Bearer x"), "/api/v2/svn/acme/users/", BAD_TOKEN).await;
    desk.check_with(("authorization", "Bearer x"), "/api/v2/svn/acme/x/", NO_ROUTE).await;
    desk.check_with(("accept", "text/html"), path, "401 <!DOCTYPE html>").await;
    let not_acceptable = r#"406 {"detail":"Could not satisfy the request Accept header."}"#;
    desk.check_with(("accept", "text/csv"), path, not_acceptable).await;
    desk.check("/api/v2/github/acme/users/?format=xml", r#"404 {"detail":"Not found."}"#).await;
}

#[tokio::test]
async fn a_list_can_be_narrowed_down() {
    let desk = Desk::open("ann* bob! cat*! dan").await;
    let read = async |query: &str| {
        let page: serde_json::Value =
            desk.ask(&format!("/api/v2/github/acme/users/?{query}")).await.json().await.unwrap();
        let usernames = page["results"].as_array().unwrap().iter();
        let usernames: Vec<_> = usernames.map(|row| row["username"].as_str().unwrap()).collect();
        format!("{}: {}", page["count"], usernames.join(" "))
    };
    assert_eq!(read("activated=true").await, "2: ann cat");
    assert_eq!(read("activated=False").await, "2: bob dan");
    assert_eq!(read("is_admin=true").await, "2: bob cat");
    assert_eq!(read("is_admin=true&activated=true").await, "1: cat");
    assert_eq!(read("activated=banana&is_admin=1").await, "4: ann bob cat dan");
    assert_eq!(read("ordering=-username&cursor=x").await, "4: ann bob cat dan");
    assert_eq!(read("search=AN").await, "2: ann dan");
    assert_eq!(read("search=AN,example.com+nn").await, "1: ann");
    desk.check(
        "/api/v2/github/acme/users/?search=%00",
        r#"400 ["Null characters are not allowed."]"#,
    )
    .await;
}

#[tokio::test]
async fn one_user_is_found_by_name_and_by_number() {
    let desk = Desk::open("ann bob").await;
    let (ann, bob) = (desk.person("ann"), desk.person("bob"));
    let row = |username: &str| format!(r#"200 {{"service":"github","username":"{username}","#);
    desk.check("/api/v2/github/acme/users/ANN/", &row("ann")).await;
    desk.check(&format!("/api/v2/github/acme/users/{bob}"), &row("bob")).await;
    desk.check("/api/v2/github/acme/users/acme/", NO_OWNER).await;
    desk.simulator.edit(|world| world.rename(bob, &ann.to_string()));
    desk.check(&format!("/api/v2/github/acme/users/{ann}/"), BROKEN).await;
}

#[tokio::test]
async fn who_was_never_in_an_organization_breaks_the_list_of_owners() {
    let desk = Desk::open("ann").await;
    let issue = |username: &str| {
        desk.simulator.edit(|world| {
            let new = || Person::named(username);
            let person =
                world.find(Github, username).unwrap_or_else(|| world.add_person(Github, new()));
            format!("Bearer {}", world.issue_token(username, person))
        })
    };
    let (ann, stranger) = (issue("ann"), issue("stranger"));
    desk.check_with(("authorization", &stranger), "/api/v2/github/", BROKEN).await;
    let nothing = r#"200 {"count":0,"next":null,"previous":null,"results":[],"total_pages":1}"#;
    desk.check_with(("authorization", &ann), "/api/v2/gitlab/", nothing).await;
}

#[tokio::test]
async fn links_follow_host_and_proxy() {
    let desk = Desk::open("ann bob").await;
    let request = desk.get("/api/v2/gh/ACME/users?page_size=1&x=y%20z");
    let request = request.header("host", "api.codecov.test").header("x-forwarded-proto", "https");
    let page: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    let next = "https://api.codecov.test/api/v2/gh/ACME/users?page=2&page_size=1&x=y+z";
    assert_eq!(page["next"], next);
}

/// Any member's token can change seats: what shows that seatwatch sends nothing but GET.
#[tokio::test]
async fn a_seat_can_be_given_and_taken() {
    let desk = Desk::open("ann* bob").await;
    desk.simulator.edit(|world| world.limit_seats(desk.acme, Some(2)));
    let patch = async |username: &str, body: &str| {
        let url = format!("{}/api/v2/github/acme/users/{username}/", desk.simulator.base_url());
        let request = desk.client.patch(url).bearer_auth(&desk.token);
        let request = request.header("content-type", "application/json").body(body.to_owned());
        let told = desk.told(request).await;
        told.split("\"activated\":").last().unwrap().to_owned()
    };
    assert!(patch("bob", r#"{"activated": true}"#).await.starts_with("true,"));
    let full = r#"400 {"detail":"Cannot activate user -- not enough seats left."}"#;
    assert_eq!(patch("bob", r#"{"activated": "true"}"#).await, full);
    assert!(patch("bob", r#"{"activated": 0}"#).await.starts_with("false,"));
    assert_eq!(patch("bob", "{}").await, r#"["This field is required."]}"#);
    assert_eq!(patch("bob", r#"{"activated": null}"#).await, r#"["This field may not be null."]}"#);
    assert_eq!(patch("bob", r#"{"activated": 7}"#).await, r#"["Must be a valid boolean."]}"#);

    // The seat of somebody who has left is taken, and the answer denies it.
    let ann = desk.person("ann");
    desk.simulator.edit(|world| world.leave(desk.acme, ann));
    assert_eq!(patch("ann", r#"{"activated": false}"#).await, NO_OWNER);
    assert_eq!(desk.page(1, 20).await, "1: bob");
    let delete =
        desk.client.delete(format!("{}/api/v2/github/acme/users/", desk.simulator.base_url()));
    let told = desk.told(delete.bearer_auth(&desk.token)).await;
    assert_eq!(told, r#"405 {"detail":"Method \"DELETE\" not allowed."}"#);
}

#[tokio::test]
async fn an_installation_can_live_under_a_prefix() {
    let options = Options { prefix: "/codecov".to_owned(), ..Options::default() };
    let desk = Desk::open_with("ann bob", options).await;
    let page: serde_json::Value =
        desk.ask("/api/v2/github/acme/users/?page_size=1").await.json().await.unwrap();
    let next =
        format!("{}/api/v2/github/acme/users/?page=2&page_size=1", desk.simulator.base_url());
    assert_eq!(page["next"], next);
    let outside = format!("http://{}/api/v2/github/acme/users/", desk.simulator.address());
    assert_eq!(desk.told(desk.client.get(outside)).await, NO_ROUTE);
}

#[tokio::test]
async fn some_requests_do_not_get_past_the_door() {
    let options = Options { hosts: vec!["api.codecov.test".to_owned()], ..Options::default() };
    let desk = Desk::open_with("ann", options).await;
    desk.check("/", "200 26.7.6 is live!").await;
    desk.check_with(("x-large", &"x".repeat(20_000)), "/", "431 <html>").await;
    let elsewhere = desk.get("/").send().await.unwrap();
    assert_eq!(elsewhere.status(), 400);
    assert_eq!(elsewhere.headers()["content-type"], "text/html");
}

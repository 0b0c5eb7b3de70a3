//! Every answer that was recorded from the real server comes back the same from the simulator.

use std::path::Path;

use reqwest::header::HeaderMap;
use seatwatch::organization::Service::Github;
use seatwatch::simulator::{GitHost, Person, Simulator, World};
use serde::Deserialize;
use serde_json::Value;

use super::client;

#[derive(Deserialize)]
struct Recording {
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
    token: Option<String>,
    accept: String,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    headers: serde_json::Map<String, Value>,
    json: Option<Value>,
    text: Option<String>,
}

/// The tokens by the words that the recordings use for them.
struct Tokens {
    admin: String,
    member: String,
    outsider: String,
    expired: String,
}

impl Tokens {
    fn of<'a>(&'a self, word: &'a str) -> &'a str {
        match word {
            "admin" => &self.admin,
            "member" => &self.member,
            "outsider" => &self.outsider,
            "expired" => &self.expired,
            literal => literal,
        }
    }
}

fn user(number: u64) -> Person {
    Person::named(&format!("user{number:06}"))
        .name(&format!("User Number {number}"))
        .email(&format!("user{number}@example.test"))
}

/// The world that the answers were recorded in: acme with 30 members, 12 seats and 2 admins,
/// and the rows that are hard to get right.
fn world() -> (World, Tokens) {
    let mut world = World::default();
    let acme = world.add_organization(Github, "acme", Some("Acme Org"));
    let people: Vec<_> = (1..=30).map(|number| world.add_person(Github, user(number))).collect();
    for (index, &person) in people.iter().enumerate() {
        world.join(acme, person);
        if index < 12 {
            world.seat(acme, person);
        }
        if index < 2 {
            world.grant_admin(acme, person);
        }
    }

    let hard = world.add_organization(Github, "hard", Some("Hard Org"));
    let admin = people[0];
    world.join(hard, admin);
    world.grant_admin(hard, admin);
    let long_username = format!("long{}", "x".repeat(90));
    for person in [
        Person::named("mona").name("Mona").email("mona@example.test"),
        Person {
            username: None,
            ..Person::default().name("Name Taken Over").email("old@example.test")
        },
        Person::default(),
        Person::named("zoë-名前").name("Zoë 🦀 \"Q\" <b>&amp;</b>").email("ZOË@Exämple.test"),
        Person::named("dependabot[bot]"),
        Person::named("=cmd|' /C calc'!A0").name("=1+1").email("+x@example.test"),
        Person::named("crlf").name("Line\r\nBcc: all@example.test").email("a@example.test"),
        Person::named("ctrl").name("bell\u{7} tab\t rlo\u{202e}").email("ctrl@example.test"),
        Person::named("Case-Kept").email("Case@Example.Test"),
        Person::named(""),
        Person::named(&long_username).name(&"n".repeat(90)).email("same@example.test"),
        Person::named("twin").name("Twin").email("same@example.test"),
        Person::named("deleted_user_4711")
            .name("deleted_user_4711")
            .email("deleted_user_4711@example.test"),
        Person::named("123456"),
        Person::named("queued"),
        Person::named("left-but-seated").name("Left But Seated").email("left@example.test"),
    ] {
        let person = world.add_person(Github, person);
        world.join(hard, person);
    }
    let found = |world: &World, username| world.find(Github, username).unwrap();
    for username in ["mona", "zoë-名前", "queued", "left-but-seated"] {
        world.seat(hard, found(&world, username));
    }
    world.grant_admin(hard, found(&world, "mona"));
    world.queue_deletion(found(&world, "queued"));
    world.leave(hard, found(&world, "left-but-seated"));

    let stranger = world.add_person(Github, Person::named("stranger"));
    let tokens = Tokens {
        admin: world.issue_token("admin", admin),
        member: world.issue_token("member", people[4]),
        outsider: world.issue_token("outsider", stranger),
        expired: world.issue_token("expired", admin),
    };
    world.expire_token(&tokens.expired);
    (world, tokens)
}

/// What the git host said while the answer was recorded; the file's name tells.
fn git_host(file: &str) -> GitHost {
    match file.rsplit("host-says-").next() {
        Some("401") => GitHost::Unauthorized,
        Some("403") => GitHost::Forbidden,
        Some("404") => GitHost::NotFound,
        Some("429") => GitHost::RateLimited,
        Some("500") => GitHost::Broken,
        _ => GitHost::Member,
    }
}

#[tokio::test]
async fn every_recorded_request_is_answered_as_it_was() {
    let (world, tokens) = world();
    let simulator = Simulator::start(world, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/codecov-api");
    let mut replayed = 0;
    for entry in directory.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let recording = std::fs::read_to_string(&path).unwrap();
        let Recording { request, response } = serde_json::from_str(&recording).unwrap();
        simulator.edit(|world| {
            let acme = world.find(Github, "acme").unwrap();
            world.set_git_host(acme, git_host(&file));
        });

        let url = format!("{}{}", simulator.base_url(), request.path);
        let mut asked = client()
            .request(request.method.parse().unwrap(), url)
            .header("host", "api.codecov.test")
            .header("accept", &request.accept);
        if let Some(word) = &request.token {
            asked = asked.bearer_auth(tokens.of(word));
        }
        if file == "users-basic-auth" {
            asked = asked.basic_auth("someone", Some("secret"));
        }
        let answer = asked.send().await.unwrap();

        assert_eq!(answer.status(), response.status, "{file}");
        let headers = answer.headers().clone();
        let body = answer.text().await.unwrap();
        let cut = headers["content-type"] == "text/html; charset=utf-8" && body.len() > 100;
        check_headers(&file, &headers, &response.headers, cut);
        match (response.json, response.text) {
            (Some(json), _) if json.get("error").is_some() => {
                assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json, "{file}");
            }
            (Some(json), _) => assert_eq!(body, json.to_string(), "{file}"),
            (None, Some(text)) if cut => assert!(body.starts_with(&text), "{file}"),
            (None, text) => assert_eq!(Some(body), text, "{file}"),
        }
        replayed += 1;
    }
    assert_eq!(replayed, simulator.requests());
    assert!(replayed >= 35, "recordings are missing");
    simulator.stop().await;
}

#[track_caller]
fn check_headers(
    file: &str,
    headers: &HeaderMap,
    recorded: &serde_json::Map<String, Value>,
    cut: bool,
) {
    for (name, value) in recorded.iter().filter(|(name, _)| !cut || *name != "content-length") {
        let answered = headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(answered, value.as_str(), "{file}: {name}");
    }
    let challenged = headers.contains_key("www-authenticate");
    assert_eq!(challenged, recorded.contains_key("www-authenticate"), "{file}: a challenge");
    assert_eq!(headers["connection"], "close", "{file}");
}

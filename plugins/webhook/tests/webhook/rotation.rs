//! Secrets that change, or cannot be used, while the sink runs.

use seatwatch_sdk::samples::event;
use serde_json::json;

use crate::request::{SECRET, signature};
use crate::world::World;

const NEWER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test]
async fn secrets_are_taken_up_without_a_reload() {
    let mut world = World::new();
    world.set(json!({ "secret_file": world.file("secret", SECRET) }));
    let mut signed = Vec::new();
    for secrets in [vec![SECRET], vec![NEWER, SECRET], vec![NEWER]] {
        world.file("secret", &secrets.join("\n"));
        world.accepts(&[event()]).await;
        let request = world.server.requests().pop().unwrap();
        let expected = secrets.iter().map(|secret| signature(&request, secret));
        let expected = expected.collect::<Vec<_>>().join(" ");
        assert_eq!(request.header("webhook-signature"), Some(expected.as_str()));
        signed.push(expected);
    }
    assert_eq!(signed[1], format!("{} {}", signed[2], signed[0]));
}

#[tokio::test]
async fn tokens_headers_and_urls_are_taken_up_without_a_reload() {
    let mut world = World::new();
    let url = |path: &str, world: &World| format!("http://{}/{path}\n", world.server.address);
    world.set(json!({
        "url": null,
        "url_file": world.file("url", &url("old", &world)),
        "bearer_token_file": world.file("token", "old"),
        "headers_file": world.file("headers", "X-Key: old"),
    }));
    world.accepts(&[event()]).await;
    world.file("url", &url("new", &world));
    world.file("token", "new");
    world.file("headers", "X-Key: new");
    world.accepts(&[event()]).await;
    let lines: Vec<_> = world
        .server
        .requests()
        .iter()
        .map(|it| {
            let header = |name| it.header(name).unwrap();
            format!("{}, {}, {}", it.line, header("authorization"), header("x-key"))
        })
        .collect();
    assert_eq!(
        lines,
        ["POST /old HTTP/1.1, Bearer old, old", "POST /new HTTP/1.1, Bearer new, new"]
    );
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_keeps_the_events() {
    let mut world = World::new();
    world.set(json!({ "secret_file": world.file("secret", SECRET) }));
    world.accepts(&[event()]).await;
    let mut told = Vec::new();
    for text in ["", "hunter2", "whsec_hunter2", "whsec_aHVudGVyMg=="] {
        world.file("secret", text);
        let line = world.told(&[event()]).await;
        assert!(!line.contains("hunter2"), "{line}");
        assert_eq!(world.check().await, line);
        let problems = world.problems();
        let (problem, _) = problems.split_once(" (").unwrap();
        assert!(line.starts_with(&format!("retry: {problem}; ")), "{line}");
        told.push(line);
    }
    std::fs::remove_file(world.file("secret", "")).unwrap();
    told.push(world.told(&[event()]).await);
    insta::assert_snapshot!(told.join("\n"), @r"
    retry: secret_file: the secret `[DIR]/secret` is empty; put the secret alone into it, and `chmod 600 [DIR]/secret`
    retry: secret_file: number 1 of the secrets in `[DIR]/secret` does not begin with `whsec_`; write `whsec_` and the key in base64, as `openssl rand -base64 32` makes it
    retry: secret_file: number 1 of the secrets in `[DIR]/secret` is not base64 after `whsec_`; write `whsec_` and the key in base64, as `openssl rand -base64 32` makes it
    retry: secret_file: number 1 of the secrets in `[DIR]/secret` has 7 bytes, expected 24 to 64; write `whsec_` and the key in base64, as `openssl rand -base64 32` makes it
    retry: secret_file: the secret `[DIR]/secret` does not exist; put the secret alone into it, and `chmod 600 [DIR]/secret`
    ");
    world.file("secret", SECRET);
    world.accepts(&[event()]).await;
}

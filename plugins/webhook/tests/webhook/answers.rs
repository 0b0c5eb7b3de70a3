//! What a receiver answers, and what becomes of the event.

use std::time::Duration;

use seatwatch_sdk::samples::event;
use serde_json::json;

use crate::server::{Reply, answer};
use crate::world::World;

async fn check(reply: Reply, told: &str) {
    let mut world = World::new();
    world.set(json!({ "timeout": "1s" })).replies(reply);
    assert_eq!(world.told(&[event()]).await, told);
    assert_eq!(world.server.posts().len(), 1);
}

/// More than is read, and than fits into all buffers on the way.
const MUCH_BYTES: usize = 32 * 1024 * 1024;

/// What every reason begins with.
const URL: &str = "`http://127.0.0.1:[PORT]/in`";

#[tokio::test]
async fn every_2xx_accepts() {
    check(answer(200, "", "ok"), "accepted").await;
    check(answer(202, "", ""), "accepted").await;
    check(answer(204, "", ""), "accepted").await;
    check(answer(299, "", "{}"), "accepted").await;
}

/// Nobody reads what comes after an acceptance, so it can neither be waited for nor fill memory.
#[tokio::test]
async fn an_acceptance_needs_no_body() {
    let head = "HTTP/1.1 200 OK\r\n\r\n".to_owned();
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_owned();
    for reply in [Reply::Flood(head.clone()), Reply::Trickle(head), Reply::Write(announced)] {
        let mut world = World::new();
        world.set(json!({ "timeout": "25s" })).replies(reply.clone());
        let events = [event()];
        let delivered = tokio::time::timeout(Duration::from_secs(15), world.accepts(&events));
        assert!(delivered.await.is_ok(), "the body is waited for: {reply:?}");
        assert!(world.server.flooded_bytes() < MUCH_BYTES, "the body is read to its end");
    }
}

/// Nor can that of an error: as much is read as is worth quoting.
#[tokio::test]
async fn an_error_needs_no_end() {
    let head = "HTTP/1.1 500 Word\r\n\r\n".to_owned();
    for reply in [Reply::Flood(head.clone()), Reply::Trickle(head)] {
        let mut world = World::new();
        world.set(json!({ "timeout": "25s" })).replies(reply.clone());
        let events = [event()];
        let delivered = tokio::time::timeout(Duration::from_secs(15), world.told(&events));
        let told = delivered.await.expect("the body is not waited for");
        assert!(told.contains("500 Internal Server Error: xxx"), "{told}");
        assert!(world.server.flooded_bytes() < MUCH_BYTES, "the body is read to its end");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_event_rejects_it() {
    let format = "; it must take `application/cloudevents+json`, or with `batch` \
                  `application/cloudevents-batch+json`";
    for (status, word, hint) in [
        (400, "400 Bad Request", ""),
        (413, "413 Payload Too Large", ""),
        (415, "415 Unsupported Media Type", format),
        (422, "422 Unprocessable Entity", ""),
    ] {
        let told = format!("reject: {URL} answered {word}: no such index{hint}");
        check(answer(status, "", "no such index"), &told).await;
    }
}

#[tokio::test]
async fn gone_stops_the_sink() {
    let told = format!(
        "disable: {URL} answered 410 Gone; the receiver wants no more events: set another `url`, \
         or resume the sink once it is back"
    );
    check(answer(410, "", ""), &told).await;
}

#[tokio::test]
async fn all_else_is_tried_again() {
    for (status, told) in [
        (
            401,
            "401 Unauthorized; check `bearer_token_file`, `headers_file`, `secret_file` and the clock",
        ),
        (
            403,
            "403 Forbidden; check `bearer_token_file`, `headers_file`, `secret_file` and the clock",
        ),
        (404, "404 Not Found; check `url`"),
        (
            407,
            "407 Proxy Authentication Required; the proxy asks for user name and password; put its URL with both into `proxy_file`",
        ),
        (408, "408 Request Timeout"),
        (409, "409 Conflict"),
        (429, "429 Too Many Requests"),
        (500, "500 Internal Server Error"),
        (503, "503 Service Unavailable"),
        (599, "599 <unknown status code>"),
    ] {
        check(answer(status, "", ""), &format!("retry: {URL} answered {told}")).await;
    }
}

#[tokio::test]
async fn a_receiver_says_when_to_come_back() {
    let told = |after: &str, word: &str| format!("retry after {after}: {URL} answered {word}");
    let seconds = answer(429, "retry-after: 7\r\n", "");
    check(seconds, &told("7s", "429 Too Many Requests")).await;
    let seconds = answer(500, "Retry-After: 7\r\n", "");
    check(seconds, &told("7s", "500 Internal Server Error")).await;
    let date = answer(503, "retry-after: Mon, 23 Nov 2026 10:01:30 GMT\r\n", "");
    check(date, &told("90s", "503 Service Unavailable")).await;
    let nonsense = answer(503, "retry-after: soon\r\n", "");
    check(nonsense, &format!("retry: {URL} answered 503 Service Unavailable")).await;
}

/// Of the target no more than its host is told: the rest may carry a token.
#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    for (status, location, target) in [
        (301, "https://new.test/in?key=t0ken", "https://new.test"),
        (302, "http://user:t0ken@new.test:81/", "http://new.test:81"),
        (303, "/t0ken", "http://127.0.0.1:[PORT]"),
        (307, "//new.test/t0ken", "http://new.test"),
        (308, "https://new.test", "https://new.test"),
    ] {
        let told = format!(
            "retry: {URL} redirects ({status}) to `{target}`, which is not followed; put the \
             final URL into `url`"
        );
        check(answer(status, &format!("location: {location}\r\n"), ""), &told).await;
    }
    let told = format!("retry: {URL} answered 301 Moved Permanently: see there");
    check(answer(301, "", "see there"), &told).await;
}

#[tokio::test]
async fn what_an_error_says_is_quoted_up_to_a_point() {
    let told = |words: &str| format!("retry: {URL} answered 500 Internal Server Error{words}");
    check(answer(500, "", " \r\n "), &told("")).await;
    let hostile = "\u{1b}[2Ja\r\nb\u{202e}c";
    check(answer(500, "", hostile), &told(": \\u{1b}[2Ja\\u{d}\\u{a}b\\u{202e}c")).await;
    let head = "HTTP/1.1 500 Word\r\n\r\n".to_owned();
    let many = format!(": {}…", "x".repeat(200));
    check(Reply::Flood(head.clone()), &told(&many)).await;
    let length = "HTTP/1.1 500 Word\r\ncontent-length: 1000\r\n\r\ncut ".to_owned();
    check(Reply::Write(length), &told(": cut")).await;
}

#[tokio::test]
async fn the_secrets_that_a_receiver_repeats_are_hidden() {
    let mut world = World::new();
    let url = format!("http://{}/hooks/p4th-secret?key=que%20ry#", world.server.address);
    let url = url.trim_end_matches('#');
    world.set(json!({
        "url": null,
        "url_file": world.file("url", url),
        "bearer_token_file": world.file("token", "b3arer"),
        "headers": { "X-Key": "h3ader" },
        "headers_file": world.file("headers", "X-Other-Key: 0ther"),
    }));
    world.script(|request| {
        let header = |name| request.header(name).unwrap();
        let (bearer, key) = (header("authorization"), header("x-key"));
        answer(400, "", &format!("{}, {bearer}, {key}, que ry, 0ther", request.line))
    });
    let told = world.told(&[event()]).await;
    for secret in ["p4th", "que ry", "b3arer", "h3ader", "0ther"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    insta::assert_snapshot!(told, @"reject: `http://127.0.0.1:[PORT]` answered 400 Bad Request: POST /***/***?*** HTTP/1.1, Bearer ***, ***, ***, ***");
}

/// The words of an answer are withheld where they repeat a secret in other clothes.
#[tokio::test]
async fn the_secrets_that_a_receiver_encodes_are_not_shown() {
    let mut world = World::new();
    // Of `ann:pass/word-of-ann`.
    let headers = "Authorization: Basic YW5uOnBhc3Mvd29yZC1vZi1hbm4=\nX-Key: k3y/of-ours";
    world.set(json!({ "headers_file": world.file("headers", headers) }));
    for (body, words) in [
        ("Basic YW5uOnBhc3Mvd29yZC1vZi1hbm4=", "Basic ***"),
        ("no such login: ann:pass/word-of-ann", "no such login: ***"),
        ("wrong password pass/word-of-ann", "wrong password ***"),
        (r#"{"password":"pass\/word-of-ann"}"#, "(not shown: it repeats a secret)"),
        ("/in?key=k3y%2fof-ours", "(not shown: it repeats a secret)"),
        ("key azN5L29mLW91cnM", "(not shown: it repeats a secret)"),
        ("key k3y/of-o", "(not shown: it repeats a secret)"),
        ("no such index", "no such index"),
    ] {
        world.replies(answer(400, "", body));
        let told = format!("reject: {URL} answered 400 Bad Request: {words}");
        assert_eq!(world.told(&[event()]).await, told);
    }
}

/// A host is in lower case, whatever it is made of.
#[tokio::test]
async fn the_secrets_in_the_host_of_a_redirect_are_hidden() {
    let mut world = World::new();
    world.set(json!({ "bearer_token_file": world.file("token", "T0ken-Of-Ours") }));
    for (location, target) in [
        ("https://t0ken-of-ours.new.test/", "https://***.new.test"),
        ("https://T0ken-Of.new.test/", "(not shown: it repeats a secret)"),
    ] {
        world.replies(answer(301, &format!("location: {location}\r\n"), ""));
        let told = world.told(&[event()]).await;
        assert!(told.contains(&format!("redirects (301) to `{target}`")), "{told}");
    }
}

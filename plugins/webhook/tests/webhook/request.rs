//! What a receiver gets, to the byte.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use seatwatch_sdk::samples::{event, events};
use seatwatch_sdk::{Delivery, Outcome, Sink as _, SinkConfig as _};
use serde_json::json;
use sha2::Sha256;

use crate::server::{Reply, Request, answer};
use crate::world::{NOW, World, ids};

pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn text(request: &Request) -> String {
    let mut text = format!("{}\n", request.line);
    for (name, value) in &request.headers {
        let value = if name == "host" { "[HOST]" } else { value };
        writeln!(text, "{name}: {value}").unwrap();
    }
    text + "\n" + std::str::from_utf8(&request.body).unwrap()
}

/// What a receiver computes for itself.
pub(crate) fn signature(request: &Request, secret: &str) -> String {
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    for part in [request.header("webhook-id"), request.header("webhook-timestamp")] {
        mac.update(part.unwrap().as_bytes());
        mac.update(b".");
    }
    mac.update(&request.body);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_single_event_is_a_request() {
    let mut world = World::new();
    let keys = json!({
        "url": format!("http://{}/in?key=t0ken", world.server.address),
        "secret_file": world.file("secret", SECRET),
        "bearer_token_file": world.file("token", "b3arer\n"),
        "headers": { "X-Tenant": "acme" },
        "headers_file": world.file("headers", "DD-API-KEY: s3cret\n"),
    });
    world.set(keys).accepts(&[event()]).await;
    let requests = world.server.requests();
    insta::assert_snapshot!(text(&requests[0]), @r#"
    POST /in?key=t0ken HTTP/1.1
    x-tenant: acme
    dd-api-key: s3cret
    authorization: Bearer b3arer
    content-type: application/cloudevents+json
    webhook-id: 01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88-0003
    webhook-timestamp: 1795428000
    webhook-signature: v1,1IyrmbSBqw4BtJ+bTVY/4CiT/9/nU0iF3ZH7PkEfJjI=
    accept: */*
    user-agent: seatwatch/0.1.0
    host: [HOST]
    content-length: 946

    {"specversion":"1.0","id":"01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88-0003","source":"/seatwatch/prod/codecov/github/acme","type":"dev.seatwatch.seat_lost.v1","subject":"m-4f1c9a2be07d5513","time":"2026-11-23T10:00:04.120Z","datacontenttype":"application/json","sequence":"00000000000000000042","correlationid":"01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88","data":{"event":"seat_lost","organization":{"service":"github","owner":"acme"},"member":{"username":"octocat","name":"Mona","email":"mona@example.com","seat":false,"admin":false,"status":"disabled"},"before":{"username":"octocat","name":"Mona","email":"mona@example.com","seat":true,"admin":false},"after":{"username":"octocat","name":"Mona","email":"mona@example.com","seat":false,"admin":false},"totals":{"members":41,"seats":30,"admins":3,"unnamed":{"members":1,"seats":0}},"previous_totals":{"members":41,"seats":31,"admins":3,"unnamed":{"members":1,"seats":0}},"since":"2026-11-23T09:00:03.870Z"}}
    "#);
    assert_eq!(requests.len(), 1);
    let signed = requests[0].header("webhook-signature").unwrap();
    assert_eq!(signed, signature(&requests[0], SECRET));
}

#[tokio::test]
async fn a_batch_is_an_array() {
    let mut world = World::new();
    world.set(json!({ "batch": 100 })).accepts(&[event()]).await;
    insta::assert_snapshot!(text(&world.server.requests()[0]), @r#"
    POST /in HTTP/1.1
    content-type: application/cloudevents-batch+json
    webhook-id: delivery
    webhook-timestamp: 1795428000
    accept: */*
    user-agent: seatwatch/0.1.0
    host: [HOST]
    content-length: 948

    [{"specversion":"1.0","id":"01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88-0003","source":"/seatwatch/prod/codecov/github/acme","type":"dev.seatwatch.seat_lost.v1","subject":"m-4f1c9a2be07d5513","time":"2026-11-23T10:00:04.120Z","datacontenttype":"application/json","sequence":"00000000000000000042","correlationid":"01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88","data":{"event":"seat_lost","organization":{"service":"github","owner":"acme"},"member":{"username":"octocat","name":"Mona","email":"mona@example.com","seat":false,"admin":false,"status":"disabled"},"before":{"username":"octocat","name":"Mona","email":"mona@example.com","seat":true,"admin":false},"after":{"username":"octocat","name":"Mona","email":"mona@example.com","seat":false,"admin":false},"totals":{"members":41,"seats":30,"admins":3,"unnamed":{"members":1,"seats":0}},"previous_totals":{"members":41,"seats":31,"admins":3,"unnamed":{"members":1,"seats":0}},"since":"2026-11-23T09:00:03.870Z"}}]
    "#);

    world.accepts(&events(3)).await;
    let request = &world.server.requests()[1];
    assert_eq!(request.ids(), ids(&events(3)));
    assert_eq!(request.header("webhook-id"), Some("delivery"));
    assert_eq!(request.json(), serde_json::to_value(events(3)).unwrap());
}

#[tokio::test]
async fn a_delivery_is_a_request() {
    let mut world = World::new();
    assert_eq!(world.config().max_events(), 1);
    assert_eq!(world.deliver(&events(3)).await, Outcome::Prefix { accepted: 1 });
    assert_eq!(world.server.posts().len(), 1);
    world.set(json!({ "batch": 2 }));
    assert_eq!(world.config().max_events(), 2);
    assert_eq!(world.deliver(&events(3)).await, Outcome::Prefix { accepted: 2 });
}

/// A receiver tells repeats by the id, and stale requests by the time.
#[tokio::test]
async fn every_attempt_has_the_same_id_and_its_own_time() {
    let mut world = World::new();
    world.replies(answer(503, "", ""));
    world.set(json!({ "secret_file": world.file("secret", SECRET) }));
    let events = events(1);
    world.deliver(&events).await;
    let mut later = seatwatch_webhook::WebhookSink::new(world.config())
        .with_clock(|| crate::world::clock() + std::time::Duration::from_secs(60));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    later.deliver(&Delivery { id: "delivery", attempt: 2, deadline, events: &events }).await;
    let requests = world.server.requests();
    for (request, time) in requests.iter().zip([NOW, NOW + 60]) {
        assert_eq!(request.header("webhook-id"), Some(events[0].id.as_str()));
        assert_eq!(request.header("webhook-timestamp"), Some(time.to_string().as_str()));
        assert_eq!(request.header("webhook-signature"), Some(&*signature(request, SECRET)));
    }
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn a_connection_is_kept_between_deliveries() {
    let mut world = World::new();
    for event in events(3) {
        world.accepts(&[event]).await;
    }
    world.replies(answer(503, "", "not now"));
    for event in events(2) {
        world.told(&[event]).await;
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n".to_owned();
    world.replies(Reply::Late(head, "late".to_owned()));
    for event in events(2) {
        world.accepts(&[event]).await;
    }
    assert_eq!(world.check().await, "accepted");
    let connections: Vec<_> = world.server.requests().iter().map(|it| it.connection).collect();
    assert_eq!(connections, [0; 8]);
}

//! What can happen before an answer comes, each told in words of its own.

use std::time::Duration;

use seatwatch_sdk::samples::{event, events};
use serde_json::json;
use tokio::task::JoinSet;

use crate::closed_port::ClosedPort;
use crate::server::{Reply, answer};
use crate::world::World;

async fn told_of(url: &str) -> String {
    let mut world = World::new();
    world.set(json!({ "url": url, "timeout": "5s", "allow_http": true }));
    let told = world.told(&[event()]).await;
    assert_eq!(world.check().await, told, "`check` and a delivery disagree");
    told
}

#[tokio::test]
async fn nobody_listens() {
    let closed = ClosedPort::hold();
    let port = closed.address.port();
    let told = told_of(&format!("http://127.0.0.1:{port}/in?key=t0ken")).await;
    let told = told.replace(&port.to_string(), "[PORT]");
    insta::assert_snapshot!(told, @"retry: cannot reach `http://127.0.0.1:[PORT]/in`: `127.0.0.1` refused the connection; is it running?");
}

#[tokio::test]
async fn a_name_does_not_exist() {
    let told = told_of("http://siem.invalid/in?key=t0ken").await;
    // Why not is told by the machine's resolver.
    let (told, why) = told.split_once("resolved: ").unwrap();
    assert!(!why.is_empty() && !why.contains("lookup"), "not our own resolver: {why}");
    insta::assert_snapshot!(told, @"retry: cannot reach `http://siem.invalid/in`: the name of `siem.invalid` cannot be");
}

#[tokio::test]
async fn link_local_and_metadata_addresses_are_refused() {
    for url in [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.1.1]/",
        "https://metadata.google.internal/",
    ] {
        let mut world = World::new();
        world.set(json!({ "url": url, "allow_http": true }));
        insta::allow_duplicates! {
            insta::assert_snapshot!(world.problems(), @"url: a link-local or metadata address is refused (name the receiver itself; no collector of events lives there)");
        }
        // From a file, where the check of the configuration may not have seen it yet.
        world.set(json!({ "url": null, "url_file": world.file("url", url) }));
        let told = world.told(&[event()]).await;
        assert!(told.starts_with("retry: url_file: a link-local or metadata"), "{told}");
    }
}

#[tokio::test]
async fn a_connection_breaks_off() {
    let mut world = World::new();
    let told = "retry: cannot reach `http://127.0.0.1:[PORT]/in`: the connection was closed \
                before the answer came; if it always is, check the scheme in `url`";
    world.replies(Reply::Reset);
    assert_eq!(world.told(&[event()]).await, told);
    world.script(|_| Reply::Write("HTTP/1.1 200".to_owned()));
    world.set(json!({ "timeout": "2s" }));
    let hangs = world.told(&[event()]).await;
    assert_eq!(hangs, "retry: cannot reach `http://127.0.0.1:[PORT]/in`: no answer within 2s");
    // The next delivery is not held up by the last one.
    world.replies(answer(200, "", ""));
    world.accepts(&[event()]).await;
}

/// Closes every connection before it reads anything, as an overloaded balancer does.
#[tokio::test]
async fn a_connection_is_closed_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut closing = JoinSet::new();
    closing.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_zero_linger().unwrap();
        }
    });
    let told = told_of(&format!("http://127.0.0.1:{port}/in")).await;
    let told = told.replace(&port.to_string(), "[PORT]");
    insta::assert_snapshot!(told, @"retry: cannot reach `http://127.0.0.1:[PORT]/in`: the connection was closed before the answer came; if it always is, check the scheme in `url`");
}

#[tokio::test]
async fn a_receiver_does_not_answer() {
    let mut world = World::new();
    world.set(json!({ "timeout": "1s" })).replies(Reply::Hang);
    insta::assert_snapshot!(world.told(&[event()]).await, @"retry: cannot reach `http://127.0.0.1:[PORT]/in`: no answer within 1s");
    let trickle = Reply::Trickle("HTTP/1.1 200 OK\r\nx: ".to_owned());
    insta::assert_snapshot!(world.replies(trickle).told(&[event()]).await, @"retry: cannot reach `http://127.0.0.1:[PORT]/in`: no answer within 1s");
}

#[tokio::test]
async fn what_speaks_no_http_is_told() {
    let mut world = World::new();
    world.replies(Reply::Write("220 mail.test ESMTP\r\n".to_owned()));
    insta::assert_snapshot!(world.told(&[event()]).await, @"retry: cannot reach `http://127.0.0.1:[PORT]/in`: what answers there does not speak HTTP (invalid HTTP version parsed); check the scheme and the port");
    world.replies(Reply::Write("HTTP/1.1 200 OK\r\nx: ".to_owned() + &"x".repeat(1_000_000)));
    insta::assert_snapshot!(world.told(&[event()]).await, @"retry: cannot reach `http://127.0.0.1:[PORT]/in`: the head of its answer is too large to be read");
}

/// The deadline is the dispatcher's; the sink ends before it, so that its outcome counts.
#[tokio::test]
async fn the_deadline_is_kept() {
    let mut world = World::new();
    assert_eq!(world.check().await, "accepted"); // The client is made in its own time.
    world.replies(Reply::Hang);
    let delivered = world.deliver_within(&events(1), Duration::from_secs(2)).await;
    assert!(world.line(delivered).contains("no answer within"));
}

#[tokio::test]
async fn a_check_is_no_delivery() {
    let mut world = World::new();
    let mut told = Vec::new();
    for status in [200, 204, 400, 404, 405, 500, 501, 301, 401, 403, 407, 410] {
        let reply = answer(status, "location: https://new.test/\r\nretry-after: 3\r\n", "no");
        told.push(format!("{status} {}", world.replies(reply).check().await));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    200 accepted
    204 accepted
    400 accepted
    404 accepted
    405 accepted
    500 accepted
    501 accepted
    301 retry after 3s: `http://127.0.0.1:[PORT]/in` redirects (301) to `https://new.test`, which is not followed; put the final URL into `url`
    401 retry after 3s: `http://127.0.0.1:[PORT]/in` answered 401 Unauthorized: no; check `bearer_token_file`, `headers_file`, `secret_file` and the clock
    403 retry after 3s: `http://127.0.0.1:[PORT]/in` answered 403 Forbidden: no; check `bearer_token_file`, `headers_file`, `secret_file` and the clock
    407 retry after 3s: `http://127.0.0.1:[PORT]/in` answered 407 Proxy Authentication Required: no; the proxy asks for user name and password; put its URL with both into `proxy_file`
    410 disable: `http://127.0.0.1:[PORT]/in` answered 410 Gone: no; the receiver wants no more events: set another `url`, or resume the sink once it is back
    ");
    assert!(world.server.posts().is_empty());
    let first = &world.server.requests()[0];
    assert_eq!((first.line.as_str(), first.body.len()), ("OPTIONS /in HTTP/1.1", 0));
}

//! The way through a proxy, and the ways in which it can be barred.

use std::net::SocketAddr;
use std::sync::Arc;

use seatwatch_sdk::samples::event;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::closed_port::ClosedPort;
use crate::server::{Request, Server, answer};
use crate::tls::Authority;
use crate::world::World;

/// A proxy that makes no connections, but answers in place of the receiver.
fn answering(status: u16) -> Server {
    Server::start(Arc::new(move |_: &Request| answer(status, "", "from the proxy")), None)
}

/// A proxy that makes the connection that it is asked for.
async fn tunnel(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let target = line.split(' ').nth(1).unwrap().to_owned();
        while !line.trim().is_empty() {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
        }
        let mut receiver = TcpStream::connect(target).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        copy_bidirectional(&mut stream, &mut receiver).await.ok();
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

#[tokio::test]
async fn a_proxy_is_asked_in_the_receivers_place() {
    let proxy = answering(200);
    let mut world = World::new();
    world.set(json!({
        "url": "http://siem.test/in",
        "allow_http": true,
        "proxy_file": world.file("proxy", &format!("http://user:p4ss@{}", proxy.address)),
    }));
    world.accepts(&[event()]).await;
    let request = &proxy.requests()[0];
    assert_eq!(request.line, "POST http://siem.test/in HTTP/1.1");
    let credentials = "Basic dXNlcjpwNHNz";
    assert_eq!(request.header("proxy-authorization"), Some(credentials));
}

#[tokio::test]
async fn tls_goes_through_a_proxy_unbroken() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = url(listener.local_addr().unwrap());
    let mut proxying = JoinSet::new();
    proxying.spawn(tunnel(listener));
    let authority = Authority::new("ours");
    let mut world = World::with_tls(authority.issue(|_| {}).acceptor(None));
    world.set(json!({ "proxy": proxy, "ca_file": world.file("ca.pem", &authority.pem()) }));
    world.accepts(&[event()]).await;
    let request = &world.server.requests()[0];
    assert_eq!(request.line, "POST /in HTTP/1.1");
    let told = world.set(json!({ "ca_file": null })).told(&[event()]).await;
    let told = told.replace(&proxy, "[PROXY]");
    insta::assert_snapshot!(told, @"retry: cannot reach `https://127.0.0.1:[PORT]/in` through the proxy `[PROXY]`: the certificate of `127.0.0.1` comes from an authority that is not trusted; if the authority is your own, name its certificate in `ca_file`");
}

#[tokio::test]
async fn a_proxy_that_bars_the_way_is_told() {
    let mut told = Vec::new();
    for status in [407, 403, 502] {
        let proxy = answering(status);
        let mut world = World::new();
        world.set(json!({ "url": "https://siem.test/in", "proxy": url(proxy.address) }));
        told.push(world.told(&[event()]).await.replace(&url(proxy.address), "[PROXY]"));
        assert_eq!(proxy.requests()[0].line, "CONNECT siem.test:443 HTTP/1.1");
    }
    // Through a tunnel and without one.
    for receiver in ["https://siem.test/in", "http://siem.test/in"] {
        let proxy = answering(407);
        let mut world = World::new();
        let file = world.file("proxy", &format!("http://user:p4ss@{}", proxy.address));
        world.set(json!({ "url": receiver, "allow_http": true, "proxy_file": file }));
        told.push(world.told(&[event()]).await.replace(&url(proxy.address), "[PROXY]"));
        let request = &proxy.requests()[0];
        assert_eq!(request.header("proxy-authorization"), Some("Basic dXNlcjpwNHNz"));
    }
    let closed = ClosedPort::hold();
    for proxy in [url(closed.address), "http://proxy.invalid:3128".to_owned()] {
        let mut world = World::new();
        world.set(json!({ "url": "https://siem.test/in", "proxy": proxy }));
        let line = world.told(&[event()]).await.replace(&proxy, "[PROXY]");
        told.push(line.split("resolved: ").next().unwrap().to_owned());
    }
    insta::assert_snapshot!(told.join("\n"), @"
    retry: cannot reach `https://siem.test/in` through the proxy `[PROXY]`: the proxy asks for user name and password; put its URL with both into `proxy_file`
    retry: cannot reach `https://siem.test/in` through the proxy `[PROXY]`: it makes no connection to `siem.test`
    retry: cannot reach `https://siem.test/in` through the proxy `[PROXY]`: it makes no connection to `siem.test`
    retry: cannot reach `https://siem.test/in` through the proxy `[PROXY]`: the proxy refuses the user name and password in `proxy_file`
    retry: `http://siem.test/in` answered 407 Proxy Authentication Required: from the proxy; the proxy refuses the user name and password in `proxy_file`
    retry: cannot reach `https://siem.test/in` through the proxy `[PROXY]`: the proxy refused the connection; is it running?
    retry: cannot reach `https://siem.test/in` through the proxy `[PROXY]`: the name of the proxy cannot be
    ");
}

/// In a process of its own, because the environment belongs to all tests.
#[tokio::test]
async fn the_environment_may_name_a_proxy_but_not_for_this_machine() {
    const INNER: &str = "SEATWATCH_WEBHOOK_TEST_INNER";
    if let Ok(receiver) = std::env::var(INNER) {
        let mut world = World::new();
        world.set(json!({ "url": "http://siem.test/in", "allow_http": true }));
        world.accepts(&[event()]).await;
        world.set(json!({ "url": receiver })).accepts(&[event()]).await;
        world.set(json!({ "url": "https://siem.test/in" }));
        let told = world.told(&[event()]).await;
        assert!(told.contains("the proxy that the environment names cannot be used"), "{told}");
        return;
    }
    let (proxy, receiver) = (answering(200), answering(200));
    let test = "proxy::the_environment_may_name_a_proxy_but_not_for_this_machine";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INNER, url(receiver.address))
        .env("HTTP_PROXY", url(proxy.address))
        .env("HTTPS_PROXY", "http://169.254.169.254:3128")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .kill_on_drop(true)
        .output();
    let output = output.await.unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
    assert_eq!(proxy.requests()[0].line, "POST http://siem.test/in HTTP/1.1");
    assert_eq!(receiver.requests()[0].line, "POST / HTTP/1.1");
}

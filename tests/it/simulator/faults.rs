//! Every fault does what it says, to the requests that it is meant for.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use seatwatch::simulator::{
    Action, Change, Fault, GitHost, Options, RetryAfter, Route, Script, When,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Desk, acme};

const USERS: &str = "/api/v2/github/acme/users/";

/// More than any honest body here, and less than hurts.
const ENDLESS: usize = 4 << 20;

/// What comes of a request under one fault: status and beginning of the body, or the failure.
async fn told(fault: Fault) -> String {
    told_within(Duration::from_secs(20), fault).await
}

async fn told_within(patience: Duration, fault: Fault) -> String {
    let desk = Desk::open("ann* bob! cat").await;
    desk.simulator.fault(When::once(), fault);
    let told = match desk.get(USERS).timeout(patience).send().await {
        Err(error) if error.is_timeout() => "no answer".to_owned(),
        Err(_) => "no connection".to_owned(),
        Ok(response) => {
            let status = response.status().as_u16();
            let headers = response.headers();
            let header = headers.get("retry-after").or(headers.get("location"));
            let header = header.map(|value| format!("{} ", value.to_str().unwrap()));
            format!("{status} {}{}", header.unwrap_or_default(), body(response).await)
        }
    };
    // Once is once: the next request finds the server well.
    assert_eq!(desk.page(1, 20).await, "3: ann bob cat");
    told
}

async fn body(mut response: reqwest::Response) -> String {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => {
                let body = String::from_utf8(body).unwrap();
                return body.trim_start().chars().take(40).collect();
            }
            Err(error) if error.is_timeout() => return "no end".to_owned(),
            Err(_) => return "broken body".to_owned(),
        }
        if body.len() > ENDLESS {
            return "no end".to_owned();
        }
    }
}

#[tokio::test]
async fn an_answer_can_be_replaced() {
    let limited = |retry_after| Fault::Status { status: 429, retry_after };
    let seconds = limited(Some(RetryAfter::Seconds(7)));
    let raw = limited(Some(RetryAfter::Raw("soon".to_owned())));
    let unavailable = Fault::Status { status: 503, retry_after: None };
    let redirect = Fault::Redirect { status: 302, location: "http://127.0.0.1:1/".to_owned() };
    assert_eq!(told(seconds).await, r#"429 7 {"detail":"Too Many Requests"}"#);
    assert_eq!(told(raw).await, r#"429 soon {"detail":"Too Many Requests"}"#);
    let revoked = Fault::Status { status: 401, retry_after: None };
    assert_eq!(told(revoked).await, r#"401 {"detail":"Invalid token."}"#);
    assert_eq!(told(unavailable).await, r#"503 {"detail":"Service Unavailable"}"#);
    assert_eq!(told(redirect).await, "302 http://127.0.0.1:1/ ");
    assert_eq!(told(Fault::Html).await.lines().next(), Some("200 <!DOCTYPE html>"));
    assert_eq!(told(Fault::Body("[]".to_owned())).await, "200 []");
    assert_eq!(told(Fault::InvalidPage).await, r#"404 {"detail":"Invalid page."}"#);
    assert_eq!(told(Fault::TornJson(9)).await, r#"200 {"count":"#);
}

#[tokio::test]
async fn an_answer_can_break_on_the_way() {
    assert_eq!(told(Fault::Reset).await, "no connection");
    assert_eq!(told(Fault::ResetInBody(10)).await, "200 broken body");
    assert_eq!(told(Fault::CutOff(10)).await, "200 broken body");
    // A head has to come in time where only the rest does not.
    let (short, patience) = (Duration::from_secs(1), Duration::from_secs(2));
    let every = Duration::from_millis(100);
    for (fault, patience, expected) in [
        (Fault::Hang, short, "no answer"),
        (Fault::Late(Duration::from_secs(60)), short, "no answer"),
        (Fault::HangInBody(10), patience, "200 no end"),
        (Fault::Slow { bytes: 1, every }, patience, "200 no end"),
    ] {
        assert_eq!(told_within(patience, fault).await, expected);
    }
    assert_eq!(told(Fault::Endless).await, "200 no end");
    assert_eq!(told(Fault::GzipBomb).await, "200 no end");
}

#[tokio::test]
async fn a_slow_answer_is_whole_in_the_end() {
    let desk = Desk::open("ann bob cat").await;
    let every = Duration::from_millis(1);
    desk.simulator.fault(When::once(), Fault::Slow { bytes: 100, every });
    assert_eq!(desk.page(1, 20).await, "3: ann bob cat");
}

/// A reset is a reset, not a connection that ends in good order.
#[tokio::test]
async fn a_reset_reaches_the_socket() {
    for fault in [Fault::Reset, Fault::ResetInBody(10)] {
        let desk = Desk::open("ann").await;
        desk.simulator.fault(When::once(), fault);
        let mut stream = TcpStream::connect(desk.simulator.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let error = stream.read_to_end(&mut answer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

/// What a bent list of `ann bob cat` reads.
async fn bent(fault: Fault, expected: &str) {
    let desk = Desk::open("ann bob cat").await;
    desk.simulator.fault(When::once().on(Route::Users), fault);
    assert_eq!(desk.page(1, 20).await, expected);
    assert_eq!(desk.page(1, 20).await, "3: ann bob cat");
}

#[tokio::test]
async fn a_list_can_be_bent() {
    bent(Fault::EmptyList, "0: ").await;
    bent(Fault::CappedPageSize(2), "3: ann bob").await;
    bent(Fault::ShortPage(1), "3: ann bob").await;
    bent(Fault::DoubleRow, "3: ann ann bob").await;
    bent(Fault::ShiftedCount(-1), "2: ann bob cat").await;
    bent(Fault::MissingField("username".to_owned()), "3: - bob cat").await;
    let number = Fault::WrongField { field: "username".to_owned(), value: json!(7) };
    bent(number, "3: - bob cat").await;
    let text = Fault::WrongField { field: "count".to_owned(), value: json!("many") };
    bent(text, "\"many\": ann bob cat").await;
}

#[tokio::test]
async fn a_cap_counts_pages_accordingly() {
    let desk = Desk::open("ann bob cat").await;
    desk.simulator.fault(When::always(), Fault::CappedPageSize(2));
    let page: Value = desk.ask(&format!("{USERS}?page_size=1000")).await.json().await.unwrap();
    assert_eq!(page["total_pages"], 2);
    assert_eq!(desk.page(2, 1000).await, "3: cat");
}

#[tokio::test]
async fn faults_keep_to_the_requests_they_are_meant_for() {
    let desk = Desk::open("ann bob cat").await;
    let status = |status| Fault::Status { status, retry_after: None };
    let elsewhere = "gitlab/acme".parse().unwrap();
    desk.simulator.fault(When::once().on(Route::Sessions), status(500));
    desk.simulator.fault(When::once().organization(elsewhere), status(501));
    desk.simulator.fault(When::once().organization(acme()).page(2), status(502));
    desk.simulator.fault(When::always().from_request(4).times(2), status(503));
    desk.simulator.fault(When::always().from_request(4).times(1), status(504));
    for page in [1, 2, 1, 1, 1, 1, 1] {
        desk.page(page, 2).await;
    }
    let statuses: Vec<_> = desk.simulator.log().iter().map(|asked| asked.status).collect();
    assert_eq!(statuses, [200, 502, 200, 503, 503, 504, 200].map(Some));
}

#[tokio::test]
async fn the_git_host_can_be_of_another_mind() {
    let desk = Desk::open("ann").await;
    let token = desk.simulator.edit(|world| {
        let ann = world.find(seatwatch::organization::Service::Github, "ann").unwrap();
        world.issue_token("ann", ann)
    });
    let ask = async || {
        let path = "/api/v2/github/acme/user-sessions/";
        let request = desk.client.get(format!("{}{path}", desk.simulator.base_url()));
        request.bearer_auth(&token).send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask().await, 403);
    desk.simulator.fault(When::once(), Fault::GitHost(GitHost::Broken));
    desk.simulator.fault(When::once(), Fault::GitHost(GitHost::Admin));
    assert_eq!(ask().await, 500);
    assert_eq!(ask().await, 200);
    assert_eq!(ask().await, 403);
}

#[tokio::test]
async fn a_script_changes_the_world_and_the_answers() {
    let mut desk = Desk::open("ann bob cat").await;
    let script = Script::parse(
        "steps:\n\
         - after_request: 1\n  \
           change: { organization: github/acme, username: bob, action: leave_and_unseat }\n\
         - after_request: 2\n  \
           fault: { status: { status: 429 } }\n\
         - at: 1ms\n  \
           change: { organization: github/acme, username: dan, action: join }\n",
    );
    let mut changes = desk.simulator.watch();
    desk.simulator.run(script.unwrap());
    assert_eq!(changes.recv().await.unwrap().change.to_string(), "github/acme: dan joins");
    assert_eq!(desk.page(1, 20).await, "4: ann bob cat dan");
    assert_eq!(desk.page(1, 20).await, "3: ann cat dan");
    assert_eq!(desk.page(1, 20).await, "Too Many Requests");
    assert_eq!(desk.page(1, 20).await, "3: ann cat dan");
}

#[tokio::test]
async fn a_script_reaches_the_first_request() {
    let mut desk = Desk::open("ann bob cat").await;
    let script = Script::parse(
        "steps:\n\
         - after_request: 0\n  \
           change: { organization: github/acme, username: bob, action: leave_and_unseat }\n\
         - after_request: 0\n  \
           fault: { status: { status: 503 } }\n",
    );
    desk.simulator.run(script.unwrap());
    assert_eq!(desk.page(1, 20).await, "Service Unavailable");
    assert_eq!(desk.page(1, 20).await, "2: ann cat");
}

/// However many there are.
#[tokio::test(flavor = "multi_thread")]
async fn steps_of_one_time_happen_in_the_order_in_which_they_are_written() {
    let mut desk = Desk::open("m0").await;
    let rename = |number: u32| {
        format!(
            "- at: 1ms\n  change: {{ organization: github/acme, username: m{number}, \
             action: {{ rename: m{} }} }}\n",
            number + 1
        )
    };
    let script = format!("steps:\n{}", (0..50).map(rename).collect::<String>());
    let mut changes = desk.simulator.watch();
    desk.simulator.run(Script::parse(&script).unwrap());
    for number in 0..50 {
        // A rename that came too early would have changed nothing.
        let told = tokio::time::timeout(Duration::from_secs(20), changes.recv()).await;
        assert_eq!(told.unwrap().unwrap().change.username, format!("m{number}"));
    }
    assert_eq!(desk.page(1, 20).await, "1: m50");
}

#[tokio::test]
async fn the_log_tells_what_came() {
    let options = Options { prefix: "/codecov".to_owned(), keep_alive: true, ..Options::default() };
    let desk = Desk::open_with("ann bob", options).await;
    desk.page(1, 1).await;
    let url = format!("{}/api/v2/github/acme/", desk.simulator.base_url());
    desk.client.get(&url).send().await.unwrap();
    desk.client.delete(format!("{url}users/")).bearer_auth("x").send().await.unwrap();
    desk.client.patch(format!("{url}users/ann/")).send().await.unwrap();
    let told: Vec<_> = desk.simulator.log();
    let told = told.iter().map(|asked| {
        let token = asked.token.as_deref().unwrap_or("-");
        format!("{} {} {} {token}\n", asked.status.unwrap(), asked.method, asked.target)
    });
    insta::assert_snapshot!(told.collect::<String>(), @r"
    200 GET /codecov/api/v2/github/acme/users/?page=1&page_size=1 acme
    200 GET /codecov/api/v2/github/acme/ -
    401 DELETE /codecov/api/v2/github/acme/users/ malformed
    401 PATCH /codecov/api/v2/github/acme/users/ann/ -
    ");
}

/// A page of a large organization costs what a page holds. Times depend on the machine, so this
/// runs on demand only.
#[tokio::test]
#[ignore = "a measurement: `cargo test -p seatwatch --test it without_pain -- --ignored`"]
async fn a_hundred_thousand_members_are_served_without_pain() {
    let desk = Desk::open("").await;
    desk.simulator.edit(|world| world.populate(desk.acme, 100_000));
    let started = Instant::now();
    for page in 1..=50 {
        desk.page(page * 200, 10).await;
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_stopped_simulator_is_gone() {
    let desk = Desk::open("ann").await;
    desk.simulator.fault(When::once(), Fault::Hang);
    let address = desk.simulator.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    desk.simulator.stop().await;
    assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
    TcpStream::connect(address).await.unwrap_err();
}

/// One that runs for weeks, and that nobody asks afterwards, does not grow.
#[tokio::test]
async fn what_is_not_to_be_remembered_is_told_and_forgotten() {
    for remembers in [true, false] {
        let desk = Desk::open_with("ann bob", Options { remembers, ..Options::default() }).await;
        let mut changes = desk.simulator.watch();
        let joins =
            Change { organization: acme(), username: "cat".to_owned(), action: Action::Join };
        desk.simulator.apply(joins.clone()).unwrap();
        assert_eq!(desk.page(1, 20).await, "3: ann bob cat");
        assert_eq!(changes.recv().await.unwrap().change, joins);
        assert_eq!(desk.simulator.requests(), 1);
        let kept = usize::from(remembers);
        let (log, changes) = (desk.simulator.log(), desk.simulator.changes());
        assert_eq!((log.len(), changes.len()), (kept, kept));
    }
}

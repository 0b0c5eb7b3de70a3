//! The HTTP endpoints over real sockets: what they answer, and what no client can do to them.

mod tls;
mod users;

use std::error::Error;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use insta::assert_snapshot;
use seatwatch::config::{self, WebConfig};
use seatwatch::http::{self, Daemon, Limits, Protection};
use seatwatch::pages::{Asked, Page, STYLE_PATH};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::tls::write_secret;

/// A daemon that stands as it is told to.
#[derive(Default)]
struct Standing {
    trouble: Mutex<Option<&'static str>>,
    starting: Mutex<bool>,
    no_pages: Mutex<Option<&'static str>>,
    hosts: Mutex<Vec<String>>,
    text: Mutex<Option<String>>,
    /// Scrapes wait while this is true.
    stuck: Mutex<bool>,
    moved: Condvar,
    scrapes: AtomicUsize,
}

impl Standing {
    fn hold_scrapes(&self, stuck: bool) {
        *self.stuck.lock().unwrap() = stuck;
        self.moved.notify_all();
    }
}

impl Daemon for Standing {
    fn healthy(&self) -> Result<(), String> {
        self.trouble.lock().unwrap().map_or(Ok(()), |trouble| Err(trouble.to_owned()))
    }

    fn ready(&self) -> bool {
        !*self.starting.lock().unwrap()
    }

    fn metrics(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        self.scrapes.fetch_add(1, Ordering::SeqCst);
        drop(self.moved.wait_while(self.stuck.lock().unwrap(), |stuck| *stuck).unwrap());
        let text = self.text.lock().unwrap().clone();
        text.ok_or_else(|| "/var/lib/seatwatch/seatwatch.db: the disk is gone".into())
    }

    fn has_pages(&self) -> Result<(), String> {
        self.no_pages.lock().unwrap().map_or(Ok(()), |reason| Err(reason.to_owned()))
    }

    fn page(&self, asked: &Asked) -> Result<Page, Box<dyn Error + Send + Sync>> {
        match asked {
            Asked::Overview(query) if query.q.as_deref() == Some("broken") => {
                Err("/var/lib/seatwatch/seatwatch.db: the disk is gone".into())
            }
            Asked::Nothing => Ok(Page { found: false, html: "<p>nothing".to_owned() }),
            asked => Ok(Page { found: true, html: format!("<p>{asked:?}") }),
        }
    }

    fn hosts(&self) -> Arc<[String]> {
        self.hosts.lock().unwrap().clone().into()
    }
}

/// A server and the daemon that it tells of.
struct Site {
    runtime: Runtime,
    address: SocketAddr,
    daemon: Arc<Standing>,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Site {
    fn open() -> Self {
        Self::open_with(Limits::default())
    }

    fn open_with(limits: Limits) -> Self {
        Self::open_as(limits, Protection::default())
    }

    fn open_as(limits: Limits, protection: Protection) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let daemon = Arc::new(Standing::default());
        *daemon.text.lock().unwrap() = Some("up 1\n".to_owned());
        let stop = CancellationToken::new();
        let told = Arc::<Standing>::clone(&daemon);
        let (_, protection) = watch::channel(Arc::new(protection));
        let serving = http::serve(listener, told, protection, limits, stop.clone());
        let serving = runtime.spawn(serving);
        Self { runtime, address, daemon, stop, serving }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        // Whoever waits that long waits for nothing.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends these bytes and reads to the end. A server that has heard enough answers and closes
    /// before it has read them all.
    fn send(&self, request: &str) -> String {
        let mut stream = self.connect();
        match stream.write_all(request.as_bytes()) {
            Err(error)
                if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) =>
            {
                panic!("the server does not take it: {error}")
            }
            _ => rest(stream),
        }
    }

    /// An answer, without what differs from one to the next.
    fn answer(&self, request: &str) -> String {
        let request = request.replace("HOST", &self.address.to_string());
        let answer = self.send(&format!("{}\r\n\r\n", request.replace('\n', "\r\n")));
        let lines = answer.lines().filter(|line| !line.starts_with("date: "));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn get(&self, path: &str) -> String {
        self.answer(&format!("GET {path} HTTP/1.1\nHost: HOST"))
    }

    /// The status of an answer.
    fn status(&self, request: &str) -> u16 {
        status(&self.answer(request))
    }

    fn end(self) {
        self.stop.cancel();
        self.runtime.block_on(self.serving).unwrap().unwrap();
    }
}

/// A web configuration that says this, in a directory that holds what it names.
fn web(directory: &Path, web: &str) -> WebConfig {
    write_secret(&directory.join("web.yml"), web);
    let config = "organizations: [github/acme]\ncodecov: { token_env: PATH }\n\
                  http: { web_config_file: web.yml }\n";
    let config = config::parse(config, &directory.join("seatwatch.yaml")).unwrap();
    config.read_web().unwrap_or_else(|problems| panic!("{problems}"))
}

fn protection(directory: &Path, text: &str) -> Protection {
    Protection::new(&web(directory, text)).unwrap()
}

fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status: {answer:?}"))
}

/// All that the server still sends before it closes the connection, or resets it.
fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    match stream.read_to_end(&mut text) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the server leaves the connection open: {error}"),
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn metrics_are_text_whatever_is_accepted() {
    let site = Site::open();
    assert_snapshot!(site.answer("GET /metrics HTTP/1.1\nHost: HOST\nAccept: application/openmetrics-text"), @r"
    HTTP/1.1 200 OK
    content-type: text/plain; version=0.0.4; charset=utf-8
    x-content-type-options: nosniff
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    referrer-policy: no-referrer
    content-length: 5
    connection: close

    up 1
    ");
}

#[test]
fn health_and_readiness_are_told_with_the_reason() {
    let site = Site::open();
    assert_eq!(status(&site.get("/-/healthy")), 200);
    assert_eq!(status(&site.get("/-/ready")), 200);
    *site.daemon.trouble.lock().unwrap() = Some("the scheduler has not moved for 21 s");
    *site.daemon.starting.lock().unwrap() = true;
    assert_snapshot!(site.get("/-/healthy"), @r"
    HTTP/1.1 503 Service Unavailable
    content-type: text/plain; charset=utf-8
    x-content-type-options: nosniff
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    referrer-policy: no-referrer
    content-length: 50
    connection: close

    not healthy: the scheduler has not moved for 21 s
    ");
    let answer = site.get("/-/ready");
    assert_eq!((status(&answer), answer.lines().last()), (503, Some("not ready")));
}

/// No script, no frame, no form to elsewhere, nothing from elsewhere, nothing kept.
#[test]
fn a_page_may_do_nothing_but_look_as_it_should() {
    let site = Site::open();
    assert_snapshot!(site.get("/?q=a+b&page=2"), @r#"
    HTTP/1.1 200 OK
    content-type: text/html; charset=utf-8
    content-security-policy: default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'
    x-content-type-options: nosniff
    cache-control: no-store
    referrer-policy: no-referrer
    content-length: 71
    connection: close

    <p>Overview(ListQuery { q: Some("a b"), state: None, page: Some("2") })
    "#);
    assert_snapshot!(site.get("/nowhere"), @"
    HTTP/1.1 404 Not Found
    content-type: text/html; charset=utf-8
    content-security-policy: default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'
    x-content-type-options: nosniff
    cache-control: no-store
    referrer-policy: no-referrer
    content-length: 10
    connection: close

    <p>nothing
    ");
    let style = site.get(&STYLE_PATH);
    assert!(style.contains("\ncache-control: public, max-age=31536000, immutable\n"), "{style}");
    assert!(style.contains("\ncontent-type: text/css; charset=utf-8\n"), "{style}");
    assert!(site.get("/-/icon.svg").contains("\ncontent-type: image/svg+xml\n"));
    let broken = site.get("/?q=broken");
    assert_eq!(status(&broken), 500);
    assert!(!broken.contains("/var/lib"), "{broken}");
}

/// What is between two slashes is one name, whatever it stands for.
#[test]
fn names_come_through_as_they_are() {
    let site = Site::open();
    let check = |path: &str, asked: &str| {
        let answer = site.get(path);
        assert!(answer.ends_with(&format!("<p>{asked}")), "{answer}");
    };
    let member = |owner: &str, username: &str| {
        format!(
            "Member {{ service: \"gitlab\", owner: {owner:?}, username: {username:?}, \
             query: LifeQuery {{ before: None }} }}"
        )
    };
    check(
        "/org/gitlab/grp:sub/member/a%2Fb%3F%23%25%00%F0%9F%A6%80",
        &member("grp:sub", "a/b?#%\0🦀"),
    );
    check("/org/gitlab/grp%3Asub/member?name=..", &member("grp:sub", ".."));
    assert_eq!(status(&site.get("/org/gitlab/a/member/%ff")), 400);
    // Its service writes a subgroup with slashes; whether there is one is for the pages to say.
    let query = "RosterQuery { q: None, show: None, page: None, before: None }";
    let organization = |owner: &str| {
        format!("Organization {{ service: \"gitlab\", owner: {owner:?}, query: {query} }}")
    };
    check("/org/gitlab/grp/sub", &organization("grp/sub"));
    check("/org/gitlab/grp/sub/deep/", &organization("grp/sub/deep"));
    check("/org/gitlab/grp/", &organization("grp"));
    check("/org/gitlab/grp/member/ann/", &member("grp", "ann"));
    check("/org/gitlab/grp/sub/member/ann.gl", &member("grp/sub", "ann.gl"));
    check("/org/gitlab/grp/sub/deep/member/ann/", &member("grp/sub/deep", "ann"));
    check("/org/gitlab/a/member/b/c", &organization("a/member/b/c"));
}

#[test]
fn without_pages_a_line_says_why_and_the_rest_is_served() {
    let site = Site::open();
    *site.daemon.no_pages.lock().unwrap() = Some("`http.pages` is false in the configuration");
    for path in ["/", "/org/github/acme", "/org/github/acme/member/ann", "/nowhere", "/-/style.css"]
    {
        let answer = site.get(path);
        assert_eq!(status(&answer), 404, "{path}");
        assert!(answer.ends_with("there are no pages: `http.pages` is false in the configuration"));
    }
    for path in ["/metrics", "/-/healthy", "/-/ready"] {
        assert_eq!(status(&site.get(path)), 200);
    }
}

#[test]
fn metrics_and_health_are_where_they_are_and_nowhere_else() {
    let site = Site::open();
    for page in ["/metrics", "/-/healthy", "/-/ready"] {
        assert_eq!(status(&site.get(page)), 200);
        assert_eq!(status(&site.get(&format!("{page}?a=b"))), 200);
        assert_eq!(status(&site.get(&format!("{page}/"))), 404);
    }
    for path in ["/-/reload", "/favicon.ico", "/../etc/passwd", "//metrics", "/%6Detrics"] {
        let answer = site.get(path);
        assert_eq!(status(&answer), 404, "{path}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    }
}

#[test]
fn only_get_and_head_are_answered() {
    let site = Site::open();
    let head = site.answer("HEAD /metrics HTTP/1.1\nHost: HOST");
    assert_eq!(head, site.get("/metrics").replace("\n\nup 1", "\n"));
    for (path, expected) in [("/", 200), ("/nowhere", 404)] {
        let head = site.answer(&format!("HEAD {path} HTTP/1.1\nHost: HOST"));
        assert!(status(&head) == expected && head.ends_with("\nconnection: close\n"), "{head}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PRI"] {
        for path in ["/metrics", "/", "/nowhere"] {
            let answer = site.answer(&format!("{method} {path} HTTP/1.1\nHost: HOST"));
            assert_eq!(status(&answer), 405, "{method} {path}");
            assert!(answer.contains("\nallow: GET, HEAD\n"), "{answer}");
        }
    }
    let scrapes = site.daemon.scrapes.load(Ordering::SeqCst);
    assert_eq!(scrapes, 2, "a refused request was looked into");
}

/// Nobody waits for what a request without a meaning for a body announces.
#[test]
fn bodies_are_not_read() {
    let site = Site::open();
    for more in ["Content-Length: 1000000", "Transfer-Encoding: chunked", "Expect: 100-continue"] {
        for (method, expected) in [("GET", 200), ("POST", 405)] {
            let request = format!("{method} /metrics HTTP/1.1\nHost: HOST\n{more}");
            assert_eq!(site.status(&request), expected, "{method} {more}");
        }
    }
}

#[test]
fn whoever_calls_it_by_another_name_is_sent_away() {
    let site = Site::open();
    let port = site.address.port();
    let status = |host: &str| site.status(&format!("GET /metrics HTTP/1.1\nHost: {host}"));
    assert_eq!(status(&format!("localhost:{port}")), 200);
    assert_eq!(status(&format!("evil.example:{port}")), 421);
    assert_eq!(status(&format!("127.0.0.2:{port}")), 421);
    assert_eq!(site.daemon.scrapes.load(Ordering::SeqCst), 1);
    assert_eq!(site.status("GET /metrics HTTP/1.1\nX: y"), 400);
    assert_eq!(site.status("GET /metrics HTTP/1.0\nX: y"), 200);
    // A reload adds the name of a proxy, and takes it away again.
    assert_eq!(status("watch.example.com"), 421);
    *site.daemon.hosts.lock().unwrap() = vec!["watch.example.com".to_owned()];
    assert_eq!(status("watch.example.com"), 200);
    site.daemon.hosts.lock().unwrap().clear();
    assert_eq!(status("watch.example.com"), 421);
}

#[test]
fn what_is_wrong_with_the_store_is_not_told_to_clients() {
    let site = Site::open();
    *site.daemon.text.lock().unwrap() = None;
    let answer = site.get("/metrics");
    assert_eq!(status(&answer), 500);
    assert!(!answer.contains("seatwatch.db"), "{answer}");
    assert_eq!(status(&site.get("/-/healthy")), 200);
}

#[test]
fn what_is_not_http_is_refused() {
    let site = Site::open();
    for noise in ["hello\r\n\r\n", "GET\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\r\n\r\n"] {
        assert_eq!(status(&site.send(noise)), 400, "{noise:?}");
    }
    let long = format!("GET / HTTP/1.1\nHost: HOST\nCookie: {}", "a".repeat(100_000));
    assert_eq!(site.status(&long), 431);
    assert_eq!(site.status(&format!("GET / HTTP/1.1\nHost: HOST{}", "\na: b".repeat(500))), 431);
    assert_eq!(status(&site.get("/metrics")), 200);
}

/// Some send nothing, some the half of a request; they have taken every connection there is.
#[test]
fn slow_clients_are_cut_and_whoever_comes_after_them_is_served() {
    let request = Duration::from_secs(3);
    let site = Site::open_with(Limits { connections: 8, request, ..Limits::default() });
    let slow: Vec<TcpStream> = (0..8)
        .map(|number| {
            let mut stream = site.connect();
            let head = ["", "GET /met", "GET / HTTP/1.1\r\nHost: "][number % 3];
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(status(&site.get("/metrics")), 200);
    for stream in slow {
        let answer = rest(stream);
        assert!(!answer.contains("200 OK"), "{answer}");
    }
}

/// A byte now and then keeps nobody's place either.
#[test]
fn who_trickles_is_cut_while_others_are_served() {
    let site = Site::open_with(Limits { request: Duration::from_secs(3), ..Limits::default() });
    let mut stream = site.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    let mut others = 0;
    // Ends because the server closes the connection: writing to it fails in the end.
    while stream.write_all(b"a: b\r\n").is_ok() {
        assert_eq!(status(&site.get("/-/healthy")), 200);
        others += 1;
    }
    assert!(others > 0);
}

/// The answer is larger than what the network keeps on the way, and the client never reads.
#[test]
fn who_does_not_read_is_cut() {
    let connection = Duration::from_millis(1500);
    let site = Site::open_with(Limits { connections: 1, connection, ..Limits::default() });
    *site.daemon.text.lock().unwrap() = Some("a 1\n".repeat(16 << 20));
    let mut stream = site.connect();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", site.address);
    stream.write_all(request.as_bytes()).unwrap();
    // There is one place only, so this is served once the other is gone.
    assert_eq!(status(&site.get("/-/healthy")), 200);
    assert_eq!(site.daemon.scrapes.load(Ordering::SeqCst), 1);
    assert!(rest(stream).len() < 64 << 20);
}

#[test]
fn many_clients_at_once_are_all_served() {
    let site = Site::open();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..300).map(|_| scope.spawn(|| site.get("/metrics"))).collect();
        for client in clients {
            assert_eq!(status(&client.join().unwrap()), 200);
        }
    });
    assert_eq!(site.daemon.scrapes.load(Ordering::SeqCst), 300);
}

/// A store that does not answer holds up two scrapes and nothing else.
#[test]
fn a_scrape_that_hangs_is_given_up_and_holds_nobody_up() {
    let answer = Duration::from_secs(2);
    let site = Site::open_with(Limits { answer, ..Limits::default() });
    site.daemon.hold_scrapes(true);
    thread::scope(|scope| {
        let scrapes: Vec<_> = (0..6).map(|_| scope.spawn(|| site.get("/metrics"))).collect();
        assert_eq!(status(&site.get("/-/healthy")), 200);
        for scrape in scrapes {
            assert_eq!(status(&scrape.join().unwrap()), 503);
        }
    });
    assert_eq!(site.daemon.scrapes.load(Ordering::SeqCst), 2, "they pile up");
    site.daemon.hold_scrapes(false);
    assert_eq!(status(&site.get("/metrics")), 200);
}

#[test]
fn a_stop_lets_go_of_the_port_and_waits_for_nobody_long() {
    let site = Site::open();
    let (address, daemon) = (site.address, Arc::clone(&site.daemon));
    let (idle, mut hanging) = (site.connect(), site.connect());
    daemon.hold_scrapes(true);
    hanging
        .write_all(format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())
        .unwrap();
    while daemon.scrapes.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    site.stop.cancel();
    site.runtime.block_on(site.serving).unwrap().unwrap();
    assert_eq!((rest(idle), rest(hanging)), (String::new(), String::new()));
    assert!(TcpStream::connect(address).is_err(), "somebody still listens");
    daemon.hold_scrapes(false);
}

/// An answer under way is brought to its end.
#[test]
fn a_stop_lets_answers_end() {
    let site = Site::open();
    let daemon = Arc::clone(&site.daemon);
    daemon.hold_scrapes(true);
    let mut stream = site.connect();
    stream
        .write_all(format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", site.address).as_bytes())
        .unwrap();
    while daemon.scrapes.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    site.stop.cancel();
    daemon.hold_scrapes(false);
    assert_eq!(status(&rest(stream)), 200);
    site.end();
}

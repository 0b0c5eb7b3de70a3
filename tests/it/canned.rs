//! A server on loopback that says exactly the bytes that a test puts into its mouth.
//!
//! For what no decent HTTP library would send: bodies that break off, never end or trickle. One
//! request a connection; threads rather than tasks, so that a test may block them.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// How many came before it.
    pub(crate) index: usize,
    /// Method, path and query: `GET /api/v2/…`.
    pub(crate) line: String,
    /// The header lines, names in lower case.
    pub(crate) headers: Vec<String>,
}

impl Request {
    /// The number behind `name=` in the query.
    pub(crate) fn number(&self, name: &str) -> u64 {
        let query = self.line.split_once('?').map_or("", |(_, query)| query);
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        pair.unwrap_or_else(|| panic!("no `{name}` in `{}`", self.line)).parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }
}

/// What to do about a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Send these bytes and close.
    Bytes(Vec<u8>),
    /// Send these bytes and wait until the client goes away.
    ThenHang(Vec<u8>),
    /// Send the first, then the second over and over until the client goes away.
    Endless(Vec<u8>, Vec<u8>),
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &str) -> Reply {
    with_headers(status, "Content-Type: application/json\r\n", body.as_bytes())
}

/// An answer with further headers, each of which ends in CRLF.
pub(crate) fn with_headers(status: u16, headers: &str, body: &[u8]) -> Reply {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}");
    Reply::Bytes([head.as_bytes(), b"Connection: close\r\n\r\n", body].concat())
}

/// An answer that the real server gave: `tests/fixtures/codecov-api/NAME.json`.
pub(crate) fn recorded(name: &str) -> Reply {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/codecov-api");
    let text = std::fs::read_to_string(directory.join(format!("{name}.json"))).unwrap();
    let response = &serde_json::from_str::<Value>(&text).unwrap()["response"];
    let body = match &response["text"] {
        Value::String(text) => text.clone(),
        _ => response["json"].to_string(),
    };
    json(response["status"].as_u64().unwrap().try_into().unwrap(), &body)
}

/// A running server; it ends with the process.
pub(crate) struct Canned {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Canned {
    /// Answers over plain TCP.
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(Some, answer)
    }

    /// Answers over whatever `accept` makes of a connection.
    pub(crate) fn start_with<S: Read + Write>(
        accept: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (log, parts) = (Arc::clone(&requests), Arc::new((accept, answer)));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (log, parts) = (Arc::clone(&log), Arc::clone(&parts));
                thread::spawn(move || {
                    let (accept, answer) = &*parts;
                    let Some(mut stream) = accept(connection.unwrap()) else { return };
                    let Some(request) = read_request(&mut stream, &log) else { return };
                    // The client may go away at any time: that is what some tests are about.
                    reply(&mut stream, answer(&request)).ok();
                });
            }
        });
        Self { address, requests }
    }

    /// Gives the answers in their order; the last one again and again.
    pub(crate) fn script(replies: impl Into<Vec<Reply>>) -> Self {
        let replies = replies.into();
        Self::start(move |request| {
            replies.get(request.index).or(replies.last()).expect("an answer at least").clone()
        })
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The queries so far, such as `page=1&page_size=1000`, one a line.
    pub(crate) fn queries(&self) -> String {
        let requests = self.requests();
        let queries = requests.iter().filter_map(|request| request.line.split_once('?'));
        queries.map(|(_, query)| query.to_owned()).collect::<Vec<_>>().join("\n")
    }
}

fn read_request(stream: &mut impl Read, log: &Mutex<Vec<Request>>) -> Option<Request> {
    let lines = BufReader::with_capacity(1, stream).lines();
    let mut head = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
    let line = head.next()?.strip_suffix(" HTTP/1.1")?.to_owned();
    let headers = head
        .filter_map(|line| line.split_once(": ").map(|(n, v)| format!("{}: {v}", n.to_lowercase())))
        .collect();
    let mut log = log.lock().unwrap();
    let request = Request { index: log.len(), line, headers };
    log.push(request.clone());
    Some(request)
}

fn reply(stream: &mut (impl Read + Write), reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Bytes(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()
        }
        Reply::ThenHang(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()?;
            stream.read(&mut [0]).map(drop)
        }
        Reply::Endless(head, part) => {
            stream.write_all(&head)?;
            loop {
                stream.write_all(&part)?;
            }
        }
    }
}

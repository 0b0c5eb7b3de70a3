//! The receivers on loopback, and the process that they run in: a web server that takes or
//! refuses everything, and a mail server that takes everything.
//!
//! All on one thread. What comes is read to its end and counted, and nothing else.

use std::convert::Infallible;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::shared::counterpart::{self, Counterpart};

/// What came since the last time.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) mails: u64,
    /// Of bodies and mails.
    pub(crate) bytes: u64,
}

/// The process; it ends with this.
pub(crate) struct Receiver {
    _process: Counterpart,
    http: SocketAddr,
    pub(crate) smtp: SocketAddr,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let (process, line) = Counterpart::start(&["receiver"]);
        let (http, smtp) = serde_json::from_str(&line).unwrap();
        Self { _process: process, http, smtp }
    }

    /// Takes everything.
    pub(crate) fn accepting(&self) -> String {
        format!("http://{}/accept", self.http)
    }

    /// Is not available, ever.
    pub(crate) fn refusing(&self) -> String {
        format!("http://{}/refuse", self.http)
    }

    /// What came since this was last asked.
    pub(crate) fn take_counts(&self) -> Counts {
        counterpart::take_counts(self.http)
    }
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    mails: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    fn note(&self, what: &AtomicU64, bytes: usize) {
        what.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn take(&self) -> Counts {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Counts {
            requests: take(&self.requests),
            mails: take(&self.mails),
            bytes: take(&self.bytes),
        }
    }
}

/// Serves until stdin ends.
pub(crate) fn serve() {
    std::thread::spawn(|| {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        #[expect(clippy::exit, reason = "whoever started it is gone")]
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let smtp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addresses = (http.local_addr().unwrap(), smtp.local_addr().unwrap());
        println!("{}", serde_json::to_string(&addresses).unwrap());
        let counters = Arc::<Counters>::default();
        let mut connections = JoinSet::new();
        loop {
            let counters = Arc::clone(&counters);
            tokio::select! {
                Ok((stream, _)) = http.accept() => {
                    connections.spawn(async move { web(stream, counters).await });
                }
                Ok((stream, _)) = smtp.accept() => {
                    connections.spawn(async move { drop(mail(stream, &counters).await) });
                }
            }
            while connections.try_join_next().is_some() {}
        }
    });
}

/// One connection of a client of the web.
async fn web(stream: TcpStream, counters: Arc<Counters>) {
    stream.set_nodelay(true).unwrap();
    let answer = service_fn(move |request: Request<Incoming>| {
        let counters = Arc::clone(&counters);
        async move { Ok::<_, Infallible>(answer(request, &counters).await) }
    });
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
}

async fn answer(request: Request<Incoming>, counters: &Counters) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let body = to_bytes(Body::new(request.into_body()), usize::MAX).await.unwrap();
    let (status, answer) = match path.as_str() {
        "/accept" => {
            counters.note(&counters.requests, body.len());
            (StatusCode::NO_CONTENT, Bytes::new())
        }
        "/counts" => (StatusCode::OK, serde_json::to_vec(&counters.take()).unwrap().into()),
        _ => (StatusCode::SERVICE_UNAVAILABLE, Bytes::new()),
    };
    Response::builder().status(status).body(Body::from(answer)).unwrap()
}

/// One connection of somebody who sends mails.
async fn mail(stream: TcpStream, counters: &Counters) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = tokio::io::BufReader::new(stream);
    stream.write_all(b"220 localhost\r\n").await?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match line.get(..4) {
            Some(b"EHLO") => b"250-localhost\r\n250 8BITMIME\r\n",
            Some(b"DATA") => {
                stream.write_all(b"354 go on\r\n").await?;
                let bytes = read_mail(&mut stream).await?;
                counters.note(&counters.mails, bytes);
                b"250 taken\r\n"
            }
            Some(b"QUIT") => b"221 bye\r\n",
            _ => b"250 well\r\n",
        };
        stream.write_all(answer).await?;
    }
}

/// Reads to the line that is a dot; returns how many bytes came before it.
async fn read_mail(stream: &mut tokio::io::BufReader<TcpStream>) -> std::io::Result<usize> {
    let (mut line, mut bytes) = (Vec::new(), 0);
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 || line == b".\r\n" {
            return Ok(bytes);
        }
        bytes += line.len();
    }
}

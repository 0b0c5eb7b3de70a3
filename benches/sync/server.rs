//! The static server, and the process that it runs in.
//!
//! HTTP/1.1 with keep-alive, on one thread. All pages are rendered before the first request; what
//! is left to do for one is a look into a table.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, Bytes};
use axum::http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::measure;
use crate::pages::{self, Edition, Scale};
use crate::shared::counterpart::{self, Counterpart};

/// What was asked since the last time.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) pages: u64,
    pub(crate) proofs: u64,
    pub(crate) look_ups: u64,
    /// When the last answer was ready, on the clock of [`measure::now_nanos`].
    pub(crate) last_nanos: u64,
}

/// The server's process; it ends with this.
pub(crate) struct Server {
    _process: Counterpart,
    address: SocketAddr,
    scale: Scale,
}

impl Server {
    pub(crate) fn start(scale: Scale) -> Self {
        let (process, line) = Counterpart::start(&["server", &scale.to_string()]);
        Self { _process: process, address: line.trim().parse().unwrap(), scale }
    }

    pub(crate) fn scale(&self) -> Scale {
        self.scale
    }

    pub(crate) fn base_url(&self, edition: Edition) -> String {
        format!("http://{}/{}", self.address, edition.word())
    }

    /// What was asked since this was last asked.
    pub(crate) fn take_counts(&self) -> Counts {
        counterpart::take_counts(self.address)
    }
}

struct Site {
    answers: HashMap<String, Bytes>,
    pages: AtomicU64,
    proofs: AtomicU64,
    look_ups: AtomicU64,
    last_nanos: AtomicU64,
}

/// Serves until stdin ends.
pub(crate) fn serve(scale: Scale) {
    let site = Arc::new(Site::new(scale));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(|| {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        #[expect(clippy::exit, reason = "whoever started it is gone")]
        std::process::exit(0);
    });
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let site = Arc::clone(&site);
            let answer = service_fn(move |request: Request<Incoming>| {
                let answer = site.answer(request.uri().path_and_query().unwrap().as_str());
                async move { Ok::<_, Infallible>(answer) }
            });
            connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            while connections.try_join_next().is_some() {}
        }
    });
}

impl Site {
    fn new(scale: Scale) -> Self {
        let mut answers = HashMap::new();
        for edition in Edition::ALL {
            for (organization, rows) in pages::rosters(scale, edition).iter().enumerate() {
                for page_size in [1_000, 10_000] {
                    let path = |page| {
                        let path = pages::path(organization, page, page_size);
                        format!("/{}{path}", edition.word())
                    };
                    for (page, number) in pages::pages(rows, page_size, path).into_iter().zip(1..) {
                        answers.insert(path(number), page.into());
                    }
                }
                // What is asked after look-ups: whether there is still a list.
                let path =
                    |page| format!("/{}{}", edition.word(), pages::path(organization, page, 1));
                let first = pages::pages(&rows[..1], 1, path).remove(0);
                answers.insert(path(1), first.into());
            }
        }
        let zero = AtomicU64::default;
        Self { answers, pages: zero(), proofs: zero(), look_ups: zero(), last_nanos: zero() }
    }

    fn answer(&self, path: &str) -> Response<Body> {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        let answer = if let Some(page) = self.answers.get(path) {
            count(&self.pages);
            json(StatusCode::OK, page.clone())
        } else if path.contains("/user-sessions/") {
            count(&self.proofs);
            let body = r#"{"count":1,"next":null,"previous":null,"results":[{"username":"ann","name":null,"has_active_session":false,"expiry_date":null}],"total_pages":1}"#;
            json(StatusCode::OK, Bytes::from_static(body.as_bytes()))
        } else if path == "/counts" {
            return json(StatusCode::OK, serde_json::to_vec(&self.take()).unwrap().into());
        } else {
            // Only who has left is looked up.
            count(&self.look_ups);
            let body = r#"{"detail":"No Owner matches the given query."}"#;
            json(StatusCode::NOT_FOUND, Bytes::from_static(body.as_bytes()))
        };
        self.last_nanos.store(measure::now_nanos(), Ordering::Relaxed);
        answer
    }

    fn take(&self) -> Counts {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Counts {
            pages: take(&self.pages),
            proofs: take(&self.proofs),
            look_ups: take(&self.look_ups),
            last_nanos: take(&self.last_nanos),
        }
    }
}

fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .unwrap()
}

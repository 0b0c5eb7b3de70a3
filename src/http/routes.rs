//! Which paths there are, and what each answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;

use super::{Daemon, hosts};
use crate::metrics;

/// Scrapes that read the store at the same time; others wait for their turn.
const SCRAPES: usize = 2;

const INDEX: &str = "\
seatwatch

/metrics    numbers for Prometheus
/-/healthy  whether it works
/-/ready    whether it has started
";

/// What every answer carries. Nothing here is for a browser to guess, keep or run.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'")),
];

#[derive(Clone)]
struct Desk {
    daemon: Arc<dyn Daemon>,
    address: SocketAddr,
    answer_within: Duration,
    scrapes: Arc<Semaphore>,
}

/// The answers of a server that listens on `address`.
pub(super) fn routes(
    daemon: Arc<dyn Daemon>,
    address: SocketAddr,
    answer_within: Duration,
) -> Router {
    let scrapes = Arc::new(Semaphore::new(SCRAPES));
    let desk = Desk { daemon, address, answer_within, scrapes };
    Router::new()
        .route("/", get(INDEX))
        .route("/metrics", get(scrape))
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .fallback((StatusCode::NOT_FOUND, "there is no such page\n"))
        .layer(middleware::from_fn_with_state(desk.clone(), admit))
        .with_state(desk)
}

/// Sends away who is wrong here, and sees to it that everybody is answered in time.
async fn admit(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let head = (request.version(), request.uri(), request.headers());
    let mut response = match hosts::refusal(head, desk.address, &desk.daemon.hosts()) {
        Some(StatusCode::BAD_REQUEST) => {
            (StatusCode::BAD_REQUEST, "there must be one `Host` header\n").into_response()
        }
        Some(status) => {
            (status, "this server has another name; `http.hosts` in its configuration adds one\n")
                .into_response()
        }
        None if request.method() != Method::GET && request.method() != Method::HEAD => {
            let allow = [(ALLOW, "GET, HEAD")];
            (StatusCode::METHOD_NOT_ALLOWED, allow, "only GET and HEAD\n").into_response()
        }
        None => match tokio::time::timeout(desk.answer_within, next.run(request)).await {
            Ok(response) => response,
            Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "no answer in time\n").into_response(),
        },
    };
    response.headers_mut().extend(HEADERS);
    response
}

async fn healthy(State(desk): State<Desk>) -> Response {
    match desk.daemon.healthy() {
        Ok(()) => "healthy\n".into_response(),
        Err(trouble) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not healthy: {trouble}\n")).into_response()
        }
    }
}

async fn ready(State(desk): State<Desk>) -> Response {
    if desk.daemon.ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

async fn scrape(State(desk): State<Desk>) -> Response {
    let turn = desk.scrapes.acquire_owned().await.expect("the semaphore is never closed");
    let scraped = tokio::task::spawn_blocking(move || {
        // Kept to the end, also where nobody waits for it any more.
        let _turn = turn;
        desk.daemon.metrics()
    });
    let error = match scraped.await {
        Ok(Ok(text)) => {
            return ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response();
        }
        Ok(Err(error)) => crate::chain::chain(&*error),
        Err(panic) => panic.to_string(),
    };
    tracing::warn!(error, "metrics cannot be told");
    (StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be told now; the log says why\n")
        .into_response()
}

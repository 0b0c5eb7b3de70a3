//! Which paths there are, and what each answers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{Daemon, Protection, hosts};
use crate::metrics;
use crate::pages::{self, Asked, LifeQuery, ListQuery, RosterQuery};

/// Scrapes that read the store at the same time; others wait for their turn.
const SCRAPES: usize = 2;

/// Pages that are made at the same time; others wait for their turn.
const PAGES: usize = 4;

/// What every answer carries that says nothing else. Nothing here is for a browser to guess, keep
/// or run.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// What a page may do: look as it should, and send its own forms. There are no scripts, no frames,
/// and nothing comes from elsewhere.
const OF_PAGES: [(HeaderName, HeaderValue); 2] = [
    (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
];

/// The style sheet of another version is at another place.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// What is told to everybody who gets here, so that probes need no password: whether all is well.
const HEALTHY: &str = "/-/healthy";
/// Likewise: whether it has started.
const READY: &str = "/-/ready";

/// A connection, as its request knows it.
#[derive(Clone)]
pub(super) struct Visit {
    pub(super) peer: IpAddr,
    /// As it was when the connection came.
    pub(super) protection: Arc<Protection>,
}

#[derive(Clone)]
struct Desk {
    daemon: Arc<dyn Daemon>,
    address: SocketAddr,
    answer_within: Duration,
    scrapes: Arc<Semaphore>,
    pages: Arc<Semaphore>,
}

/// The answers of a server that listens on `address`.
pub(super) fn routes(
    daemon: Arc<dyn Daemon>,
    address: SocketAddr,
    answer_within: Duration,
) -> Router {
    let scrapes = Arc::new(Semaphore::new(SCRAPES));
    let pages = Arc::new(Semaphore::new(PAGES));
    let desk = Desk { daemon, address, answer_within, scrapes, pages };
    Router::new()
        .route("/", get(overview))
        .route("/org/{service}/{owner}", get(organization))
        .route("/org/{service}/{owner}/", get(organization))
        .route("/org/{service}/{owner}/{*below}", get(subgroup))
        .route("/org/{service}/{owner}/member", get(member_by_query))
        .route("/org/{service}/{owner}/member/{username}", get(member))
        .route("/org/{service}/{owner}/member/{username}/", get(member))
        .route("/-/style.css", get(style))
        .route("/-/icon.svg", get(icon))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(desk.clone(), pages_only))
        .route("/metrics", get(scrape))
        .route(HEALTHY, get(healthy))
        .route(READY, get(ready))
        .layer(middleware::from_fn(known_only))
        .layer(middleware::from_fn_with_state(desk.clone(), admit))
        .with_state(desk)
}

/// The answer to whoever speaks HTTP in the clear where TLS is spoken.
pub(super) fn astray() -> Router {
    let text = "this port speaks TLS: ask again with `https://`\n";
    Router::new().fallback(async move || (StatusCode::BAD_REQUEST, HEADERS, text))
}

/// Sends away who is wrong here, and sees to it that everybody is answered in time.
async fn admit(
    State(desk): State<Desk>,
    Extension(visit): Extension<Visit>,
    request: Request,
    next: Next,
) -> Response {
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
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    visit.protection.dress(response.headers_mut());
    response
}

/// Lets through whom the web configuration lets in.
async fn known_only(Extension(visit): Extension<Visit>, request: Request, next: Next) -> Response {
    if ![HEALTHY, READY].contains(&request.uri().path())
        && let Err(refusal) = visit.protection.admit(visit.peer, request.headers()).await
    {
        return refusal;
    }
    next.run(request).await
}

/// Lets through who asks for a page, where there are any.
async fn pages_only(
    State(desk): State<Desk>,
    Extension(visit): Extension<Visit>,
    request: Request,
    next: Next,
) -> Response {
    // While a reload moves the listener or protects it, a connection of before must not show what
    // only those that come after it may.
    let is_loopback = desk.address.ip().to_canonical().is_loopback();
    let is_private = is_loopback || visit.protection.is_whole();
    let has_changed = || Err("the configuration has just changed".to_owned());
    match desk.daemon.has_pages().and_then(|()| if is_private { Ok(()) } else { has_changed() }) {
        Ok(()) => next.run(request).await,
        Err(reason) => {
            (StatusCode::NOT_FOUND, format!("there are no pages: {reason}\n")).into_response()
        }
    }
}

async fn overview(State(desk): State<Desk>, Query(query): Query<ListQuery>) -> Response {
    page(desk, Asked::Overview(query)).await
}

async fn organization(
    State(desk): State<Desk>,
    Path((service, owner)): Path<(String, String)>,
    Query(query): Query<RosterQuery>,
) -> Response {
    page(desk, Asked::Organization { service, owner, query }).await
}

/// One below a group, as its service writes it: `grp/sub`, or a member of it:
/// `grp/sub/member/ann`.
async fn subgroup(
    State(desk): State<Desk>,
    Path((service, owner, below)): Path<(String, String, String)>,
    Query(query): Query<RosterQuery>,
    Query(life): Query<LifeQuery>,
) -> Response {
    let below = below.trim_end_matches('/');
    let asked = match below.rsplit_once("/member/") {
        Some((below, username)) if !username.contains('/') => {
            let (owner, username) = (format!("{owner}/{below}"), username.to_owned());
            Asked::Member { service, owner, username, query: life }
        }
        _ => Asked::Organization { service, owner: format!("{owner}/{below}"), query },
    };
    page(desk, asked).await
}

async fn member(
    State(desk): State<Desk>,
    Path((service, owner, username)): Path<(String, String, String)>,
    Query(query): Query<LifeQuery>,
) -> Response {
    page(desk, Asked::Member { service, owner, username, query }).await
}

/// A username that cannot be a part of a path.
#[derive(Deserialize)]
struct Named {
    name: String,
}

async fn member_by_query(
    State(desk): State<Desk>,
    Path((service, owner)): Path<(String, String)>,
    Query(Named { name: username }): Query<Named>,
    Query(query): Query<LifeQuery>,
) -> Response {
    page(desk, Asked::Member { service, owner, username, query }).await
}

async fn nothing(State(desk): State<Desk>) -> Response {
    page(desk, Asked::Nothing).await
}

async fn page(desk: Desk, asked: Asked) -> Response {
    let turn = desk.pages.acquire_owned().await.expect("the semaphore is never closed");
    let made = tokio::task::spawn_blocking(move || {
        // Kept to the end, also where nobody waits for it any more.
        let _turn = turn;
        desk.daemon.page(&asked)
    });
    let error = match made.await {
        Ok(Ok(page)) => {
            let status = if page.found { StatusCode::OK } else { StatusCode::NOT_FOUND };
            return (status, OF_PAGES, page.html).into_response();
        }
        Ok(Err(error)) => crate::chain::chain(&*error),
        Err(panic) => panic.to_string(),
    };
    tracing::warn!(error, "a page cannot be made");
    (StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be made now; the log says why\n")
        .into_response()
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], [(CACHE_CONTROL, KEPT)], pages::STYLE.as_str())
        .into_response()
}

async fn icon() -> Response {
    ([(CONTENT_TYPE, "image/svg+xml")], [(CACHE_CONTROL, KEPT)], pages::ICON).into_response()
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

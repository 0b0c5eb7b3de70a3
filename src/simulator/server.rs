//! The simulator as a server on loopback: sockets, the record of what came, and the hooks.
//!
//! A request is answered under one lock from beginning to end, so hooks and churn are the only
//! things that can happen between its count and its rows, and every run of a test sees the same.
//!
//! Knows no route by name, and of faults only those that change what is looked up; it counts,
//! records and carries bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, header};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::api::{self, Desk};
use super::bend::{self, Outgoing};
use super::change::{Change, ChangeError};
use super::churn::Churn;
use super::door;
use super::faults::{Fault, Faults, When};
use super::request::Request;
use super::script::{Event, Script, Step, Time};
use super::world::World;
use crate::clock::{Clock, SystemClock};

/// The largest request body that is read; the API needs a hundred bytes.
const MAX_BODY: usize = 64 * 1024;

/// How long nothing is accepted after a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// A running simulator. Dropping it ends it, in the middle of an answer if need be.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// What can be set about the server itself.
#[derive(Clone)]
pub struct Options {
    /// What all paths start with, such as `/codecov`; empty for none.
    pub prefix: String,
    /// The `Host` headers that are answered, with their port; empty for any.
    pub hosts: Vec<String>,
    /// Leaves connections open, which the real server does not.
    pub keep_alive: bool,
    /// Tells the time: that of every answer, and whether a session has ended.
    pub clock: Arc<dyn Clock>,
    /// Remembers every request and every change, for who asks afterwards. Over weeks, that would
    /// fill the memory.
    pub remembers: bool,
}

impl Default for Options {
    fn default() -> Self {
        let clock = Arc::new(SystemClock);
        let (prefix, hosts) = (String::new(), Vec::new());
        Self { prefix, hosts, keep_alive: false, clock, remembers: true }
    }
}

/// A request that came, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRequest {
    /// The first one is 1.
    pub number: u64,
    /// Such as `GET`.
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// The status that was answered; `None` where nothing was.
    pub status: Option<u16>,
    /// The label of the token, `unknown`, `malformed`, or `None` without one.
    pub token: Option<String>,
    /// The `User-Agent`.
    pub user_agent: Option<String>,
}

/// A change that the simulator made, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The request that came last.
    pub request: u64,
    /// Where in that request.
    pub moment: Moment,
    /// What changed.
    pub change: Change,
}

/// A place in the course of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before anything was looked up.
    Before,
    /// After the count, before the rows.
    BetweenCountAndRows,
    /// After the answer.
    After,
}

type Hook = Box<dyn FnMut(u64, &mut World) + Send>;

struct Shared {
    options: Options,
    state: Mutex<State>,
    crowd: Crowd,
}

/// How many requests wait for their answer.
#[derive(Default)]
struct Crowd {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// One of those.
struct Waiting<'a>(&'a Crowd);

impl Crowd {
    fn enter(&self) -> Waiting<'_> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Waiting(self)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    world: World,
    faults: Faults,
    churn: Option<Churn>,
    before_request: Vec<Hook>,
    between_count_and_rows: Vec<Hook>,
    /// Steps of a script that wait for their request.
    steps: Vec<(u64, Event)>,
    /// Changes of a script that wait for the moment between the count and the rows of theirs.
    races: Vec<(u64, Change)>,
    requests: u64,
    record: Record,
}

/// What was asked and what was done.
#[derive(Default)]
struct Record {
    remembers: bool,
    requests: Vec<LoggedRequest>,
    changes: Vec<Recorded>,
    watcher: Option<mpsc::UnboundedSender<Recorded>>,
}

impl Record {
    fn add(&mut self, request: u64, moment: Moment, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            let recorded = Recorded { request, moment, change };
            // Whoever stopped watching does not want to know.
            self.watcher.take_if(|watcher| watcher.send(recorded.clone()).is_err());
            if self.remembers {
                self.changes.push(recorded);
            }
        }
    }

    fn add_request(&mut self, request: LoggedRequest) {
        if self.remembers {
            self.requests.push(request);
        }
    }
}

/// Running and ending.
impl Simulator {
    /// Serves the world on that address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub async fn start(world: World, listen: SocketAddr) -> io::Result<Self> {
        Self::start_with(world, listen, Options::default()).await
    }

    /// The same with a prefix, connections that stay, or another clock.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub async fn start_with(
        world: World,
        listen: SocketAddr,
        options: Options,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let record = Record { remembers: options.remembers, ..Record::default() };
        let state = Mutex::new(State { world, record, ..State::default() });
        let shared = Arc::new(Shared { options, state, crowd: Crowd::default() });
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared), stop.clone()));
        Ok(Self { address, shared, stop, tasks })
    }

    /// What a client is given as its base URL: no `/api/v2`, no slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.address, self.shared.options.prefix)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection and waits until the port is free.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What happens to the world.
impl Simulator {
    /// Looks at the world or changes it, between two requests.
    pub fn edit<T>(&self, edit: impl FnOnce(&mut World) -> T) -> T {
        edit(&mut self.shared.state().world)
    }

    /// Makes a change and records it.
    ///
    /// # Errors
    ///
    /// The organization or the person is not there.
    pub fn apply(&self, change: Change) -> Result<(), ChangeError> {
        self.shared.state().apply(change)
    }

    /// Makes one random change, and records it.
    pub fn change_once(&self, churn: &mut Churn) -> Option<Change> {
        let state = &mut *self.shared.state();
        let change = churn.change(&mut state.world)?;
        state.record.add(state.requests, Moment::After, [change.clone()]);
        Some(change)
    }

    /// Calls `hook` with the number of each request before it is looked at.
    pub fn before_request(&self, hook: impl FnMut(u64, &mut World) + Send + 'static) {
        self.shared.state().before_request.push(Box::new(hook));
    }

    /// Calls `hook` with the number of each list request when its rows have been counted and
    /// not yet read.
    pub fn between_count_and_rows(&self, hook: impl FnMut(u64, &mut World) + Send + 'static) {
        self.shared.state().between_count_and_rows.push(Box::new(hook));
    }

    /// Lets people come and go between and within requests; `None` ends it.
    pub fn churn(&self, churn: Option<Churn>) {
        self.shared.state().churn = churn;
    }

    /// Lets a fault happen.
    pub fn fault(&self, when: When, fault: Fault) {
        self.shared.state().faults.add(when, fault);
    }

    /// Lets no fault happen any more, and calls no hook.
    pub fn calm(&self) {
        let state = &mut *self.shared.state();
        state.faults = Faults::default();
        state.churn = None;
        state.before_request.clear();
        state.between_count_and_rows.clear();
        state.steps.clear();
        state.races.clear();
    }

    /// Runs a script from now on; requests are counted from the start of the simulator. What is to
    /// happen after one that has been answered already happens at once.
    pub fn run(&mut self, script: Script) {
        let mut timed = Vec::new();
        let mut state = self.shared.state();
        for step in script.steps {
            match step {
                Step::Timed(Time::AfterRequest(number), event) if number <= state.requests => {
                    state.happen(event);
                }
                Step::Timed(Time::AfterRequest(number), event) => {
                    state.steps.push((number, event));
                }
                Step::Timed(Time::At(delay), event) => timed.push((delay, event)),
                Step::Race(number, change) => state.races.push((number, change)),
            }
        }
        drop(state);
        // Stable, and one task: steps of one time happen in the order in which they are written.
        timed.sort_by_key(|(delay, _)| *delay);
        let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
        let start = Instant::now();
        self.tasks.spawn(async move {
            for (delay, event) in timed {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(delay.saturating_sub(start.elapsed())) => {
                        shared.state().happen(event);
                    }
                }
            }
        });
    }
}

/// What came, and what was done.
impl Simulator {
    /// All requests so far, as far as they are [remembered](Options::remembers).
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.shared.state().record.requests.clone()
    }

    /// Forgets the requests so far; their numbers go on.
    pub fn clear_log(&self) {
        self.shared.state().record.requests.clear();
    }

    /// How many requests have come.
    pub fn requests(&self) -> u64 {
        self.shared.state().requests
    }

    /// How many requests waited for their answer at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        self.shared.crowd.most.load(Ordering::SeqCst)
    }

    /// Every change that was made by churn, scripts and [`Simulator::apply`], in order, as far as
    /// they are [remembered](Options::remembers).
    pub fn changes(&self) -> Vec<Recorded> {
        self.shared.state().record.changes.clone()
    }

    /// Every such change from now on, as it is made.
    pub fn watch(&self) -> mpsc::UnboundedReceiver<Recorded> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.shared.state().record.watcher = Some(sender);
        receiver
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A hook that panicked has failed its test; the world is still worth serving.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(
        &self,
        request: hyper::Request<hyper::body::Incoming>,
        reset: &Arc<AtomicBool>,
    ) -> io::Result<Response<Body>> {
        let _waiting = self.crowd.enter();
        let (parts, body) = request.into_parts();
        let body = to_bytes(Body::new(body), MAX_BODY).await.map_err(io::Error::other)?;
        let request = Request::read(&parts, body, &self.options.prefix);
        let outgoing = self.state().answer(&request, &parts, &self.options, reset);
        match outgoing {
            Outgoing::Hang => std::future::pending().await,
            Outgoing::Reset => {
                reset.store(true, Ordering::Relaxed);
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Outgoing::Response { late, mut response } => {
                if !late.is_zero() {
                    tokio::time::sleep(late).await;
                }
                if !self.options.keep_alive {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                Ok(*response)
            }
        }
    }
}

impl State {
    fn answer(
        &mut self,
        request: &Request,
        parts: &Parts,
        options: &Options,
        reset: &Arc<AtomicBool>,
    ) -> Outgoing {
        self.requests += 1;
        let number = self.requests;
        let token = api::caller_label(&self.world, &request.credentials);
        let happening = self.faults.take(number, request);

        let now = options.clock.now();
        let Self { world, churn, before_request, between_count_and_rows, races, record, .. } = self;
        let mut disturb = |world: &mut World, hooks: &mut [Hook], due: Vec<Change>, moment| {
            for hook in hooks {
                hook(number, world);
            }
            let due: Vec<_> = due.into_iter().filter(|change| is_made(world, change)).collect();
            let changes = churn.as_mut().map(|churn| churn.churn(world));
            record.add(number, moment, due.into_iter().chain(changes.into_iter().flatten()));
        };
        disturb(world, before_request, Vec::new(), Moment::Before);
        let mut between = |world: &mut World| {
            let due = races.extract_if(.., |(from, _)| *from <= number);
            let due = due.map(|(_, change)| change).collect();
            disturb(world, between_count_and_rows, due, Moment::BetweenCountAndRows);
        };
        let page_size_cap = happening.bends.iter().find_map(|fault| match fault {
            Fault::CappedPageSize(rows) => Some(*rows),
            _ => None,
        });
        let git_host = happening.bends.iter().find_map(|fault| match fault {
            Fault::GitHost(says) => Some(*says),
            _ => None,
        });
        let mut desk = Desk { world, between: &mut between, page_size_cap, git_host, now };
        let answer = door::refusal(&parts.headers, &options.hosts)
            .unwrap_or_else(|| api::answer(&mut desk, request));
        let answer = bend::list(answer, &happening.bends);
        let mut outgoing = bend::send(answer, happening.breaks, now, reset);
        if let Outgoing::Response { response, .. } = &mut outgoing {
            let date = bend::date(&happening.bends, now);
            response.headers_mut().extend(date.map(|date| (header::DATE, date)));
        }

        let text = |name| {
            let value = parts.headers.get(name).map(|value: &HeaderValue| value.as_bytes());
            value.map(|value| String::from_utf8_lossy(value).into_owned())
        };
        self.record.add_request(LoggedRequest {
            number,
            method: parts.method.to_string(),
            target: parts.uri.to_string(),
            status: outgoing.status(),
            token,
            user_agent: text(header::USER_AGENT),
        });
        let waiting = std::mem::take(&mut self.steps);
        for (after, event) in waiting {
            if after <= number {
                self.happen(event);
            } else {
                self.steps.push((after, event));
            }
        }
        outgoing
    }
}

/// What scripts and edits do.
impl State {
    fn apply(&mut self, change: Change) -> Result<(), ChangeError> {
        self.world.apply(&change)?;
        self.record.add(self.requests, Moment::After, [change]);
        Ok(())
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Fault(when, fault) => self.faults.add(when, fault),
            Event::Change(change) => {
                if is_made(&mut self.world, &change) {
                    self.record.add(self.requests, Moment::After, [change]);
                }
            }
        }
    }
}

/// Makes a change that a script asks for, if that can be.
fn is_made(world: &mut World, change: &Change) -> bool {
    let made = world.apply(change);
    if let Err(error) = &made {
        tracing::warn!(%error, "a step of the script changed nothing");
    }
    made.is_ok()
}

/// Takes connections until it is told to stop, and then drops them all.
async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve(stream, Arc::clone(&shared)))),
                Err(error) => {
                    // One that was broken off, or there are no descriptors: the next may be taken.
                    tracing::debug!(%error, "the simulator could not take a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            // Finished connections are let go of as they come.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Serves one connection to its end, which is a reset where a fault asks for one.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let reset = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request| Box::pin(shared.answer(request, &reset)));
    let mut connection = http1::Builder::new()
        .auto_date_header(false) // It is the simulator's clock that tells.
        .serve_connection(TokioIo::new(stream), service);
    let ended = std::future::poll_fn(|context| connection.poll_without_shutdown(context)).await;
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of the simulator broke");
    }
    let mut stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::Relaxed) {
        // Without lingering, closing is a reset.
        drop(stream.set_zero_linger());
    } else {
        drop(stream.shutdown().await);
    }
}

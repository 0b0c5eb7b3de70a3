//! The daemon: many organizations, each on its schedule, until it is told to stop.
//!
//! One loop owns what is due, what runs and what is served; whoever wants something of these asks
//! it through [`Orders`]. It decides when, and never what: a scheduled sync is the same pass that
//! `seatwatch sync` runs, a worker takes the same steps that follow such a sync.
//!
//! Time comes from outside, as a clock and a beat: a test can let a year pass.

mod answers;
mod by_hand;
mod changes;
mod discovery;
mod door;
mod heartbeat;
mod left;
mod notify;
mod orders;
mod overview;
mod pulse;
mod reload;
mod syncs;
mod told;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use seatwatch_sdk::EventKind;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use self::answers::Answers;
use self::discovery::Discovery;
use self::door::Door;
use self::heartbeat::Heartbeat;
use self::notify::Notify;
use self::orders::Order;
pub use self::orders::Orders;
use self::overview::{Overview, Sights};
use self::pulse::Pulse;
use self::syncs::{Ended, Syncs};
use crate::chain::chain;
use crate::clock::Clock;
use crate::codecov::{Observer, Policy};
use crate::config::Config;
use crate::control::Control;
use crate::discover;
use crate::dispatch::{Means, Workers};
use crate::exit::{Exit, Failure, Stop};
use crate::metrics::Metrics;
use crate::organization::OrganizationId;
use crate::schedule::{Ticks, Timetable};
use crate::servers::Servers;
use crate::store::{LockedDirectory, Store, Trimmed, Tx};
use crate::upkeep;

/// How often the store is looked after: it trims once a day, whenever that is due.
const UPKEEP_EVERY: Duration = Duration::from_secs(10 * 60);

/// How long the loop waits for a note that only `status` needs.
const LONGEST_NOTE: Duration = Duration::from_secs(1);

/// What a daemon takes from its surroundings.
pub struct Surroundings {
    /// Where its config is: a reload reads it again.
    pub config: PathBuf,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// When to look at it.
    pub ticks: Ticks,
    /// How patiently Codecov is asked.
    pub policy: Policy,
    /// Where systemd wants the control socket.
    pub runtime_dir: Option<PathBuf>,
    /// Whether to tell systemd how it goes.
    pub notify: bool,
}

/// A daemon that is ready: config, database and listeners are up.
pub struct Daemon {
    around: Surroundings,
    config: Arc<Config>,
    servers: Servers,
    store: Arc<Store>,
    metrics: Metrics,
    orders: (Orders, mpsc::Receiver<Order>),
    timetable: Arc<Mutex<Timetable>>,
    syncs: Syncs,
    discovery: Discovery,
    workers: Workers,
    heartbeat: Arc<Mutex<Heartbeat>>,
    last_upkeep: Option<Instant>,
    upkeep: Option<AbortHandle>,
    /// What is done beside the loop, and ends with it.
    chores: JoinSet<()>,
    stop: CancellationToken,
    notify: Notify,
    pulse: Arc<Pulse>,
    overview: Arc<Overview>,
    door: Door,
    /// Counts the requests to Codecov.
    observer: Observer,
}

impl Daemon {
    /// Brings everything up. No sync has begun, and every sink has its place in the log.
    ///
    /// # Errors
    ///
    /// The state directory is in use, or one of the parts cannot be brought up.
    pub async fn start(config: Config, around: Surroundings) -> Result<Self, Stop> {
        let store = Arc::new(Store::open(LockedDirectory::lock(&config.state_dir)?)?);
        let control = Control::bind(&config.state_dir, around.runtime_dir.as_deref())
            .map_err(|error| Failure::new(Exit::CannotCreate, chain(&error)))?;
        // What was found before is watched also where nothing can be looked up now.
        let config = Arc::new(store.read(|view| discover::watched(config, view))?);
        let mut daemon = Self::idle(Arc::clone(&config), store, around);
        daemon.adopt(config, None).await?;
        daemon.metrics.reloaded(true, daemon.around.clock.now());
        daemon.answer(control);
        Ok(daemon)
    }

    /// One that watches nothing and serves nothing yet.
    fn idle(config: Arc<Config>, store: Arc<Store>, around: Surroundings) -> Self {
        let metrics = Metrics::new();
        let timetable = Arc::new(Mutex::new(Timetable::new()));
        let pulse = Arc::new(Pulse::new(Arc::clone(&store)));
        let heartbeat = Arc::<Mutex<Heartbeat>>::default();
        let means = Means {
            store: Arc::clone(&store),
            clock: Arc::clone(&around.clock),
            ticks: around.ticks.clone(),
            metrics: metrics.clone(),
        };
        let sights = Sights {
            store: Arc::clone(&store),
            clock: Arc::clone(&around.clock),
            timetable: Arc::clone(&timetable),
            heartbeat: Arc::clone(&heartbeat),
            metrics: metrics.clone(),
            pulse: Arc::clone(&pulse),
        };
        Self {
            notify: Notify::new(around.notify),
            workers: Workers::new(means),
            overview: Arc::new(Overview::new(sights)),
            observer: observer(&metrics),
            orders: orders::channel(),
            servers: Servers::default(),
            syncs: Syncs::default(),
            discovery: Discovery::default(),
            door: Door::default(),
            chores: JoinSet::new(),
            stop: CancellationToken::new(),
            last_upkeep: None,
            upkeep: None,
            around,
            config,
            store,
            metrics,
            timetable,
            heartbeat,
            pulse,
        }
    }

    /// Where its HTTP endpoints are: `config.listen`, with the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.door.address().expect("it was opened at the start")
    }

    /// Where it takes orders from.
    pub fn orders(&self) -> Orders {
        self.orders.0.clone()
    }

    /// Runs until it is ordered to stop.
    pub async fn run(mut self) {
        self.overview.set_ready(true);
        info!(
            organizations = self.config.organizations.len(),
            sinks = self.config.sinks.len(),
            listen = %self.address(),
            "started"
        );
        // Last: whoever waits for it finds in the log where to ask, and is answered there.
        self.notify.ready();
        loop {
            tokio::select! {
                () = self.around.ticks.next() => self.beat().await,
                ended = self.syncs.next_ended() => self.note(&ended).await,
                ended = self.discovery.next_ended() => self.discovered(ended).await,
                Some(order) = self.orders.1.recv() => match order {
                    Order::Stop => break,
                    order => self.obey(order).await,
                },
                Some(chore) = self.chores.join_next() => {
                    if let Err(error) = chore && !error.is_cancelled() {
                        error!(%error, "a part of the daemon broke off, a mistake in seatwatch");
                    }
                }
            }
        }
        self.end().await;
    }

    /// Once a second.
    async fn beat(&mut self) {
        let now = self.around.clock.now();
        let due = self.timetable().due(now);
        if let Some(jump) = due.jump {
            let seconds = jump.num_seconds();
            warn!(seconds, "the clock jumped: what was missed is made up for, once");
            self.heartbeat().reckon(now);
        }
        self.sync(due.organizations, now).await;
        self.discover(now);
        let is_due = self.heartbeat().is_due(now);
        if is_due {
            self.send_heartbeat(now);
        }
        if self.last_upkeep.is_none_or(|last| last.elapsed() >= UPKEEP_EVERY) {
            self.last_upkeep = Some(Instant::now());
            self.keep_up(now);
        }
        self.life().show();
    }

    fn life(&mut self) -> Life<'_> {
        Life {
            pulse: &self.pulse,
            overview: &self.overview,
            notify: &mut self.notify,
            chores: &mut self.chores,
        }
    }

    /// Lets the organizations sync that are due.
    async fn sync(&mut self, due: Vec<OrganizationId>, now: DateTime<Utc>) {
        let new = self.syncs.queue(due);
        if !new.is_empty() {
            self.note_begun(new, now).await;
            self.syncs.start();
        }
    }

    /// For `status`, which says that they are syncing.
    async fn note_begun(&self, organizations: Vec<OrganizationId>, now: DateTime<Utc>) {
        self.note_syncs(move |tx| tx.begin_syncs(&organizations, now)).await;
    }

    /// For `status`, where what was noted one by one would be wrong.
    async fn note_under_way(&self) {
        let (under_way, now) = (self.syncs.under_way(), self.around.clock.now());
        self.note_syncs(move |tx| tx.begin_syncs_anew(&under_way, now)).await;
    }

    /// The loop does not stand still for it, as while the file is written anew. Where it cannot be
    /// noted, the syncs will say so themselves.
    async fn note_syncs(
        &self,
        change: impl FnOnce(&Tx<'_>) -> rusqlite::Result<()> + Send + 'static,
    ) {
        match timeout(LONGEST_NOTE, self.store.write(change)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(error = chain(&error), "cannot note which syncs are under way");
            }
            Err(_) => debug!("the store is busy: not noted which syncs are under way"),
        }
    }

    /// Trims what is older than the retention, if that is due.
    fn keep_up(&mut self, now: DateTime<Utc>) {
        let (store, config) = (Arc::clone(&self.store), Arc::clone(&self.config));
        if self.upkeep.as_ref().is_some_and(|last| !last.is_finished()) {
            return;
        }
        let trimming = self.chores.spawn(async move {
            match upkeep::trim(&store, &config, now).await {
                Ok(Some(Trimmed { events, states, runs, .. })) if events + states + runs > 0 => {
                    info!(events, states, runs, "trimmed what is older than `retention`");
                }
                Ok(_) => {}
                Err(error) => warn!(error = chain(&error), "cannot trim what is old, will retry"),
            }
        });
        self.upkeep = Some(trimming);
    }

    fn send_heartbeat(&mut self, now: DateTime<Utc>) {
        let (store, overview) = (Arc::clone(&self.store), Arc::clone(&self.overview));
        let (instance, metrics) = (self.config.instance.clone(), self.metrics.clone());
        let heartbeat = Arc::clone(&self.heartbeat);
        self.chores.spawn(async move {
            match heartbeat::send(&store, &overview, &instance, now).await {
                Ok(()) => {
                    metrics.event(EventKind::Heartbeat);
                    heartbeat.lock().unwrap_or_else(PoisonError::into_inner).written();
                }
                Err(error) => error!(error = chain(&error), "cannot send a heartbeat"),
            }
        });
    }

    async fn note(&mut self, ended: &Ended) {
        match &ended.result {
            Ok(report) => told::tell(report, &self.metrics),
            Err(broken) => told::tell_broken(&ended.organization, broken, &self.metrics),
        }
        self.overview.synced(&ended.organization, ended.result.is_ok());
        self.overview.changed();
        // Last, for it may take its time. The end, where it was noted, is not that of the next one;
        // else nobody noted it.
        if ended.result.is_err() || self.syncs.is_under_way(&ended.organization) {
            self.note_under_way().await;
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Stop => unreachable!("the loop ends at it"),
            Order::Sync { organizations, asked } => {
                let ids = self.named(organizations);
                // Who wants to see everything means what is new, too.
                if ids.len() == self.config.organizations.len() {
                    self.discovery.soon();
                }
                self.note_begun(ids.clone(), self.around.clock.now()).await;
                self.syncs.ask(ids, &asked);
            }
            Order::Hurry { answer } => {
                let hurried = self.workers.hurry();
                self.chores.spawn(async move {
                    // Who asked may be gone.
                    drop(answer.send(hurried.await));
                });
            }
            Order::Address { answer } => drop(answer.send(self.address())),
            Order::Act { sink, act, answer } => self.act(&sink, act, answer),
            Order::Test { sink, answer } => self.test_sink(&sink, answer),
            Order::Forget { organization, answer } => {
                let store = Arc::clone(&self.store);
                if self.syncs.knows(&organization) {
                    drop(answer.send(Err(watched(&organization).into())));
                    return;
                }
                let overview = Arc::clone(&self.overview);
                self.chores.spawn(async move {
                    let erased = upkeep::forget(&store, &organization).await;
                    overview.changed();
                    drop(answer.send(erased.map_err(Stop::from)));
                });
            }
            Order::Reload { answer } => {
                let result = self.reload().await;
                drop(answer.send(result));
            }
        }
    }

    /// The organizations that are meant, as far as they are watched: all if none is named.
    fn named(&self, names: Vec<OrganizationId>) -> Vec<OrganizationId> {
        let all = self.config.organizations.iter().map(|organization| organization.id.clone());
        if names.is_empty() {
            all.collect()
        } else {
            names.into_iter().filter(|id| self.syncs.knows(id)).collect()
        }
    }

    /// Ends in good order: no more syncs, nothing of those that run is committed, and deliveries
    /// under way get their time.
    async fn end(mut self) {
        self.notify.stopping();
        self.overview.set_ready(false);
        info!("stopping");
        self.stop.cancel();
        self.orders.1.close();
        // Before the syncs: who waits for one is to hear that the daemon has ended, and not that
        // nothing came of it.
        self.chores.shutdown().await;
        drop(self.syncs);
        drop(self.discovery);
        self.workers.end_all().await;
        self.door.close().await;
        info!("stopped");
    }

    fn timetable(&self) -> MutexGuard<'_, Timetable> {
        self.timetable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heartbeat(&self) -> MutexGuard<'_, Heartbeat> {
        self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&mut self, control: Control) {
        let answers =
            Answers::new(Arc::clone(&self.store), Arc::clone(&self.around.clock), self.orders());
        self.chores.spawn(control.serve(Arc::new(answers), self.stop.clone()));
    }
}

/// What it takes to show that the loop lives.
struct Life<'a> {
    pulse: &'a Arc<Pulse>,
    overview: &'a Overview,
    notify: &'a mut Notify,
    chores: &'a mut JoinSet<()>,
}

impl Life<'_> {
    /// Shows it, once a second, and asks whether the store lives, too: what the watchdog hears is
    /// true of both.
    fn show(&mut self) {
        self.pulse.beat();
        if let Some(question) = self.pulse.question() {
            // Beside whatever asks: it stays open until it is answered.
            self.chores.spawn(question);
        }
        self.notify.beat(self.pulse, self.overview);
    }
}

/// An organization that a person wants to be forgotten is still watched.
fn watched(organization: &OrganizationId) -> Failure {
    let message =
        format!("{organization}: the daemon watches it, and it would be back with the next sync");
    Failure::new(Exit::Usage, message)
        .with_hint("take it out of the config, and run `seatwatch reload`")
}

/// Counts every request to Codecov.
fn observer(metrics: &Metrics) -> Observer {
    let metrics = metrics.clone();
    Arc::new(move |status, took| metrics.asked(status, took))
}

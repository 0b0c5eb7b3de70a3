//! Runs a daemon in this process, with a clock that is set by hand: a day passes in seconds.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use seatwatch::clock::Clock;
use seatwatch::codecov::Policy;
use seatwatch::config::{self, Config};
use seatwatch::daemon::{Daemon, Orders, Surroundings};
use seatwatch::dispatch;
use seatwatch::organization::OrganizationId;
use seatwatch::schedule::{Beat, Ticks};
use seatwatch::store::{Outcome, Reader};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::process::{whole_events, words};

/// After so long, what is waited for will not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Shows what it was set to.
struct Hands(Mutex<DateTime<Utc>>);

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// How a sync ended and when, if there was one.
pub(super) type LastRun = Option<(Outcome, DateTime<Utc>)>;

/// A daemon whose time only passes when somebody says so.
pub(super) struct ByHand {
    clock: Arc<Hands>,
    beat: Beat,
    orders: Orders,
    address: SocketAddr,
    pub(super) runtime: Runtime,
    running: JoinHandle<()>,
    pub(super) config: Config,
    reader: Reader,
    /// Runs that are those of earlier daemons.
    runs_before: u64,
    path: PathBuf,
}

impl ByHand {
    /// Starts it on a config, at a time; that is also the first beat.
    pub(super) fn start(path: PathBuf, text: &str, time: DateTime<Utc>) -> Self {
        fs::write(&path, text).unwrap();
        let load = || config::load(&path).unwrap();
        let config = load();
        let clock = Arc::new(Hands(Mutex::new(time)));
        let (beat, ticks) = Ticks::by_hand();
        let (min_delay, max_delay) = (Duration::from_millis(1), Duration::from_millis(4));
        let around = Surroundings {
            config: path.clone(),
            clock: Arc::<Hands>::clone(&clock),
            ticks,
            policy: Policy { attempts: 3, min_delay, max_delay },
            runtime_dir: None,
            notify: false,
        };
        let runtime = Runtime::new().unwrap();
        let runs_before = runs(&config);
        let daemon = runtime.block_on(Daemon::start(load(), around));
        let daemon = daemon.unwrap_or_else(|stop| panic!("{stop}"));
        let (orders, address) = (daemon.orders(), daemon.address());
        let running = runtime.spawn(daemon.run());
        beat.strike();
        let reader = Reader::open(&config.state_dir).unwrap();
        Self { clock, beat, orders, address, runtime, running, config, reader, runs_before, path }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Sets the clock, and lets everybody look at it.
    pub(super) fn set(&self, time: DateTime<Utc>) {
        *self.clock.0.lock().unwrap() = time;
        self.beat.strike();
    }

    pub(super) fn pass(&self, time: TimeDelta) {
        self.set(self.now() + time);
    }

    /// Waits until `look` sees something, and returns it.
    #[track_caller]
    pub(super) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            assert!(!self.running.is_finished(), "waiting for {what}, the daemon ended");
            assert!(start.elapsed() < PATIENCE, "at {}, waited in vain for {what}", self.now());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How each organization's last sync ended, and when.
    pub(super) fn last_runs(&self) -> Vec<(OrganizationId, LastRun)> {
        let ids = self.config.organizations.iter().map(|organization| organization.id.clone());
        let runs = self.reader.read(|view| {
            ids.map(|id| {
                let run = match view.find(&id)? {
                    Some(number) => view.last_run(number)?,
                    None => None,
                };
                Ok((id, run.map(|run| (run.outcome, run.last_finished_at))))
            })
            .collect()
        });
        runs.unwrap()
    }

    /// Waits until the loop has taken leave of every sync that is committed: a beat before that
    /// would find it running, and leave the next one out.
    #[track_caller]
    pub(super) fn note_all(&self) {
        self.until("the loop", || {
            let metrics = self.get("/metrics");
            let counts =
                metrics.lines().filter(|line| line.starts_with("seatwatch_sync_runs_total"));
            let noted: u64 =
                counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
            (noted + self.runs_before == runs(&self.config)).then_some(())
        });
    }

    /// How many events wait to be delivered.
    pub(super) fn queued(&self) -> u64 {
        let lanes = dispatch::status(&self.reader, &self.config.sinks, self.now()).unwrap();
        lanes.iter().map(|lane| lane.lag.queued).sum()
    }

    /// Lets time pass until `time`, in steps that are no jumps of the clock.
    pub(super) fn wait_for(&self, time: DateTime<Utc>) {
        while self.now() < time {
            self.set((self.now() + TimeDelta::minutes(4)).min(time));
            // A beat that nobody had the time to hear is one with the next.
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until every organization was synced since `time`, and everything is delivered.
    ///
    /// Where beats were not heard, the clock seemed to jump, and syncs are spread over seconds.
    #[track_caller]
    pub(super) fn settle(&self, time: DateTime<Utc>) {
        let is_synced =
            |run: &(_, LastRun)| run.1.as_ref().is_some_and(|(_, finished)| *finished >= time);
        let mut last_pass = Instant::now();
        self.until("all syncs", || {
            if last_pass.elapsed() > Duration::from_secs(1) {
                last_pass = Instant::now();
                self.pass(TimeDelta::seconds(5));
            }
            self.last_runs().iter().all(is_synced).then_some(())
        });
        self.until("all deliveries", || (self.queued() == 0).then_some(()));
    }

    /// The whole lines of a file beside the config as `event member`.
    pub(super) fn told_to(&self, file: &str) -> String {
        words(&whole_events(&self.path.with_file_name(file)))
    }

    /// A page of its HTTP endpoints.
    pub(super) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }

    /// Asks it to stop, and waits until it has.
    pub(super) fn stop(self) {
        let Self { orders, running, runtime, .. } = self;
        runtime.block_on(async {
            orders.stop().await;
            running.await.unwrap();
        });
    }
}

/// How many runs the store knows.
fn runs(config: &Config) -> u64 {
    let database = config.state_dir.join("seatwatch.db");
    if !database.exists() {
        return 0;
    }
    let database = rusqlite::Connection::open(database).unwrap();
    let sum = database.query_row("SELECT coalesce(sum(count), 0) FROM runs", [], |row| row.get(0));
    sum.unwrap()
}

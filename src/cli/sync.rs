//! `seatwatch sync`: one pass over the organizations, then one attempt at every sink.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use chrono_tz::Tz;
use futures_util::{StreamExt as _, stream};
use itertools::Itertools as _;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::ask::{Doer, ask, doer};
use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::left::Left;
use super::output::{Format, Row, write_rows};
use super::progress::Watch;
use super::synced::{
    COLUMNS, Retries, describe_undelivered, refusal, report_row, say_troubles, write_report,
};
use crate::chain::chain;
use crate::codecov::{Policy, Server, Session};
use crate::config::{Config, Organization};
use crate::control::{Answer, Lost, Question, Trouble};
use crate::discover;
use crate::dispatch::{Dispatcher, Undelivered};
use crate::organization::OrganizationId;
use crate::servers::Servers;
use crate::store::{Reader, Store, StoreError};
use crate::sync::{Memory, Report, Synced, Syncer};
use crate::upkeep;

/// For each pass that asks Codecov so many others may wait for their commit: those that wait
/// together share an fsync.
const COMMITS_PER_SYNC: usize = 3;

/// Arguments of `sync`.
#[derive(Debug, clap::Args)]
pub(super) struct Sync {
    /// Which organizations, as `service/owner`; all of the config if none is named.
    #[arg(value_name = "ORG")]
    organizations: Vec<OrganizationId>,

    /// Shows what would change, commits nothing and tells no sink.
    #[arg(long)]
    dry_run: bool,
}

impl Sync {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        instance::say_warnings(&config);
        let selected = instance::select(&config, &self.organizations)?;
        let all = self.organizations.is_empty();
        let runtime = super::runtime()?;
        if self.dry_run {
            let reader = Reader::open(&config.state_dir)?;
            let memory = Memory::LookedAt(Arc::new(reader));
            return runtime.block_on(interruptible("nothing was committed", async {
                sync(&config, &selected, memory, format).await?.exit()
            }));
        }
        runtime.block_on(async {
            match doer(&config)? {
                Doer::Us(directory) => {
                    let left = Left::default();
                    let work = async {
                        let store = Arc::new(Store::open(directory)?);
                        if !all || config.discover.is_empty() {
                            return sync_and_deliver(&config, &selected, store, format, &left)
                                .await;
                        }
                        instance::take_over(&config, &store).await?;
                        let dispatcher = dispatcher(&config, &store).await?;
                        let (config, looked_up) = look_up(&config, &store).await?;
                        let selected: Vec<&Organization> = config.organizations.iter().collect();
                        let synced =
                            sync_and_attempt(&config, &selected, store, dispatcher, format, &left)
                                .await?;
                        Ok(if synced == Exit::Ok { looked_up } else { synced })
                    };
                    until_interrupted(work).await?.ok_or_else(|| left.interrupted(&config).into())
                }
                Doer::Daemon(daemon) => {
                    let organizations = selected.iter().map(|one| one.id.clone()).collect();
                    let question = Question::Sync { organizations };
                    let work = sync_by_daemon(daemon, question, &selected, format, config.timezone);
                    interruptible(GOES_ON, work).await
                }
            }
        })
    }
}

/// Lets the daemon sync, and writes what `sync_and_deliver` would; times of sinks in the zone of the
/// config.
pub(super) async fn sync_by_daemon(
    daemon: UnixStream,
    question: Question,
    selected: &[&Organization],
    format: Format,
    zone: Tz,
) -> Result<Exit, Stop> {
    let mut teller = Teller::new(format, false);
    let mut waiting: VecDeque<&Organization> = selected.iter().copied().collect();
    let mut early: HashMap<OrganizationId, Result<Report, Trouble>> = HashMap::new();
    let mut undelivered = Vec::new();
    let mut refused = None;
    let failed = ask(daemon, question, |answer| {
        match answer {
            Answer::Report(report) => {
                early.insert(report.organization.clone(), Ok(*report));
            }
            Answer::Lost(Lost { organization, trouble }) => {
                early.insert(organization, Err(trouble));
            }
            Answer::Undelivered(one) => undelivered.push(one),
            Answer::Refused(why) => refused = Some(why),
            _ => {}
        }
        // In the order of the config, as far as it is known by now.
        while let Some(next) = waiting.front()
            && let Some(ended) = early.remove(&next.id)
        {
            teller.tell(Some(next), &ended);
            waiting.pop_front();
        }
        Ok(())
    })
    .await?;
    if let Some(refused) = refused {
        let organization = &selected.first().expect("one was asked about").id;
        return Err(refusal(organization, &refused).into());
    }
    if let Some(exit) = failed {
        // It has synced nothing, and has said why.
        return Ok(exit);
    }
    for organization in waiting {
        match early.remove(&organization.id) {
            Some(ended) => teller.tell(Some(organization), &ended),
            None => teller.miss(organization),
        }
    }
    // Found by the daemon, and not in the config that was read here.
    for (_, ended) in early.into_iter().sorted_by_key(|(id, _)| id.to_string()) {
        teller.tell(None, &ended);
    }
    teller.finish();
    say_undelivered(&undelivered, Retries::Daemon, zone);
    teller.exit()
}

/// Looks up which organizations there are; what cannot be looked up is told and stops nothing.
/// Returns the config with what is known then.
async fn look_up(config: &Config, store: &Store) -> Result<(Config, Exit), Stop> {
    let clock = instance::clock();
    let servers = Servers::of(config, [], &Servers::default(), Policy::default(), None)?;
    let round = discover::look_up(config, &servers, store, &clock).await?;
    for (service, missed) in &round.failed {
        super::complain(&format!(
            "error: discover on {service}: {}: {}; what was known is still watched\nhint: {}",
            missed.reason, missed.message, missed.hint
        ));
    }
    for id in &round.vanished {
        super::complain(&format!(
            "warning: {id}: is not in the token's listing any more; it is still watched"
        ));
    }
    let exit = round.failed.first().map_or(Exit::Ok, |(_, missed)| missed.reason.into());
    let config = store.read(|view| discover::watched(config.clone(), view))?;
    Ok((config, exit))
}

fn say_undelivered(undelivered: &[Undelivered], retries: Retries, zone: Tz) {
    for text in undelivered.iter().flat_map(|one| describe_undelivered(one, retries, zone)) {
        super::complain(&text);
    }
}

/// Syncs, then gives every sink one attempt. What it does not take stays queued.
pub(super) async fn sync_and_deliver(
    config: &Config,
    selected: &[&Organization],
    store: Arc<Store>,
    format: Format,
    left: &Left,
) -> Result<Exit, Stop> {
    instance::take_over(config, &store).await?;
    let dispatcher = dispatcher(config, &store).await?;
    sync_and_attempt(config, selected, store, dispatcher, format, left).await
}

/// What delivers afterwards. A new sink starts at the end of the log: before anything is added to
/// it.
async fn dispatcher(config: &Config, store: &Arc<Store>) -> Result<Dispatcher, Stop> {
    Ok(Dispatcher::open(store, &instance::clock(), &config.sinks).await?)
}

/// Syncs with a config that was taken over, then delivers.
async fn sync_and_attempt(
    config: &Config,
    selected: &[&Organization],
    store: Arc<Store>,
    dispatcher: Dispatcher,
    format: Format,
    left: &Left,
) -> Result<Exit, Stop> {
    let clock = instance::clock();
    let ids: Vec<OrganizationId> = selected.iter().map(|one| one.id.clone()).collect();
    let now = clock.now();
    store.write(move |tx| tx.begin_syncs_anew(&ids, now)).await?;
    let done = sync(config, selected, Memory::Kept(Arc::clone(&store)), format).await?;
    left.begins_to_deliver();
    let undelivered = dispatcher.attempt_once().await?;
    say_undelivered(&undelivered, Retries::NextSync, config.timezone);
    if let Err(error) = upkeep::trim(&store, config, clock.now()).await {
        // What was synced is committed all the same, and the next run tries again.
        super::complain(&format!("warning: {}\nhint: {}", chain(&error), error.hint()));
    }
    done.exit()
}

/// Tells people or machines how syncs ended, one after the other.
struct Teller {
    format: Format,
    dry_run: bool,
    /// Of the first that failed, in config order.
    exit: Exit,
    /// Whether somebody could be told. One who is gone stops neither syncs nor deliveries.
    written: io::Result<()>,
    rows: Vec<Row>,
}

impl Teller {
    fn new(format: Format, dry_run: bool) -> Self {
        Self { format, dry_run, exit: Exit::Ok, written: Ok(()), rows: Vec::new() }
    }

    /// How one of the config ended, or one of which it knows nothing; or why nobody knows how.
    fn tell(&mut self, organization: Option<&Organization>, ended: &Result<Report, Trouble>) {
        let report = match ended {
            Ok(report) => report,
            Err(Trouble { exit, text }) => {
                self.fail(*exit);
                return super::complain(text);
            }
        };
        self.fail(exit_of(report));
        say_troubles(report, self.dry_run);
        if self.format != Format::Table {
            self.rows.push(report_row(report));
        } else if self.written.is_ok() {
            self.written = write_report(organization, report, &mut super::stdout());
        }
    }

    /// The daemon did not sync it.
    fn miss(&mut self, organization: &Organization) {
        self.fail(Exit::TryAgain);
        super::complain(&format!(
            "error: {}: not synced: the daemon does not watch it, or is stopping\n\
             hint: if it is new in the config, run `seatwatch reload`",
            organization.id
        ));
    }

    fn fail(&mut self, exit: Exit) {
        self.exit = if self.exit == Exit::Ok { exit } else { self.exit };
    }

    fn finish(&mut self) {
        let mut out = super::stdout();
        let written = std::mem::replace(&mut self.written, Ok(()));
        let written = written.and_then(|()| match self.format {
            Format::Table if self.dry_run => {
                writeln!(out, "dry run: nothing committed, no sink told")
            }
            Format::Table => Ok(()),
            Format::Json | Format::Csv => write_rows(self.format, COLUMNS, &self.rows, &mut out),
        });
        self.written = written.and_then(|()| out.flush());
    }

    /// That nobody reads the reports is no reason to hide a failure.
    fn exit(self) -> Result<Exit, Stop> {
        match (self.exit, self.written) {
            (Exit::Ok, written) => Ok(written.map(|()| Exit::Ok)?),
            (failed, _) => Ok(failed),
        }
    }
}

/// Runs the passes, some at a time, and tells of them in config order.
async fn sync(
    config: &Config,
    selected: &[&Organization],
    memory: Memory,
    format: Format,
) -> Result<Teller, Stop> {
    let all = selected.iter().copied();
    let servers = Servers::of(config, all, &Servers::default(), Policy::default(), None)?;
    let mut teller = Teller::new(format, matches!(memory, Memory::LookedAt(_)));
    let syncer = Syncer::of(config, instance::clock(), memory);
    let watch = Watch::start(selected.len(), format == Format::Table);
    let turns = Arc::new(Semaphore::new(config.max_concurrent_syncs));
    let passes = selected.iter().map(|organization| {
        let server = servers.get(organization).clone();
        let turns = Arc::clone(&turns);
        pass(syncer.clone(), server, (*organization).clone(), watch.clone(), turns)
    });
    let most = config.max_concurrent_syncs.saturating_mul(1 + COMMITS_PER_SYNC);
    let mut reports = stream::iter(passes).buffered(most);
    let ticking = watch.run();
    tokio::pin!(ticking);
    loop {
        let next = tokio::select! {
            next = reports.next() => next,
            () = &mut ticking => unreachable!("the bar is kept up to date for ever"),
        };
        let Some((organization, report)) = next else { break };
        let ended = report.map_err(|error| Failure::from(&error).of(&organization.id).into());
        watch.suspend(|| teller.tell(Some(&organization), &ended));
    }
    watch.finish();
    teller.finish();
    Ok(teller)
}

/// One pass as a task of its own, so that passes use more than one core. Dropped, it ends.
///
/// It asks Codecov only while it has its turn, and commits without.
async fn pass(
    syncer: Syncer,
    server: Server,
    organization: Organization,
    watch: Watch,
    turns: Arc<Semaphore>,
) -> (Organization, Result<Report, StoreError>) {
    let pass = async move {
        let turn = turns.acquire_owned().await;
        let on_open = |session: &Session| {
            watch.add(session.progress());
            turn
        };
        let report = syncer.sync(&organization, &server, on_open).await;
        watch.done();
        (organization, report)
    };
    #[expect(clippy::disallowed_methods, reason = "the handle ends the task when it is dropped")]
    let task = AbortOnDropHandle::new(tokio::spawn(pass));
    match task.await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// What Ctrl-C leaves of what a daemon was asked for.
pub(super) const GOES_ON: &str = "the daemon goes on with what it was asked for";

/// Ends early on Ctrl-C or TERM: fetches in flight are dropped, so nothing of them is committed.
/// What becomes of the work is for the caller to know.
pub(super) async fn interruptible<T>(
    what_is_left: &str,
    work: impl Future<Output = Result<T, Stop>>,
) -> Result<T, Stop> {
    until_interrupted(work).await?.ok_or_else(|| {
        Failure::new(Exit::Interrupted, format!("interrupted: {what_is_left}")).into()
    })
}

/// What comes of the work; none if Ctrl-C or TERM comes first, and the work is dropped.
pub(super) async fn until_interrupted<T>(
    work: impl Future<Output = Result<T, Stop>>,
) -> Result<Option<T>, Stop> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| {
        Failure::new(Exit::Internal, format!("cannot listen for signals: {error}"))
    })?;
    tokio::select! {
        done = work => done.map(Some),
        _ = signals.next() => Ok(None),
    }
}

fn exit_of(report: &Report) -> Exit {
    match &report.result {
        Ok(Synced::Held { .. }) => Exit::Data,
        Ok(_) => Exit::Ok,
        // Where the token is, and who may read it, is a matter of configuration.
        Err(error) if error.misconfigured => Exit::Config,
        Err(error) => error.reason.into(),
    }
}

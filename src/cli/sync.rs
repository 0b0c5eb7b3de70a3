//! `seatwatch sync`: one pass over the organizations, then one attempt at every sink.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::output::{Format, write_rows};
use super::progress::Watch;
use super::report::{COLUMNS, describe_undelivered, report_row, say_troubles, write_report};
use crate::codecov::{Server, Session};
use crate::config::{Config, Organization};
use crate::dispatch::Dispatcher;
use crate::organization::OrganizationId;
use crate::store::{LockedDirectory, Reader, Store, StoreError};
use crate::sync::{Memory, Patience, Report, SyncError, Synced, Syncer};

/// For each pass that asks Codecov so many others may wait for their commit: those that wait
/// together share an fsync.
const COMMITS_PER_SYNC: usize = 3;

/// Arguments of `sync`.
#[derive(Debug, clap::Args)]
pub(super) struct Sync {
    /// Which organizations, as `service/owner`; all of them if none is named.
    #[arg(value_name = "ORG")]
    organizations: Vec<OrganizationId>,

    /// Shows what would change, commits nothing and tells no sink.
    #[arg(long)]
    dry_run: bool,
}

impl Sync {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        let selected = instance::select(&config, &self.organizations)?;
        let runtime = super::runtime()?;
        if self.dry_run {
            let reader = Reader::open(&config.state_dir)?;
            let memory = Memory::LookedAt(Arc::new(reader));
            return runtime.block_on(interruptible(async {
                sync(&config, &selected, memory, format).await?.exit()
            }));
        }
        let store = Arc::new(Store::open(LockedDirectory::lock(&config.state_dir)?)?);
        runtime.block_on(interruptible(sync_and_deliver(&config, &selected, store, format)))
    }
}

/// Syncs, then gives every sink one attempt. What it does not take stays queued.
pub(super) async fn sync_and_deliver(
    config: &Config,
    selected: &[&Organization],
    store: Arc<Store>,
    format: Format,
) -> Result<Exit, Stop> {
    let clock = instance::clock();
    // A new sink starts at the end of the log: before anything is added to it.
    let dispatcher = Dispatcher::open(&store, &clock, &config.sinks).await?;
    let ids: Vec<OrganizationId> = selected.iter().map(|one| one.id.clone()).collect();
    let now = clock.now();
    store.write(move |tx| tx.begin_syncs(&ids, now)).await?;
    let done = sync(config, selected, Memory::Kept(store), format).await?;
    for undelivered in dispatcher.attempt_once().await? {
        for text in describe_undelivered(&undelivered) {
            super::complain(&text);
        }
    }
    done.exit()
}

/// How all passes together ended.
struct Done {
    /// Of the first that failed, in config order.
    exit: Exit,
    /// Whether somebody could be told.
    written: io::Result<()>,
}

impl Done {
    /// That nobody reads the reports is no reason to hide a failure.
    fn exit(self) -> Result<Exit, Stop> {
        match (self.exit, self.written) {
            (Exit::Ok, written) => Ok(written.map(|()| Exit::Ok)?),
            (failed, _) => Ok(failed),
        }
    }
}

/// Runs the passes, some at a time, and writes their reports in config order.
///
/// A report that cannot be written stops neither the passes nor the deliveries after them.
async fn sync(
    config: &Config,
    selected: &[&Organization],
    memory: Memory,
    format: Format,
) -> Result<Done, Stop> {
    let servers = instance::servers(config, selected)?;
    let dry_run = matches!(memory, Memory::LookedAt(_));
    let syncer = Syncer {
        instance: config.instance.clone(),
        sync_timeout: config.sync_timeout,
        patience: Patience {
            failing_after: config.failing_after,
            remind_every: config.remind_every,
        },
        clock: instance::clock(),
        memory,
    };
    let watch = Watch::start(selected.len(), format == Format::Table);
    let turns = Arc::new(Semaphore::new(config.max_concurrent_syncs));
    let passes = selected.iter().map(|organization| {
        let server = servers[&organization.base_url].clone();
        let turns = Arc::clone(&turns);
        pass(syncer.clone(), server, (*organization).clone(), watch.clone(), turns)
    });
    let most = config.max_concurrent_syncs.saturating_mul(1 + COMMITS_PER_SYNC);
    let mut reports = stream::iter(passes).buffered(most);
    let mut done = Done { exit: Exit::Ok, written: Ok(()) };
    let mut rows = Vec::new();
    let ticking = watch.run();
    tokio::pin!(ticking);
    loop {
        let next = tokio::select! {
            next = reports.next() => next,
            () = &mut ticking => unreachable!("the bar is kept up to date for ever"),
        };
        let Some((organization, report)) = next else { break };
        let report = report?;
        done.exit = if done.exit == Exit::Ok { exit_of(&report) } else { done.exit };
        watch.suspend(|| {
            say_troubles(&report, dry_run);
            if format != Format::Table {
                rows.push(report_row(&report));
            } else if done.written.is_ok() {
                done.written = write_report(&organization, &report, &mut super::stdout());
            }
        });
    }
    watch.finish();
    let mut out = super::stdout();
    done.written = done.written.and_then(|()| match format {
        Format::Table if dry_run => writeln!(out, "dry run: nothing committed, no sink told"),
        Format::Table => Ok(()),
        Format::Json | Format::Csv => write_rows(format, COLUMNS, &rows, &mut out),
    });
    done.written = done.written.and_then(|()| out.flush());
    Ok(done)
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

/// Ends early on Ctrl-C or TERM: fetches in flight are dropped, so nothing of them is committed.
pub(super) async fn interruptible(
    work: impl Future<Output = Result<Exit, Stop>>,
) -> Result<Exit, Stop> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| {
        Failure::new(Exit::Internal, format!("cannot listen for signals: {error}"))
    })?;
    tokio::select! {
        done = work => done,
        _ = signals.next() => {
            let message = "interrupted: syncs that had not ended committed nothing";
            Err(Failure::new(Exit::Interrupted, message).into())
        }
    }
}

fn exit_of(report: &Report) -> Exit {
    match &report.result {
        Ok(Synced::Held { .. }) => Exit::Data,
        Ok(_) => Exit::Ok,
        // Where the token is, and who may read it, is a matter of configuration.
        Err(SyncError::Token(_)) => Exit::Config,
        Err(error) => error.reason().into(),
    }
}

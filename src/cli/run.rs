//! `seatwatch run`: the daemon.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::StreamExt as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook_tokio::Signals;

use super::instance;
use crate::chain::chain;
use crate::codecov::Policy;
use crate::config::Config;
use crate::daemon::{Daemon, Orders, Surroundings};
use crate::exit::{Exit, Failure, Stop};
use crate::logging::LogFormat;
use crate::schedule::Ticker;

/// What is left of work on files may take so long after everything else has ended.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// How to write what the daemon says of itself, on stderr.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
}

/// Runs until a signal ends it.
pub(super) fn run(path: &Path) -> Result<Exit, Stop> {
    let config = instance::load(path)?;
    instance::say_warnings(&config);
    warn_of_secrets(&config);
    let runtime = super::runtime()?;
    let done = runtime.block_on(serve(config, path.to_owned()));
    // Nobody can stop a system call: one that hangs, on a file system that is gone, has had its
    // grace, and the process ends without it.
    runtime.shutdown_timeout(LAST_MOMENT);
    done
}

/// One organization's token that cannot be read is no reason not to watch the others, and one
/// sink's secret none not to serve the others: they will fail and say so.
fn warn_of_secrets(config: &Config) {
    let of_rules = config.discover.iter().map(|rule| &rule.token);
    let sources = config.organizations.iter().map(|one| &one.token).chain(of_rules);
    let sources: HashSet<_> = sources.collect();
    for error in sources.into_iter().filter_map(|source| source.read().err()) {
        tracing::warn!(hint = error.hint(), "{}", chain(&error));
    }
    for entry in &config.sinks {
        for problem in entry.config.file_problems() {
            let (key, hint) = (problem.keys.join("."), problem.hint);
            tracing::warn!(sink = entry.name, key, hint, "{}", problem.text);
        }
    }
}

async fn serve(config: Config, path: PathBuf) -> Result<Exit, Stop> {
    let internal = |error: &(dyn std::error::Error + 'static)| {
        let text = chain(error);
        match text.split_once('\n') {
            Some((text, hint)) => Failure::new(Exit::Internal, text).with_hint(hint),
            None => Failure::new(Exit::Internal, text),
        }
    };
    // From here on, no signal kills us: what comes early waits until there is somebody to obey it.
    let signals = signals().map_err(|error| internal(&error))?;
    let (ticker, ticks) = Ticker::start().await.map_err(|error| internal(&error))?;
    let around = Surroundings {
        config: std::path::absolute(&path).unwrap_or(path),
        clock: instance::clock(),
        ticks,
        policy: Policy::default(),
        runtime_dir: runtime_directory(),
        notify: true,
    };
    let daemon = Daemon::start(config, around).await?;
    let orders = daemon.orders();
    tokio::select! {
        () = daemon.run() => {}
        () = obey(signals, &orders) => unreachable!("it goes on until the daemon ends"),
    }
    ticker.stop().await;
    Ok(Exit::Ok)
}

/// The first of the directories that systemd made for us.
pub(super) fn runtime_directory() -> Option<PathBuf> {
    let directories = std::env::var_os("RUNTIME_DIRECTORY")?;
    std::env::split_paths(&directories).find(|directory| !directory.as_os_str().is_empty())
}

/// The signals that say what to do. The second one that says to stop ends the process at once,
/// whatever the daemon is busy with.
fn signals() -> std::io::Result<Signals> {
    let stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first one sets what the second one finds.
        let status = Exit::Interrupted as i32;
        flag::register_conditional_shutdown(signal, status, Arc::clone(&stopping))?;
        flag::register(signal, Arc::clone(&stopping))?;
    }
    Signals::new([SIGHUP, SIGTERM, SIGINT])
}

/// Never returns.
async fn obey(mut signals: Signals, orders: &Orders) {
    while let Some(signal) = signals.next().await {
        if signal == SIGHUP {
            // A reload that takes its time keeps no other signal waiting.
            orders.reload_soon().await;
        } else {
            orders.stop().await;
        }
    }
    std::future::pending::<()>().await;
}

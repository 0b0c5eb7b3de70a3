//! `seatwatch run`: the daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use super::instance;
use crate::chain::chain;
use crate::codecov::Policy;
use crate::config::{self, Config};
use crate::daemon::{Daemon, Orders, Surroundings};
use crate::exit::{Exit, Failure, Stop};
use crate::logging::LogFormat;
use crate::schedule::Ticker;

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
    warn_of_secrets(path);
    super::runtime()?.block_on(serve(config, path.to_owned()))
}

/// One organization's token that cannot be read is no reason not to watch the others: its syncs
/// will fail and say so.
fn warn_of_secrets(path: &Path) {
    if let Err(problems) = config::load(path) {
        for problem in problems.problems {
            tracing::warn!(place = %problem.path, "{}", problem.text);
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
    let signals = Signals::new([SIGHUP, SIGTERM, SIGINT]).map_err(|error| internal(&error))?;
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
        result = obey(signals, &orders) => result.map_err(|error| internal(&error))?,
    }
    ticker.stop().await;
    Ok(Exit::Ok)
}

/// The first of the directories that systemd made for us.
fn runtime_directory() -> Option<PathBuf> {
    let directories = std::env::var_os("RUNTIME_DIRECTORY")?;
    std::env::split_paths(&directories).find(|directory| !directory.as_os_str().is_empty())
}

/// Never returns but with an error. A second signal to stop ends the process at once.
async fn obey(mut signals: Signals, orders: &Orders) -> std::io::Result<()> {
    let stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        let stopping = Arc::clone(&stopping);
        let status = Exit::Interrupted as i32;
        signal_hook::flag::register_conditional_shutdown(signal, status, stopping)?;
    }
    // A reload can wait for a delivery or the disk; a signal to stop does not wait for a reload.
    // One that has not begun yet will find whatever later signals are about.
    let mut reloads = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(signal) = signals.next() => match signal {
                SIGHUP if reloads.len() >= 2 => {}
                SIGHUP => reloads.push(orders.reload()),
                _ => {
                    stopping.store(true, Ordering::SeqCst);
                    orders.stop().await;
                }
            },
            // Metrics and the log say how it went.
            Some(_) = reloads.next() => {}
            else => std::future::pending().await,
        }
    }
}

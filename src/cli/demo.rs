//! `seatwatch demo`: a made-up Codecov and the daemon in one process, and a story that shows what
//! the daemon makes of it.
//!
//! Nothing of it is staged but the people: the daemon is the one that `seatwatch run` puts up, what
//! is shown are the lines that its file sink wrote, and a roster is approved through its socket.
//! Everything is in a temporary folder that goes away at the end, however it ends.

mod line;
mod show;
mod stage;
mod story;
mod told;

use std::time::Duration;

use futures_util::StreamExt as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::Signals;
use tokio::time::Instant;

use self::show::Show;
use self::stage::Stage;
use super::exit::{Exit, Failure, Stop};
use super::instance;
use crate::codecov::Policy;
use crate::daemon::{Daemon, Surroundings};
use crate::schedule::Ticker;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Ends by itself after this time, such as 20s; without it, on Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    lasts: Option<Duration>,
}

/// Somebody watches: an outage is told after some hundred milliseconds instead of several seconds.
const POLICY: Policy = Policy {
    attempts: 3,
    min_delay: Duration::from_millis(100),
    max_delay: Duration::from_secs(1),
};

impl Demo {
    pub(super) fn run(self) -> Result<Exit, Stop> {
        super::runtime()?.block_on(self.play())
    }

    async fn play(self) -> Result<Exit, Stop> {
        let begun = Instant::now();
        // From here on, no signal leaves the folder behind; that of a terminal which is closed
        // neither.
        let signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(|error| internal(&error))?;
        let stage = Stage::set().await?;
        let played = self.play_on(&stage, begun, signals).await;
        stage.strike().await;
        played.map(|()| Exit::Ok)
    }

    /// Plays until it is over. The daemon has ended when this returns.
    async fn play_on(
        self,
        stage: &Stage,
        begun: Instant,
        mut signals: Signals,
    ) -> Result<(), Stop> {
        let (ticker, ticks) = Ticker::start().await.map_err(|error| internal(&error))?;
        let around = Surroundings {
            config: stage.config_path(),
            clock: instance::clock(),
            ticks,
            policy: POLICY,
            runtime_dir: None,
            notify: false,
        };
        let daemon = Daemon::start(stage.config()?, around).await?;
        let orders = daemon.orders();
        let mut show = Show::new(stage, daemon.address());
        let playing = async {
            let time_is_up = async {
                match self.lasts {
                    Some(lasts) => tokio::time::sleep_until(begun + lasts).await,
                    None => std::future::pending().await,
                }
            };
            let ended = tokio::select! {
                ended = show.play() => ended,
                _ = signals.next() => Ok(()),
                () = time_is_up => Ok(()),
            };
            orders.stop().await;
            ended
        };
        let ((), ended) = tokio::join!(daemon.run(), playing);
        ticker.stop().await;
        ended?;
        show.sum_up(begun.elapsed())
    }
}

fn internal(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Internal, error.to_string())
}

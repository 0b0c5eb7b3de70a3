//! Strikes the daemon's beat, once a second, with the cron scheduler.
//!
//! The library gets one job, `* * * * * *` in UTC, whose closure strikes the beat and nothing
//! else. What it cannot be trusted with otherwise is kept from it:
//!
//! - Its tasks run for ever, also after its `shutdown`. So it has a runtime of its own, of one
//!   thread, and all of it ends with that.
//! - It waits for the time that it noted as the job's next: after the clock was set back by an
//!   hour, it would be silent for an hour. So a second task on that runtime, which goes by elapsed
//!   time, starts the library again when no beat has come for a while.

use std::error::Error;
use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tracing::{error, warn};

use super::ticks::{Beat, Ticks};

/// So long without a beat, and the library is started again.
const SILENCE: Duration = Duration::from_secs(3);

/// Strikes the daemon's beat, once a second, until it is stopped or dropped.
#[derive(Debug)]
pub struct Ticker {
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

impl Ticker {
    /// Starts the beat. The first one comes within two seconds.
    ///
    /// # Errors
    ///
    /// There is no thread to be had, or the library cannot start.
    pub async fn start() -> Result<(Self, Ticks), TickerError> {
        let (beat, ticks) = Ticks::by_hand();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("ticker")
            .enable_time()
            .build()
            .map_err(TickerError::Thread)?;
        let handle = runtime.handle().clone();
        let ticker = Self { runtime: Some(runtime) };
        let scheduler = handle.spawn(schedule(beat.clone())).await;
        let scheduler = scheduler.map_err(TickerError::library)?.map_err(TickerError::library)?;
        drop(handle.spawn(keep_beating(scheduler, beat, ticks.clone())));
        Ok((ticker, ticks))
    }

    /// Stops the beat. Nothing of it runs on afterwards.
    pub async fn stop(mut self) {
        let runtime = self.runtime.take();
        // It waits for its thread to end, which must not be done on a thread of ours.
        if let Err(error) = tokio::task::spawn_blocking(move || drop(runtime)).await {
            error!(%error, "the ticker ended badly");
        }
    }
}

impl Drop for Ticker {
    /// Ends it as well, but does not wait for it.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Has the library strike `beat` every second, on the runtime that this runs on.
async fn schedule(beat: Beat) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    scheduler.add(Job::new("* * * * * *", move |_, _| beat.strike())?).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// Starts the library again whenever it falls silent.
async fn keep_beating(mut scheduler: JobScheduler, beat: Beat, mut ticks: Ticks) {
    loop {
        while timeout(SILENCE, ticks.next()).await.is_ok() {}
        warn!(silence = ?SILENCE, "no beat, as after the clock was set back: starting it again");
        let again = async {
            scheduler.shutdown().await?;
            scheduler = schedule(beat.clone()).await?;
            Ok::<_, JobSchedulerError>(())
        };
        if let Err(error) = again.await {
            error!(%error, "the beat cannot be started again, will retry");
        }
    }
}

/// Why there is no beat.
#[derive(Debug, thiserror::Error)]
pub enum TickerError {
    /// The machine refuses a thread.
    #[error(
        "cannot start a thread for the daemon's beat\nallow it more threads: `TasksMax=` of the \
         unit, `ulimit -u`"
    )]
    Thread(#[source] io::Error),
    /// The library does not start.
    #[error("cannot start the scheduler behind the daemon's beat")]
    Library(#[source] Box<dyn Error + Send + Sync>),
}

impl TickerError {
    fn library(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Library(error.into())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use futures_util::FutureExt as _;

    use super::*;

    /// Whatever takes longer is stuck.
    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn every_clone_hears_the_beats_until_the_ticker_stops() {
        let (ticker, mut ticks) = Ticker::start().await.unwrap();
        let mut clones = [ticks.clone(), ticks.clone()];
        for _ in 0..2 {
            ticks.next().await;
            for clone in &mut clones {
                clone.next().await;
            }
        }
        ticker.stop().await;
        // A last beat may have come before the end; after it, whoever could strike is gone.
        for ticks in &mut clones {
            ticks.next().now_or_never();
            assert!(ticks.0.has_changed().is_err(), "somebody can still strike");
        }
    }

    #[tokio::test]
    async fn a_ticker_that_is_dropped_ends_too() {
        let (ticker, mut ticks) = Ticker::start().await.unwrap();
        drop(ticker);
        let end = async { while ticks.0.changed().await.is_ok() {} };
        timeout(LONG, end).await.unwrap();
    }

    /// What the library would note if its clock were a day ahead.
    async fn note_the_next_job_a_day_later(scheduler: &JobScheduler) {
        let mut jobs = scheduler.context.metadata_storage.write().await;
        for job in jobs.list_next_ticks().await.unwrap() {
            let next = DateTime::from_timestamp(job.next_tick.try_into().unwrap(), 0).unwrap();
            let id = job.id.as_ref().unwrap().into();
            let later = Some(next + TimeDelta::days(1));
            jobs.set_next_and_last_tick(id, later, None).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_silences_the_beat_for_seconds_only() {
        let (beat, mut ticks) = Ticks::by_hand();
        let scheduler = schedule(beat.clone()).await.unwrap();
        // Again, as long as beats come: after each, the library notes another time.
        while timeout(Duration::from_secs(2), ticks.next()).await.is_ok() {
            note_the_next_job_a_day_later(&scheduler).await;
        }
        let beats = async {
            tokio::select! {
                () = keep_beating(scheduler, beat, ticks.clone()) => unreachable!("it goes on"),
                () = ticks.next() => {}
            }
        };
        timeout(LONG, beats).await.unwrap();
    }
}

//! The async shell around a delivery: file work may block, so it runs where it may.
//!
//! The dispatcher drops a delivery at its deadline, but nobody can stop a system call: the work
//! goes on in its thread. The turn that it holds keeps the next attempt waiting until it ends, and
//! that attempt then finds at the end of the file how far it came.

use std::sync::Arc;

use seatwatch_sdk::{Delivery, Failure, Outcome, Sink, async_trait};
use tokio::sync::Mutex;
use tokio::task::{JoinError, spawn_blocking};

use crate::batch::Batch;
use crate::{FileConfig, append, check};

/// The sink that a [`FileConfig`] describes.
#[derive(Debug)]
pub struct FileSink {
    config: FileConfig,
    /// Held by whoever works on the file, beyond the life of the future that started the work.
    turn: Arc<Mutex<()>>,
}

impl FileSink {
    /// A sink that has touched nothing yet.
    pub fn new(config: FileConfig) -> Self {
        Self { config, turn: Arc::default() }
    }
}

#[async_trait]
impl Sink for FileSink {
    async fn check(&mut self) -> Result<(), Failure> {
        let FileConfig { path, format } = self.config.clone();
        let checked = spawn_blocking(move || check::check(&path, format)).await;
        checked.unwrap_or_else(|error| Err(unfinished(&error))).map_err(Failure::retry)
    }

    async fn deliver(&mut self, delivery: &Delivery<'_>) -> Outcome {
        let FileConfig { path, format } = self.config.clone();
        let batch = Batch::new(format, delivery.events, delivery.attempt > 1);
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let appended = spawn_blocking(move || {
            let _turn = turn;
            append::append(&path, format, &batch)
        });
        appended.await.unwrap_or_else(|error| Failure::retry(unfinished(&error)).into())
    }
}

fn unfinished(error: &JoinError) -> String {
    format!("the work on the file did not end: {error}; the next attempt takes it up")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Waker};
    use std::time::{Duration, Instant};

    use seatwatch_sdk::samples::events;
    use tokio::runtime::Builder;

    use super::*;
    use crate::Format;

    /// The only thread for file work is taken, so the work is still to come when the deadline
    /// drops its delivery. The repeat neither overtakes it nor runs into it.
    #[test]
    fn a_repeat_waits_for_the_work_of_a_dropped_delivery() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let mut sink =
            FileSink::new(FileConfig { path: path.clone().into(), format: Format::Ndjson });
        let events = events(3);
        let deadline = Instant::now() + Duration::from_secs(30);
        let delivery = |attempt| Delivery { id: "d", attempt, deadline, events: &events };

        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let _guard = runtime.enter();
        let (release, released) = mpsc::channel::<()>();
        let blocker = spawn_blocking(move || released.recv());
        let mut context = Context::from_waker(Waker::noop());
        let first = delivery(1);
        assert!(pin!(sink.deliver(&first)).poll(&mut context).is_pending());
        assert!(sink.turn.try_lock().is_err(), "the work goes on without its turn");

        let second = delivery(2);
        let mut repeat = pin!(sink.deliver(&second));
        assert!(repeat.as_mut().poll(&mut context).is_pending());
        release.send(()).unwrap();
        assert_eq!(runtime.block_on(repeat), Outcome::Accepted);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
        runtime.block_on(blocker).unwrap().unwrap();
    }
}

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
        let batch = Batch::new(format, delivery.events);
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

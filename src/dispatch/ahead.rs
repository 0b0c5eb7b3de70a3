//! Finds the delivery after the one that a sink is busy with, so that nobody waits for it later.
//!
//! Only one that is full is worth something: to another, what comes into the log meanwhile would
//! belong, too. It is not stored, so it binds nobody: where it does not fit, it is cut afresh.
//! Knows the log; not the sink, and not how far the lane has come.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::cut::{Cutter, Found};
use crate::store::{Store, StoreError};

/// A delivery that is being looked for.
pub(super) struct Ahead {
    after: u64,
    task: JoinHandle<Result<Option<Found>, StoreError>>,
}

impl Ahead {
    /// Begins to look for what follows `after`.
    pub(super) fn look(store: &Arc<Store>, cutter: Cutter, after: u64) -> Self {
        let store = Arc::clone(store);
        let look = move || {
            let found = store.read(|view| cutter.cut(view, after))?;
            Ok(cutter.is_full(&found).then_some(found))
        };
        Self { after, task: tokio::task::spawn_blocking(look) }
    }

    /// Whether it looks for what follows `after`.
    pub(super) fn follows(&self, after: u64) -> bool {
        self.after == after
    }

    /// What it found; nothing where that is not full, or where the store failed: whoever cuts
    /// afresh hears of that.
    pub(super) async fn found(self) -> Option<Found> {
        self.task.await.ok()?.ok()?
    }
}

//! What a lane knows of its deliveries before it is their turn, so that nobody waits for it then.
//!
//! While a sink is busy with a delivery, the next one is looked for. Only one that is full is worth
//! something: to another, what comes into the log meanwhile would belong, too. It is not stored, so it
//! binds nobody: where it does not fit, it is cut afresh. Who fails for weeks costs no memory.
//!
//! Knows the log; not the sink, and not how far the lane has come.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::dispatch::cut::{Cutter, Events, Found};
use crate::store::{Store, StoreError};

/// What is known before its turn.
#[derive(Default)]
pub(super) struct Ahead {
    ready: Option<Ready>,
    looking: Option<Looking>,
    /// Whether the last attempt was accepted, so that the next is worth being made ready.
    flows: bool,
}

/// The events of the delivery that comes next.
struct Ready {
    /// The delivery's id.
    id: String,
    events: Events,
}

/// A delivery that is being looked for.
struct Looking {
    after: u64,
    task: JoinHandle<Result<Option<Found>, StoreError>>,
}

impl Ahead {
    /// Forgets everything: the lane may stand elsewhere by now.
    pub(super) fn forget(&mut self) {
        (self.ready, self.looking) = (None, None);
    }

    /// Whether the last attempt was accepted.
    pub(super) fn flows(&mut self, flows: bool) {
        self.flows = flows;
    }

    /// Keeps the events of the delivery that comes next.
    pub(super) fn keep(&mut self, id: &str, events: Events) {
        self.ready = Some(Ready { id: id.to_owned(), events });
    }

    /// Keeps those that were found, if it is the time for a delivery.
    pub(super) fn keep_found(&mut self, found: Option<Found>) {
        self.ready = found.and_then(|found| {
            let id = found.next.cut()?.id.clone();
            Some(Ready { id, events: found.events })
        });
    }

    /// The events of this delivery, if they are known. What else was known is not needed any more.
    pub(super) fn take(&mut self, id: &str) -> Option<Events> {
        self.ready.take().filter(|ready| ready.id == id).map(|ready| ready.events)
    }

    /// Whether to look for what follows `after` now, where so much waits that it would be `full`.
    /// What else was looked for is not needed any more.
    pub(super) fn wants(&mut self, after: u64, full: bool) -> bool {
        self.looking.take_if(|looking| !self.flows || looking.after != after);
        self.looking.is_none() && self.flows && full
    }

    /// Looks for what follows `after`.
    pub(super) fn look(&mut self, store: &Arc<Store>, after: u64, cutter: Cutter) {
        let store = Arc::clone(store);
        let look = move || {
            let found = store.read(|view| cutter.cut(view, after))?;
            Ok(found.is_full.then_some(found))
        };
        self.looking = Some(Looking { after, task: tokio::task::spawn_blocking(look) });
    }

    /// What was found after that event; nothing where it is not full, or where the store failed:
    /// whoever cuts afresh hears of that.
    pub(super) async fn found_after(&mut self, after: u64) -> Option<Found> {
        let looking = self.looking.take_if(|looking| looking.after == after)?;
        looking.task.await.ok()?.ok()?
    }
}

//! A request under way, which is told to whoever observes the server when it is over.
//!
//! However it ends: with an answer, without one, or dropped because the time for it was up.

use std::time::{Duration, Instant};

use super::server::Observer;

/// Counts one request, when dropped.
pub(super) struct Sent<'a> {
    observer: Option<&'a Observer>,
    started: Instant,
    status: Option<u16>,
}

impl<'a> Sent<'a> {
    /// A request that is sent now.
    pub(super) fn now(observer: Option<&'a Observer>) -> Self {
        Self { observer, started: Instant::now(), status: None }
    }

    /// How long it has been under way.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// All of the answer that is wanted has come.
    pub(super) fn answered(mut self, status: u16) {
        self.status = Some(status);
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if let Some(observer) = self.observer {
            observer(self.status, self.started.elapsed());
        }
    }
}

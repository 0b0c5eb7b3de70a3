//! A connection that is kept for the next mail, but not for long.
//!
//! A lane that has caught up sends a mail now and then, and an open connection would take one of
//! the few that a server allows a client, from the other lanes too. A lane with a backlog sends
//! the next mail at once. So a connection is kept for some seconds and then closed properly.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::Session;

/// How long a connection is kept that nobody uses.
const KEPT: Duration = Duration::from_secs(5);

/// A place for one connection, empty at first. Dropped, it closes the connection.
#[derive(Default)]
pub(crate) struct Parked {
    /// Waits with the session; gives it back when called, nothing when time is up.
    keeper: JoinSet<Option<Session>>,
    call: Arc<Notify>,
}

impl Parked {
    /// Keeps a session in place of the one that was there.
    pub(crate) fn put(&mut self, mut session: Session) {
        let call = Arc::new(Notify::new());
        self.call = Arc::clone(&call);
        self.keeper = JoinSet::new();
        self.keeper.spawn(async move {
            if tokio::time::timeout(KEPT, call.notified()).await.is_ok() {
                return Some(session);
            }
            session.quit().await;
            None
        });
    }

    /// Takes the session, if it is still there and its server too.
    pub(crate) async fn take(&mut self, until: Instant) -> Option<Session> {
        let mut session = self.call_back().await?;
        session.is_alive(until).await.then_some(session)
    }

    /// Closes the connection as is proper, if there is one.
    pub(crate) async fn close(&mut self) {
        if let Some(mut session) = self.call_back().await {
            session.quit().await;
        }
    }

    /// The session, if its time is not up.
    async fn call_back(&mut self) -> Option<Session> {
        self.call.notify_one();
        self.keeper.join_next().await?.ok()?
    }
}

impl fmt::Debug for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked").finish_non_exhaustive()
    }
}

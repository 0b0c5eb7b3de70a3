//! What the loop is asked to do from outside: by signals, by the control socket, by a test.

use std::net::SocketAddr;

use tokio::sync::{mpsc, oneshot};

use super::syncs::Asked;
use crate::control::Reloaded;
use crate::dispatch::{Act, Acted, Tested, Undelivered};
use crate::exit::Stop;
use crate::organization::OrganizationId;
use crate::upkeep::Erased;

/// One thing to do.
pub(super) enum Order {
    /// End in good order.
    Stop,
    /// Read the config again; what changed, in words, or why nothing did.
    Reload { answer: oneshot::Sender<Result<Reloaded, Stop>> },
    /// Sync these organizations now; all of them if there is none.
    Sync { organizations: Vec<OrganizationId>, asked: Asked },
    /// Forget an organization that is no longer watched.
    Forget { organization: OrganizationId, answer: oneshot::Sender<Result<Option<Erased>, Stop>> },
    /// Do something about a sink, between two deliveries.
    Act { sink: String, act: Act, answer: oneshot::Sender<Result<Acted, Stop>> },
    /// Send a test event to every lane of a sink.
    Test { sink: String, answer: oneshot::Sender<Result<Vec<Tested>, Stop>> },
    /// Say where the HTTP endpoints are.
    Address { answer: oneshot::Sender<SocketAddr> },
    /// Let every lane try now what it has before it.
    Hurry { answer: oneshot::Sender<Vec<Undelivered>> },
}

/// Hands orders to a daemon. One that has ended takes none.
#[derive(Clone)]
pub struct Orders(mpsc::Sender<Order>);

pub(super) fn channel() -> (Orders, mpsc::Receiver<Order>) {
    let (orders, taken) = mpsc::channel(64);
    (Orders(orders), taken)
}

impl Orders {
    /// Asks the daemon to end.
    pub async fn stop(&self) {
        self.give(Order::Stop).await;
    }

    /// Asks for the config to be read again; none if the daemon ends instead.
    ///
    /// # Errors
    ///
    /// Why the old config stays.
    pub async fn reload(&self) -> Option<Result<Reloaded, Stop>> {
        let (answer, answered) = oneshot::channel();
        self.give(Order::Reload { answer }).await;
        answered.await.ok()
    }

    /// Asks for the config to be read again, and does not wait: log and metrics say how it went.
    pub async fn reload_soon(&self) {
        let (answer, _) = oneshot::channel();
        self.give(Order::Reload { answer }).await;
    }

    pub(super) async fn sync(&self, organizations: Vec<OrganizationId>, asked: Asked) {
        self.give(Order::Sync { organizations, asked }).await;
    }

    pub(super) async fn hurry(&self) -> Vec<Undelivered> {
        let (answer, answered) = oneshot::channel();
        self.give(Order::Hurry { answer }).await;
        answered.await.unwrap_or_default()
    }

    /// None if the daemon ends instead.
    pub(super) async fn forget(
        &self,
        organization: OrganizationId,
    ) -> Option<Result<Option<Erased>, Stop>> {
        let (answer, answered) = oneshot::channel();
        self.give(Order::Forget { organization, answer }).await;
        answered.await.ok()
    }

    /// None if the daemon ends, or the sink changes, instead.
    pub(super) async fn act(&self, sink: String, act: Act) -> Option<Result<Acted, Stop>> {
        let (answer, answered) = oneshot::channel();
        self.give(Order::Act { sink, act, answer }).await;
        answered.await.ok()
    }

    /// None if the daemon ends instead.
    pub(super) async fn test_sink(&self, sink: String) -> Option<Result<Vec<Tested>, Stop>> {
        let (answer, answered) = oneshot::channel();
        self.give(Order::Test { sink, answer }).await;
        answered.await.ok()
    }

    /// None if the daemon ends instead.
    pub(super) async fn address(&self) -> Option<SocketAddr> {
        let (answer, answered) = oneshot::channel();
        self.give(Order::Address { answer }).await;
        answered.await.ok()
    }

    async fn give(&self, order: Order) {
        // What is in the order tells whoever waits that nobody took it.
        drop(self.0.send(order).await);
    }
}

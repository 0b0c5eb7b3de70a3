//! The HTTP endpoints of the daemon, over reloads that move them.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::overview::Overview;
use crate::exit::{Exit, Failure};
use crate::http::{self, Limits, Protection};

/// Where clients come in: one door that is open, and others whose last clients are leaving.
#[derive(Default)]
pub(super) struct Door {
    open: Option<Open>,
    servers: JoinSet<()>,
}

/// The door that is open.
struct Open {
    /// As the config has it: port 0 stands for a free one.
    named: SocketAddr,
    /// As it is.
    address: SocketAddr,
    stop: CancellationToken,
}

impl Door {
    /// Listens where the config says, unless that is where the door is already.
    pub(super) async fn listener_for(
        &self,
        wanted: SocketAddr,
    ) -> Result<Option<(SocketAddr, TcpListener)>, Failure> {
        if self.open.as_ref().is_some_and(|open| open.named == wanted) {
            return Ok(None);
        }
        let bound = TcpListener::bind(wanted).await;
        let listener = bound.map_err(|error| match &self.open {
            Some(Open { address, .. })
                if address.port() == wanted.port() && http::is_taken(&error) =>
            {
                let message = format!("cannot listen on {wanted} while listening on {address}");
                Failure::new(Exit::Config, message)
                    .with_hint("restart the daemon, or give `listen` another port too")
            }
            _ => http::cannot_listen(wanted, &error),
        })?;
        Ok(Some((wanted, listener)))
    }

    /// Opens the new door, and closes the old one behind those who are in.
    pub(super) fn open(
        &mut self,
        (named, listener): (SocketAddr, TcpListener),
        overview: &Arc<Overview>,
        protected: watch::Receiver<Arc<Protection>>,
    ) {
        let stop = CancellationToken::new();
        let address = listener.local_addr().unwrap_or(named);
        let (daemon, stopped) = (Arc::clone(overview), stop.clone());
        self.servers.spawn(async move {
            let limits = Limits::default();
            let served = http::serve(listener, daemon, protected, limits, stopped).await;
            if let Err(error) = served {
                error!(%error, listen = %address, "the HTTP endpoints ended");
            }
        });
        if let Some(old) = self.open.replace(Open { named, address, stop }) {
            info!(listen = %address, before = %old.address, "moved the HTTP endpoints");
            old.stop.cancel();
        }
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.open.as_ref().map(|open| open.address)
    }

    /// Closes it, when those who are in have left or had their time.
    pub(super) async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.stop.cancel();
        }
        while self.servers.join_next().await.is_some() {}
    }
}

//! Looks up which organizations the rules of `discover` find, beside the loop, and takes up those
//! that are new: the others go on undisturbed.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use seatwatch_sdk::EventKind;
use tokio::task::{JoinError, JoinSet};
use tracing::{error, info, warn};

use super::Daemon;
use super::reload::Read;
use crate::chain::chain;
use crate::config::Config;
use crate::discover::{self, Round};
use crate::exit::Stop;
use crate::organization::OrganizationId;
use crate::store::StoreError;

/// How often the listings are looked up.
const EVERY: TimeDelta = TimeDelta::hours(1);

type Ended = Result<Result<Round, StoreError>, JoinError>;

/// When to look next, and the look-up that is under way.
#[derive(Default)]
pub(super) struct Discovery {
    /// None where it is due now.
    next: Option<DateTime<Utc>>,
    under_way: JoinSet<Result<Round, StoreError>>,
}

impl Discovery {
    /// Looks as soon as the one that is under way has ended, if one is.
    pub(super) fn soon(&mut self) {
        self.next = None;
    }

    /// Drops the one that is under way, which commits nothing then: it is of another config.
    pub(super) async fn start_over(&mut self) {
        self.under_way.shutdown().await;
        self.soon();
    }

    fn is_due(&self, now: DateTime<Utc>) -> bool {
        // A time further ahead was noted by a wrong clock.
        let waits = self.next.is_some_and(|next| next > now && next - now <= EVERY);
        self.under_way.is_empty() && !waits
    }

    /// The look-up that ends; for ever pending while none is under way. Cancel-safe.
    pub(super) async fn next_ended(&mut self) -> Ended {
        match self.under_way.join_next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }
}

impl Daemon {
    /// Begins a look-up if there are rules and it is time.
    pub(super) fn discover(&mut self, now: DateTime<Utc>) {
        if self.config.discover.is_empty() || !self.discovery.is_due(now) {
            return;
        }
        self.discovery.next = Some(now + EVERY);
        let (config, servers) = (Arc::clone(&self.config), self.servers.clone());
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.around.clock));
        self.discovery
            .under_way
            .spawn(async move { discover::look_up(&config, &servers, &store, &clock).await });
    }

    /// Tells how a look-up ended, and watches what it found.
    pub(super) async fn discovered(&mut self, ended: Ended) {
        let round = match ended {
            Ok(Ok(round)) => round,
            Ok(Err(error)) => {
                error!(error = chain(&error), "cannot keep what was discovered, will retry");
                return;
            }
            Err(error) => {
                error!(%error, "a look-up of organizations broke off, a mistake in seatwatch");
                return;
            }
        };
        for (service, missed) in &round.failed {
            warn!(
                %service,
                reason = missed.reason.word(),
                hint = missed.hint,
                "cannot look up which organizations there are: {}",
                missed.message
            );
            self.metrics.discover_failed(*service);
        }
        for organization in &round.vanished {
            self.metrics.event(EventKind::OrganizationVanished);
            warn!(%organization, "it is not in the token's listing any more, and still watched");
        }
        for organization in &round.found {
            info!(%organization, "discovered: it is watched from now on");
        }
        // Also what an earlier look-up found, if it could not be taken up then.
        if let Err(stop) = self.take_up().await {
            error!(error = stop.to_string(), "cannot watch what was discovered, will retry");
        }
    }

    /// Goes over to the same config with what the store says that its rules have found, if that is
    /// more than it has.
    async fn take_up(&mut self) -> Result<(), Stop> {
        let before = Arc::clone(&self.config);
        let config = (*before).clone();
        let config = self.store.read(|view| discover::watched(config, view))?;
        let ids = |config: &Config| -> HashSet<OrganizationId> {
            config.organizations.iter().map(|organization| organization.id.clone()).collect()
        };
        if ids(&config) == ids(&before) {
            return Ok(());
        }
        // Not what the files say by now: nobody has asked for a reload.
        let read = Read {
            protection: self.overview.protection(),
            authorities: self.servers.authorities().cloned(),
        };
        self.adopt_as_read(read, Arc::new(config), Some(&before)).await?;
        self.overview.changed();
        Ok(())
    }
}

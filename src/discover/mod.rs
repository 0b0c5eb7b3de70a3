//! Finds the organizations that the rules of a config want to be watched.
//!
//! ```text
//! listing of each token ─► judge ─► commit      store ─► watched ─► Config
//! codecov                  pure    one transaction
//! ```
//!
//! A failure is never taken for a change: what is not in a listing counts as missing only if every
//! listing that could have had it was read as a whole, and it is told only when two of those in a
//! row agree. It stays watched all the same, because its own syncs say more than a listing.
//!
//! [`watched`] is the one place where what was found becomes a part of the config; everybody else
//! sees organizations, wherever they come from.

mod judge;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use itertools::Itertools as _;
use seatwatch_sdk::{Data, EventKind, Organization};
use secrecy::SecretString;
use serde_json::json;

use self::judge::{Listing, Verdict, judge};
use crate::chain::chain;
use crate::clock::{Clock, uuid_v7};
use crate::codecov::{Reason, Server};
use crate::config::{Config, DiscoverRule};
use crate::organization::{OrganizationId, Service};
use crate::servers::Servers;
use crate::store::{Discovered, Failure, Lookups, NewEvent, Store, StoreError, Tx, View};
use crate::sync::SyncError;

/// An owner without members is asked about again after so long.
const ASKED_AGAIN_AFTER: TimeDelta = TimeDelta::hours(24);

/// The config with what its rules have found until now.
///
/// # Errors
///
/// The disk or the database failed.
pub fn watched(config: Config, view: &View<'_>) -> rusqlite::Result<Config> {
    if config.discover.is_empty() {
        return Ok(config);
    }
    let found = view.discovered()?.into_iter().filter(|one| one.empty_at.is_none());
    Ok(config.watching(found.map(|one| one.id)))
}

/// What one look-up of all listings came to.
#[derive(Debug, Default)]
pub struct Round {
    /// Watched from now on.
    pub found: Vec<OrganizationId>,
    /// Told to have vanished.
    pub vanished: Vec<OrganizationId>,
    /// Services whose listings were read as a whole.
    pub succeeded: Vec<Service>,
    /// Services where one was not, and why.
    pub failed: Vec<(Service, Missed)>,
}

/// Why a listing was not read, in words.
#[derive(Clone, Debug)]
pub struct Missed {
    /// The word for exit codes.
    pub reason: Reason,
    /// What happened, with all that caused it.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl From<&SyncError> for Missed {
    fn from(error: &SyncError) -> Self {
        Self { reason: error.reason(), message: chain(error), hint: error.hint() }
    }
}

/// Looks up what the rules of a config find, and commits it.
///
/// Dropping the future before the end commits nothing.
///
/// # Errors
///
/// The store failed. That a listing could not be read is no error here but what the round says.
///
/// # Panics
///
/// The servers were prepared for another config.
pub async fn look_up(
    config: &Config,
    servers: &Servers,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> Result<Round, StoreError> {
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general enough"
    )]
    let known = store.read(|view| view.discovered())?;
    let scout = Scout {
        config,
        servers,
        clock,
        deadline: tokio::time::Instant::now() + config.sync_timeout,
    };
    let listings = scout.listings(&known).await;
    let now = clock.now();
    let verdict = judge(config, known, &listings, now);
    let failures = failures(&listings);
    let round = Round {
        found: verdict.found.clone(),
        vanished: verdict.vanished.clone(),
        succeeded: services(config)
            .filter(|one| failures.iter().all(|(it, _)| it != one))
            .collect(),
        failed: failures,
    };
    let (succeeded, failed) = (round.succeeded.clone(), round.failed.clone());
    let instance = config.instance.clone();
    store
        .write(move |tx| {
            write(tx, &verdict, &instance, now)?;
            write_lookups(tx, &succeeded, &failed, now)
        })
        .await?;
    Ok(round)
}

/// Each once, in the order of the rules.
fn services(config: &Config) -> impl Iterator<Item = Service> {
    config.discover.iter().map(|rule| rule.service).unique()
}

/// The first failure on each service: of a listing, or of one owner in it.
fn failures(listings: &[Listing<'_>]) -> Vec<(Service, Missed)> {
    let failed = listings.iter().filter_map(|listing| {
        let missed = listing.owners.as_ref().err().or(listing.odd.as_ref())?;
        Some((listing.rule.service, missed.clone()))
    });
    failed.unique_by(|(service, _)| *service).collect()
}

/// Asks Codecov for what a round needs.
struct Scout<'a> {
    config: &'a Config,
    servers: &'a Servers,
    clock: &'a Arc<dyn Clock>,
    deadline: tokio::time::Instant,
}

/// Owners in a listing, and what they turned out to be.
type Owners = Vec<(OrganizationId, Kind)>;

/// What an owner in a listing is. Where two listings have it, the last of these counts that one
/// of them says: a token may see less than another, and a failure is not taken for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Without members, as a person's user name is. Codecov may also have answered wrongly, so this
    /// is asked again.
    Empty,
    /// It was not asked this time, or did not answer: it is what it was.
    AsBefore,
    /// An organization, or nobody that a rule wants.
    Organization,
}

impl<'a> Scout<'a> {
    /// What each rule's listing has; rules with one token share it.
    async fn listings(&self, known: &[Discovered]) -> Vec<Listing<'a>> {
        let mut listings: Vec<Listing<'a>> = Vec::new();
        for rule in &self.config.discover {
            let same = listings.iter().find(|other| other.rule.shares_listing_with(rule));
            let (owners, odd) = if let Some(Listing { owners, .. }) = same {
                (owners.clone(), None)
            } else {
                let mut odd = None;
                let owners = self.listing(rule, known, &mut odd).await;
                (owners.map_err(|error| Missed::from(&error)), odd)
            };
            listings.push(Listing { rule, owners, odd });
        }
        listings
    }

    async fn listing(
        &self,
        rule: &DiscoverRule,
        known: &[Discovered],
        odd: &mut Option<Missed>,
    ) -> Result<Owners, SyncError> {
        let server = self.servers.at(&rule.base_url);
        let token = SecretString::from(rule.token.read()?.expose());
        let owners = server.owners(token.clone(), Arc::clone(self.clock), self.deadline);
        let mut listed = Vec::new();
        for owner in owners.read(rule.service).await? {
            // One that cannot stand in a URL cannot be asked about either.
            let Some(username) = owner.username else { continue };
            let Ok(id) = OrganizationId::new(rule.service, username.shown()) else { continue };
            let known = known.iter().find(|one| one.id == id);
            let kind = if self.config.rule_for(&id).is_none() {
                Kind::Organization
            } else if known.is_some_and(|known| !self.is_asked_again(known)) {
                Kind::AsBefore
            } else {
                self.ask(server, &token, &id, odd).await?
            };
            listed.push((id, kind));
        }
        Ok(listed)
    }

    /// Whether an owner was empty a while ago: a person may have become an organization, or Codecov
    /// may have answered wrongly.
    fn is_asked_again(&self, known: &Discovered) -> bool {
        let now = self.clock.now();
        known.empty_at.is_some_and(|at| at > now || now - at >= ASKED_AGAIN_AFTER)
    }

    /// What an owner is. About a person, Codecov answers with a list of nobody; an organization is
    /// never empty to those who see it (`docs/CODECOV_API.md` section 0). What is wrong with this
    /// one alone stands in no other's way: it is asked about next time, and noted in `odd`.
    async fn ask(
        &self,
        server: &Server,
        token: &SecretString,
        id: &OrganizationId,
        odd: &mut Option<Missed>,
    ) -> Result<Kind, SyncError> {
        let session = server.session(id, token.clone(), Arc::clone(self.clock), self.deadline);
        match session.still_listed().await {
            Ok(()) => Ok(Kind::Organization),
            Err(error) => match error.reason() {
                Reason::Empty => Ok(Kind::Empty),
                // Its syncs will say so.
                Reason::NotAMember | Reason::OrganizationNotFound => Ok(Kind::Organization),
                Reason::TokenRefused
                | Reason::TokenNotAdmin
                | Reason::Unreachable
                | Reason::Tls
                | Reason::RateLimited => Err(error.into()),
                Reason::Timeout
                | Reason::ServerError
                | Reason::Inconsistent
                | Reason::BadResponse => {
                    odd.get_or_insert_with(|| Missed::from(&error.into()));
                    Ok(Kind::AsBefore)
                }
            },
        }
    }
}

fn write(
    tx: &Tx<'_>,
    verdict: &Verdict,
    instance: &str,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    for one in &verdict.changed {
        tx.set_discovered(one)?;
    }
    for id in &verdict.dropped {
        tx.drop_discovered(id)?;
    }
    let (sync, key) = (uuid_v7(now), tx.key()?);
    for (id, position) in verdict.vanished.iter().zip(0..) {
        let organization = tx.organization(id)?;
        let data = vanished(tx, id)?;
        let source = format!("/seatwatch/{instance}/codecov/{id}");
        let (organization, source) = (Some(organization), source.as_str());
        let event =
            NewEvent { sync, position, organization, member: None, source, time: now, data: &data };
        tx.append(&key, &event)?;
    }
    Ok(())
}

/// The event, with the sums of the last roster: that is what there is of it.
fn vanished(tx: &Tx<'_>, id: &OrganizationId) -> rusqlite::Result<Data> {
    let known = tx.discovered_as(id)?;
    let number = tx.find(id)?;
    let roster = number.map(|number| tx.roster_state(number)).transpose()?.flatten();
    let totals = roster.as_ref().map(|roster| roster.totals);
    Ok(Data {
        organization: Some(Organization {
            service: id.service().word().to_owned(),
            owner: id.owner().to_owned(),
        }),
        totals,
        previous_totals: totals,
        since: roster.map(|roster| roster.read_at),
        details: Some(json!({ "last_seen": known.map(|known| known.last_seen) })),
        ..Data::of_instance(EventKind::OrganizationVanished)
    })
}

fn write_lookups(
    tx: &Tx<'_>,
    succeeded: &[Service],
    failed: &[(Service, Missed)],
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    for service in succeeded {
        tx.set_lookups(*service, &Lookups { last_success_at: Some(now), ..Lookups::default() })?;
    }
    let known = tx.lookups()?;
    for (service, missed) in failed {
        let before = known.get(service).cloned().unwrap_or_default();
        let Missed { reason, message, hint } = missed.clone();
        let lookups = Lookups {
            failures: before.failures.saturating_add(1),
            failing_since: before.failing_since.or(Some(now)),
            failure: Some(Failure { reason: reason.word().to_owned(), message, hint }),
            ..before
        };
        tx.set_lookups(*service, &lookups)?;
    }
    Ok(())
}

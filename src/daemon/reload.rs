//! Goes over to a config, the first one or another, without disturbing what is the same in both.
//!
//! Everything is read, checked and prepared first, and only then swapped: an error leaves the old
//! config as it was.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use itertools::Itertools as _;
use tracing::{info, warn};

use super::changes::{ChangedFiles, changes};
use super::overview::Overview;
use super::syncs::Plan;
use super::{Daemon, Life, Surroundings, left};
use crate::chain::chain;
use crate::codecov::Authorities;
use crate::config::{self, Config};
use crate::control::Reloaded;
use crate::discover;
use crate::exit::{Exit, Failure, Stop};
use crate::http::{Protection, ProtectionError};
use crate::organization::OrganizationId;
use crate::servers::{Servers, read_authorities};
use crate::store::{Store, StoreError};
use crate::sync::{Memory, Syncer};
use crate::upkeep;

/// What syncs need, as a config has it.
fn plan(config: &Config, servers: &Servers, store: &Arc<Store>, around: &Surroundings) -> Plan {
    let organizations = config.organizations.iter();
    let organizations = organizations.map(|one| (one.id.clone(), Arc::new(one.clone())));
    let memory = Memory::Kept(Arc::clone(store));
    Plan {
        syncer: Syncer::of(config, Arc::clone(&around.clock), memory),
        servers: servers.clone(),
        organizations: organizations.collect::<HashMap<_, _>>(),
        max_concurrent: config.max_concurrent_syncs,
    }
}

/// What the files hold that a config names, for the whole daemon: read at the start and at a reload,
/// and never in between.
pub(super) struct Read {
    pub(super) protection: Arc<Protection>,
    pub(super) authorities: Option<Authorities>,
}

impl Read {
    fn now(config: &Config) -> Result<Self, Stop> {
        Ok(Self { protection: protection(config)?, authorities: read_authorities(config)? })
    }
}

impl Daemon {
    /// Reads the config again and goes over to it; says what changed.
    pub(super) async fn reload(&mut self) -> Result<Reloaded, Stop> {
        self.notify.reloading();
        let result = self.try_to_reload().await;
        let now = self.around.clock.now();
        self.metrics.reloaded(result.is_ok(), now);
        match &result {
            Ok(Reloaded { changes, warnings }) => {
                info!(changes = changes.join("; "), "config reloaded");
                if let Some(warnings) = warnings {
                    warn!(warnings = on_a_line(warnings), "the config may not be what is meant");
                }
            }
            Err(stop) => {
                let reason = on_a_line(&stop.to_string());
                warn!(reason, "config not reloaded: the old one stays");
            }
        }
        self.notify.ready();
        self.overview.changed();
        result
    }

    async fn try_to_reload(&mut self) -> Result<Reloaded, Stop> {
        let config = config::load(&self.around.config)?;
        let config = self.store.read(|view| discover::watched(config, view))?;
        if config.state_dir != self.config.state_dir {
            let (old, new) = (self.config.state_dir.display(), config.state_dir.display());
            let message =
                format!("`state_dir` cannot change from `{old}` to `{new}` while running");
            let hint = "restart the daemon to move it";
            return Err(Failure::new(Exit::Config, message).with_hint(hint).into());
        }
        let (before, config) = (Arc::clone(&self.config), Arc::new(config));
        let (protection, servers) = (self.overview.protection(), self.servers.clone());
        let lanes = self.overview.lanes();
        let not_found = left::not_found(&self.store, &config)?;
        self.adopt(Arc::clone(&config), Some(&before)).await?;
        self.discovery.start_over().await;
        let files = ChangedFiles {
            web: protection.web() != self.overview.protection().web(),
            authorities: self.servers.differ_from(&servers),
        };
        let mut changes = changes(&before, &config, &files);
        changes.extend(left::behind(&lanes, &config));
        changes.extend(not_found);
        // It is done, whether or not this can be read now; the log says the same.
        changes.extend(left::not_carried(&self.store, &config).unwrap_or_default());
        let warnings = &config.warnings;
        let warnings = (!warnings.problems.is_empty()).then(|| warnings.to_string());
        Ok(Reloaded { changes, warnings })
    }

    /// Goes over to a config, and to what the files that it names say now.
    pub(super) async fn adopt(
        &mut self,
        config: Arc<Config>,
        before: Option<&Config>,
    ) -> Result<(), Stop> {
        let read = Read::now(&config)?;
        self.adopt_as_read(read, config, before).await
    }

    /// Goes over to a config: what can fail comes first, and leaves things as they were before.
    pub(super) async fn adopt_as_read(
        &mut self,
        Read { protection, authorities }: Read,
        config: Arc<Config>,
        before: Option<&Config>,
    ) -> Result<(), Stop> {
        let all = config.organizations.iter();
        let (policy, observer) = (self.around.policy, Some(&self.observer));
        let servers =
            Servers::trusting(authorities, &config, all, &self.servers, policy, observer)?;
        let listener = self.door.listener_for(config.listen).await?;
        if self.store.is_purging() {
            let message = "the database is being written anew, which takes its time";
            let hint = "try again when that is done: `seatwatch org forget` began it";
            return Err(Failure::new(Exit::TryAgain, message).with_hint(hint).into());
        }
        let kept = config.organizations.iter().map(|one| one.id.clone()).collect();
        let dropped = self.syncs.keep(&kept).await;
        self.note_under_way().await;
        let remembered = self.make_way(&config, before).await;
        if let (Err(_), Some(before)) = (&remembered, before) {
            self.workers.serve(&before.sinks, before.shutdown_grace);
            self.overview.show(&self.config, self.workers.watch());
            let now = self.around.clock.now();
            self.sync(dropped, now).await;
        }
        let last = remembered?;
        // Nothing fails from here on.
        self.workers.serve(&config.sinks, config.shutdown_grace);
        self.metrics.set_discover(config.discover.iter().map(|rule| rule.service));
        let now = self.around.clock.now();
        self.config = config;
        self.servers = servers;
        self.syncs.replan(plan(&self.config, &self.servers, &self.store, &self.around));
        self.heartbeat().follow(&self.config, now);
        self.overview.show(&self.config, self.workers.watch());
        match listener {
            Some(listener) => {
                let protected = self.overview.protect_anew(protection);
                self.door.open(listener, &self.overview, protected);
            }
            None => self.overview.protect(protection),
        }
        let Config { organizations, splay, .. } = &*self.config;
        self.timetable().set(organizations, *splay, |id| last.get(id).copied(), now);
        Ok(())
    }

    /// Ends the workers that cannot go on beside the config, and has the store take it over; says
    /// when the last sync of each organization ended.
    async fn make_way(
        &mut self,
        config: &Config,
        before: Option<&Config>,
    ) -> Result<HashMap<OrganizationId, DateTime<Utc>>, StoreError> {
        let work = async {
            if before.is_none_or(|before| has_moved(before, config)) {
                // What a lane has cut may name the organization: the store knows the new name.
                self.workers.end_all().await;
            } else {
                let former: Vec<&str> =
                    config.sinks.iter().filter_map(|entry| entry.formerly.as_deref()).collect();
                self.workers.end_sinks(&former).await;
            }
            remember(&self.store, &self.overview, config).await
        };
        // Not `self.life()`: the work has the other fields.
        let life = Life {
            pulse: &self.pulse,
            overview: &self.overview,
            notify: &mut self.notify,
            chores: &mut self.chores,
        };
        match before {
            Some(_) => alive(life, work).await,
            // There is nothing to show yet.
            None => work.await,
        }
    }
}

fn on_a_line(text: &str) -> String {
    text.lines().filter(|line| !line.is_empty()).join("; ")
}

/// Waits for what may take its time (a receiver has its grace to answer in, the store may be busy)
/// and goes on showing that the loop lives.
async fn alive<T>(mut life: Life<'_>, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = second.tick() => life.show(),
        }
    }
}

/// Takes the config over; says when the last sync of each organization ended, also where it had
/// another name then.
async fn remember(
    store: &Store,
    overview: &Overview,
    config: &Config,
) -> Result<HashMap<OrganizationId, DateTime<Utc>>, StoreError> {
    take_over(store, config).await?;
    // The store has the new names now, and there is no way back to the old ones.
    Ok(overview.last_runs(&config.organizations).unwrap_or_else(|error| {
        let error = chain(&error);
        warn!(error, "cannot read when the last syncs were: who is new here is synced at once");
        HashMap::new()
    }))
}

/// Carries over what has another name now, and gives new sinks their places in the log. No worker
/// serves a sink that has another name now.
async fn take_over(store: &Store, config: &Config) -> Result<(), StoreError> {
    let moved = upkeep::take_over(store, config).await?;
    for (old, new) in moved.carried {
        info!(organization = %new, formerly = %old, "its history goes on under the new name");
    }
    for (old, new) in moved.both_known {
        warn!(
            organization = %new, formerly = %old,
            "there is a history under both names, and that of the new one goes on: take the line \
             `formerly` out, and `seatwatch org forget` the old one if it is of no use"
        );
    }
    for (old, new) in moved.sinks_carried {
        info!(sink = new, formerly = old, "it goes on where it was under its old name");
    }
    for (old, new) in moved.sinks_unknown {
        warn!(
            sink = new,
            formerly = old,
            "nothing is known of a sink under its former name: it starts at the end of the log"
        );
    }
    for (old, new) in moved.sinks_both_known {
        warn!(
            sink = new,
            formerly = old,
            "it has a place in the log of its own, and goes on from there: take the line \
             `formerly` out; `seatwatch replay` with `--since` goes back"
        );
    }
    Ok(())
}

/// Whether an organization says now what it was before, and did not say so until now.
fn has_moved(before: &Config, after: &Config) -> bool {
    let names = |config: &Config| -> HashSet<_> {
        let moved = config.organizations.iter().filter(|one| one.formerly.is_some());
        moved.map(|one| (one.formerly.clone(), one.id.clone())).collect()
    };
    !names(after).is_subset(&names(before))
}

/// How the endpoints are protected where the config is this.
fn protection(config: &Config) -> Result<Arc<Protection>, Stop> {
    let web = config.read_web()?;
    let protection = Protection::new(&web).map_err(|error| {
        let failure = Failure::new(Exit::Config, chain(&error));
        match &error {
            ProtectionError::Certificate(error) => failure.with_hint(error.hint.clone()),
            ProtectionError::Tls(_) => failure,
        }
    })?;
    Ok(Arc::new(protection))
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::mpsc};

    use super::*;
    use crate::clock::SystemClock;
    use crate::codecov::Policy;
    use crate::schedule::Ticks;
    use crate::store::LockedDirectory;

    fn idle(directory: &std::path::Path) -> Daemon {
        let path = directory.join("seatwatch.yaml");
        let text = "organizations: [github/acme]\ncodecov: { token_env: PATH }\n\
                    sinks: { events: { type: file, path: events.ndjson } }\n";
        fs::write(&path, text).unwrap();
        let config = Arc::new(config::load(&path).unwrap());
        let store = Store::open(LockedDirectory::lock(directory).unwrap()).unwrap();
        let around = Surroundings {
            config: path,
            clock: Arc::new(SystemClock),
            ticks: Ticks::by_hand().1,
            policy: Policy::default(),
            runtime_dir: None,
            notify: false,
        };
        Daemon::idle(config, Arc::new(store), around)
    }

    /// The loop lives while it waits, and the watchdog hears all the same that the store does not, for
    /// as long as it does not.
    #[tokio::test]
    async fn a_disk_that_hangs_under_a_reload_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let mut daemon = idle(directory.path());
        let (store, pulse) = (Arc::clone(&daemon.store), Arc::clone(&daemon.pulse));
        let (disk, hangs) = mpsc::channel::<()>();
        let taking_over = store.write(move |_| {
            hangs.recv().ok();
            Ok(())
        });
        pulse.age();
        let noticed = async {
            while pulse.trouble().is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                pulse.age();
            }
        };
        tokio::select! {
            _ = alive(daemon.life(), taking_over) => panic!("it hangs"),
            noticed = tokio::time::timeout(Duration::from_secs(30), noticed) => noticed.unwrap(),
        }
        assert!(pulse.trouble().unwrap().starts_with("the store has not answered"));
        drop(disk);
        daemon.chores.join_next().await.unwrap().unwrap();
        assert_eq!(pulse.trouble(), None);
    }
}

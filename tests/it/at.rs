//! Syncs at times that a story chooses, so that it can have a past: in this process, with a clock
//! that stands still, and with everything else as in the program.

use std::process::Output;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use seatwatch::clock::Clock;
use seatwatch::codecov::Policy;
use seatwatch::config;
use seatwatch::servers::Servers;
use seatwatch::store::{LockedDirectory, Store, Tx};
use seatwatch::sync::{Memory, Syncer};

use crate::world::{Ran, World};

struct Frozen(DateTime<Utc>);

impl Clock for Frozen {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

impl World {
    /// Syncs all organizations, as if it were this time.
    #[track_caller]
    pub(crate) fn sync_at(&self, time: &str) -> &Self {
        let time: DateTime<Utc> = time.parse().unwrap();
        std::fs::write(self.path("seatwatch.yaml"), self.config()).unwrap();
        let config = config::load(&self.path("seatwatch.yaml")).unwrap();
        self.runtime.block_on(async {
            let store = Store::open(LockedDirectory::lock(&config.state_dir).unwrap()).unwrap();
            let store = Arc::new(store);
            let syncer = Syncer::of(&config, Arc::new(Frozen(time)), Memory::Kept(store));
            let policy = Policy { attempts: 1, ..Policy::default() };
            let organizations = &config.organizations;
            let servers = Servers::of(&config, organizations, &Servers::default(), policy, None);
            let servers = servers.unwrap();
            for organization in organizations {
                syncer.sync(organization, servers.get(organization), |_| ()).await.unwrap();
            }
        });
        self
    }

    /// What the program says, with the times that were chosen.
    pub(crate) fn says(&self, arguments: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let directory = self.path("").display().to_string();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&directory, "[DIR]/");
        Ran { stdout: text(stdout), stderr: text(stderr), code: status.code() }
    }
}

impl World {
    /// Takes away what is older than a time, as `retention` does.
    #[track_caller]
    pub(crate) fn trim_to(&self, time: &str) -> &Self {
        let time: DateTime<Utc> = time.parse().unwrap();
        let now = time + TimeDelta::days(400);
        self.runtime.block_on(async {
            let store = Store::open(LockedDirectory::lock(&self.state_dir()).unwrap()).unwrap();
            let mut next = Some(store.read(|view| view.trim(time, now)).unwrap());
            while let Some(trim) = next {
                let step = move |tx: &Tx<'_>| tx.trim_step(&trim, &[], now);
                next = store.write(step).await.unwrap().1;
            }
        });
        self
    }
}

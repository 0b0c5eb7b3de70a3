//! What the story is played on: a temporary folder, a made-up Codecov, and a config that reads
//! from it. The config is a whole one: commands in another terminal work with it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::exit::{Exit, Failure, Stop};
use super::super::simulate::{self, Cast, IssuedToken, write_private};
use super::story::CAST;
use crate::config::{self, Config};
use crate::organization::OrganizationId;
use crate::simulator::Simulator;

/// Everything that the scenes are played on. Dropped, it is gone from the disk.
pub(super) struct Stage {
    pub(super) simulator: Simulator,
    pub(super) cast: Vec<OrganizationId>,
    tokens: Vec<IssuedToken>,
    directory: TempDir,
}

impl Stage {
    /// Serves the made-up Codecov and writes the config.
    pub(super) async fn set() -> Result<Self, Stop> {
        let cannot = |what: &str, error: &dyn std::fmt::Display| {
            Failure::new(Exit::CannotCreate, format!("cannot {what}: {error}"))
        };
        let directory =
            tempfile::Builder::new().prefix("seatwatch-demo-").tempdir().map_err(|error| {
                cannot("make a temporary folder", &error)
                    .with_hint("set `TMPDIR` to a directory that you can write")
            })?;
        let cast: Vec<Cast> = CAST.iter().map(|one| one.parse().expect("a cast")).collect();
        let (world, tokens) = simulate::world(&cast);
        let simulator = Simulator::start(world, ([127, 0, 0, 1], 0).into())
            .await
            .map_err(|error| cannot("listen on 127.0.0.1", &error))?;
        let stage = Self {
            cast: cast.into_iter().map(|one| one.organization).collect(),
            simulator,
            tokens,
            directory,
        };
        simulate::write_tokens(stage.folder(), &stage.tokens)
            .and_then(|()| write_private(&stage.config_path(), &stage.config_text()))
            .map_err(|error| super::super::stop(&error))?;
        Ok(stage)
    }

    /// Ends the made-up Codecov and takes the folder away.
    pub(super) async fn strike(self) {
        self.simulator.stop().await;
        if let Err(error) = self.directory.close() {
            super::super::complain(&format!(
                "warning: cannot remove the temporary folder: {error}"
            ));
        }
    }

    /// The config, as the daemon takes it.
    pub(super) fn config(&self) -> Result<Config, Stop> {
        Ok(config::load(&self.config_path())?)
    }

    pub(super) fn folder(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn config_path(&self) -> PathBuf {
        self.folder().join("seatwatch.yaml")
    }

    pub(super) fn state_dir(&self) -> PathBuf {
        self.folder().join("state")
    }

    /// Where the file sink writes.
    pub(super) fn events_path(&self) -> PathBuf {
        self.folder().join("events.ndjson")
    }

    /// Those whom nothing may happen to: their tokens are needed.
    pub(super) fn token_holders(&self) -> impl Iterator<Item = String> {
        self.tokens.iter().map(|token| token.username.clone())
    }

    /// The command that a person would type for this config.
    pub(super) fn command(&self, rest: &str) -> String {
        // As this one was called, so that it can be typed as it stands.
        let program = std::env::args_os().next().unwrap_or_else(|| "seatwatch".into());
        let program = program.display();
        format!("{program} --config {} {rest}", self.config_path().display())
    }

    /// What can be done in another terminal while the story is played.
    pub(super) fn sights(&self, daemon: SocketAddr) -> Vec<String> {
        let token = self.tokens.first().map_or("", |token| token.token.as_str());
        let base_url = self.simulator.base_url();
        vec![
            self.command("status"),
            format!("tail -F {}", self.events_path().display()),
            format!("curl http://{daemon}/metrics"),
            format!("curl -H 'Authorization: bearer {token}' {base_url}/api/v2/github/acme/users/"),
        ]
    }

    /// Short schedules, and a failure is told at the first: nobody has hours to watch.
    fn config_text(&self) -> String {
        let base_url = self.simulator.base_url();
        format!(
            "# Written by `seatwatch demo`.\n\
             instance: demo\n\
             state_dir: state\n\
             listen: 127.0.0.1:0\n\
             schedule: \"*/2 * * * * *\"\n\
             failing_after: 1\n\
             shutdown_grace: 2s\n\
             codecov:\n  \
               base_url: {base_url}\n  \
               token_file: codecov-token-github\n  \
               requests_per_second: 50\n\
             organizations:\n  \
               - service: github\n    \
                 owner: acme\n    \
                 seats: {{ limit: 10, price_per_seat: 12.00, currency: USD }}\n  \
               - github/umbrella\n  \
               - service: gitlab\n    \
                 owner: example-group\n    \
                 token_file: codecov-token-gitlab\n\
             sinks:\n  \
               events: {{ type: file, path: events.ndjson }}\n"
        )
    }
}

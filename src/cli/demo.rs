//! `seatwatch demo`: the program and a made-up Codecov in one process, and a story that shows
//! what it does.
//!
//! Everything is in a temporary folder that goes away at the end. What is shown is what
//! `seatwatch sync` would have written: the same passes, the same store, the same sink.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::exit::{Exit, Failure, Stop};
use super::output::{Format, count};
use super::simulate::{self, Cast};
use super::sync::{interruptible, sync_and_deliver};
use super::{instance, stdout};
use crate::config::{self, Config};
use crate::organization::OrganizationId;
use crate::simulator::{Action, Change, Churn, Fault, Route, Simulator, When};
use crate::store::{LockedDirectory, Store};
use crate::sync::approve;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Ends by itself after this time, such as 20s; without it, on Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    lasts: Option<Duration>,
}

/// The organizations of the story.
const CAST: [&str; 3] = ["github/acme=12", "github/umbrella=40", "gitlab/example-group=8"];

/// The time between two scenes.
const PAUSE: Duration = Duration::from_secs(2);

/// One thing that happens at Codecov, or that a person does.
enum Scene {
    /// Something happens to the n-th of the members who were there at the beginning.
    Members(&'static str, Vec<(usize, Action)>),
    /// The server answers with errors, longer than one sync tries.
    Outage,
    /// Somebody approves the held roster.
    Approval,
}

/// What happens, in this order, each to an organization of the cast.
fn story() -> Vec<(usize, Scene)> {
    use Action::{GrantAdmin, LeaveAndUnseat, Rename, Seat, Unseat};
    let gone = |of: std::ops::Range<usize>| of.map(|index| (index, LeaveAndUnseat)).collect();
    vec![
        (0, Scene::Members("two people take a seat", vec![(3, Seat), (4, Seat)])),
        (2, Scene::Members("somebody leaves, with the seat", vec![(5, LeaveAndUnseat)])),
        (0, Scene::Members("somebody becomes an admin", vec![(2, GrantAdmin)])),
        (0, Scene::Members("somebody takes another name", vec![(5, Rename("night-owl".into()))])),
        (1, Scene::Members("a seat is taken away", vec![(6, Unseat)])),
        (1, Scene::Members("half of the members vanish at once", gone(10..30))),
        (1, Scene::Approval),
        (2, Scene::Outage),
        (2, Scene::Members("it is back, and somebody has left", gone(4..5))),
    ]
}

impl Demo {
    pub(super) fn run(self) -> Result<Exit, Stop> {
        let directory = tempfile::tempdir().map_err(|error| {
            Failure::new(Exit::CannotCreate, format!("cannot make a temporary folder: {error}"))
        })?;
        let played = interruptible(self.play(directory.path()));
        match super::runtime()?.block_on(played) {
            // Ctrl-C is how a demo ends.
            Err(Stop::Failure(failure)) if failure.exit == Exit::Interrupted => Ok(Exit::Ok),
            ended => ended,
        }
    }

    async fn play(&self, directory: &Path) -> Result<Exit, Stop> {
        let cast: Vec<Cast> = CAST.iter().map(|one| one.parse().expect("a cast")).collect();
        let (simulator, config) = stage(directory, &cast).await.map_err(|e| super::stop(&e))?;
        let stage = Stage {
            store: Arc::new(Store::open(LockedDirectory::lock(&config.state_dir)?)?),
            cast: cast.iter().map(|one| one.organization.clone()).collect(),
            members: cast.iter().map(|one| usernames(&simulator, &one.organization)).collect(),
            simulator,
            config,
        };
        say(&format!(
            "A made-up Codecov on {}, read from {}\n",
            stage.simulator.base_url(),
            directory.display()
        ))?;
        let show = stage.show();
        match self.lasts {
            // A sync that is under way is dropped: nothing of it is committed.
            Some(lasts) => tokio::time::timeout(lasts, show).await.unwrap_or(Ok(()))?,
            None => show.await?,
        }
        stage.sum_up()?;
        Ok(Exit::Ok)
    }
}

/// Everything that the scenes play with.
struct Stage {
    simulator: Simulator,
    config: Config,
    store: Arc<Store>,
    cast: Vec<OrganizationId>,
    /// The members of each at the beginning.
    members: Vec<Vec<String>>,
}

impl Stage {
    /// Plays the story, and then whatever comes to mind, without an end.
    async fn show(&self) -> Result<(), Stop> {
        self.sync(None).await?;
        for (index, scene) in story() {
            tokio::time::sleep(PAUSE).await;
            self.play(index, scene).await?;
        }
        let mut churn = Churn::new(self.cast.iter().cloned(), 1).sparing(self.token_holders());
        loop {
            tokio::time::sleep(PAUSE).await;
            self.improvise(&mut churn).await?;
        }
    }

    async fn play(&self, index: usize, scene: Scene) -> Result<(), Stop> {
        let organization = &self.cast[index];
        match scene {
            Scene::Members(what, actions) => {
                say(&format!("\n— at {organization} {what}\n"))?;
                for (member, action) in actions {
                    let username = self.members[index][member].clone();
                    let organization = organization.clone();
                    let change = Change { organization, username, action };
                    self.simulator.apply(change).expect("the cast is there");
                }
            }
            Scene::Outage => {
                say("\n— the server of Codecov is down\n")?;
                let down = Fault::Status { status: 503, retry_after: None };
                let requests = When::always().times(5).on(Route::Users);
                self.simulator.fault(requests.organization(organization.clone()), down);
            }
            Scene::Approval => {
                say(&format!("\n— somebody looks at it: seatwatch approve {organization}\n"))?;
                let now = instance::clock().now();
                drop(approve(&self.store, organization, None, now).await?);
            }
        }
        self.sync(Some(organization)).await
    }

    async fn improvise(&self, churn: &mut Churn) -> Result<(), Stop> {
        if let Some(change) = self.simulator.change_once(churn) {
            say(&format!("\n— {change}\n"))?;
            self.sync(Some(&change.organization)).await?;
        }
        Ok(())
    }

    /// Syncs one organization, or all, and writes what `seatwatch sync` would write.
    async fn sync(&self, only: Option<&OrganizationId>) -> Result<(), Stop> {
        let wanted = |id| only.is_none_or(|only| only == id);
        let organizations: Vec<_> =
            self.config.organizations.iter().filter(|one| wanted(&one.id)).collect();
        let store = Arc::clone(&self.store);
        sync_and_deliver(&self.config, &organizations, store, Format::Table).await?;
        Ok(())
    }

    fn token_holders(&self) -> impl Iterator<Item = String> {
        self.members.iter().filter_map(|members| members.first().cloned())
    }

    fn sum_up(&self) -> Result<(), Stop> {
        let file = self.config.state_dir.with_file_name("events.ndjson");
        let lines = std::fs::read_to_string(file)?;
        let events = count(lines.lines().count() as u64, "event");
        let requests = count(self.simulator.requests(), "request");
        say(&format!("\n{events} in the file sink after {requests}; the last of them:\n"))?;
        say(&format!("{}\n", lines.lines().last().unwrap_or_default()))?;
        Ok(())
    }
}

/// Starts the made-up Codecov, and loads a config that reads from it.
async fn stage(directory: &Path, cast: &[Cast]) -> anyhow::Result<(Simulator, Config)> {
    let (world, tokens) = simulate::world(cast);
    let simulator = Simulator::start(world, ([127, 0, 0, 1], 0).into()).await?;
    simulate::write_config(directory, &simulator.base_url(), cast, &tokens)?;
    let path = directory.join("seatwatch.yaml");
    let limited = "  - service: github\n    owner: acme\n    seats: { limit: 10 }\n";
    let text = std::fs::read_to_string(&path)?
        .replace("  - \"github/acme\"\n", limited)
        .replace("codecov:\n", "codecov:\n  requests_per_second: 50\n");
    std::fs::write(&path, format!("{text}failing_after: 1\n"))?;
    Ok((simulator, config::load(&path)?))
}

fn usernames(simulator: &Simulator, organization: &OrganizationId) -> Vec<String> {
    simulator.edit(|world| {
        let id = world.organization(organization);
        let rows = world.rows(id).into_iter();
        rows.filter_map(|row| row.username.map(str::to_owned)).collect()
    })
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

//! Plays the story: lets things happen, and shows what the daemon tells of them.
//!
//! Nothing waits for luck: a scene ends when the daemon has told what it is about.

use std::net::SocketAddr;
use std::time::Duration;

use anstyle::Style;
use chrono::Local;
use itertools::Itertools as _;
use seatwatch_sdk::EventKind;
use tokio::time::Instant;

use super::super::ask::{ask, connect};
use super::super::exit::Stop;
use super::super::output::count;
use super::super::say;
use super::line::line;
use super::stage::Stage;
use super::story::{Deed, Scene, story};
use super::told::{Sink, Told};
use crate::control::{Answer, Lost, Question};
use crate::simulator::{Action, Churn, Fault, When};
use crate::store::Reader;

/// The daemon looks every two seconds: what is not told by then will not be.
const PATIENCE: Duration = Duration::from_secs(10);
/// For people to read what was told.
const BREATH: Duration = Duration::from_secs(1);
/// How often the sink's file is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// A performance.
pub(super) struct Show<'a> {
    stage: &'a Stage,
    /// Where the daemon's pages are.
    daemon: SocketAddr,
    sink: Sink,
}

impl<'a> Show<'a> {
    pub(super) fn new(stage: &'a Stage, daemon: SocketAddr) -> Self {
        Self { stage, daemon, sink: Sink::new(stage.events_path()) }
    }

    /// Plays the story, and then whatever comes to mind, without an end.
    pub(super) async fn play(&mut self) -> Result<(), Stop> {
        self.introduce()?;
        for scene in story() {
            self.act(scene).await?;
            self.watch(BREATH, |_| false).await?;
        }
        let stage = self.stage;
        let mut churn = Churn::new(stage.cast.iter().cloned(), 1).sparing(stage.token_holders());
        loop {
            if let Some(change) = stage.simulator.change_once(&mut churn) {
                if let Action::Email(_) = change.action {
                    // `updated` is told only to sinks that ask for it.
                    continue;
                }
                head(&change.to_string())?;
                let organization = change.organization.to_string();
                self.watch(4 * BREATH, |told| told.organization() == organization).await?;
            }
            self.watch(BREATH, |_| false).await?;
        }
    }

    fn introduce(&self) -> Result<(), Stop> {
        let url = self.stage.simulator.base_url();
        let sights = self.stage.sights(self.daemon);
        let sights = sights.iter().map(|sight| format!("  {}", typed(sight)));
        Ok(say(&format!(
            "A made-up Codecov on {url}, and the daemon, which asks it every two seconds.\n\
             Config, state and events are in {} until this ends.\n\
             To look on in a browser: http://{}/\n\
             From another terminal:\n{}",
            self.stage.folder().display(),
            self.daemon,
            sights.format("")
        ))?)
    }

    async fn act(&mut self, scene: Scene) -> Result<(), Stop> {
        let Scene { heading, deeds, mut told } = scene;
        head(heading)?;
        for deed in deeds {
            if !self.perform(deed).await? {
                return Ok(());
            }
        }
        let all_told = self.watch(PATIENCE, |event| {
            let (organization, kind) = (event.organization(), event.data.event);
            let wanted = |wanted: &(&str, EventKind)| *wanted == (organization.as_str(), kind);
            if let Some(index) = told.iter().position(wanted) {
                told.swap_remove(index);
            }
            told.is_empty()
        });
        if !all_told.await? {
            let seconds = PATIENCE.as_secs();
            say(&format!(
                "not all of it was told within {seconds} seconds: is this machine busy?\n"
            ))?;
        }
        Ok(())
    }

    /// Does it, unless somebody else has done it already.
    async fn perform(&self, deed: Deed) -> Result<bool, Stop> {
        let simulator = &self.stage.simulator;
        match deed {
            // At one moment: no request sees a part of it.
            Deed::Changes(changes) => simulator.edit(|world| {
                for change in changes {
                    world.apply(&change).expect("a test plays the story");
                }
            }),
            Deed::Outage => {
                simulator.fault(When::always(), Fault::Status { status: 503, retry_after: None });
            }
            Deed::Repair => simulator.calm(),
            Deed::Approve(organization) => return self.approve(organization).await,
        }
        Ok(true)
    }

    /// Does what `seatwatch approve` does while a daemon runs.
    async fn approve(&self, organization: &str) -> Result<bool, Stop> {
        say(&typed(&self.stage.command(&format!("approve {organization}"))))?;
        let Some(daemon) = connect(&self.stage.state_dir())? else { return Ok(false) };
        let organization = organization.parse().expect("the story names organizations");
        let (mut refused, mut lost) = (None, false);
        let question = Question::Approve { organization, hold: None };
        let failed = ask(daemon, question, |answer| {
            match answer {
                Answer::Refused(why) => refused = Some(why),
                Answer::Lost(Lost { trouble, .. }) => {
                    crate::cli::complain(&trouble.text);
                    lost = true;
                }
                // What comes of it otherwise is told by the sink.
                _ => {}
            }
            Ok(())
        });
        let failed = failed.await?;
        if let Some(why) = &refused {
            say(&format!("{why}: somebody in another terminal was faster\n"))?;
        }
        Ok(failed.is_none() && refused.is_none() && !lost)
    }

    /// Shows what the sink is told until `done` says that it is enough, but for so long at most.
    /// Whether it was enough comes back.
    async fn watch(
        &mut self,
        at_most: Duration,
        mut done: impl FnMut(&Told) -> bool,
    ) -> Result<bool, Stop> {
        let end = Instant::now() + at_most;
        loop {
            let mut is_done = false;
            for told in self.sink.read_on()? {
                say(&format!("{}\n", line(&told, &Local)))?;
                is_done |= done(&told);
            }
            if is_done || Instant::now() >= end {
                return Ok(is_done);
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Says what came of it all. The daemon has ended.
    pub(super) fn sum_up(&mut self, lasted: Duration) -> Result<(), Stop> {
        // What was delivered last.
        for told in self.sink.read_on()? {
            say(&format!("{}\n", line(&told, &Local)))?;
        }
        let reader = Reader::open(&self.stage.state_dir())?;
        let syncs = reader.read(|view| Ok(count(view.syncs()?, "sync")))?;
        let lasted = humantime::format_duration(Duration::from_secs(lasted.as_secs()));
        head(&format!("the end, after {lasted}"))?;
        let Sink { counts, last_line, .. } = &self.sink;
        let requests = count(self.stage.simulator.requests(), "request");
        let events = count(counts.values().sum(), "event");
        let kinds = |of_members: bool| {
            let kinds = counts.iter().filter(move |(event, _)| is_of_member(**event) == of_members);
            kinds.map(|(event, number)| format!("{number} {event}")).join(", ")
        };
        say(&format!("{syncs} with {requests} brought {events} into the file:\n"))?;
        for kinds in [kinds(false), kinds(true)].iter().filter(|kinds| !kinds.is_empty()) {
            say(&format!("  {kinds}\n"))?;
        }
        if !last_line.is_empty() {
            say(&format!("the last of them as it stands there:\n{last_line}\n"))?;
        }
        Ok(())
    }
}

/// The kinds of members' events come after those of organizations.
fn is_of_member(event: EventKind) -> bool {
    event >= EventKind::Joined
}

/// What a person types into a terminal.
fn typed(command: &str) -> String {
    let dim = Style::new().dimmed();
    format!("{dim}${dim:#} {command}\n")
}

fn head(text: &str) -> std::io::Result<()> {
    let bold = Style::new().bold();
    say(&format!("\n{bold}— {text}{bold:#}\n"))
}

//! `seatwatch org`: what a person does about an organization that is not watched any more.

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use super::ask::{Doer, ask, doer};
use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::output::{Format, count, row, write_rows};
use super::past::unknown_organization;
use crate::config::{Config, Organization};
use crate::control::{Answer, Forgotten, Question, Trouble};
use crate::organization::OrganizationId;
use crate::store::{self, Reader, Store};
use crate::upkeep;

/// Commands about one organization.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Org {
    /// Erases all that is known of an organization: members, history, events, dead letters.
    Forget(Forget),
}

/// Arguments of `org forget`.
#[derive(Debug, clap::Args)]
pub(super) struct Forget {
    /// Which organization, as `service/owner`. It must not be in the config any more.
    #[arg(value_name = "ORG")]
    organization: OrganizationId,

    /// Erases without asking first; needed where nobody sits at a terminal.
    #[arg(long)]
    yes: bool,
}

const COLUMNS: &[&str] = &["organization", "members", "events", "dead_letters"];

impl Org {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let Self::Forget(command) = self;
        command.run(config, format)
    }
}

impl Forget {
    fn run(self, path: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(path)?;
        let id = &self.organization;
        if config.find(id).is_some() {
            let message = format!("{id}: is in the config, and would be back with the next sync");
            let is_named = |one: &Organization| one.id == *id && !one.discovered;
            let hint = if config.organizations.iter().any(is_named) {
                format!("take it out of `{}` first", path.display())
            } else {
                "name it in `exclude` of the rule that has found it first".to_owned()
            };
            return Err(Failure::new(Exit::Usage, message).with_hint(hint).into());
        }
        let reader = Reader::open(&config.state_dir)?;
        let known = reader.read(|view| {
            let number = view.find(id)?;
            number.map(|number| view.forgettable(number)).transpose()
        })?;
        let Some(known) = known else {
            return Err(unknown_organization(id, &config, &reader)?.into());
        };
        drop(reader);
        if !self.yes && !self.confirmed(&known)? {
            return Err(Failure::new(Exit::Usage, format!("{id}: nothing was erased")).into());
        }
        let erased = match super::runtime()?.block_on(erase(&config, id))? {
            Ok(erased) => erased,
            Err(exit) => return Ok(exit),
        };
        let Some(Forgotten { forgotten, traces }) = erased else {
            return Err(Failure::new(Exit::Usage, format!("{id}: was erased meanwhile")).into());
        };
        if let Some(Trouble { text, .. }) = traces {
            super::complain(&format!(
                "warning: {id}: is erased, but traces may stand in free space of the database until \
                 the next sync tries again\n{text}"
            ));
        }
        let mut out = super::stdout();
        if format == Format::Table {
            writeln!(out, "{id}: erased: {}", in_words(&forgotten))?;
        } else {
            let row = row! {
                organization: id.to_string(),
                members: forgotten.members,
                events: forgotten.events,
                dead_letters: forgotten.dead_letters,
            };
            write_rows(format, COLUMNS, &[row], &mut out)?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }

    /// Asks who sits at the terminal; only there is somebody to ask.
    fn confirmed(&self, known: &store::Forgotten) -> Result<bool, Stop> {
        let id = &self.organization;
        if !io::stdin().is_terminal() {
            let message = format!("{id}: nobody is there to be asked; nothing was erased");
            return Err(Failure::new(Exit::Usage, message)
                .with_hint("to erase it without a question, add `--yes`")
                .into());
        }
        let mut err = io::stderr().lock();
        write!(err, "{id}: erase {} for ever? Its name says yes: ", in_words(known))?;
        err.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(answer.trim().parse::<OrganizationId>().is_ok_and(|named| named == *id))
    }
}

/// Erases it, or lets the daemon do so; the inner error is how the command ends.
async fn erase(
    config: &Config,
    organization: &OrganizationId,
) -> Result<Result<Option<Forgotten>, Exit>, Stop> {
    match doer(config)? {
        Doer::Us(directory) => {
            let store = Store::open(directory)?;
            let erased = upkeep::forget(&store, organization).await?;
            Ok(Ok(erased.map(Forgotten::from)))
        }
        Doer::Daemon(daemon) => {
            let question = Question::Forget { organization: organization.clone() };
            let mut erased = None;
            let failed = ask(daemon, question, |answer| {
                if let Answer::Forgotten(answer) = answer {
                    erased = answer;
                }
                Ok(())
            });
            Ok(failed.await?.map_or(Ok(erased), Err))
        }
    }
}

fn in_words(forgotten: &store::Forgotten) -> String {
    let members = count(forgotten.members, "member");
    let events = count(forgotten.events, "event");
    let dead_letters = count(forgotten.dead_letters, "dead letter");
    format!("{members}, {events}, {dead_letters}")
}

//! `seatwatch approve` and `seatwatch reject`: a person's word on a held roster.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::ask::{Doer, ask, doer};
use super::exit::{Exit, Stop};
use super::instance;
use super::left::{self, Left};
use super::output::{Format, row, write_rows};
use super::sync::{GOES_ON, interruptible, sync_and_deliver, sync_by_daemon, until_interrupted};
use super::synced::refusal;
use crate::control::{Answer, Question};
use crate::organization::OrganizationId;
use crate::store::{Hold, Store};
use crate::sync::{Refused, approve, reject};

/// Arguments of `approve`.
#[derive(Debug, clap::Args)]
pub(super) struct Approve {
    /// Which organization, as `service/owner`.
    #[arg(value_name = "ORG")]
    organization: OrganizationId,

    /// The hold that is meant, by the id that `status` shows; needed where it has changed since.
    #[arg(long, value_name = "ID")]
    hold: Option<String>,
}

/// Arguments of `reject`.
#[derive(Debug, clap::Args)]
pub(super) struct Reject {
    /// Which organization, as `service/owner`.
    #[arg(value_name = "ORG")]
    organization: OrganizationId,
}

impl Approve {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        let selected = instance::select(&config, std::slice::from_ref(&self.organization))?;
        let Self { organization, hold } = self;
        let id = organization.clone();
        let exit = super::runtime()?.block_on(async {
            let directory = match doer(&config)? {
                Doer::Us(directory) => directory,
                Doer::Daemon(daemon) => {
                    let question = Question::Approve { organization, hold };
                    let work = sync_by_daemon(daemon, question, &selected, format, config.timezone);
                    return interruptible(GOES_ON, work).await;
                }
            };
            let left = Left::default();
            let work = async {
                let store = Arc::new(Store::open(directory)?);
                instance::take_over(&config, &store).await?;
                let now = instance::clock().now();
                let answer = approve(&store, &organization, hold, now).await?;
                answer.map_err(|refused| refusal(&organization, &refused))?;
                sync_and_deliver(&config, &selected, store, format, &left).await
            };
            until_interrupted(work).await?.ok_or_else(|| {
                let failure = left.interrupted(&config);
                match left::approval(&config, &id) {
                    Some(stands) => failure.with_hint(stands).into(),
                    None => failure.into(),
                }
            })
        })?;
        if exit != Exit::Ok
            && let Some(stands) = left::approval(&config, &id)
        {
            super::complain(&format!("{id}: {stands}"));
        }
        Ok(exit)
    }
}

impl Reject {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        let organization = self.organization;
        instance::select(&config, std::slice::from_ref(&organization))?;
        super::runtime()?.block_on(async {
            let mut rejected = None;
            match doer(&config)? {
                Doer::Us(directory) => {
                    let store = Store::open(directory)?;
                    instance::take_over(&config, &store).await?;
                    let now = instance::clock().now();
                    rejected = Some(reject(&store, &organization, now).await?);
                }
                Doer::Daemon(daemon) => {
                    let organization = organization.clone();
                    let failed = ask(daemon, Question::Reject { organization }, |answer| {
                        match answer {
                            Answer::Rejected(hold) => rejected = Some(Ok(hold)),
                            Answer::Refused(refused) => rejected = Some(Err(refused)),
                            _ => {}
                        }
                        Ok(())
                    });
                    if let Some(exit) = failed.await? {
                        return Ok(exit);
                    }
                }
            }
            let hold = rejected.unwrap_or(Err(Refused::NotHeld));
            let hold = hold.map_err(|refused| refusal(&organization, &refused))?;
            write_rejected(&organization, &hold, format)?;
            Ok(Exit::Ok)
        })
    }
}

fn write_rejected(organization: &OrganizationId, hold: &Hold, format: Format) -> Result<(), Stop> {
    let mut out = super::stdout();
    if format == Format::Table {
        writeln!(out, "{organization}: hold {} rejected; no more reminders", hold.id)?;
    } else {
        let row = row! { organization: organization.to_string(), hold: hold.id };
        write_rows(format, &["organization", "hold"], &[row], &mut out)?;
    }
    Ok(out.flush()?)
}

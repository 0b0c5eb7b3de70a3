//! `seatwatch approve` and `seatwatch reject`: a person's word on a held roster.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::output::{Format, row, shown, write_rows};
use super::sync::{interruptible, sync_and_deliver};
use crate::organization::OrganizationId;
use crate::store::{LockedDirectory, Store};
use crate::sync::{Refused, approve, difference, reject};

/// Arguments of `approve`.
#[derive(Debug, clap::Args)]
pub(super) struct Approve {
    /// Which organization, as `service/owner`.
    #[arg(value_name = "ORG")]
    organization: OrganizationId,

    /// The hold that is meant, where it has changed since it was told.
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
        let store = Arc::new(Store::open(LockedDirectory::lock(&config.state_dir)?)?);
        super::runtime()?.block_on(interruptible(async {
            instance::carry_histories(&config, &store).await?;
            let now = instance::clock().now();
            let answer = approve(&store, &self.organization, self.hold.clone(), now).await?;
            answer.map_err(|refused| self.refusal(&refused))?;
            sync_and_deliver(&config, &selected, Arc::clone(&store), format).await
        }))
    }

    fn refusal(&self, refused: &Refused) -> Failure {
        let organization = &self.organization;
        let hold = match refused {
            Refused::NotHeld => return not_held(organization),
            Refused::OtherHold { hold, .. } | Refused::Changed { hold } => hold,
        };
        let mut message = format!("{organization}: {refused}");
        for line in difference(&hold.told_losses, &hold.losses) {
            message.push_str("\n  ");
            message.push_str(&shown(&line));
        }
        Failure::new(Exit::Data, message).with_hint(format!(
            "to accept it as it is now: seatwatch approve {organization} --hold {}",
            hold.id
        ))
    }
}

impl Reject {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        instance::select(&config, std::slice::from_ref(&self.organization))?;
        let store = Store::open(LockedDirectory::lock(&config.state_dir)?)?;
        let now = instance::clock().now();
        let answer = super::runtime()?.block_on(async {
            instance::carry_histories(&config, &store).await?;
            Ok::<_, Stop>(reject(&store, &self.organization, now).await?)
        })?;
        let hold = answer.map_err(|_| not_held(&self.organization))?;
        let mut out = super::stdout();
        if format == Format::Table {
            writeln!(out, "{}: hold {} rejected; no more reminders", self.organization, hold.id)?;
        } else {
            let row = row! { organization: self.organization.to_string(), hold: hold.id };
            write_rows(format, &["organization", "hold"], &[row], &mut out)?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }
}

fn not_held(organization: &OrganizationId) -> Failure {
    Failure::new(Exit::Data, format!("{organization}: no roster is held"))
        .with_hint("`seatwatch status` shows how every organization stands")
}

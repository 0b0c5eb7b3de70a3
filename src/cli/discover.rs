//! `seatwatch discover`: which organizations the token sees, and what to write into the config.
//!
//! Changes nothing. A config that names no organization yet is enough, because this is what helps
//! to write it.

use std::io::{self, Write};
use std::path::Path;

use itertools::{Either, Itertools as _};
use secrecy::SecretString;

use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::output::{Format, Row, row, shown, table, write_rows, write_table};
use super::sync::interruptible;
use crate::chain::chain;
use crate::codecov::{Owner, Policy};
use crate::config::Config;
use crate::organization::{OrganizationId, Service};
use crate::servers::Servers;
use crate::store::Reader;
use crate::sync::SyncError;

/// Arguments of `discover`.
#[derive(Debug, clap::Args)]
pub(super) struct Discover {
    /// On which git service, by the word that stands before the `/` of an organization: `github`.
    /// Without it, on those that the config names.
    #[arg(long, value_name = "SERVICE")]
    service: Option<Service>,
}

/// One owner of the listing.
struct Found {
    id: OrganizationId,
    name: Option<String>,
    configured: Configured,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Configured {
    /// The config names it.
    Named,
    /// A rule of the config has found it.
    ByRule,
    /// A rule of the config leaves it out.
    Excluded,
    /// Nobody watches it.
    No,
    /// It is known to be a user name.
    Person,
}

impl Configured {
    fn in_words(self) -> &'static str {
        match self {
            Self::Named => "yes",
            Self::ByRule => "by a rule",
            Self::Excluded => "no: excluded by a rule",
            Self::No => "no",
            Self::Person => "no: a user name, without members",
        }
    }
}

const COLUMNS: &[&str] = &["organization", "name", "configured"];

impl Discover {
    pub(super) fn run(self, path: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load_unfinished(path)?;
        let people = people(&config)?;
        let services = self.services(&config)?;
        let runtime = super::runtime()?;
        let listed = runtime.block_on(interruptible("nothing was changed", async {
            let mut listed = Vec::new();
            for service in services {
                listed.push((service, list(&config, service).await));
            }
            Ok(listed)
        }))?;
        let (listed, mut failed): (Vec<_>, Vec<_>) =
            listed.into_iter().partition_map(|(service, owners)| match owners {
                Ok(owners) => Either::Left((service, owners)),
                Err(stop) => Either::Right(stop),
            });
        if listed.is_empty() && !failed.is_empty() {
            return Err(failed.swap_remove(0));
        }
        let found = listed
            .into_iter()
            .flat_map(|(service, owners)| found(&config, &people, service, owners));
        let found: Vec<Found> = found.collect();
        let mut out = super::stdout();
        if format == Format::Table {
            write_people(&config, &found, &mut out)?;
        } else {
            let rows: Vec<Row> = found.iter().map(found_row).collect();
            write_rows(format, COLUMNS, &rows, &mut out)?;
        }
        out.flush()?;
        // What one service lists is worth something without the others.
        for stop in &failed {
            super::complain(&stop.to_string());
        }
        Ok(failed.first().map_or(Exit::Ok, Stop::exit))
    }

    /// Where to look: at least one. An organization that has a token of its own says nothing of what
    /// that of all can see.
    fn services(&self, config: &Config) -> Result<Vec<Service>, Stop> {
        let named = config.organizations.iter();
        let named = named.filter(|organization| Some(&organization.token) == config.token.as_ref());
        let named = named.map(|organization| organization.id.service());
        let ruled = config.discover.iter().map(|rule| rule.service);
        let services: Vec<Service> = match self.service {
            Some(service) => vec![service],
            None => named.chain(ruled).unique().collect(),
        };
        if services.is_empty() {
            let message = "discover: the config names no git service to look at";
            let hint = "name one: `seatwatch discover --service github`";
            return Err(Failure::new(Exit::Usage, message).with_hint(hint).into());
        }
        Ok(services)
    }
}

/// Owners that turned out to be people when a rule matched them.
fn people(config: &Config) -> Result<Vec<OrganizationId>, Stop> {
    let reader = Reader::open(&config.state_dir)?;
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general enough"
    )]
    let known = reader.read(|view| view.discovered())?;
    Ok(known.into_iter().filter(|one| one.empty_at.is_some()).map(|one| one.id).collect())
}

async fn list(config: &Config, service: Service) -> Result<Vec<Owner>, Stop> {
    let Some(token) = &config.token else {
        let message = "discover: the config names no token for all organizations";
        let hint = "name a file in `codecov.token_file`, or a variable in `codecov.token_env`";
        return Err(Failure::new(Exit::Config, message).with_hint(hint).into());
    };
    let secret = token.read().map_err(|error| {
        let failure = Failure::new(Exit::Config, format!("discover: {}", chain(&error)));
        failure.with_hint(error.hint())
    })?;
    let servers = Servers::of(config, [], &Servers::default(), Policy::default(), None)?;
    let deadline = tokio::time::Instant::now() + config.sync_timeout;
    let secret = SecretString::from(secret.expose());
    let owners = servers.at(&config.base_url).owners(secret, instance::clock(), deadline);
    let listed = owners.read(service).await.map_err(SyncError::from);
    listed.map_err(|error| {
        let message = format!("discover on {service}: {}: {}", error.reason(), chain(&error));
        Failure::new(error.reason().into(), message).with_hint(error.hint()).into()
    })
}

/// The owners in Codecov's order, without those that cannot be named.
fn found(
    config: &Config,
    people: &[OrganizationId],
    service: Service,
    owners: Vec<Owner>,
) -> Vec<Found> {
    let owners = owners.into_iter().filter_map(|owner| {
        let id = OrganizationId::new(service, owner.username?.shown()).ok()?;
        let configured = match config.find(&id) {
            Some(organization) if organization.discovered => Configured::ByRule,
            Some(_) => Configured::Named,
            None if people.contains(&id) => Configured::Person,
            // The next look-up takes it up.
            None if config.rule_for(&id).is_some() => Configured::ByRule,
            None if config.is_excluded(&id) => Configured::Excluded,
            None => Configured::No,
        };
        Some(Found { id, name: owner.name, configured })
    });
    owners.collect()
}

fn write_people(config: &Config, found: &[Found], out: &mut dyn Write) -> io::Result<()> {
    let mut table = table(&["ORGANIZATION", "NAME", "CONFIGURED"]);
    for Found { id, name, configured } in found {
        let name = name.as_deref().map_or_else(|| "–".to_owned(), shown);
        table.add_row(vec![shown(&id.to_string()), name, configured.in_words().to_owned()]);
    }
    write_table(&table, out)?;
    let new: Vec<&Found> =
        found.iter().filter(|found| found.configured == Configured::No).collect();
    if new.is_empty() {
        let excluded = found.iter().any(|found| found.configured == Configured::Excluded);
        let but = if excluded { ", but what a rule excludes" } else { "" };
        return writeln!(out, "\nnothing to add: all organizations of the token are watched{but}");
    }
    if found.iter().all(|found| found.configured != Configured::Person) {
        writeln!(
            out,
            "\none of these may be the user name of the token's owner, which has no members: leave \
             that one out"
        )?;
    }
    let names_some = config.organizations.iter().any(|organization| !organization.discovered);
    if names_some {
        writeln!(
            out,
            "\nto watch the others too, add to the list `organizations` of the config:\n"
        )?;
    } else {
        writeln!(out, "\nto watch them, add to the config:\n\norganizations:")?;
    }
    for found in new {
        writeln!(out, "  - {}", found.id)?;
    }
    Ok(())
}

fn found_row(found: &Found) -> Row {
    row! {
        organization: found.id.to_string(),
        name: found.name,
        configured: matches!(found.configured, Configured::Named | Configured::ByRule),
    }
}

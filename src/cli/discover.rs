//! `seatwatch discover`: which organizations the token sees, and what to write into the config.
//!
//! Changes nothing. A config that names no organization yet is enough, because this is what helps
//! to write it.

mod listings;

use std::io::{self, Write};
use std::path::Path;

use itertools::{Either, Itertools as _};
use seatwatch_sdk::SecretSource;
use secrecy::SecretString;

use self::listings::Listing;

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
    /// Without it, on those that the config has organizations or rules on.
    ///
    /// Asked are the tokens of the rules, and `codecov.token_file` where an organization there is
    /// read with it; where there is neither, the organizations' own tokens.
    #[arg(long, value_name = "SERVICE")]
    service: Option<Service>,
}

/// One owner of a listing.
struct Found<'a> {
    listing: Listing<'a>,
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
        let listings = self.listings(&config)?;
        let all = config.organizations.iter();
        let servers = Servers::of(&config, all, &Servers::default(), Policy::default(), None)?;
        let runtime = super::runtime()?;
        let listed = runtime.block_on(interruptible("nothing was changed", async {
            let mut listed = Vec::new();
            for listing in &listings {
                listed.push((*listing, list(&config, &servers, listing).await));
            }
            Ok(listed)
        }))?;
        say_left_out(&config, &listings);
        let (listed, mut failed): (Vec<_>, Vec<_>) =
            listed.into_iter().partition_map(|(listing, owners)| match owners {
                Ok(owners) => Either::Left((listing, owners)),
                Err(stop) => Either::Right(stop),
            });
        if listed.is_empty() && failed.len() == 1 {
            return Err(failed.swap_remove(0));
        }
        let found = listed
            .into_iter()
            .flat_map(|(listing, owners)| found(&config, &people, listing, owners));
        // What several tokens see is one organization.
        let found: Vec<Found<'_>> = found.unique_by(|found| found.id.clone()).collect();
        let mut out = super::stdout();
        if format == Format::Table {
            if !found.is_empty() {
                write_people(&config, &found, &mut out)?;
            }
        } else {
            let rows: Vec<Row> = found.iter().map(found_row).collect();
            write_rows(format, COLUMNS, &rows, &mut out)?;
        }
        out.flush()?;
        // What one token lists is worth something without the others.
        for stop in &failed {
            super::complain(&stop.to_string());
        }
        Ok(failed.first().map_or(Exit::Ok, Stop::exit))
    }

    /// What to look up: at least one listing.
    fn listings<'a>(&self, config: &'a Config) -> Result<Vec<Listing<'a>>, Stop> {
        let services = self.service.map_or_else(|| listings::services(config), |it| vec![it]);
        let Some(first) = services.first() else {
            let message = "discover: the config names no git service to look at";
            let hint = "name one: `seatwatch discover --service github`";
            return Err(Failure::new(Exit::Usage, message).with_hint(hint).into());
        };
        let listings = services.iter().flat_map(|service| listings::on(config, *service));
        let listings: Vec<Listing<'_>> = listings.collect();
        if listings.is_empty() {
            let message = format!("discover: the config names no token for {first}");
            let hint = "name a file in `codecov.token_file`, or a variable in `codecov.token_env`";
            return Err(Failure::new(Exit::Config, message).with_hint(hint).into());
        }
        Ok(listings)
    }
}

/// Says whose tokens may see more than what is listed.
fn say_left_out(config: &Config, listings: &[Listing<'_>]) {
    for service in listings.iter().map(|listing| listing.service).unique() {
        let left_out = listings::left_out(config, service, listings);
        let Some(first) = left_out.first() else { continue };
        let more = match left_out.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        super::complain(&format!(
            "warning: discover on {service}: not asked with what is only for some organizations \
             ({}{more}): what that alone sees is not listed",
            first.id
        ));
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

async fn list(
    config: &Config,
    servers: &Servers,
    listing: &Listing<'_>,
) -> Result<Vec<Owner>, Stop> {
    let Listing { service, token, base_url } = *listing;
    let secret = token.read().map_err(|error| {
        let failure = Failure::new(Exit::Config, format!("discover: {}", chain(&error)));
        failure.with_hint(error.hint())
    })?;
    let deadline = tokio::time::Instant::now() + config.sync_timeout;
    let secret = SecretString::from(secret.expose());
    let owners = servers.at(base_url).owners(secret, instance::clock(), deadline);
    let listed = owners.read(service).await.map_err(SyncError::from);
    listed.map_err(|error| {
        let reason = error.reason();
        let message = format!("discover on {service} with {token}: {reason}: {}", chain(&error));
        Failure::new(reason.into(), message).with_hint(error.hint()).into()
    })
}

/// The owners in Codecov's order, without those that cannot be named.
fn found<'a>(
    config: &Config,
    people: &[OrganizationId],
    listing: Listing<'a>,
    owners: Vec<Owner>,
) -> Vec<Found<'a>> {
    let owners = owners.into_iter().filter_map(|owner| {
        let id = OrganizationId::new(listing.service, owner.username?.shown()).ok()?;
        let configured = match config.find(&id) {
            Some(organization) if organization.discovered => Configured::ByRule,
            Some(_) => Configured::Named,
            None if people.contains(&id) => Configured::Person,
            // The next look-up takes it up.
            None if config.rule_for(&id).is_some() => Configured::ByRule,
            None if config.is_excluded(&id) => Configured::Excluded,
            None => Configured::No,
        };
        Some(Found { listing, id, name: owner.name, configured })
    });
    owners.collect()
}

fn write_people(config: &Config, found: &[Found<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut table = table(&["ORGANIZATION", "NAME", "CONFIGURED"]);
    for Found { id, name, configured, .. } in found {
        let name = name.as_deref().map_or_else(|| "–".to_owned(), shown);
        table.add_row(vec![shown(&id.to_string()), name, configured.in_words().to_owned()]);
    }
    write_table(&table, out)?;
    let new: Vec<&Found<'_>> =
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
        writeln!(out, "  - {}", item(config, found))?;
    }
    Ok(())
}

/// An organization as the config names it: with the token and the server that it was seen with,
/// where they are not those of all.
fn item(config: &Config, found: &Found<'_>) -> String {
    let Found { listing: Listing { service, token, base_url }, id, .. } = found;
    let has_token = config.token.as_ref() == Some(*token);
    let has_server = config.base_url == **base_url;
    if has_token && has_server {
        return id.to_string();
    }
    // What JSON writes in quotes, YAML reads.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let token = match token {
        _ if has_token => None,
        SecretSource::Env(name) => Some(("token_env", name.clone())),
        SecretSource::File(path) => Some(("token_file", path.display().to_string())),
        SecretSource::Credential(path) => {
            let name = path.file_name().unwrap_or(path.as_os_str());
            Some(("token_file", name.to_string_lossy().into_owned()))
        }
    };
    let server = (!has_server).then(|| ("base_url", base_url.to_string()));
    let keys =
        token.into_iter().chain(server).map(|(key, value)| format!(", {key}: {}", quoted(&value)));
    format!("{{ service: {service}, owner: {}{} }}", quoted(id.owner()), keys.collect::<String>())
}

fn found_row(found: &Found<'_>) -> Row {
    row! {
        organization: found.id.to_string(),
        name: found.name,
        configured: matches!(found.configured, Configured::Named | Configured::ByRule),
    }
}

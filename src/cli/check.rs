//! `seatwatch check`: whether the configuration is right, and what it means.
//!
//! Creates nothing. With `--online` it also looks at the machine, and asks Codecov about every
//! token and every sink whether a delivery would get through, still without changing anything.

mod machine;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use chrono::TimeDelta;
use itertools::Itertools as _;
use seatwatch_sdk::LONGEST_CHECK;
use secrecy::SecretString;
use url::Url;

use super::exit::{Exit, Stop};
use super::instance;
use super::output::{Format, Row, count, local, row, shown, table, write_rows, write_table};
use super::run;
use super::status::{first_sync, named};
use super::sync::interruptible;
use crate::chain::chain;
use crate::codecov::{self, AdminProof, Policy, Server};
use crate::config::{Config, DiscoverRule, Organization, SinkEntry};
use crate::control;
use crate::organization::OrganizationId;
use crate::preflight;
use crate::schedule;
use crate::servers::Servers;
use crate::sinks;
use crate::store::{Reader, View};
use crate::sync::SyncError;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Looks at the machine, and asks every token and every sink whether it would work.
    ///
    /// Looked at are the user, the state directory, the database, plugins, the address to listen
    /// on, its certificate (a warning for the last 14 days, then an error), free space (a warning
    /// below 1 GiB, or 5 % of a small volume; an error below 64 MiB) and the clock (a warning from
    /// 30 seconds off Codecov's, an error from 5 minutes). Run it as the user of the daemon, or as
    /// root, who becomes that user. Only GET is sent to Codecov.
    #[arg(long)]
    online: bool,
}

/// What was found out about one organization, rule or sink.
struct Asked {
    /// Which one, as people read it: `github/acme`, `sink chat`.
    subject: String,
    /// What works, in words.
    good: Vec<String>,
    /// What does not, with advice.
    bad: Option<(Exit, String, Option<String>)>,
}

/// All that was found out.
struct All {
    /// About this machine.
    machine: Vec<preflight::Finding>,
    /// About each organization, in config order.
    organizations: Vec<Asked>,
    /// About each rule, likewise.
    rules: Vec<Asked>,
    /// About each sink, likewise.
    sinks: Vec<Asked>,
}

impl All {
    /// All that was asked, in config order.
    fn asked(&self) -> impl Iterator<Item = &Asked> {
        self.organizations.iter().chain(&self.rules).chain(&self.sinks)
    }

    /// That of the first failure: of the machine, because it spoils the rest, then of what was
    /// asked, in config order.
    fn exit(&self) -> Exit {
        let machine = self.machine.iter().find_map(machine::exit);
        let asked = || self.asked().find_map(|finding| Some(finding.bad.as_ref()?.0));
        machine.or_else(asked).unwrap_or(Exit::Ok)
    }
}

impl Check {
    pub(super) fn run(self, path: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load_with_secrets(path)?;
        instance::foresee_unknown_sinks(&config);
        if !self.online {
            write_all(path, &config, None, format)?;
            return Ok(Exit::Ok);
        }
        super::runtime()?.block_on(interruptible("not everything was asked", async {
            let found = ask_all(&config).await?;
            write_all(path, &config, Some(&found), format)?;
            Ok(found.exit())
        }))
    }
}

/// Looks at the machine, and asks Codecov and the sinks.
async fn ask_all(config: &Config) -> Result<All, Stop> {
    let now = instance::clock().now();
    let mut machine = preflight::look(config, run::runtime_directory().as_deref(), now).await;
    let all = config.organizations.iter();
    let servers = Servers::of(config, all, &Servers::default(), Policy::default(), None)?;
    let mut clocks = Clocks::new();
    let (mut organizations, mut rules, mut sinks) = (Vec::new(), Vec::new(), Vec::new());
    for organization in &config.organizations {
        let server = servers.get(organization);
        organizations.push(ask_codecov(config, organization, server, &mut clocks).await);
    }
    for rule in &config.discover {
        rules.push(ask_rule(config, rule, servers.at(&rule.base_url), &mut clocks).await);
    }
    for entry in &config.sinks {
        sinks.push(ask_sink(entry).await);
    }
    let clocks = clocks.iter().map(|(server, ahead)| preflight::clock(server, *ahead));
    machine.extend(clocks);
    Ok(All { machine, organizations, rules, sinks })
}

/// How far ahead the clock of each server is, by base URL; nothing where no answer told it.
type Clocks = BTreeMap<String, Option<TimeDelta>>;

/// Keeps what a server first told of its clock.
fn note(clocks: &mut Clocks, base_url: &Url, ahead: Option<TimeDelta>) {
    let server = base_url.as_str().trim_end_matches('/').to_owned();
    let known = clocks.entry(server).or_default();
    *known = known.or(ahead);
}

async fn ask_codecov(
    config: &Config,
    organization: &Organization,
    server: &Server,
    clocks: &mut Clocks,
) -> Asked {
    let mut good = Vec::new();
    let bad = match organization.token.read() {
        Err(error) => Some((Exit::NoPermission, error.to_string(), Some(error.hint()))),
        Ok(token) => {
            let deadline = tokio::time::Instant::now() + config.sync_timeout;
            let token = SecretString::from(token.expose());
            let session = server.session(&organization.id, token, instance::clock(), deadline);
            let asked = ask_token(&session, organization, &mut good).await;
            note(clocks, &organization.base_url, session.clock_ahead());
            match asked {
                Ok(()) => None,
                Err(error) => {
                    let text = format!("{}: {}", error.reason(), chain(&error));
                    Some((error.reason().into(), text, Some(error.hint())))
                }
            }
        }
    };
    Asked { subject: organization.id.to_string(), good, bad }
}

async fn ask_token(
    session: &codecov::Session,
    organization: &Organization,
    good: &mut Vec<String>,
) -> Result<(), SyncError> {
    session.still_listed().await?;
    good.push("token accepted".to_owned());
    good.push("sees the organization".to_owned());
    match session.prove_admin().await? {
        AdminProof::Admin => good.push("admin".to_owned()),
        AdminProof::NotAdmin if organization.require_admin => {
            return Err(SyncError::NotAdmin);
        }
        AdminProof::NotAdmin => good.push("not an admin".to_owned()),
        AdminProof::Unknown { why } => good.push(format!("admin: unknown ({})", shown(&why))),
    }
    Ok(())
}

/// Looks up the listing of a rule, and keeps nothing of it.
async fn ask_rule(
    config: &Config,
    rule: &DiscoverRule,
    server: &Server,
    clocks: &mut Clocks,
) -> Asked {
    let ask = async {
        let token = SecretString::from(rule.token.read()?.expose());
        let deadline = tokio::time::Instant::now() + config.sync_timeout;
        let owners = server.owners(token, instance::clock(), deadline);
        let read = owners.read(rule.service).await;
        note(clocks, &rule.base_url, owners.clock_ahead());
        Ok::<_, SyncError>(read?)
    };
    let subject = format!("discover on {}", rule.service);
    match ask.await {
        Ok(owners) => {
            let names = owners.iter().filter_map(|owner| owner.username.as_ref());
            let ids = names.filter_map(|name| OrganizationId::new(rule.service, name.shown()).ok());
            let matching = ids.filter(|id| rule.matches(id)).count() as u64;
            let good = vec![format!("token accepted, matches {}", count(matching, "owner"))];
            Asked { subject, good, bad: None }
        }
        Err(error) => {
            let text = format!("{}: {}", error.reason(), chain(&error));
            let bad = Some((error.reason().into(), text, Some(error.hint())));
            Asked { subject, good: Vec::new(), bad }
        }
    }
}

async fn ask_sink(entry: &SinkEntry) -> Asked {
    let subject = format!("sink {}", entry.name);
    for lane in entry.config.lanes() {
        let mut sink = entry.config.build(&lane);
        let reason = match tokio::time::timeout(LONGEST_CHECK, sink.check()).await {
            Ok(Ok(())) => continue,
            Ok(Err(failure)) => failure.reason().to_owned(),
            Err(_) => {
                let seconds = LONGEST_CHECK.as_secs();
                format!("no answer within {seconds} s: a disk or a network that it needs may hang")
            }
        };
        return Asked { subject, good: Vec::new(), bad: Some((Exit::Unavailable, reason, None)) };
    }
    // What a program answers may be about its settings alone: its receiver may be down.
    let good = if sinks::is_a_program(&entry.kind) {
        format!("settings accepted; `seatwatch sink test {}` tries a delivery", entry.name)
    } else {
        "would deliver".to_owned()
    };
    Asked { subject, good: vec![good], bad: None }
}

fn write_all(path: &Path, config: &Config, found: Option<&All>, format: Format) -> io::Result<()> {
    let mut out = super::stdout();
    if format == Format::Table {
        write_people(path, config, found, &mut out)?;
    } else {
        write_rows(format, COLUMNS, &rows(config, found), &mut out)?;
    }
    out.flush()
}

fn write_people(
    path: &Path,
    config: &Config,
    found: Option<&All>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (now, new) = (instance::clock().now(), never_synced(config));
    let is_up = !new.is_empty() && control::is_up(&config.state_dir);
    let online = found.is_some();
    let machine = found.map(|found| found.machine.as_slice()).unwrap_or_default();
    if online {
        machine::write_table(machine, out)?;
    }
    let mut header = vec!["ORGANIZATION", "SCHEDULE", "NEXT SYNC", "TOKEN"];
    header.extend(online.then_some("ONLINE"));
    let mut organizations = table(&header);
    for (organization, finding) in paired(&config.organizations, found.map(|it| &*it.organizations))
    {
        let next = schedule::next_run(organization, config.splay, now);
        let mut next = local(next, organization.timezone);
        if new.contains(&organization.id) {
            next = first_sync(is_up, &next);
        }
        let mut cells = vec![
            named(organization),
            organization.schedule.as_str().to_owned(),
            next,
            organization.token.to_string(),
        ];
        cells.extend(finding.map(in_words));
        organizations.add_row(cells);
    }
    if !config.organizations.is_empty() || config.discover.is_empty() {
        write_table(&organizations, out)?;
    }
    for (rule, finding) in paired(&config.discover, found.map(|it| &*it.rules)) {
        let online = finding.map(|finding| format!(" ({})", in_words(finding)));
        let (rule, token, online) = (rule.in_words(), &rule.token, online.unwrap_or_default());
        writeln!(out, "discover: all of {token} that match {}{online}", shown(&rule))?;
    }
    writeln!(out)?;
    let mut header = vec!["SINK", "TYPE", "EVENTS", "ORGANIZATIONS"];
    header.extend(online.then_some("ONLINE"));
    let mut sinks = table(&header);
    for (entry, finding) in paired(&config.sinks, found.map(|it| &*it.sinks)) {
        let mut cells =
            vec![entry.name.clone(), entry.kind.clone(), events(entry), organizations_of(entry)];
        cells.extend(finding.map(in_words));
        sinks.add_row(cells);
    }
    if config.sinks.is_empty() {
        writeln!(out, "no sinks: events are kept in the log, and nobody is told")?;
    } else {
        write_table(&sinks, out)?;
    }
    machine::write_troubles(machine, out)?;
    let mut bad = machine.iter().filter_map(machine::exit).count();
    for Asked { subject, bad: trouble, .. } in found.into_iter().flat_map(All::asked) {
        let Some((_, text, hint)) = trouble else { continue };
        bad += 1;
        writeln!(out, "\n{subject}: {}", shown(text))?;
        if let Some(hint) = hint {
            writeln!(out, "hint: {hint}")?;
        }
    }
    let warnings = machine.iter().filter(|finding| machine::is_warning(finding)).count();
    let came_up = match (bad as u64, warnings as u64) {
        (0, 0) => String::new(),
        (0, warnings) => format!(", with {}", count(warnings, "warning")),
        (bad, _) => format!(", but {} came up online", count(bad, "problem")),
    };
    writeln!(out, "\n{}: configuration is valid{came_up}", path.display())
}

/// The organizations whose first sync waits for no schedule. Nothing is known of a store that cannot
/// be read: whoever needs it says why.
fn never_synced(config: &Config) -> BTreeSet<OrganizationId> {
    let read = |view: &View<'_>| {
        let mut new = BTreeSet::new();
        for Organization { id, .. } in &config.organizations {
            let number = instance::find(view, config, id)?;
            let last_run = number.map(|number| view.last_run(number)).transpose()?.flatten();
            if last_run.is_none() {
                new.insert(id.clone());
            }
        }
        Ok(new)
    };
    let new = Reader::glance(&config.state_dir).and_then(|reader| reader.read(read));
    new.unwrap_or_default()
}

/// Each of these with what was found out about it, where it was asked.
fn paired<'a, T>(
    all: &'a [T],
    asked: Option<&'a [Asked]>,
) -> impl Iterator<Item = (&'a T, Option<&'a Asked>)> {
    let finding = move |index| asked.and_then(|asked| asked.get(index));
    all.iter().enumerate().map(move |(index, one)| (one, finding(index)))
}

fn events(entry: &SinkEntry) -> String {
    match &entry.events {
        Some(events) => events.iter().map(|event| event.word()).collect::<Vec<_>>().join(", "),
        None => "all but updated".to_owned(),
    }
}

fn organizations_of(entry: &SinkEntry) -> String {
    entry.organizations.patterns().map_or_else(|| "all".to_owned(), |patterns| patterns.join(", "))
}

/// What works; what does not stands below the table.
fn in_words(finding: &Asked) -> String {
    let bad = finding.bad.as_ref().map(|_| "see below");
    finding.good.iter().map(String::as_str).chain(bad).join(", ")
}

/// The keys of a row for machines: of an organization, of a rule, of a sink, or of something that
/// was looked at on this machine (`check`).
const COLUMNS: &[&str] = &[
    "organization",
    "discover",
    "sink",
    "type",
    "schedule",
    "next_sync",
    "ok",
    "message",
    "hint",
    "check",
    "result",
];

fn rows(config: &Config, found: Option<&All>) -> Vec<Row> {
    let now = instance::clock().now();
    let machine = found.map(|found| found.machine.as_slice()).unwrap_or_default();
    let is_good = |finding: Option<&Asked>| finding.map(|finding| finding.bad.is_none());
    let message = |finding: Option<&Asked>| Some(finding?.bad.as_ref()?.1.clone());
    let hint = |finding: Option<&Asked>| finding?.bad.as_ref()?.2.clone();
    let organizations = paired(&config.organizations, found.map(|it| &*it.organizations));
    let organizations = organizations.map(|(organization, finding)| {
        row! {
            organization: organization.id.to_string(),
            schedule: organization.schedule.as_str(),
            next_sync: schedule::next_run(organization, config.splay, now),
            ok: is_good(finding),
            message: message(finding),
            hint: hint(finding),
        }
    });
    let rules = paired(&config.discover, found.map(|it| &*it.rules)).map(|(rule, finding)| {
        row! {
            discover: rule.in_words(),
            schedule: rule.schedule.as_str(),
            ok: is_good(finding),
            message: message(finding),
            hint: hint(finding),
        }
    });
    let sinks = paired(&config.sinks, found.map(|it| &*it.sinks)).map(|(entry, finding)| {
        row! {
            sink: entry.name,
            type: entry.kind,
            ok: is_good(finding),
            message: message(finding),
        }
    });
    organizations.chain(rules).chain(sinks).chain(machine.iter().map(machine::row)).collect()
}

//! `seatwatch history`: what changed, as the log has it.
//!
//! Read and written a page at a time: a long history needs little memory, and a reader who takes
//! their time keeps nobody waiting.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use itertools::Itertools as _;
use seatwatch_sdk::{Data, Event};
use serde_json::Value;

use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::output::{Format, local, shown, table, write_pages, write_table};
use super::past::{self, Past};
use super::roster::since_when;
use super::when::When;
use crate::config::{self, Config};
use crate::organization::OrganizationId;
use crate::roster::Username;
use crate::store::{self, PastMember, Reader};
use crate::tables;
use crate::words;

/// So many events are read at once, and share the widths of a table.
const PAGE: usize = 1000;

/// Arguments of `history`.
#[derive(Debug, clap::Args)]
pub(super) struct History {
    /// Of which organization, as `service/owner`; of all if none is named. It need not be in the
    /// config any more.
    #[arg(value_name = "ORG")]
    organization: Option<OrganizationId>,

    /// Only of this member: a username that they have or had, in any letter case.
    #[arg(long, value_name = "USERNAME")]
    member: Option<String>,

    /// Only what happened since then: a day, a time, `yesterday`, or `3d ago`.
    #[arg(long, value_name = "TIME")]
    since: Option<When>,

    /// Only what happened until then; a day counts to its end.
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
}

impl History {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        let reader = Reader::open(&config.state_dir)?;
        let zone = past::zone(&config, self.organization.as_ref());
        let now = instance::clock().now();
        let history = self.resolve(&config, &reader, zone, now)?;
        let mut after = 0;
        let mut next = || -> Result<Vec<Event>, Stop> {
            let Some(history) = &history else { return Ok(Vec::new()) };
            let page = reader.read(|view| view.history(history, after, PAGE))?;
            after = page.last().map_or(after, |event| event.sequence);
            Ok(page)
        };
        let mut out = super::stdout();
        if format == Format::Table {
            self.write_tables(&mut next, zone, &mut out)?;
            let members = history.as_ref().and_then(|history| history.members.as_deref());
            let past = Past { config: &config, reader: &reader, now };
            let until = history.as_ref().and_then(|history| history.until);
            let members = members.unwrap_or_default();
            write_standing(members, &past, (until, zone), &mut out)?;
        } else {
            let rows = || Ok(next()?.iter().map(tables::event).collect());
            write_pages(format, tables::EVENT, rows, &mut out)?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }

    /// What to ask the store for; nothing where it knows nothing of the organization yet.
    fn resolve(
        &self,
        config: &Config,
        reader: &Reader,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<Option<store::History>, Stop> {
        let organization = match &self.organization {
            None => None,
            Some(id) => match reader.read(|view| instance::find(view, config, id))? {
                Some(number) => Some(number),
                None if config.find(id).is_some() => return Ok(None),
                None => return Err(unknown_organization(id, config, reader)?.into()),
            },
        };
        let members = match &self.member {
            None => None,
            Some(name) => {
                // As people write one who is mentioned.
                let key = Username::new(name.strip_prefix('@').unwrap_or(name));
                let found = reader.read(|view| view.members_named(organization, key.key()))?;
                if found.is_empty() {
                    return Err(self.unknown_member(name, organization, reader)?.into());
                }
                Some(found)
            }
        };
        let past = Past { config, reader, now };
        let since = self.since.map(|since| past.start(since, zone)).transpose()?;
        let until = self.until.map(|until| past.end(until, zone)).transpose()?;
        past::refuse_backwards(since, until, zone)?;
        if let Some((id, until)) = self.organization.as_ref().zip(until) {
            // An empty answer would say that nothing happened.
            past.refuse_unknown(id, until)?;
        }
        Ok(Some(store::History { organization, members, since, until }))
    }

    fn unknown_member(
        &self,
        name: &str,
        organization: Option<store::Organization>,
        reader: &Reader,
    ) -> Result<Failure, Stop> {
        let Some((id, number)) = self.organization.as_ref().zip(organization) else {
            return Ok(Failure::new(
                Exit::Usage,
                format!("{}: no such member was seen", shown(name)),
            )
            .with_hint("`seatwatch roster ORG` lists the members of an organization"));
        };
        let roster = reader.read(|view| view.roster(number))?;
        let known = roster.members().iter().map(crate::roster::Member::username);
        let hint = match config::nearest(name, known) {
            Some(name) => format!("did you mean `{}`?", shown(name)),
            None => format!("`seatwatch roster {id}` lists the members"),
        };
        let message = format!("{id}: no member `{}` was seen", shown(name));
        Ok(Failure::new(Exit::Usage, message).with_hint(hint))
    }

    fn write_tables(
        &self,
        next: &mut dyn FnMut() -> Result<Vec<Event>, Stop>,
        zone: Tz,
        out: &mut dyn Write,
    ) -> Result<(), Stop> {
        // Where one is named, it is the same in every row.
        let named = self.organization.is_some();
        let header: &[&str] = if named {
            &["TIME", "EVENT", "MEMBER", "DETAILS"]
        } else {
            &["TIME", "ORGANIZATION", "EVENT", "MEMBER", "DETAILS"]
        };
        let mut page = next()?;
        if page.is_empty() {
            writeln!(out, "no changes")?;
        }
        while !page.is_empty() {
            let mut table = table(header);
            for event in &page {
                let mut cells = vec![local(Some(event.time), zone)];
                cells.extend((!named).then(|| organization(&event.data)));
                cells.push(event.data.event.word().to_owned());
                cells.push(member(&event.data));
                cells.push(details(&event.data, zone));
                table.add_row(cells);
            }
            write_table(&table, out)?;
            page = next()?;
            if !page.is_empty() {
                writeln!(out)?;
            }
        }
        Ok(())
    }
}

/// What each of some members is now, or was at a time, and since when.
fn write_standing(
    members: &[(store::Organization, i64)],
    past: &Past<'_>,
    (at, zone): (Option<DateTime<Utc>>, Tz),
    out: &mut dyn Write,
) -> Result<(), Stop> {
    for (organization, number) in members {
        let (id, roster) = past.reader.read(|view| {
            Ok((view.id(*organization)?, view.past_roster(*organization, at.unwrap_or(past.now))?))
        })?;
        let Some(roster) = roster else { continue };
        let since = |time| since_when(time, roster.known_since, zone);
        let found = roster.members.iter().find(|it| it.number == *number);
        // Who is gone has a last event that says so.
        let Some(PastMember { member, since: known, .. }) = found else { continue };
        let seat = known.seat.map_or("without a seat".to_owned(), |time| {
            format!("with a seat since {}", since(Some(time)))
        });
        let admin = known.admin.map(|time| format!(", admin since {}", since(Some(time))));
        let (name, member) = (shown(member.username()), since(Some(known.member)));
        let admin = admin.unwrap_or_default();
        let when = at.map(|at| format!(", {}", local(Some(at), zone))).unwrap_or_default();
        writeln!(out, "\n{id}{when}: {name} is a member since {member}, {seat}{admin}")?;
    }
    Ok(())
}

/// Neither in the config nor in the store.
pub(super) fn unknown_organization(
    id: &OrganizationId,
    config: &Config,
    reader: &Reader,
) -> Result<Failure, Stop> {
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general enough"
    )]
    let stored = reader.read(|view| view.organizations())?;
    let message = format!("{id}: neither in the config nor in the store");
    let failure = Failure::new(Exit::Usage, message);
    if let Some(one) = config.organizations.iter().find(|one| one.formerly.as_ref() == Some(id)) {
        return Ok(failure.with_hint(format!("it is `{}` now", one.id)));
    }
    let of_config = config.organizations.iter().map(|one| one.id.clone());
    let known: BTreeSet<String> = of_config.chain(stored).map(|id| id.to_string()).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Ok(failure.with_hint(config::did_you_mean(&id.to_string(), &known)))
}

fn organization(data: &Data) -> String {
    let organization = data.organization.as_ref();
    organization.map(|it| shown(&format!("{}/{}", it.service, it.owner))).unwrap_or_default()
}

/// `ann`, or `ann → anna` where that is what changed.
fn member(data: &Data) -> String {
    let name = data.member.as_ref().map(|member| shown(&member.profile.username));
    let formerly = tables::formerly(data).map(|old| format!("{} → ", shown(old)));
    format!("{}{}", formerly.unwrap_or_default(), name.unwrap_or_default())
}

/// What an organization event says in single words, or what was edited of a member.
fn details(data: &Data, zone: Tz) -> String {
    if let (Some(before), Some(after)) = (&data.before, &data.after) {
        return words::edits(data.event, before, after).join(", ");
    }
    let details = data.details.as_ref().and_then(Value::as_object).into_iter().flatten();
    // What is long is for machines, and for `status` while it lasts.
    let told = details.filter(|(key, _)| !["message", "hint"].contains(&key.as_str()));
    let words = told.filter_map(|(key, value)| {
        let what = key.replace('_', " ");
        match value {
            Value::String(text) => {
                let time = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
                let text = time.map_or_else(|| shown(text), |time| local(Some(time), zone));
                Some(format!("{what} {text}"))
            }
            Value::Number(_) | Value::Bool(true) => Some(format!("{what} {value}")),
            _ => None,
        }
    });
    words.collect_vec().join(", ")
}

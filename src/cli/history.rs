//! `seatwatch history`: what changed, as the log has it.
//!
//! Read and written a page at a time: a long history needs little memory, and a reader who takes
//! their time keeps nobody waiting.

use std::io::Write;
use std::path::Path;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::builder::NonEmptyStringValueParser;
use itertools::Itertools as _;
use seatwatch_sdk::{Data, Event};
use serde_json::Value;

use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::output::{Format, local, shown, since_when, table, write_pages, write_table};
use super::past::{self, Past};
use super::when::When;
use crate::config;
use crate::organization::OrganizationId;
use crate::roster::{Member, Username};
use crate::store::{self, Reader, Since, View};
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
    #[arg(long, value_name = "USERNAME", value_parser = NonEmptyStringValueParser::new())]
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
        let done = self.write(config, format);
        past::no_rows_if_unknown(done, format, tables::EVENT)
    }

    fn write(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        let reader = Reader::open(&config.state_dir)?;
        let zone = past::zone(&config, self.organization.as_ref());
        let now = instance::clock().now();
        let past = Past { config: &config, reader: &reader, now };
        let history = self.resolve(&past, zone)?;
        let page = |after| reader.read(|view| view.history(&history, after, PAGE));
        let first = page(0)?;
        if first.is_empty() {
            self.refuse_unknown(&past, history.until)?;
        }
        past.warn_of_unseen(&self.asked(&past, &history)?, history.since, history.until)?;
        let (mut first, mut after) = (Some(first), 0);
        let mut next = || -> Result<Vec<Event>, Stop> {
            let page = first.take().map_or_else(|| page(after), Ok)?;
            after = page.last().map_or(after, |event| event.sequence);
            Ok(page)
        };
        let mut out = super::stdout();
        if format == Format::Table {
            self.write_tables(&mut next, zone, &mut out)?;
            let members = history.members.as_deref().unwrap_or_default();
            write_standing(members, &past, (history.until, zone), &mut out)?;
        } else {
            let rows = || Ok(next()?.iter().map(tables::event).collect());
            write_pages(format, tables::EVENT, rows, &mut out)?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }

    /// What to ask the store for.
    fn resolve(&self, past: &Past<'_>, zone: Tz) -> Result<store::History, Stop> {
        let Past { config, reader, .. } = *past;
        let organization = match &self.organization {
            None => None,
            Some(id) => match reader.read(|view| instance::find(view, config, id))? {
                Some(number) => Some(number),
                None => return Err(past.not_read(id)?.into()),
            },
        };
        let members = match &self.member {
            None => None,
            Some(name) => Some(self.members(name, organization, reader)?),
        };
        let since = self.since.map(|since| past.start(since, zone)).transpose()?;
        let until = self.until.map(|until| past.end(until, zone)).transpose()?;
        past::refuse_backwards(since, until, zone)?;
        Ok(store::History { organization, members, since, until })
    }

    /// Of which organizations the answer is: of the one that is named, of those in which there is
    /// the member, or of all that are watched.
    fn asked(
        &self,
        past: &Past<'_>,
        history: &store::History,
    ) -> Result<Vec<OrganizationId>, Stop> {
        if let Some(id) = &self.organization {
            return Ok(vec![id.clone()]);
        }
        let Some(members) = &history.members else {
            let all = past.config.organizations.iter();
            return Ok(all.map(|organization| organization.id.clone()).collect());
        };
        let numbers = members.iter().map(|(organization, _)| *organization).dedup();
        let ids =
            past.reader.read(|view| numbers.clone().map(|number| view.id(number)).collect())?;
        Ok(ids)
    }

    /// Fails where an empty answer would say that nothing happened, and nobody knows.
    fn refuse_unknown(&self, past: &Past<'_>, until: Option<DateTime<Utc>>) -> Result<(), Stop> {
        match &self.organization {
            Some(id) => past.refuse_unknown(id, until.unwrap_or(past.now)),
            None => past.refuse_all_unknown(until),
        }
    }

    /// All who have or had a name, which may be written as that of somebody who is mentioned.
    fn members(
        &self,
        name: &str,
        organization: Option<store::Organization>,
        reader: &Reader,
    ) -> Result<Vec<(store::Organization, i64)>, Stop> {
        for name in std::iter::once(name).chain(name.strip_prefix('@')) {
            let key = Username::new(name);
            let found = reader.read(|view| view.members_named(organization, key.key()))?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Err(self.unknown_member(name, organization, reader)?.into())
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
        let (id, known_since, found, life) = past.reader.read(|view| {
            let found = match at {
                None => now(view, *organization, *number)?,
                Some(at) => then(view, *organization, *number, at)?,
            };
            let known_since = view.known_since(*organization)?;
            Ok((view.id(*organization)?, known_since, found, view.life(*organization, *number)?))
        })?;
        let Some(known_since) = known_since else { continue };
        let since = |time| since_when(time, known_since, zone);
        let left_at = life.as_ref().and_then(|life| life.left_at);
        let told = match (found, life) {
            (Some((member, known)), _) => is_member(&member, &known, since),
            (None, Some(life)) if left_at.is_some_and(|it| at.is_none_or(|at| it <= at)) => {
                format!("{} left at {}", shown(life.member.username()), since(left_at))
            }
            // Who joined later is in nothing that stands above either.
            _ => continue,
        };
        let when = at.map(|at| format!(", {}", local(Some(at), zone))).unwrap_or_default();
        writeln!(out, "\n{id}{when}: {told}")?;
    }
    Ok(())
}

/// `ann is a member since 2026-01-05 10:00, with a seat since 2026-02-02 11:00`.
fn is_member(
    member: &Member,
    known: &Since,
    since: impl Fn(Option<DateTime<Utc>>) -> String,
) -> String {
    let seat = known.seat.map_or("without a seat".to_owned(), |time| {
        format!("with a seat since {}", since(Some(time)))
    });
    let admin = known.admin.map(|time| format!(", admin since {}", since(Some(time))));
    let (name, joined) = (shown(member.username()), since(Some(known.member)));
    format!("{name} is a member since {joined}, {seat}{}", admin.unwrap_or_default())
}

/// What a member is, without a look at all others.
fn now(
    view: &View<'_>,
    organization: store::Organization,
    number: i64,
) -> rusqlite::Result<Option<(Member, Since)>> {
    let life = view.life(organization, number)?.filter(|life| life.left_at.is_none());
    Ok(life.map(|life| (life.member, life.since)))
}

/// What a member was.
fn then(
    view: &View<'_>,
    organization: store::Organization,
    number: i64,
    at: DateTime<Utc>,
) -> rusqlite::Result<Option<(Member, Since)>> {
    let roster = view.past_roster(organization, at)?;
    let mut members = roster.into_iter().flat_map(|roster| roster.members);
    let found = members.find(|it| it.number == number);
    Ok(found.map(|it| (it.member, it.since)))
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

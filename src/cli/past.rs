//! Rosters of the past as commands ask for them: of one organization at a time that a person wrote.

use std::collections::BTreeSet;
use std::io::Write as _;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use chrono_tz::Tz;

use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::output::{Format, count, exact, shown, write_rows};
use super::when::When;
use crate::config::{self, Config};
use crate::organization::OrganizationId;
use crate::store::{self, PastRoster, Reader, View};

/// What a command that looks back knows of its surroundings.
pub(super) struct Past<'a> {
    pub(super) config: &'a Config,
    pub(super) reader: &'a Reader,
    pub(super) now: DateTime<Utc>,
}

impl Past<'_> {
    /// The zone that the organization's own times are in.
    pub(super) fn zone(&self, id: &OrganizationId) -> Tz {
        self.config.zone_of(id)
    }

    /// A time at which something ends, or is looked at; none that is yet to come.
    pub(super) fn end(&self, when: When, zone: Tz) -> Result<DateTime<Utc>, Failure> {
        self.no_later(when.end(zone, self.now), zone)
    }

    /// A time at which something begins; none that is yet to come.
    pub(super) fn start(&self, when: When, zone: Tz) -> Result<DateTime<Utc>, Failure> {
        self.no_later(when.start(zone, self.now), zone)
    }

    fn no_later(&self, at: DateTime<Utc>, zone: Tz) -> Result<DateTime<Utc>, Failure> {
        if at <= self.now {
            return Ok(at);
        }
        let message = format!("{} is yet to come", exact(at, zone));
        let now = exact(self.now, zone);
        Err(Failure::new(Exit::Usage, message).with_hint(format!("it is {now} now")))
    }

    /// Two times, the first not after the second.
    pub(super) fn span(
        &self,
        from: When,
        to: When,
        zone: Tz,
    ) -> Result<(DateTime<Utc>, DateTime<Utc>), Failure> {
        let (from, to) = (self.start(from, zone)?, self.end(to, zone)?);
        refuse_backwards(Some(from), Some(to), zone)?;
        Ok((from, to))
    }

    /// The roster as of a time.
    pub(super) fn roster(
        &self,
        id: &OrganizationId,
        at: DateTime<Utc>,
    ) -> Result<PastRoster, Stop> {
        let found = self.reader.read(|view| {
            let Some(number) = instance::find(view, self.config, id)? else { return Ok(None) };
            Ok(Some((view.past_roster(number, at)?, view.known_since(number)?)))
        })?;
        match found {
            Some((Some(roster), _)) => Ok(roster),
            Some((None, Some(known_since))) => Err(self.not_known(id, at, known_since)?.into()),
            Some((None, None)) | None => Err(self.not_read(id)?.into()),
        }
    }

    /// Fails where no roster of that time is known.
    pub(super) fn refuse_unknown(
        &self,
        id: &OrganizationId,
        at: DateTime<Utc>,
    ) -> Result<(), Stop> {
        let known_since = self.reader.read(|view| {
            let found = instance::find(view, self.config, id)?;
            found.map_or(Ok(None), |number| view.known_since(number))
        })?;
        match known_since {
            Some(known_since) if known_since <= at => Ok(()),
            Some(known_since) => Err(self.not_known(id, at, known_since)?.into()),
            None => Err(self.not_read(id)?.into()),
        }
    }

    /// Fails where no roster of any organization is known, of a time or at all, in the config or
    /// not.
    pub(super) fn refuse_all_unknown(&self, until: Option<DateTime<Utc>>) -> Result<(), Stop> {
        let at = until.unwrap_or(self.now);
        let is_known = self.reader.read(|view| {
            for id in view.organizations()? {
                let Some(number) = view.find(&id)? else { continue };
                if view.known_since(number)?.is_some_and(|known_since| known_since <= at) {
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        if is_known { Ok(()) } else { Err(nothing_known(until).into()) }
    }

    /// The number of an organization of which a roster is known.
    pub(super) fn number(
        &self,
        view: &View<'_>,
        id: &OrganizationId,
    ) -> rusqlite::Result<Option<store::Organization>> {
        let found = instance::find(view, self.config, id)?;
        let Some(number) = found else { return Ok(None) };
        Ok(view.known_since(number)?.map(|_| number))
    }

    fn not_known(
        &self,
        id: &OrganizationId,
        at: DateTime<Utc>,
        known_since: DateTime<Utc>,
    ) -> Result<Failure, Stop> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method is not general enough"
        )]
        let trimmed = self.reader.read(|view| view.known_from())?;
        let [at, since] = [at, next_second(known_since)].map(|time| exact(time, self.zone(id)));
        let why = why_not_known(known_since, trimmed);
        let message = format!("{id}: nothing is known of {at}");
        Ok(Failure::new(Exit::Data, message)
            .with_hint(format!("rosters are known since {since}: {why}")))
    }

    /// In the config, but never read; or nowhere.
    pub(super) fn not_read(&self, id: &OrganizationId) -> Result<Failure, Stop> {
        if self.config.find(id).is_some() {
            return self.not_read_yet(id);
        }
        let stored = self.reader.read(|view| view.find(id))?;
        if stored.is_some() {
            return Ok(Failure::new(Exit::Data, format!("{id}: no roster was ever read"))
                .with_hint("it is not in the config any more: put it back to sync it"));
        }
        unknown_organization(id, self.config, self.reader)
    }

    /// Where syncs were tried, why the last of them failed: one more would, too.
    fn not_read_yet(&self, id: &OrganizationId) -> Result<Failure, Stop> {
        let tried = self.reader.read(|view| {
            let Some(number) = instance::find(view, self.config, id)? else {
                return Ok(None);
            };
            let last_run = view.last_run(number)?;
            let failure = last_run.and_then(|run| run.failure);
            Ok(failure.zip(Some(view.health(number)?.failures)))
        })?;
        let message = format!("{id}: no roster was read yet");
        let Some((store::Failure { reason, message: why, hint }, failures)) = tried else {
            let failure = Failure::new(Exit::Data, message);
            return Ok(failure.with_hint(format!("run `seatwatch sync {id}`")));
        };
        let last = if failures > 1 { ", the last" } else { "" };
        let syncs = count(u64::from(failures), "sync");
        let message = format!("{message}; {syncs} failed{last}: {reason}: {}", shown(&why));
        Ok(Failure::new(Exit::Data, message).with_hint(shown(&hint)))
    }
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

/// The zone of what a command was asked: an organization's, or the instance's where none is named.
pub(super) fn zone(config: &Config, id: Option<&OrganizationId>) -> Tz {
    id.map_or(config.timezone, |id| config.zone_of(id))
}

/// That no roster of any organization is known: of a time, or where none was given at all.
pub(super) fn nothing_known(at: Option<DateTime<Utc>>) -> Failure {
    match at {
        Some(_) => Failure::new(Exit::Data, "no roster of any organization is known of that time")
            .with_hint("`seatwatch status` shows when each was synced"),
        None => Failure::new(Exit::Data, "no roster of any organization was read yet")
            .with_hint("run `seatwatch sync`"),
    }
}

/// Lets machines read rows, none of them, also where nothing is known; people read why.
pub(super) fn no_rows_if_unknown(
    done: Result<Exit, Stop>,
    format: Format,
    header: &[&str],
) -> Result<Exit, Stop> {
    if let Err(Stop::Failure(Failure { exit: Exit::Data, .. })) = &done
        && format != Format::Table
    {
        let mut out = super::stdout();
        write_rows(format, header, &[], &mut out)?;
        out.flush()?;
    }
    done
}

/// That a command was asked about nothing.
pub(super) fn not_named() -> Failure {
    Failure::new(Exit::Usage, "no organization is named")
        .with_hint("name one, such as `github/acme`, or say `--all`")
}

/// A span that ends before it begins has nothing in it, whatever happened.
pub(super) fn refuse_backwards(
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    zone: Tz,
) -> Result<(), Failure> {
    match from.zip(to) {
        Some((from, to)) if from > to => {
            let [from, to] = [from, to].map(|time| exact(time, zone));
            let message = format!("{from} is after {to}");
            Err(Failure::new(Exit::Usage, message).with_hint("the earlier time comes first"))
        }
        _ => Ok(()),
    }
}

/// Why nothing is known of what was before a time, given what retention has left.
pub(super) fn why_not_known(
    known_since: DateTime<Utc>,
    known_from: Option<DateTime<Utc>>,
) -> &'static str {
    if known_from.is_some_and(|known_from| known_from >= known_since) {
        "what was before has been taken by `retention`"
    } else {
        "that was the first sync"
    }
}

/// The first whole second at or after a time: what people are shown, and may ask for in turn.
pub(super) fn next_second(time: DateTime<Utc>) -> DateTime<Utc> {
    let second = time.trunc_subsecs(0);
    if second < time { second + TimeDelta::seconds(1) } else { second }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_shown_is_not_before_what_it_stands_for() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let whole = at("2026-11-26T11:38:50Z");
        assert_eq!(next_second(whole), whole);
        assert_eq!(next_second(at("2026-11-26T11:38:49.001Z")), whole);
    }
}

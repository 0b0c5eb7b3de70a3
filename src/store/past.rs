//! The rosters of the past: who was on one at a time, and since when.
//!
//! A state that began with the run in which the same member's last one ended goes on from it. The
//! chain of them tells since when somebody is a member, has a seat, is an admin. It begins with
//! what is known: what began at the first sync, or before what retention has left, may have been
//! so for longer.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use itertools::Itertools as _;
use rusqlite::{OptionalExtension as _, Row};
use seatwatch_sdk::{Totals, Unnamed};

use super::rosters::read_member;
use super::runs::{COLUMNS, read_run};
use super::{Organization, View, millis, time, unreadable};
use crate::roster::{Member, Roster, TwiceListed, UnnamedRow};

/// The roster of one organization at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRoster {
    /// The members, in the order of their keys.
    pub members: Vec<PastMember>,
    /// The rows that name nobody. What they carry is kept as of now only: of a roster that is not
    /// the last one, they are there, but without an email.
    pub unnamed: Vec<UnnamedRow>,
    /// The sums, rows without a name included.
    pub totals: Totals,
    /// When a sync last said so, as far as that is known; that moment, where some did before and
    /// after it.
    pub read_at: DateTime<Utc>,
    /// Whether no sync that was due after that had been missed at the moment that was asked for.
    pub is_fresh: bool,
    /// Before then nothing is known of the organization.
    pub known_since: DateTime<Utc>,
}

/// One member of a roster, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastMember {
    /// The number that a member keeps through renames.
    pub number: i64,
    /// As they were at the moment that was asked for.
    pub member: Member,
    /// Since when.
    pub since: Since,
}

/// Since when somebody is what they are, without an interruption that a sync saw.
///
/// A time up to [`PastRoster::known_since`] means: since then, or for longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// On the roster.
    pub member: DateTime<Utc>,
    /// With a seat, if they have one.
    pub seat: Option<DateTime<Utc>>,
    /// An admin, if they are one.
    pub admin: Option<DateTime<Utc>>,
}

impl PastRoster {
    /// The same, told without what is only known of the present.
    #[must_use]
    pub fn without_unnamed_emails(self) -> Self {
        Self { unnamed: without_email(self.totals.unnamed), ..self }
    }

    /// Without since when.
    pub fn roster(&self) -> Roster {
        let members = self.members.iter().map(|past| past.member.clone());
        Roster::new(members.collect(), self.unnamed.clone())
            .expect("the store looked for keys that are twice")
    }
}

/// The run up to which everything counts, when a roster was last read by then, and when first.
struct Moment {
    run: i64,
    read_at: DateTime<Utc>,
    is_fresh: bool,
    known_since: DateTime<Utc>,
}

impl View<'_> {
    /// The roster as of the last commit up to a time.
    ///
    /// None where no roster was known then, or is known any more.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn past_roster(
        &self,
        organization: Organization,
        at: DateTime<Utc>,
    ) -> rusqlite::Result<Option<PastRoster>> {
        let Some(moment) = self.moment(organization, at)? else { return Ok(None) };
        let times = self.run_times(organization, moment.run)?;
        let mut chains = self.chains(organization, moment.run)?;
        let mut members = Vec::new();
        // Both are in the order of their keys, or nearly: the one of the past are few.
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {MEMBER}, member, began FROM states
             WHERE organization = ?1 AND began <= ?2
             UNION ALL
             SELECT {MEMBER}, member, began FROM past_states
             WHERE organization = ?1 AND ended > ?2 AND began <= ?2"
        ))?;
        let mut rows = statement.query((organization.0, moment.run))?;
        while let Some(row) = rows.next()? {
            let (member, link) = (read_member(row)?, Link::read(row, [4, 5, 6, 7])?);
            let number = link.member;
            let chain = Chain::extend(chains.remove(&number), &link);
            members.push(PastMember { number, member, since: chain.since(&times)? });
        }
        members.sort_by(|a, b| a.member.key().cmp(b.member.key()));
        let mut pairs = members.iter().tuple_windows();
        if let Some((twice, _)) = pairs.find(|(a, b)| a.member.key() == b.member.key()) {
            let username = twice.member.username().to_owned();
            return Err(unreadable(TwiceListed { username }));
        }
        let sums = self.sums_as_of(organization, at)?;
        let totals = sums.map_or_else(|| totals(&members), |sums| sums.totals);
        let is_last = self.roster_state(organization)?.is_some_and(|last| last.read_at <= at);
        let unnamed =
            if is_last { self.unnamed_rows(organization)? } else { without_email(totals.unnamed) };
        let Moment { read_at, is_fresh, known_since, .. } = moment;
        Ok(Some(PastRoster { members, unnamed, totals, read_at, is_fresh, known_since }))
    }

    /// Since when anything is known of an organization: its first sync, or what retention left.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn known_since(
        &self,
        organization: Organization,
    ) -> rusqlite::Result<Option<DateTime<Utc>>> {
        let mut statement = self.0.prepare_cached(
            "SELECT finished_at FROM runs WHERE organization = ?1 AND outcome = 'baselined'
             ORDER BY id LIMIT 1",
        )?;
        let first: Option<i64> =
            statement.query_row([organization.0], |row| row.get(0)).optional()?;
        let Some(first) = first else { return Ok(None) };
        let (first, known_from) = (time(first)?, self.known_from()?);
        Ok(Some(known_from.map_or(first, |known_from| first.max(known_from))))
    }

    /// Since when it is known of a sync that was due whether it ran; none where that was always so.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn gaps_known_from(&self) -> rusqlite::Result<Option<DateTime<Utc>>> {
        self.noted_time("gaps_known_from")
    }

    fn moment(
        &self,
        organization: Organization,
        at: DateTime<Utc>,
    ) -> rusqlite::Result<Option<Moment>> {
        let Some(known_since) = self.known_since(organization)? else { return Ok(None) };
        if at < known_since {
            return Ok(None);
        }
        let mut statement = self.0.prepare_cached(
            "SELECT id FROM runs WHERE organization = ?1 AND finished_at <= ?2
               AND id >= (SELECT id FROM runs WHERE organization = ?1 AND outcome = 'baselined')
             ORDER BY id DESC LIMIT 1",
        )?;
        let run = statement.query_row((organization.0, millis(at)), |row| row.get(0)).optional()?;
        let Some(run) = run else { return Ok(None) };
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM runs
             WHERE organization = ?1 AND id <= ?2 AND outcome NOT IN ('held', 'failed')
             ORDER BY id DESC LIMIT 1"
        ))?;
        let last = statement.query_row((organization.0, run), read_run)?;
        let (read_at, is_fresh) = (last.last_finished_at.min(at), last.is_followed(at));
        Ok(Some(Moment { run, read_at, is_fresh, known_since }))
    }

    /// When each run ended, up to one of them, in the order of their numbers.
    fn run_times(
        &self,
        organization: Organization,
        last: i64,
    ) -> rusqlite::Result<Vec<(i64, i64)>> {
        let mut statement = self.0.prepare_cached(
            "SELECT id, finished_at FROM runs WHERE organization = ?1 AND id <= ?2 ORDER BY id",
        )?;
        let rows =
            statement.query_map((organization.0, last), |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }

    /// Of everybody who has a state that was over by a run, the chain that it ends.
    fn chains(
        &self,
        organization: Organization,
        run: i64,
    ) -> rusqlite::Result<HashMap<i64, Chain>> {
        let mut statement = self.0.prepare_cached(
            "SELECT member, began, seat, admin, ended FROM past_states
             WHERE organization = ?1 AND ended <= ?2 ORDER BY ended",
        )?;
        let mut rows = statement.query((organization.0, run))?;
        let mut chains = HashMap::new();
        while let Some(row) = rows.next()? {
            let link = Link::read(row, [2, 3, 0, 1])?;
            let chain = Chain::extend(chains.remove(&link.member), &link);
            chains.insert(link.member, Chain { end: row.get(4)?, ..chain });
        }
        Ok(chains)
    }
}

/// As [`read_member`] takes them.
const MEMBER: &str = "key, username, name, email, seat, admin";

/// One state of a member, as far as chains are concerned.
struct Link {
    seat: bool,
    admin: bool,
    member: i64,
    began: i64,
}

impl Link {
    /// From the columns of these numbers: seat, admin, member, began.
    fn read(row: &Row<'_>, [seat, admin, member, began]: [usize; 4]) -> rusqlite::Result<Self> {
        Ok(Self {
            seat: row.get(seat)?,
            admin: row.get(admin)?,
            member: row.get(member)?,
            began: row.get(began)?,
        })
    }
}

/// Unbroken states of one member: the runs in which began what is true at its end.
struct Chain {
    /// The run in which its last state ended.
    end: i64,
    member: i64,
    seat: Option<i64>,
    admin: Option<i64>,
}

impl Chain {
    /// The chain that ends with this state: a new one, or a longer one.
    fn extend(chain: Option<Self>, link: &Link) -> Self {
        let chain = chain.filter(|chain| chain.end == link.began);
        let since = |bit: bool, before: Option<i64>| bit.then(|| before.unwrap_or(link.began));
        Self {
            end: i64::MAX,
            member: chain.as_ref().map_or(link.began, |chain| chain.member),
            seat: since(link.seat, chain.as_ref().and_then(|chain| chain.seat)),
            admin: since(link.admin, chain.as_ref().and_then(|chain| chain.admin)),
        }
    }

    fn since(&self, times: &[(i64, i64)]) -> rusqlite::Result<Since> {
        let at = |run: i64| {
            let index = times.binary_search_by_key(&run, |(id, _)| *id);
            let found = index.ok().and_then(|index| times.get(index));
            time(found.ok_or_else(|| unreadable(format!("no run {run}")))?.1)
        };
        Ok(Since {
            member: at(self.member)?,
            seat: self.seat.map(at).transpose()?,
            admin: self.admin.map(at).transpose()?,
        })
    }
}

/// So many rows that name nobody, of which nothing else is known.
fn without_email(unnamed: Unnamed) -> Vec<UnnamedRow> {
    let row = |number| UnnamedRow { email: None, seat: number < unnamed.seats };
    (0..unnamed.members).map(row).collect()
}

/// What can be counted where no sums were noted: by a version that did not, without an event.
fn totals(members: &[PastMember]) -> Totals {
    let count = |bit: fn(&Member) -> bool| members.iter().filter(|past| bit(&past.member)).count();
    Totals {
        members: members.len() as u64,
        seats: count(|member| member.seat) as u64,
        admins: count(|member| member.admin) as u64,
        ..Totals::default()
    }
}

#[cfg(test)]
mod tests;

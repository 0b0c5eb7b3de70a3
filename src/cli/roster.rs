//! `seatwatch roster`: the members of an organization, now or at a time in the past.

use std::io::{self, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use seatwatch_sdk::{Totals, Unnamed};

use super::exit::{Exit, Failure, Stop};
use super::output::{
    Format, Row, align_right, count, local, shown, since_when, table, write_rows, write_table,
};
use super::past::{self, Past};
use super::sync::interruptible;
use super::when::When;
use super::{instance, log_ins, unseen};
use crate::dormant::{self, LogIn, Seat};
use crate::identity::{Person, persons};
use crate::organization::OrganizationId;
use crate::roster::Member;
use crate::store::{PastMember, PastRoster, Reader};
use crate::tables;

/// Arguments of `roster`.
#[derive(Debug, clap::Args)]
pub(super) struct Roster {
    /// Which organization, as `service/owner`. It need not be in the config any more.
    #[arg(value_name = "ORG", conflicts_with = "all")]
    organization: Option<OrganizationId>,

    /// All organizations of the config, with one line per person: members with the same email, or
    /// with the same username on the same service, are one.
    #[arg(long)]
    all: bool,

    /// As it was then: a day (its end), a time, `yesterday`, or `3d ago`.
    #[arg(long, value_name = "TIME")]
    as_of: Option<When>,

    #[command(flatten)]
    only: Only,

    /// Asks Codecov who is logged in now, and shows who has a seat and is not. That is all it says
    /// of them: commits and pull requests use a seat without a log-in.
    #[arg(long, conflicts_with_all = ["all", "as_of", "seats", "admins", "disabled"])]
    dormant: bool,
}

/// Which members are shown; those that are all of it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Only {
    /// Only who has a seat.
    #[arg(long, conflicts_with = "disabled")]
    seats: bool,

    /// Only admins.
    #[arg(long)]
    admins: bool,

    /// Only who has no seat.
    #[arg(long)]
    disabled: bool,
}

impl Only {
    fn takes(self, member: &Member) -> bool {
        (!self.seats || member.seat)
            && (!self.admins || member.admin)
            && (!self.disabled || !member.seat)
    }

    /// Somebody is shown for what they are anywhere, and as without a seat if they have none.
    fn takes_person(self, person: &Person<'_>) -> bool {
        let any = |is: fn(&Member) -> bool| person.memberships.iter().any(|it| is(it.member));
        (!self.seats || any(|member| member.seat))
            && (!self.admins || any(|member| member.admin))
            && (!self.disabled || !any(|member| member.seat))
    }

    fn is_all(self) -> bool {
        !(self.seats || self.admins || self.disabled)
    }

    /// Whether all seats are shown.
    fn has_all_seats(self) -> bool {
        !(self.admins || self.disabled)
    }
}

/// The roster of now is the last one, whatever a clock says or said.
const NOW: DateTime<Utc> = DateTime::<Utc>::MAX_UTC;

impl Roster {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        let reader = Reader::open(&config.state_dir)?;
        let past = Past { config: &config, reader: &reader, now: instance::clock().now() };
        let (done, header) = match &self.organization {
            Some(id) if self.dormant => (dormant(&past, id, format), tables::LOG_IN),
            Some(id) => (self.one(&past, id, format), tables::MEMBER),
            None if !self.all => return Err(past::not_named().into()),
            None => (self.everybody(&past, format), tables::PERSON),
        };
        past::no_rows_if_unknown(done, format, header)
    }

    fn one(&self, past: &Past<'_>, id: &OrganizationId, format: Format) -> Result<Exit, Stop> {
        let zone = past.zone(id);
        let at = self.as_of.map_or(Ok(NOW), |when| past.end(when, zone))?;
        let roster = past.roster(id, at)?;
        past.warn_of_gaps(id, &[at])?;
        let shown: Vec<&PastMember> =
            roster.members.iter().filter(|it| self.only.takes(&it.member)).collect();
        let mut out = super::stdout();
        if format == Format::Table {
            write_members(&shown, &roster, zone, &mut out)?;
            self.write_sums(&roster, shown.len(), zone, &mut out)?;
        } else {
            let rows: Vec<Row> =
                shown.iter().map(|it| tables::member(id, it, roster.known_since)).collect();
            write_rows(format, tables::MEMBER, &rows, &mut out)?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }

    fn write_sums(
        &self,
        roster: &PastRoster,
        shown: usize,
        zone: Tz,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let Totals { members, seats, admins, unnamed } = roster.totals;
        let read_at = local(Some(roster.read_at), zone);
        if self.only.is_all() {
            let [members, seats] = [count(members, "member"), count(seats, "seat")];
            writeln!(out, "\n{members}, {seats}, {} as of {read_at}", count(admins, "admin"))?;
        } else {
            writeln!(out, "\n{shown} of {} as of {read_at}", count(members, "member"))?;
        }
        self.write_unnamed(unnamed, out)?;
        writeln!(out, "≤ since then, or for longer: nothing older is known")
    }

    /// What rows have that name nobody, where it is a part of all seats that are shown.
    fn write_unnamed(&self, unnamed: Unnamed, out: &mut dyn Write) -> io::Result<()> {
        if unnamed.members == 0 || !self.only.has_all_seats() {
            return Ok(());
        }
        let rows = count(unnamed.members, "unnamed row");
        writeln!(out, "and {rows} with {}", count(unnamed.seats, "seat"))
    }

    fn everybody(&self, past: &Past<'_>, format: Format) -> Result<Exit, Stop> {
        let zone = past.config.timezone;
        let at = self.as_of.map_or(Ok(NOW), |when| past.end(when, zone))?;
        let rosters = all_rosters(past, at)?;
        let members = rosters
            .iter()
            .flat_map(|(id, roster)| roster.members.iter().map(move |it| (*id, &it.member)));
        let mut persons = persons(members);
        let all = persons.len();
        persons.retain(|person| self.only.takes_person(person));
        let mut out = super::stdout();
        if format == Format::Table {
            write_persons(&persons, &mut out)?;
            let some = (!self.only.is_all()).then(|| format!("{} of ", persons.len()));
            let some = some.unwrap_or_default();
            let (all, organizations) = (all as u64, rosters.len() as u64);
            let people = if all == 1 { "1 person".to_owned() } else { format!("{all} people") };
            let organizations = count(organizations, "organization");
            writeln!(
                out,
                "\n{some}{people} in {organizations} as of {}",
                local(Some(at.min(past.now)), zone)
            )?;
            self.write_unnamed(unnamed(&rosters), &mut out)?;
        } else {
            let rows: Vec<Row> = persons.iter().map(tables::person).collect();
            write_rows(format, tables::PERSON, &rows, &mut out)?;
            let Unnamed { members, seats } = unnamed(&rosters);
            if seats > 0 && self.only.has_all_seats() {
                let [rows, seats] = [count(members, "unnamed row"), count(seats, "seat")];
                super::complain(&format!(
                    "warning: {rows} with {seats} name nobody, and are not among these people"
                ));
            }
        }
        out.flush()?;
        Ok(Exit::Ok)
    }
}

/// The rosters of all organizations of the config as of a time; those of which none is known are
/// named.
pub(super) fn all_rosters<'a>(
    past: &Past<'a>,
    at: DateTime<Utc>,
) -> Result<Vec<(&'a OrganizationId, PastRoster)>, Stop> {
    let (mut rosters, mut warnings) = (Vec::new(), Vec::new());
    for organization in &past.config.organizations {
        let id = &organization.id;
        match past.roster(id, at) {
            Ok(roster) => {
                rosters.push((id, roster));
                warnings.extend(past.gap_warnings(id, at)?);
            }
            Err(Stop::Failure(Failure { exit: Exit::Data, message, hint })) => {
                let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                warnings.push(format!("warning: {message}; left out{hint}"));
            }
            Err(stop) => return Err(stop),
        }
    }
    unseen::say_some(warnings);
    if rosters.is_empty() {
        return Err(past::nothing_known((at != NOW).then_some(at)).into());
    }
    Ok(rosters)
}

/// What rows have that name nobody, over all rosters.
fn unnamed(rosters: &[(&OrganizationId, PastRoster)]) -> Unnamed {
    let each = rosters.iter().map(|(_, roster)| roster.totals.unnamed);
    each.fold(Unnamed::default(), |sum, it| Unnamed {
        members: sum.members + it.members,
        seats: sum.seats + it.seats,
    })
}

/// Who has a seat and is not logged in at Codecov.
fn dormant(past: &Past<'_>, id: &OrganizationId, format: Format) -> Result<Exit, Stop> {
    let roster = past.roster(id, NOW)?;
    past.warn_of_gaps(id, &[NOW])?;
    let organizations = instance::select(past.config, std::slice::from_ref(id))?;
    let asked = log_ins::ask(past.config, &organizations);
    let asked = super::runtime()?.block_on(interruptible("nothing is known", asked))?;
    let sessions = asked.into_iter().next().expect("one was asked of")?;
    let members = roster.roster();
    let seats = dormant::seats(&members, &sessions);
    let mut out = super::stdout();
    if format == Format::Table {
        write_dormant(&seats, past.zone(id), &mut out)?;
    } else {
        let dormant = seats.iter().filter(|seat| matches!(seat.log_in, LogIn::Dormant { .. }));
        let rows: Vec<Row> =
            dormant.map(|seat| tables::log_in(id, seat, sessions.asked_at)).collect();
        write_rows(format, tables::LOG_IN, &rows, &mut out)?;
        let unknown = seats.iter().filter(|seat| seat.log_in == LogIn::Unknown).count() as u64;
        if unknown > 0 {
            let members = count(unknown, "member");
            super::complain(&format!(
                "warning: {id}: of {members} with a seat, Codecov says nothing"
            ));
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}

fn write_dormant(seats: &[Seat<'_>], zone: Tz, out: &mut dyn Write) -> io::Result<()> {
    let mut table = table(&["USERNAME", "NAME", "EMAIL", "LAST LOG-IN ENDED"]);
    let (mut dormant, mut unknown) = (0, 0);
    for Seat { member, log_in } in seats {
        match log_in {
            LogIn::Active => {}
            LogIn::Unknown => unknown += 1,
            LogIn::Dormant { expired_at } => {
                dormant += 1;
                let text = |text: Option<&str>| text.map(shown).unwrap_or_default();
                table.add_row(vec![
                    shown(member.username()),
                    text(member.name()),
                    text(member.email()),
                    expired_at
                        .map_or_else(|| "none is known".to_owned(), |at| local(Some(at), zone)),
                ]);
            }
        }
    }
    if dormant > 0 {
        write_table(&table, out)?;
        writeln!(out)?;
    }
    let all = count(seats.len() as u64, "member");
    writeln!(out, "{dormant} of {all} with a seat are not logged in at Codecov")?;
    if unknown > 0 {
        writeln!(out, "of {unknown} more, Codecov says nothing")?;
    }
    writeln!(out, "commits and pull requests use a seat without a log-in: ask before you take one")
}

fn write_members(
    members: &[&PastMember],
    roster: &PastRoster,
    zone: Tz,
    out: &mut dyn Write,
) -> io::Result<()> {
    let header = ["USERNAME", "NAME", "EMAIL", "MEMBER SINCE", "SEAT SINCE", "ADMIN SINCE"];
    let mut table = table(&header);
    for PastMember { member, since, .. } in members {
        let text = |text: Option<&str>| text.map(shown).unwrap_or_default();
        let since_when = |time| since_when(time, roster.known_since, zone);
        table.add_row(vec![
            shown(member.username()),
            text(member.name()),
            text(member.email()),
            since_when(Some(since.member)),
            since_when(since.seat),
            since_when(since.admin),
        ]);
    }
    write_table(&table, out)
}

fn write_persons(persons: &[Person<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut table =
        table(&["USERNAME", "NAME", "EMAIL", "SEATS", "SEAT IN", "OTHERWISE IN", "ADMIN OF"]);
    for person in persons {
        let texts = |texts: Vec<&str>| texts.into_iter().map(shown).collect::<Vec<_>>().join(", ");
        let names = |ids: Vec<&OrganizationId>| {
            ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let seats = person.organizations(|member| member.seat);
        table.add_row(vec![
            texts(person.usernames()),
            texts(person.names()),
            texts(person.emails()),
            seats.len().to_string(),
            names(seats),
            names(person.organizations(|member| !member.seat)),
            names(person.organizations(|member| member.admin)),
        ]);
    }
    align_right(&mut table, &[3]);
    write_table(&table, out)
}

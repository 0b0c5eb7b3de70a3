//! The tables of a pack, each of them CSV and JSON.

use std::io::{self, Write};

use crate::codecov::Sessions;
use crate::dormant;
use crate::identity::persons;
use crate::people;
use crate::rows::{Row, row, utc, write_both};
use crate::store::PastRoster;
use crate::sync::{Numbered, net_change};
use crate::tables;

use super::{Chapter, Evidence};

/// One table.
pub(super) struct Sheet {
    /// The name of its files, without the ending.
    pub(super) name: &'static str,
    /// What it is, for the page.
    pub(super) what: &'static str,
    header: &'static [&'static str],
    rows: AllRows,
}

/// Rows that are made when they are written: of a large list there may be millions.
type Rows<'a> = Box<dyn Iterator<Item = Row> + 'a>;

/// The rows of a table.
type AllRows = for<'a> fn(&'a Evidence<'_>) -> Rows<'a>;

impl Sheet {
    fn new(
        name: &'static str,
        what: &'static str,
        header: &'static [&'static str],
        rows: AllRows,
    ) -> Self {
        Self { name, what, header, rows }
    }

    /// Writes it twice, as long as `go_on` has nothing against it.
    pub(super) fn write(
        &self,
        evidence: &Evidence<'_>,
        go_on: impl Fn() -> io::Result<()>,
        csv: &mut dyn Write,
        json: &mut dyn Write,
    ) -> io::Result<()> {
        let rows = (self.rows)(evidence).map(|row| go_on().map(|()| row));
        write_both(self.header, rows, csv, json)
    }
}

/// All tables of a pack, in the order in which a reader wants them.
pub(super) fn sheets(evidence: &Evidence<'_>) -> Vec<Sheet> {
    let mut sheets = vec![
        Sheet::new("summary", "each organization in one line", SUMMARY, |it| each(it, summary)),
        Sheet::new("members-at-end", "who was a member at the end", tables::MEMBER, |it| {
            each(it, at_end)
        }),
        Sheet::new("members-at-start", "who was a member at the beginning", tables::MEMBER, |it| {
            each(it, at_start)
        }),
        Sheet::new("net-changes", "what differs between the two", tables::CHANGE, net_changes),
        Sheet::new("changes", "all that happened in between", tables::EVENT, |it| each(it, events)),
        Sheet::new("seats", "seats in use over time", tables::SEATS, |it| each(it, seats)),
        Sheet::new("gaps", "when nobody looked", tables::GAP, |it| each(it, gaps)),
        Sheet::new("syncs", "every sync", tables::SYNC, syncs),
    ];
    if evidence.organizations.len() > 1 {
        let what = "who was a member at the end, one line per person, and per seat of nobody";
        sheets.push(Sheet::new("people-at-end", what, tables::PERSON, people_at_end));
    }
    if evidence.compared.is_some() {
        let what = "who is on Codecov and not in the list, and the other way round";
        sheets.push(Sheet::new("comparison", what, &people::COLUMNS, comparison));
    }
    if evidence.organizations.iter().any(|chapter| chapter.sessions.is_some()) {
        let what = "who has a seat, and whether they were logged in at Codecov";
        sheets.push(Sheet::new("log-ins", what, tables::LOG_IN, |it| each(it, log_ins)));
    }
    sheets
}

/// The rows of every organization, one after the other.
fn each<'a>(evidence: &'a Evidence<'_>, rows: for<'b> fn(&'b Chapter<'_>) -> Rows<'b>) -> Rows<'a> {
    Box::new(evidence.organizations.iter().flat_map(move |chapter| rows(chapter)))
}

const SUMMARY: &[&str] = &[
    "organization",
    "label",
    "known_since",
    "members_at_start",
    "members_at_end",
    "seats_used_at_start",
    "seats_used_at_end",
    "seats_limit",
    "admins_at_start",
    "admins_at_end",
    "cost_at_end",
    "currency",
    "gaps",
    "gaps_known_from",
    "syncs_known_from",
];

fn summary<'a>(chapter: &'a Chapter<'_>) -> Rows<'a> {
    let before = chapter.before.as_ref().map(|roster| roster.totals);
    let (after, cost) = (chapter.totals(), chapter.cost());
    Box::new(std::iter::once(row! {
        organization: chapter.id.to_string(),
        label: chapter.label,
        known_since: utc(chapter.known_since),
        members_at_start: before.map(|totals| totals.members),
        members_at_end: after.map(|totals| totals.members),
        seats_used_at_start: before.map(|totals| totals.seats_used()),
        seats_used_at_end: after.map(|totals| totals.seats_used()),
        seats_limit: chapter.seats.limit,
        admins_at_start: before.map(|totals| totals.admins),
        admins_at_end: after.map(|totals| totals.admins),
        cost_at_end: cost.map(|cost| cost.amount.to_string()),
        currency: cost.map(|cost| cost.currency.to_string()),
        gaps: chapter.gaps.as_ref().map(Vec::len),
        gaps_known_from: utc(chapter.gaps_known_from),
        syncs_known_from: utc(chapter.syncs_known_from),
    }))
}

fn at_start<'a>(chapter: &'a Chapter<'_>) -> Rows<'a> {
    members(chapter, chapter.before.as_ref())
}

fn at_end<'a>(chapter: &'a Chapter<'_>) -> Rows<'a> {
    members(chapter, chapter.after.as_ref())
}

fn members<'a>(chapter: &'a Chapter<'_>, roster: Option<&'a PastRoster>) -> Rows<'a> {
    let of = move |roster: &'a PastRoster| {
        let row = |it| tables::member(&chapter.id, it, roster.known_since);
        roster.members.iter().map(row)
    };
    Box::new(roster.into_iter().flat_map(of))
}

fn net_changes<'a>(evidence: &'a Evidence<'_>) -> Rows<'a> {
    let of = |chapter: &'a Chapter<'_>| {
        let Some((before, after)) = chapter.before.as_ref().zip(chapter.after.as_ref()) else {
            return Vec::new();
        };
        let span = (evidence.from.max(before.known_since), evidence.to);
        let [old, new] = [before, after].map(Numbered::from);
        let changes = net_change(&old, &new);
        changes.iter().flat_map(|change| tables::change(&chapter.id, change, span)).collect()
    };
    Box::new(evidence.organizations.iter().flat_map(of))
}

fn events<'a>(chapter: &'a Chapter<'_>) -> Rows<'a> {
    Box::new(chapter.events.iter().map(tables::event))
}

fn seats<'a>(chapter: &'a Chapter<'_>) -> Rows<'a> {
    let row = |sums| tables::seats(&chapter.id, sums, chapter.seats.price);
    Box::new(chapter.sums.iter().map(row))
}

fn gaps<'a>(chapter: &'a Chapter<'_>) -> Rows<'a> {
    Box::new(chapter.gaps().iter().map(|gap| tables::gap(&chapter.id, gap)))
}

fn syncs<'a>(evidence: &'a Evidence<'_>) -> Rows<'a> {
    let of = |chapter: &'a Chapter<'_>| {
        let runs = chapter.runs_within(evidence.from, evidence.to);
        runs.map(|(run, is_over)| tables::sync(&chapter.id, run, is_over))
    };
    Box::new(evidence.organizations.iter().flat_map(of))
}

fn people_at_end<'a>(evidence: &'a Evidence<'_>) -> Rows<'a> {
    let members = evidence.organizations.iter().flat_map(|chapter| {
        let members = chapter.after.iter().flat_map(|roster| &roster.members);
        members.map(|it| (&chapter.id, &it.member))
    });
    let persons = persons(members).into_iter().map(|person| tables::person(&person));
    let nobody = evidence.organizations.iter().flat_map(|chapter| {
        let rows = chapter.after.iter().flat_map(|roster| &roster.unnamed);
        rows.filter(|row| row.seat).map(|row| tables::nobody(&chapter.id, row))
    });
    Box::new(persons.chain(nobody))
}

fn comparison<'a>(evidence: &'a Evidence<'_>) -> Rows<'a> {
    let entries = evidence.compared.iter().flat_map(|compared| &compared.comparison.entries);
    let row = |entry| match serde_json::to_value(entry) {
        Ok(serde_json::Value::Object(row)) => row,
        _ => Row::new(),
    };
    Box::new(entries.map(row))
}

fn log_ins<'a>(chapter: &'a Chapter<'_>) -> Rows<'a> {
    let known = chapter.log_ins().zip(chapter.after.as_ref());
    let of = |(sessions, after): (&'a Sessions, &'a PastRoster)| {
        let roster = after.roster();
        let seats = dormant::seats(&roster, sessions);
        let row = |seat| tables::log_in(&chapter.id, seat, sessions.asked_at);
        seats.iter().map(row).collect::<Vec<_>>()
    };
    Box::new(known.into_iter().flat_map(of))
}

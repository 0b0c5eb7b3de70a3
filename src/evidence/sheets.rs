//! The tables of a pack, each of them CSV and JSON.

use std::io::{self, Write};

use crate::dormant;
use crate::identity::persons;
use crate::people;
use crate::rows::{Row, row, utc, write_csv, write_json};
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
    rows: fn(&Evidence<'_>) -> Vec<Row>,
}

impl Sheet {
    fn new(
        name: &'static str,
        what: &'static str,
        header: &'static [&'static str],
        rows: fn(&Evidence<'_>) -> Vec<Row>,
    ) -> Self {
        Self { name, what, header, rows }
    }

    /// Writes it twice.
    pub(super) fn write(
        &self,
        evidence: &Evidence<'_>,
        csv: &mut dyn Write,
        json: &mut dyn Write,
    ) -> io::Result<()> {
        let rows = (self.rows)(evidence);
        write_csv(self.header, &rows, csv)?;
        write_json(&rows, json)
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
        let what = "who was a member at the end, one line per person";
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
fn each(evidence: &Evidence<'_>, rows: fn(&Chapter<'_>) -> Vec<Row>) -> Vec<Row> {
    evidence.organizations.iter().flat_map(rows).collect()
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

fn summary(chapter: &Chapter<'_>) -> Vec<Row> {
    let before = chapter.before.as_ref().map(|roster| roster.totals);
    let (after, cost) = (chapter.totals(), chapter.cost());
    vec![row! {
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
    }]
}

fn at_start(chapter: &Chapter<'_>) -> Vec<Row> {
    let members = chapter.before.iter().flat_map(|roster| {
        roster.members.iter().map(|it| tables::member(&chapter.id, it, roster.known_since))
    });
    members.collect()
}

fn at_end(chapter: &Chapter<'_>) -> Vec<Row> {
    let members = chapter.after.iter().flat_map(|roster| {
        roster.members.iter().map(|it| tables::member(&chapter.id, it, roster.known_since))
    });
    members.collect()
}

fn net_changes(evidence: &Evidence<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for chapter in &evidence.organizations {
        let (Some(before), Some(after)) = (&chapter.before, &chapter.after) else { continue };
        let from = evidence.from.max(before.known_since);
        let [old, new] = [before, after].map(Numbered::from);
        for change in net_change(&old, &new) {
            rows.extend(tables::change(&chapter.id, &change, (from, evidence.to)));
        }
    }
    rows
}

fn events(chapter: &Chapter<'_>) -> Vec<Row> {
    chapter.events.iter().map(tables::event).collect()
}

fn seats(chapter: &Chapter<'_>) -> Vec<Row> {
    let row = |sums| tables::seats(&chapter.id, sums, chapter.seats.price);
    chapter.sums.iter().map(row).collect()
}

fn gaps(chapter: &Chapter<'_>) -> Vec<Row> {
    chapter.gaps().iter().map(|gap| tables::gap(&chapter.id, gap)).collect()
}

fn syncs(evidence: &Evidence<'_>) -> Vec<Row> {
    let (from, to) = (evidence.from, evidence.to);
    let of = |chapter: &'_ Chapter<'_>| {
        let runs = chapter.runs_within(from, to);
        runs.map(|(run, is_over)| tables::sync(&chapter.id, run, is_over)).collect::<Vec<_>>()
    };
    evidence.organizations.iter().flat_map(of).collect()
}

fn people_at_end(evidence: &Evidence<'_>) -> Vec<Row> {
    let members = evidence.organizations.iter().flat_map(|chapter| {
        let members = chapter.after.iter().flat_map(|roster| &roster.members);
        members.map(|it| (&chapter.id, &it.member))
    });
    persons(members).iter().map(tables::person).collect()
}

fn comparison(evidence: &Evidence<'_>) -> Vec<Row> {
    let entries = evidence.compared.iter().flat_map(|compared| &compared.comparison.entries);
    let row = |entry| match serde_json::to_value(entry) {
        Ok(serde_json::Value::Object(row)) => row,
        _ => Row::new(),
    };
    entries.map(row).collect()
}

fn log_ins(chapter: &Chapter<'_>) -> Vec<Row> {
    let (Some(sessions), Some(after)) = (chapter.log_ins(), &chapter.after) else {
        return Vec::new();
    };
    let roster = after.roster();
    let seats = dormant::seats(&roster, sessions);
    seats.iter().map(|seat| tables::log_in(&chapter.id, seat, sessions.asked_at)).collect()
}

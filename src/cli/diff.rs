//! `seatwatch diff`: the net change of an organization between two times.

use std::io::Write;
use std::path::Path;

use seatwatch_sdk::{EventKind, Profile, Totals};

use super::exit::{Exit, Stop};
use super::instance;
use super::output::{Format, Row, count, local, shown, table, write_rows, write_table};
use super::past::{self, Past};
use super::when::When;
use crate::organization::OrganizationId;
use crate::store::Reader;
use crate::sync::{NetChange, Numbered, net_change};
use crate::tables;
use crate::words;

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// Which organization, as `service/owner`. It need not be in the config any more.
    #[arg(value_name = "ORG")]
    organization: OrganizationId,

    /// From when: a day (its beginning), a time, `yesterday`, or `3d ago`.
    #[arg(value_name = "FROM")]
    from: When,

    /// Until when; a day counts to its end.
    #[arg(value_name = "TO", default_value = "now")]
    to: When,
}

impl Diff {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        past::no_rows_if_unknown(self.write(config, format), format, tables::CHANGE)
    }

    fn write(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        let reader = Reader::open(&config.state_dir)?;
        let past = Past { config: &config, reader: &reader, now: instance::clock().now() };
        let zone = past.zone(&self.organization);
        let (from, to) = past.span(self.from, self.to, zone)?;
        let [before, after] =
            [past.roster(&self.organization, from)?, past.roster(&self.organization, to)?];
        past.warn_of_gaps(&self.organization, &[from, to])?;
        let [old, new] = [&before, &after].map(Numbered::from);
        let changes = net_change(&old, &new);
        let mut out = super::stdout();
        if format == Format::Table {
            let times = [from, to].map(|time| local(Some(time), zone));
            writeln!(out, "{}  {} → {}", self.organization, times[0], times[1])?;
            writeln!(out, "{}", sums(&before.totals, &after.totals))?;
            write_changes(&changes, &mut out)?;
        } else {
            let rows = |change| tables::change(&self.organization, change, (from, to));
            let rows: Vec<Row> = changes.iter().flat_map(rows).collect();
            write_rows(format, tables::CHANGE, &rows, &mut out)?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }
}

/// `12 → 14 members, 7 → 8 seats, 1 → 1 admins`.
fn sums(before: &Totals, after: &Totals) -> String {
    let each = [
        (before.members, after.members, "member"),
        (before.seats_used(), after.seats_used(), "seat"),
        (before.admins, after.admins, "admin"),
    ];
    each.map(|(old, new, what)| format!("{old} → {}", count(new, what))).join(", ")
}

fn write_changes(changes: &[NetChange<'_>], out: &mut dyn Write) -> std::io::Result<()> {
    if changes.is_empty() {
        return writeln!(out, "\nno changes");
    }
    writeln!(out)?;
    let mut table = table(&["EVENT", "MEMBER", "NAME", "EMAIL", "DETAILS"]);
    for change in changes {
        let member = change.newest();
        for kind in &change.kinds {
            let formerly = change.formerly(*kind).map(|it| format!("{} → ", shown(it.username())));
            let text = |text: Option<&str>| text.map(shown).unwrap_or_default();
            table.add_row(vec![
                kind.word().to_owned(),
                format!("{}{}", formerly.unwrap_or_default(), shown(member.username())),
                text(member.name()),
                text(member.email()),
                edited(change, *kind),
            ]);
        }
    }
    write_table(&table, out)
}

fn edited(change: &NetChange<'_>, kind: EventKind) -> String {
    let profiles = change.before.zip(change.after);
    let profiles = profiles.map(|(before, after)| (before.profile(), after.profile()));
    profiles
        .map(|(before, after): (Profile, Profile)| words::edits(kind, &before, &after).join(", "))
        .unwrap_or_default()
}

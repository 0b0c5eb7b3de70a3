//! `seatwatch roster`: the members of one organization as of the last sync.

use std::io::Write;
use std::path::Path;

use chrono_tz::Tz;
use seatwatch_sdk::Status;

use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::output::{Format, Row, count, local, row, shown, table, write_rows, write_table};
use crate::organization::OrganizationId;
use crate::roster::Member;
use crate::store::Reader;

/// Arguments of `roster`.
#[derive(Debug, clap::Args)]
pub(super) struct Roster {
    /// Which organization, as `service/owner`. It need not be in the config any more.
    #[arg(value_name = "ORG")]
    organization: OrganizationId,
}

/// The keys of a row for machines: those of a member in an event.
const COLUMNS: &[&str] = &["organization", "username", "name", "email", "seat", "admin", "status"];

impl Roster {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        let reader = Reader::open(&config.state_dir)?;
        let found = reader.read(|view| {
            let found = instance::find(view, &config, &self.organization)?;
            let Some(number) = found else { return Ok(None) };
            let Some(state) = view.roster_state(number)? else { return Ok(None) };
            Ok(Some((state, view.roster(number)?)))
        })?;
        let Some((state, roster)) = found else { return Err(self.unknown(&config).into()) };
        let mut out = super::stdout();
        if format != Format::Table {
            let rows: Vec<Row> = roster.members().iter().map(|member| self.row(member)).collect();
            write_rows(format, COLUMNS, &rows, &mut out)?;
            out.flush()?;
            return Ok(Exit::Ok);
        }
        let mut table = table(&["USERNAME", "NAME", "EMAIL", "SEAT", "ADMIN"]);
        for member in roster.members() {
            let text = |text: Option<&str>| text.map(shown).unwrap_or_default();
            let mark = |bit: bool| if bit { "yes" } else { "" }.to_owned();
            table.add_row(vec![
                shown(member.username()),
                text(member.name()),
                text(member.email()),
                mark(member.seat),
                mark(member.admin),
            ]);
        }
        write_table(&table, &mut out)?;
        let totals = state.totals;
        let (members, seats) = (count(totals.members, "member"), count(totals.seats, "seat"));
        let (admins, as_of) = (count(totals.admins, "admin"), local(Some(state.read_at), Tz::UTC));
        writeln!(out, "\n{members}, {seats}, {admins} as of {as_of}")?;
        if totals.unnamed.members > 0 {
            let rows = count(totals.unnamed.members, "unnamed row");
            let seats = count(totals.unnamed.seats, "seat");
            writeln!(out, "and {rows} with {seats}")?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }

    fn row(&self, member: &Member) -> Row {
        row! {
            organization: self.organization.to_string(),
            username: member.username(),
            name: member.name(),
            email: member.email(),
            seat: member.seat,
            admin: member.admin,
            status: Status::of_seat(member.seat).word(),
        }
    }

    fn unknown(&self, config: &crate::config::Config) -> Failure {
        let name = &self.organization;
        match instance::select(config, std::slice::from_ref(name)) {
            Ok(_) => Failure::new(Exit::Data, format!("{name}: no roster was read yet"))
                .with_hint(format!("run `seatwatch sync {name}`")),
            Err(failure) => failure,
        }
    }
}

//! `seatwatch report`: an evidence pack in a folder.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta, Utc};

use super::exit::{Exit, Failure, Stop};
use super::output::{Format, Row, count, local, row, shown, write_rows};
use super::past::{self, Past};
use super::sync::interruptible;
use super::when::When;
use super::{instance, log_ins};
use crate::config::{Config, Organization};
use crate::evidence::{self, Chapter, Compared, Evidence, Period, Written};
use crate::organization::OrganizationId;
use crate::people::{self, Columns, Comparison, Finding, People, Sums};
use crate::roster::Roster;
use crate::store::Reader;

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub(super) struct Report {
    /// Of which organization, as `service/owner`. It need not be in the config any more.
    #[arg(value_name = "ORG", conflicts_with = "all")]
    organization: Option<OrganizationId>,

    /// Of all organizations of the config.
    #[arg(long)]
    all: bool,

    /// From when: a day (its beginning), a time, `yesterday`, or `3d ago`. Without it, 90 days
    /// before the end.
    #[arg(long, value_name = "TIME")]
    from: Option<When>,

    /// Until when; a day counts to its end.
    #[arg(long, value_name = "TIME", default_value = "now")]
    to: When,

    /// The folder to write, which must not exist or be empty.
    #[arg(long, short, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    output: PathBuf,

    /// Holds the rosters at the end against a list of people from HR or an identity provider: CSV
    /// or JSON. It tells who takes a seat and is not in the list, and who is in it without access.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    compare: Option<PathBuf>,

    /// What the columns of that list are called, if they are not the usual names:
    /// `email=Mail,username="GitHub login",name=Name`.
    #[arg(long, value_name = "COLUMNS", requires = "compare")]
    columns: Option<Columns>,

    /// Asks Codecov who is logged in now, and tells of seats whose holders are not. That is all it
    /// says of them: commits and pull requests use a seat without a log-in.
    #[arg(long, conflicts_with = "to")]
    dormant: bool,
}

/// What a report is of that says no beginning.
const USUAL_SPAN: TimeDelta = TimeDelta::days(90);

/// The keys of a row for machines: of a file.
const COLUMNS: &[&str] = &["file", "bytes", "sha256"];

impl Report {
    pub(super) fn run(self, config_file: &Path, format: Format) -> Result<Exit, Stop> {
        if self.organization.is_none() && !self.all {
            return Err(past::not_named().into());
        }
        let config_sha256 = sha256(config_file)?;
        let config = instance::load(config_file)?;
        refuse_changed(config_file, &config_sha256)?;
        let reader = Reader::open(&config.state_dir)?;
        let past = Past { config: &config, reader: &reader, now: instance::clock().now() };
        let zone = past::zone(&config, self.organization.as_ref());
        let now = past.now;
        let (from, to) = if let Some(from) = self.from {
            past.span(from, self.to, zone)?
        } else {
            let to = past.end(self.to, zone)?;
            (to.checked_sub_signed(USUAL_SPAN).unwrap_or(to), to)
        };
        let period = Period { from, to, now };
        let mut chapters = self.chapters(&past, period)?;
        let left_out = if self.all { left_out(&past, to)? } else { Vec::new() };
        let exit = if self.dormant { ask_log_ins(&config, &mut chapters)? } else { Exit::Ok };
        let list = self.compare.as_deref().map(|path| List::read(path, self.columns.as_ref()));
        let list = list.transpose()?;
        let rosters = rosters(&chapters);
        let compared = list.as_ref().map(|list| list.hold_against(&rosters));
        let evidence = Evidence {
            instance: &config.instance,
            config_sha256,
            from,
            to,
            zone,
            organizations: chapters,
            left_out,
            compared,
        };
        let stopped = instance::stop_on_signals(|| ())?;
        let is_stopped = || stopped.load(Ordering::Relaxed);
        let files = evidence::write(&evidence, &self.output, is_stopped);
        let files = files.map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => {
                Failure::new(Exit::Interrupted, "interrupted: nothing was written")
            }
            _ => self.not_written(&error),
        })?;
        let mut out = super::stdout();
        if format == Format::Table {
            self.write_told(&evidence, &files, &mut out)?;
        } else {
            let rows: Vec<Row> = files.iter().map(|file| self.file_row(file)).collect();
            write_rows(format, COLUMNS, &rows, &mut out)?;
        }
        out.flush()?;
        Ok(exit)
    }

    /// What is known of each organization. That nothing is known of any is a failure; of some, it
    /// stands in the pack.
    fn chapters<'a>(&self, past: &Past<'a>, period: Period) -> Result<Vec<Chapter<'a>>, Stop> {
        let config = past.config;
        let ids: Vec<OrganizationId> = match &self.organization {
            Some(id) => vec![id.clone()],
            None => {
                config.organizations.iter().map(|organization| organization.id.clone()).collect()
            }
        };
        let mut chapters: Vec<Chapter<'a>> = past.reader.read(|view| {
            let chapter = |id: &OrganizationId| {
                let number = instance::find(view, config, id)?;
                evidence::gather(view, config, id, number, period)
            };
            ids.iter().map(chapter).collect()
        })?;
        // One that was found later is in no pack of the time before, whenever that is made.
        let is_found = |id: &OrganizationId| {
            config.find(id).is_some_and(|organization| organization.discovered)
        };
        chapters.retain(|chapter| chapter.is_seen || !self.all || !is_found(&chapter.id));
        let is_known = |chapter: &Chapter<'_>| chapter.after.is_some();
        match (&self.organization, chapters.iter().any(is_known)) {
            (_, true) => Ok(chapters),
            // Says why not.
            (Some(id), false) => Err(match past.roster(id, period.to) {
                Err(stop) => stop,
                Ok(_) => Failure::new(Exit::TryAgain, format!("{id}: was synced just now")).into(),
            }),
            (None, false) => Err(past::nothing_known(Some(period.to)).into()),
        }
    }

    fn not_written(&self, error: &io::Error) -> Failure {
        let folder = self.output.display();
        let (exit, reason, hint) = match error.kind() {
            io::ErrorKind::DirectoryNotEmpty => (
                Exit::CannotCreate,
                "is not empty".to_owned(),
                "name a folder that is not there yet",
            ),
            io::ErrorKind::NotADirectory => (
                Exit::CannotCreate,
                "is not a folder".to_owned(),
                "name a folder that is not there yet",
            ),
            io::ErrorKind::NotFound => (
                Exit::CannotCreate,
                "cannot be made: the folder that it is to be in is not there".to_owned(),
                "make that one first",
            ),
            io::ErrorKind::ReadOnlyFilesystem => (
                Exit::CannotCreate,
                "cannot be written: the disk can only be read".to_owned(),
                "name a folder on another disk",
            ),
            io::ErrorKind::PermissionDenied => (
                Exit::CannotCreate,
                format!("cannot be written: {}", seatwatch_sdk::io_reason(error)),
                "name a folder in a place where the user that owns `state_dir` may write",
            ),
            _ => (
                Exit::Io,
                format!("cannot be written: {}", seatwatch_sdk::io_reason(error)),
                "make room, or name a folder on another disk; nothing was left there",
            ),
        };
        Failure::new(exit, format!("{folder}: {reason}")).with_hint(hint)
    }

    fn write_told(
        &self,
        evidence: &Evidence<'_>,
        files: &[Written],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let [from, to] = [evidence.from, evidence.to].map(|time| local(Some(time), evidence.zone));
        let bytes = files.iter().map(|file| file.bytes).sum();
        let (size, number) = (indicatif::HumanBytes(bytes), count(files.len() as u64, "file"));
        writeln!(out, "{}: {number}, {size}, {from} to {to}", self.output.display())?;
        for chapter in &evidence.organizations {
            let known = chapter.known_since.filter(|known_since| *known_since > evidence.from);
            let known = known.map(|at| format!("; known since {}", local(Some(at), evidence.zone)));
            writeln!(out, "  {}  {}{}", chapter.id, told(chapter), known.unwrap_or_default())?;
        }
        for id in &evidence.left_out {
            writeln!(out, "  {id}  left out: it is not in the config any more")?;
        }
        if let Some(compared) = &evidence.compared {
            let list = shown(&compared.list);
            writeln!(out, "next to {list}: {}", told_comparison(&compared.comparison))?;
        }
        writeln!(out, "open {}", self.output.join("report.html").display())
    }

    fn file_row(&self, file: &Written) -> Row {
        row! {
            file: self.output.join(&file.name).display().to_string(),
            bytes: file.bytes,
            sha256: file.sha256,
        }
    }
}

/// What is known of an organization in one line.
fn told(chapter: &Chapter<'_>) -> String {
    let Some(after) = &chapter.after else {
        return "no roster is known of this time".to_owned();
    };
    let totals = after.totals;
    let (members, seats) = (count(totals.members, "member"), count(totals.seats_used(), "seat"));
    let over = chapter.over().map(|over| format!(" ({over} over the limit)")).unwrap_or_default();
    let events = count(chapter.events.len() as u64, "event");
    let gaps = match chapter.gaps.as_ref().map_or(0, Vec::len) {
        0 => "no gap".to_owned(),
        gaps => count(gaps as u64, "gap"),
    };
    format!("{members}, {seats}{over}; {events}, {gaps}")
}

fn told_comparison(comparison: &Comparison<'_>) -> String {
    let ghosts: u64 = comparison.organizations.iter().map(Sums::ghost_seats).sum();
    let number =
        |finding| comparison.entries.iter().filter(|entry| entry.finding == finding).count() as u64;
    let sum = |of: fn(&Sums<'_>) -> u64| comparison.organizations.iter().map(of).sum::<u64>();
    let unnamed = match sum(|it| it.unnamed_seats.not_in_list) {
        0 => String::new(),
        rows => format!(" and {} without a name", count(rows, "row")),
    };
    format!(
        "{} held by somebody who is not in it, {}{unnamed} not in it; {} in it without access; \
         {} with several matches, {} with nothing to compare",
        count(ghosts, "seat"),
        count(sum(|it| it.not_in_list.members), "member"),
        comparison.listed.no_access,
        number(Finding::Ambiguous),
        number(Finding::CannotTell),
    )
}

/// Whoever was read by then and is not in the config any more, under that name or a later one.
fn left_out(past: &Past<'_>, to: DateTime<Utc>) -> Result<Vec<OrganizationId>, Stop> {
    let of_config = |id: &OrganizationId| {
        past.config.organizations.iter().any(|it| it.id == *id || it.formerly.as_ref() == Some(id))
    };
    let left_out = past.reader.read(|view| {
        let mut left_out = view.organizations()?;
        left_out.retain(|id| !of_config(id));
        let mut read = Vec::new();
        for id in left_out {
            let number = view.find(&id)?;
            let known_since = number.map_or(Ok(None), |number| view.known_since(number))?;
            read.extend(known_since.filter(|known_since| *known_since <= to).map(|_| id));
        }
        Ok(read)
    })?;
    Ok(left_out)
}

/// Asks who is logged in. Where Codecov does not say it of an organization, the pack says that, and
/// the command fails with the first reason once it is written.
fn ask_log_ins(config: &Config, chapters: &mut [Chapter<'_>]) -> Result<Exit, Stop> {
    let mut asked = Vec::new();
    for chapter in chapters.iter_mut().filter(|chapter| chapter.after.is_some()) {
        match config.find(&chapter.id) {
            Some(organization) => asked.push((organization, chapter)),
            None => chapter.sessions = Some(Err("it is not in the config any more".to_owned())),
        }
    }
    let organizations: Vec<&Organization> = asked.iter().map(|(it, _)| *it).collect();
    let answers = super::runtime()?.block_on(interruptible("nothing was written", async {
        log_ins::ask(config, &organizations).await
    }))?;
    let mut exit = Exit::Ok;
    for ((_, chapter), answer) in asked.into_iter().zip(answers) {
        chapter.sessions = Some(answer.map_err(|failure| {
            super::complain(&failure.to_string());
            exit = if exit == Exit::Ok { failure.exit } else { exit };
            failure.message
        }));
    }
    Ok(exit)
}

/// A list of people, read.
struct List {
    name: String,
    sha256: String,
    people: People,
}

impl List {
    fn read(path: &Path, columns: Option<&Columns>) -> Result<Self, Stop> {
        let sha256 = sha256_of_regular(path)?;
        let people = people::read(path, columns)?;
        if let Some(sha256) = &sha256 {
            refuse_changed(path, sha256)?;
        }
        for warning in people.warnings() {
            super::complain(&format!("warning: {}: {warning}", path.display()));
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, sha256: sha256.unwrap_or_default(), people })
    }

    fn hold_against<'a>(&'a self, rosters: &'a [(OrganizationId, Roster)]) -> Compared<'a> {
        let rosters: Vec<_> = rosters.iter().map(|(id, roster)| (id, roster)).collect();
        let comparison = people::compare(&rosters, &self.people);
        Compared { list: self.name.clone(), sha256: self.sha256.clone(), comparison }
    }
}

/// The rosters at the end.
fn rosters(chapters: &[Chapter<'_>]) -> Vec<(OrganizationId, Roster)> {
    let known = chapters.iter().filter_map(|chapter| Some((&chapter.id, chapter.after.as_ref()?)));
    known.map(|(id, roster)| (id.clone(), roster.roster())).collect()
}

/// SHA-256 of a file, in hexadecimal digits.
fn sha256(path: &Path) -> Result<String, Failure> {
    evidence::digest(path).map(|(_, digits)| digits).map_err(|error| {
        let reason = seatwatch_sdk::io_reason(&error);
        Failure::new(Exit::Io, format!("{}: cannot be read: {reason}", path.display()))
    })
}

/// As [`sha256`]; nothing of what is no file, about which whoever reads it has more to say.
fn sha256_of_regular(path: &Path) -> Result<Option<String>, Failure> {
    let is_regular = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_regular.then(|| sha256(path)).transpose()
}

/// What was read has to be what the digest is of.
fn refuse_changed(path: &Path, before: &str) -> Result<(), Failure> {
    if sha256(path)? == before {
        return Ok(());
    }
    let message = format!("{}: was changed while it was read", path.display());
    Err(Failure::new(Exit::TryAgain, message).with_hint("try again"))
}

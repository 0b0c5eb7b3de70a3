//! `seatwatch backup`: the database as a file, while it is in use.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::output::{Format, count, row, write_rows};
use crate::store::Reader;

/// Arguments of `backup`.
#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// The file to write, which must not exist yet.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
}

const COLUMNS: &[&str] = &["file", "bytes", "organizations", "events"];

impl Backup {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let config = instance::load(config)?;
        let reader = Reader::open(&config.state_dir)?;
        if reader.is_empty() {
            let message =
                format!("{}: there is nothing to back up yet", config.state_dir.display());
            return Err(Failure::new(Exit::Data, message)
                .with_hint("`state_dir` may be wrong; if not, run `seatwatch sync` first")
                .into());
        }
        self.refuse_state_dir(&config.state_dir)?;
        let copying = reader.interrupt_handle();
        let stopped = instance::stop_on_signals(move || copying.interrupt())?;
        let backup = reader.back_up(&self.file).map_err(|error| {
            if stopped.load(Ordering::Relaxed) {
                return Failure::new(Exit::Interrupted, "interrupted: no backup was made").into();
            }
            Stop::from(error)
        })?;
        let mut out = super::stdout();
        let file = self.file.display().to_string();
        if format == Format::Table {
            let size = indicatif::HumanBytes(backup.bytes);
            let organizations = count(backup.organizations, "organization");
            let events = count(backup.events, "event");
            writeln!(out, "{file}: {size}, {organizations}, {events}")?;
        } else {
            let row = row! {
                file: file,
                bytes: backup.bytes,
                organizations: backup.organizations,
                events: backup.events,
            };
            write_rows(format, COLUMNS, &[row], &mut out)?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }

    /// What takes the database would take the backup with it.
    fn refuse_state_dir(&self, state_dir: &Path) -> Result<(), Failure> {
        let parent = self.file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or_else(|| Path::new(".")).canonicalize();
        match (parent, state_dir.canonicalize()) {
            (Ok(parent), Ok(state_dir)) if parent.starts_with(&state_dir) => {
                let message = format!("{}: is in the state directory", self.file.display());
                Err(Failure::new(Exit::Usage, message)
                    .with_hint("name a file elsewhere, at best on another disk"))
            }
            _ => Ok(()),
        }
    }
}

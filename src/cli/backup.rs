//! `seatwatch backup`: the database as a file, while it is in use.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use nix::unistd::Uid;

use super::exit::{Exit, Failure, Stop};
use super::instance;
use super::output::{Format, count, row, write_rows};
use crate::store::{self, Reader, StoreError, StoreErrorKind};

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
                return Failure::new(Exit::Interrupted, "interrupted: no backup was made");
            }
            self.failure(&error)
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

    /// Where the file is to be.
    fn directory(&self) -> &Path {
        let parent = self.file.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.unwrap_or_else(|| Path::new("."))
    }

    /// Why there is no backup. Root has become another user by now, who may not write everywhere.
    fn failure(&self, error: &StoreError) -> Failure {
        let reason = match &error.kind {
            StoreErrorKind::Open(reason) if error.path == self.directory() => reason.kind(),
            _ => return error.into(),
        };
        let (directory, user) = (error.path.display(), store::user_name(Uid::effective()));
        match reason {
            ErrorKind::NotFound => {
                Failure::new(Exit::CannotCreate, format!("{directory}: no such directory"))
                    .with_hint(format!("make it: `install -d -m 700 -o {user} {directory}`"))
            }
            ErrorKind::PermissionDenied => {
                let message = format!("{directory}: user `{user}` may not write there");
                Failure::new(Exit::CannotCreate, message).with_hint(format!(
                    "name a directory of that user, such as one made with \
                     `install -d -m 700 -o {user} /var/backups/seatwatch`"
                ))
            }
            _ => error.into(),
        }
    }

    /// What takes the database would take the backup with it.
    fn refuse_state_dir(&self, state_dir: &Path) -> Result<(), Failure> {
        match (self.directory().canonicalize(), state_dir.canonicalize()) {
            (Ok(parent), Ok(state_dir)) if parent.starts_with(&state_dir) => {
                let message = format!("{}: is in the state directory", self.file.display());
                Err(Failure::new(Exit::Usage, message)
                    .with_hint("name a file elsewhere, at best on another disk"))
            }
            _ => Ok(()),
        }
    }
}

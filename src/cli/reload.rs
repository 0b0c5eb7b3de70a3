//! `seatwatch reload`: the daemon reads its config again.

use std::io::Write as _;
use std::path::Path;

use super::ask::{ask, daemon_of};
use super::output::{Format, row, shown, write_rows};
use super::sync::{GOES_ON, interruptible};
use crate::control::{Answer, Question};
use crate::exit::{Exit, Stop};

/// Waits until it has, and says what changed or what stands in the way.
pub(super) fn run(path: &Path, format: Format) -> Result<Exit, Stop> {
    super::runtime()?.block_on(interruptible(GOES_ON, async {
        let daemon = match daemon_of(path) {
            Err(Stop::Config(problems)) => {
                super::complain(&format!(
                    "{problems}\n\n\
                     no daemon was asked: one that runs goes on with the config that it had"
                ));
                return Ok(Exit::Config);
            }
            found => found?,
        };
        let mut changes = Vec::new();
        let failed = ask(daemon, Question::Reload, |answer| {
            if let Answer::Reloaded(reloaded) = answer {
                changes.extend(reloaded.changes);
                if let Some(warnings) = reloaded.warnings {
                    super::complain(&warnings);
                }
            }
            Ok(())
        })
        .await?;
        if let Some(exit) = failed {
            super::complain("\nthe daemon goes on with the config that it had");
            return Ok(exit);
        }
        let mut out = super::stdout();
        if format == Format::Table {
            for change in changes {
                writeln!(out, "reloaded: {}", shown(&change))?;
            }
        } else {
            let rows: Vec<_> = changes.into_iter().map(|change| row! { change: change }).collect();
            write_rows(format, &["change"], &rows, &mut out)?;
        }
        out.flush()?;
        Ok(Exit::Ok)
    }))
}

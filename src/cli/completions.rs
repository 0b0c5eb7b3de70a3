//! `seatwatch completions`: a script that lets a shell complete our commands.

use std::io::Write as _;

use clap_complete::Shell;

use super::definition;
use super::exit::{Exit, Stop};

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// For which shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<Exit, Stop> {
        let mut script = Vec::new();
        // The writer panics on a closed pipe, so it writes to memory.
        clap_complete::generate(self.shell, &mut definition::command(), "seatwatch", &mut script);
        let mut out = super::stdout();
        out.write_all(&script)?;
        out.flush()?;
        Ok(Exit::Ok)
    }
}

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

/// Where a shell of one user looks for such scripts.
pub(super) const INSTALLING: &[(&str, &str)] = &[
    ("bash", "seatwatch completions bash > ~/.local/share/bash-completion/completions/seatwatch"),
    ("zsh", "seatwatch completions zsh > ~/.zfunc/_seatwatch     # a directory of $fpath"),
    ("fish", "seatwatch completions fish > ~/.config/fish/completions/seatwatch.fish"),
    ("elvish", "seatwatch completions elvish >> ~/.config/elvish/rc.elv"),
    ("powershell", "seatwatch completions powershell >> $PROFILE"),
];

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

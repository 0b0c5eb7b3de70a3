//! `seatwatch schema`: what a file or an event may hold, for editors and for programs.

use std::io::Write as _;

use super::exit::{Exit, Stop};

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Schema {
    /// What to describe.
    #[arg(value_name = "OF")]
    of: Of,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Of {
    /// The configuration file.
    Config,
    /// An event, as every sink gets it.
    Event,
    /// What seatwatch and an external plugin say to each other.
    Plugin,
}

impl Schema {
    pub(super) fn run(&self) -> Result<Exit, Stop> {
        let schema = match self.of {
            Of::Config => crate::config::schema(),
            Of::Event => schemars::schema_for!(seatwatch_sdk::Event).to_value(),
            Of::Plugin => seatwatch_process::protocol::schema(),
        };
        let mut out = super::stdout();
        serde_json::to_writer_pretty(&mut out, &schema).map_err(std::io::Error::from)?;
        writeln!(out)?;
        out.flush()?;
        Ok(Exit::Ok)
    }
}

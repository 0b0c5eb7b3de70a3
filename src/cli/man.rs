//! `seatwatch man`: the manual pages, made of what the program knows of itself.
//!
//! A page a command, from the definition that parses it, and one for the configuration file, from
//! the types that read it.

mod command;
mod config;
mod text;

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Command, ValueHint};

use super::definition::{self, CONFIG_PAGE, TOP, with_page};
use super::exit::{Exit, Failure, Stop};

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// Which page, such as `seatwatch-sync`, `seatwatch-outbox-retry` or `seatwatch.yaml`.
    #[arg(value_name = "PAGE", default_value = "seatwatch", hide_possible_values = true)]
    page: String,

    /// Writes all pages into this directory, each a file such as `seatwatch-sync.1`. It is made
    /// where it is absent.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "page")]
    output: Option<PathBuf>,
}

/// What the pages belong to, at their foot and their head.
const SOURCE: &str = concat!("seatwatch ", env!("CARGO_PKG_VERSION"));
const MANUAL: &str = "seatwatch manual";
/// An argument that is empty: the same source makes the same pages, on whatever day.
const NO_DATE: &str = "\"\"";

/// A page that is written.
struct Page {
    name: String,
    section: &'static str,
    text: String,
}

impl Man {
    pub(super) fn run(&self) -> Result<Exit, Stop> {
        let pages = pages()?;
        if let Some(directory) = &self.output {
            write_all(&pages, directory).map_err(|(path, error)| {
                let reason = seatwatch_sdk::io_reason(&error);
                let message = format!("cannot write `{}`: {reason}", path.display());
                Failure::new(Exit::CannotCreate, message)
            })?;
            return Ok(Exit::Ok);
        }
        let asked = |page: &&Page| page.name == self.page || page.name == long(&self.page);
        let page = pages.iter().find(asked).expect("clap lets only names of pages through");
        let mut out = super::stdout();
        out.write_all(page.text.as_bytes())?;
        out.flush()?;
        drop(out);
        if io::stdout().is_terminal() {
            super::complain(&format!("hint: to read it, `seatwatch man {} | man -l -`", self.page));
        }
        Ok(Exit::Ok)
    }
}

fn pages() -> io::Result<Vec<Page>> {
    let mut pages = Vec::new();
    collect(&definition::command(), &mut pages)?;
    let mut page = Vec::new();
    config::write(&mut page)?;
    pages.push(Page { name: CONFIG_PAGE.to_owned(), section: "5", text: text::ascii(&page) });
    Ok(pages)
}

fn collect(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or(TOP).to_owned();
    let mut page = Vec::new();
    command::write(&name, command, &mut page)?;
    pages.push(Page { name, section: "1", text: text::ascii(&page) });
    with_page(command).try_for_each(|below| collect(below, pages))
}

fn long(name: &str) -> String {
    format!("seatwatch-{name}")
}

/// Writes every page to a file of its own; where one cannot be written, says which.
fn write_all(pages: &[Page], directory: &Path) -> Result<(), (PathBuf, io::Error)> {
    fs::create_dir_all(directory).map_err(|error| (directory.to_owned(), error))?;
    for page in pages {
        let path = directory.join(format!("{}.{}", page.name, page.section));
        fs::write(&path, &page.text).map_err(|error| (path, error))?;
    }
    Ok(())
}

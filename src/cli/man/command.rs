//! The page of one command.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold};

use super::text::{item, literal, paragraph, see_also};
use super::{CONFIG, MANUAL, NO_DATE, SOURCE, TOP, with_page};
use crate::cli::examples;
use crate::exit::Exit;

/// Files that are looked for where neither arguments nor configuration say otherwise.
const FILES: &[(&str, &str)] = &[
    ("/etc/seatwatch/seatwatch.yaml", "The configuration; see `seatwatch.yaml`(5)."),
    (
        "/var/lib/seatwatch/seatwatch.db",
        "The database, in the `state_dir`: rosters, their history, and the log of events.",
    ),
    (
        "/run/seatwatch/control.sock",
        "Where the daemon is asked by other commands; in the `state_dir` where systemd gives it no \
         directory.",
    ),
    (
        "/etc/seatwatch/plugins, /usr/lib/seatwatch/plugins",
        "External plugins: programs called `seatwatch-sink-NAME`.",
    ),
];

/// Variables that are read, besides those that the configuration names.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("SEATWATCH_CONFIG", "The configuration, where `--config` does not name it."),
    (
        "RUST_LOG",
        "How much is logged to stderr: `seatwatch=debug` shows every request and every delivery, \
         `off` nothing.",
    ),
    ("NO_COLOR", "No colours, also on a terminal."),
    (
        "HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
        "The proxy through which Codecov is asked, and for which hosts there is none.",
    ),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "The certificates to trust, in place of the machine's."),
    (
        "CREDENTIALS_DIRECTORY",
        "Where a secret of a bare name is looked for first; systemd sets it.",
    ),
    ("RUNTIME_DIRECTORY", "Where the daemon's socket is made; systemd sets it."),
];

/// The page of a command, whose name is that of the page.
///
/// # Errors
///
/// None, where `out` takes all.
pub(super) fn write(name: &str, command: &Command, out: &mut dyn Write) -> io::Result<()> {
    let man =
        Man::new(without_help(command)).title(name).date(NO_DATE).source(SOURCE).manual(MANUAL);
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if with_page(command).next().is_some() {
        man.render_subcommands_section(out)?;
    }
    // How it is called: a name may have a `-` of its own.
    let called = command.get_bin_name().unwrap_or(TOP);
    let path = called.strip_prefix(TOP).unwrap_or(called).trim_start();
    let mut page = Roff::new();
    exit_status(&mut page);
    if path.is_empty() {
        list(&mut page, "FILES", FILES);
        list(&mut page, "ENVIRONMENT", ENVIRONMENT);
    }
    page.control("SH", ["EXAMPLES"]);
    for (what, line) in examples::of(path) {
        literal(&mut page, &format!("{what}:"), line);
    }
    see_also(&mut page, &related(name, called, command));
    page.to_writer(out)
}

/// The command without `help` among those below it, which has no page.
fn without_help(command: &Command) -> Command {
    match command.find_subcommand("help") {
        Some(_) => command.clone().mut_subcommand("help", |help| help.hide(true)),
        None => command.clone(),
    }
}

fn exit_status(page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        item(page, vec![bold((exit as u8).to_string())], exit.meaning());
    }
    paragraph(
        page,
        "With several organizations it is that of the first failure, in the order of the \
         configuration.",
    );
}

fn list(page: &mut Roff, title: &str, items: &[(&str, &str)]) {
    page.control("SH", [title]);
    for (what, text) in items {
        item(page, vec![bold(*what)], text);
    }
}

/// What is above a command, what is below, and the configuration.
fn related(name: &str, called: &str, command: &Command) -> Vec<(String, &'static str)> {
    let above = called.match_indices(' ').filter_map(|(end, _)| called.get(..end));
    let above = above.map(|called| called.replace(' ', "-"));
    let below = with_page(command).map(|below| format!("{name}-{}", below.get_name()));
    let commands = above.chain(below).map(|name| (name, "1"));
    commands.chain([(CONFIG.to_owned(), "5")]).collect()
}

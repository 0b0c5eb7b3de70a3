//! The page of one command.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::text::{emphasized, item, literal, paragraph, see_also};
use super::{CONFIG_PAGE, MANUAL, NO_DATE, SOURCE, TOP, with_page};
use crate::cli::examples;
use crate::exit::Exit;

/// Files that are looked for where neither arguments nor configuration say otherwise.
const FILES: &[(&str, &str)] = &[
    ("/etc/seatwatch/seatwatch.yaml", "The configuration; see `seatwatch.yaml`(5)."),
    (
        "/etc/seatwatch/credentials, /run/credentials/seatwatch.service",
        "Secrets of a bare name: where systemd finds them, and where the daemon does.",
    ),
    (
        "/var/lib/seatwatch/seatwatch.db",
        "The database, in the `state_dir`: rosters, their history, and the log of events.",
    ),
    ("/var/log/seatwatch", "Files of events, where the configuration puts them there."),
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
    ("NO_COLOR", "No colours, also on a terminal; `TERM=dumb` means the same."),
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
    // How it is called: a name may have a `-` of its own.
    let called = command.get_bin_name().unwrap_or(TOP);
    let mut texts = Vec::new();
    man.render_title(&mut texts)?;
    man.render_name_section(&mut texts)?;
    synopsis(called, command).to_writer(&mut texts)?;
    man.render_description_section(&mut texts)?;
    man.render_options_section(&mut texts)?;
    if with_page(command).next().is_some() {
        man.render_subcommands_section(&mut texts)?;
    }
    out.write_all(emphasized(&String::from_utf8_lossy(&texts)).as_bytes())?;
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

/// How it is called, with the values of its options.
fn synopsis(called: &str, command: &Command) -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["SYNOPSIS"]);
    let mut line = vec![bold(called)];
    let options = command.get_arguments().filter(|argument| !argument.is_positional());
    for option in options {
        let written = option.to_string();
        let (name, value) = written.split_once(' ').unwrap_or((&written, ""));
        let [open, close] = if option.is_required_set() { ["", ""] } else { ["[", "]"] };
        let space = if value.is_empty() { "" } else { " " };
        line.extend([roman(format!(" {open}")), bold(name)]);
        line.push(roman(format!("{space}{value}{close}")));
    }
    line.extend(command.get_positionals().map(|argument| roman(format!(" {argument}"))));
    line.extend(with_page(command).next().map(|_| roman(" <COMMAND>")));
    page.text(line);
    page
}

fn exit_status(page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        item(page, vec![bold((*exit as u8).to_string())], exit.meaning());
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
    commands.chain([(CONFIG_PAGE.to_owned(), "5")]).collect()
}

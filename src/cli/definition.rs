//! The commands as clap knows them, with what cannot be said at the types that read them: groups,
//! examples, exit codes.
//!
//! Parser, help, completions and manual pages are all made of this one definition.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Command, CommandFactory as _, FromArgMatches as _};
use itertools::Itertools as _;

use super::exit::Exit;
use super::{Arguments, examples};

/// The commands by what one wants of them, in the order of the overview.
const GROUPS: &[(&str, &[&str])] = &[
    ("Set up", &["check", "discover", "schema", "completions", "man"]),
    ("Watch", &["run", "sync", "reload"]),
    ("Look", &["status", "roster", "history", "diff", "report"]),
    ("Decide about a held roster", &["approve", "reject"]),
    ("Deliver", &["outbox", "sink", "replay", "plugin"]),
    ("Keep", &["backup", "org"]),
    ("Try it out", &["demo", "simulate", "help"]),
];

/// The manual page about the whole.
pub(super) const TOP: &str = "seatwatch";
/// The manual page about the configuration file.
pub(super) const CONFIG_PAGE: &str = "seatwatch.yaml";

/// Where to read on, for the end of the overview.
const DOCS: &str = "\
Manual: seatwatch man, and man seatwatch-sync for one command where it is installed.
Configuration: seatwatch man seatwatch.yaml, and config.example.yaml, which a
package has as /usr/share/doc/seatwatch/examples/complete.yaml.";

/// Reads arguments, the first of which is the name of the program.
///
/// # Errors
///
/// They are wrong, or ask for help or the version.
pub(super) fn parse(arguments: &[OsString]) -> Result<Arguments, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The whole definition, built: names and global options have reached every command.
pub(super) fn command() -> Command {
    let mut command = with_examples(without_empty_variables(Arguments::command()), "");
    let pages = pages(&command);
    command = command.mut_subcommand("man", |man| {
        man.mut_arg("page", |page| page.value_parser(PossibleValuesParser::new(pages)))
    });
    // `help` is one of the commands only from here on.
    command.build();
    command = command.mut_subcommands(with_our_help);
    let template = overview(&command);
    command.help_template(template)
}

/// Forgets variables that are set to nothing: units and CI do so where others would not set them.
fn without_empty_variables(command: Command) -> Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command.mut_args(|argument| {
        let says_nothing = argument.get_env().is_some_and(is_empty);
        if says_nothing { argument.env(None) } else { argument }
    })
}

/// Says of `help` what it does as the other commands say it.
fn with_our_help(command: Command) -> Command {
    match command.get_name() {
        "help" => command.about("Prints this, or the help of a command"),
        _ => command.mut_subcommands(with_our_help),
    }
}

/// Adds the examples of a command and of those below it; `path` leads to it.
fn with_examples(command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    let command = names.into_iter().fold(command, |command, name| {
        let path = format!("{path} {name}");
        command.mut_subcommand(name, |below| with_examples(below, path.trim_start()))
    });
    let mut sections = Vec::new();
    if path == "completions" {
        sections.push(section(&command, "Installing:", &installing()));
    }
    let mut text = String::new();
    for (what, line) in examples::of(path) {
        write!(text, "  {what}:\n    $ {line}\n").expect("a text takes all");
    }
    if !text.is_empty() {
        sections.push(section(&command, "Examples:", &text));
    }
    if path.is_empty() {
        sections.push(section(&command, "Exit codes:", &exits()));
        sections.push(DOCS.to_owned());
    }
    if sections.is_empty() { command } else { command.after_long_help(sections.join("\n\n")) }
}

/// The commands below one that have a page of their own: all but `help`.
pub(super) fn with_page(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| below.get_name() != "help")
}

/// The names of all pages. Those of commands may be written without their beginning.
pub(super) fn pages(root: &Command) -> Vec<PossibleValue> {
    fn walk(command: &Command, name: &str, names: &mut Vec<PossibleValue>) {
        let short = name.strip_prefix("seatwatch-").map(str::to_owned);
        names.push(PossibleValue::new(name.to_owned()).aliases(short));
        for below in with_page(command) {
            walk(below, &format!("{name}-{}", below.get_name()), names);
        }
    }
    let mut names = Vec::new();
    walk(root, TOP, &mut names);
    names.push(PossibleValue::new(CONFIG_PAGE));
    names
}

fn section(command: &Command, title: &str, lines: &str) -> String {
    format!("{}\n{}", heading(command, title), lines.trim_end())
}

/// How to install the completions, shell by shell.
fn installing() -> String {
    examples::INSTALLING.iter().map(|(shell, line)| format!("  {shell:<12}{line}")).join("\n")
}

fn exits() -> String {
    Exit::ALL.iter().map(|exit| format!("  {:>3}  {}", *exit as u8, exit.meaning())).join("\n")
}

/// The help of the whole, with the commands in their groups.
fn overview(command: &Command) -> String {
    let longest = command.get_subcommands().map(|it| it.get_name().len()).max();
    let width = longest.unwrap_or_default() + 2;
    let mut text = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (title, names) in GROUPS {
        write!(text, "\n{}\n", heading(command, &format!("{title}:"))).expect("a text takes all");
        for name in *names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let literal = command.get_styles().get_literal();
            writeln!(
                text,
                "  {literal}{name}{literal:#}{:1$}{about}",
                "",
                width.saturating_sub(name.len())
            )
            .expect("a text takes all");
        }
    }
    text + "\n" + &heading(command, "Options:") + "\n{options}{after-help}"
}

fn heading(command: &Command, text: &str) -> String {
    let style = command.get_styles().get_header();
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(command: &Command) -> Vec<&str> {
        command.get_subcommands().map(Command::get_name).sorted().collect()
    }

    #[test]
    fn clap_finds_no_contradiction() {
        command().debug_assert();
    }

    #[test]
    fn every_command_is_in_one_group_and_its_line_fits_a_terminal() {
        let command = command();
        let grouped: Vec<&str> =
            GROUPS.iter().flat_map(|(_, names)| *names).copied().sorted().collect();
        assert_eq!(grouped, names(&command), "`GROUPS` has each of them once");
        for line in overview(&command).lines() {
            let shown = anstream::adapter::strip_str(line).to_string();
            assert!(shown.chars().count() <= 80, "shorten the first paragraph: {shown}");
        }
    }

    #[test]
    fn every_example_is_a_right_command_line_of_its_command() {
        fn walk(command: &Command, path: &str, seen: &mut usize) {
            let lines: Vec<&str> = examples::of(path).map(|(_, line)| line).collect();
            let is_help = path == "help" || path.ends_with(" help");
            assert!(is_help || !lines.is_empty(), "`{path}` has no example in src/cli/examples.rs");
            for line in lines {
                let words = shlex::split(line).unwrap();
                let start: Vec<&str> = path.split_whitespace().collect();
                assert_eq!(words[0], "seatwatch", "{line}");
                assert!(
                    words[1..].iter().map(String::as_str).take(start.len()).eq(start),
                    "{line}"
                );
                let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
                if let Err(error) = parse(&words) {
                    panic!("{line}\n{error}");
                }
                *seen += 1;
            }
            for below in command.get_subcommands().filter(|_| !is_help) {
                let path = format!("{path} {}", below.get_name());
                walk(below, path.trim_start(), seen);
            }
        }
        let mut seen = 0;
        walk(&command(), "", &mut seen);
        assert_eq!(seen, examples::EXAMPLES.iter().map(|(_, of)| of.len()).sum::<usize>());
    }
}

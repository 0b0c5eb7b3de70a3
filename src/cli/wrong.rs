//! What is wrong with a command line, and what to write instead.
//!
//! clap knows what is near to a name. What people write who know other programs, or who look for
//! something under another word, stands in [`hints`].

mod hints;

use std::error::Error as _;
use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use itertools::Itertools as _;

use self::hints::{COMMANDS, OPTIONS, VALUES};
use super::definition;
use super::exit::{Exit, Failure};
use crate::config::{did_you_mean, nearest};

/// Says what is wrong with the arguments, the first of which is the name of the program.
pub(super) fn explain(error: &clap::Error, arguments: &[OsString]) -> Failure {
    let root = definition::command();
    let written = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let (path, command) = command_of(&root, arguments, &written);
    let (what, hint) = match error.kind() {
        ErrorKind::InvalidSubcommand => unknown_command(error, &command),
        ErrorKind::UnknownArgument => unknown_argument(error, &root, &path, &command),
        ErrorKind::InvalidValue => wrong_value(error, &written),
        ErrorKind::ValueValidation => refused_value(error, &written),
        ErrorKind::MissingRequiredArgument => missing(error),
        ErrorKind::ArgumentConflict => conflict(error, &written),
        _ => (first_line(error), None),
    };
    let hint = hint.unwrap_or_else(|| format!("`{path} --help` shows what there is"));
    Failure::new(Exit::Usage, format!("{path}: {what}")).with_hint(hint)
}

type Explained = (String, Option<String>);

fn unknown_command(error: &clap::Error, command: &Command) -> Explained {
    let word = text(error, ContextKind::InvalidSubcommand).unwrap_or_default();
    let names = command.get_subcommands().map(Command::get_name);
    let names: Vec<&str> = names.filter(|name| *name != "help").collect();
    let suggested = || match all(error, ContextKind::SuggestedSubcommand).as_slice() {
        [] => near_or_all(&word, &names),
        near => Some(format!("did you mean {}?", quoted(near, " or "))),
    };
    // Below, other commands go by the same words.
    let known = look_up(COMMANDS, &word).filter(|_| command.get_name() == "seatwatch");
    (format!("there is no command `{word}`"), known.or_else(suggested))
}

fn unknown_argument(
    error: &clap::Error,
    root: &Command,
    path: &str,
    command: &Command,
) -> Explained {
    let word = text(error, ContextKind::InvalidArg).unwrap_or_default();
    if !word.starts_with('-') {
        let takes = match command.get_positionals().next() {
            Some(_) => "it takes not so many names or values",
            None => "it takes no names or values",
        };
        return (format!("`{word}` is too much: {takes}"), None);
    }
    let near = || text(error, ContextKind::SuggestedArg);
    let hint = look_up(OPTIONS, &word)
        .or_else(|| near().map(|near| format!("did you mean `{near}`?")))
        .or_else(|| elsewhere(root, &word, path));
    (format!("there is no option `{word}`"), hint)
}

/// The commands that have this option, where the one that was asked has not.
fn elsewhere(root: &Command, option: &str, path: &str) -> Option<String> {
    fn walk(command: &Command, long: &str, found: &mut Vec<String>) {
        let has = command.get_arguments().any(|argument| argument.get_long() == Some(long));
        let name = command.get_bin_name().unwrap_or_default();
        found.extend(has.then(|| name.to_owned()));
        command
            .get_subcommands()
            .filter(|below| below.get_name() != "help")
            .for_each(|below| walk(below, long, found));
    }
    let mut found = Vec::new();
    let long = option.strip_prefix("--")?;
    walk(root, long, &mut found);
    if found.is_empty() {
        return None;
    }
    let found = quoted(&found, ", ");
    Some(if path == "seatwatch" {
        format!("write it after its command: {found}")
    } else {
        format!("it is an option of {found}")
    })
}

fn wrong_value(error: &clap::Error, argument: &str) -> Explained {
    let name = name(argument);
    let known = all(error, ContextKind::ValidValue);
    let value = text(error, ContextKind::InvalidValue).filter(|value| !value.is_empty());
    let Some(value) = value else {
        let hint = (!known.is_empty()).then(|| format!("known here: {}", known.join(", ")));
        return (format!("`{name}` needs a value"), hint.or_else(|| value_hint(argument)));
    };
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    (format!("`{name}` cannot be `{value}`"), near_or_all(&value, &known))
}

fn refused_value(error: &clap::Error, argument: &str) -> Explained {
    let name = name(argument);
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let why = error.source().map(ToString::to_string).unwrap_or_default();
    let what = if why.contains(&format!("`{value}`")) {
        format!("`{name}`: {why}")
    } else if why.starts_with("expected a day") {
        format!("`{name}` cannot be `{value}`") // What it can be is the hint.
    } else {
        format!("`{name}` cannot be `{value}`: {why}")
    };
    let hint = match placeholder(argument) {
        // The reason says what was expected.
        "ORG" => Some("`seatwatch status` lists the organizations of the config".to_owned()),
        "SERVICE" => None,
        _ => value_hint(argument),
    };
    (what, hint)
}

fn missing(error: &clap::Error) -> Explained {
    let arguments = all(error, ContextKind::InvalidArg);
    let names: Vec<String> = arguments.iter().map(|argument| name(argument).to_owned()).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    let hints: Vec<String> = arguments.iter().filter_map(|it| value_hint(it)).unique().collect();
    let hint = (!hints.is_empty()).then(|| hints.join("; "));
    (format!("{} {verb} missing", quoted(&names, " and ")), hint)
}

fn conflict(error: &clap::Error, argument: &str) -> Explained {
    let name = name(argument).to_owned();
    let others = all(error, ContextKind::PriorArg);
    let others: Vec<&str> = others.iter().map(|other| self::name(other)).collect();
    match others.as_slice() {
        [other] if *other == name => (format!("`{name}` can be given only once"), None),
        others => (format!("`{name}` cannot be given with {}", quoted(others, ", ")), None),
    }
}

/// The command whose arguments are wrong, up to the word that is, and how to call it.
fn command_of(root: &Command, arguments: &[OsString], wrong: &str) -> (String, Command) {
    let mut command = root;
    let words = arguments.iter().skip(1).filter_map(|word| word.to_str());
    for word in words.take_while(|word| word.split('=').next() != Some(wrong)) {
        command = command.find_subcommand(word).unwrap_or(command);
    }
    (command.get_bin_name().unwrap_or("seatwatch").to_owned(), command.clone())
}

/// The known name that is nearest, or else all of them, if they are few.
fn near_or_all(word: &str, known: &[&str]) -> Option<String> {
    let is_short = known.len() <= 10 || nearest(word, known.iter().copied()).is_some();
    is_short.then(|| did_you_mean(word, known))
}

fn look_up(table: &[(&[&str], &str)], word: &str) -> Option<String> {
    let found = table.iter().find(|(words, _)| words.contains(&word));
    found.map(|(_, hint)| (*hint).to_owned())
}

/// Where to find a value for an argument, written as clap writes it: `--since <TIME>`.
fn value_hint(argument: &str) -> Option<String> {
    let placeholder = placeholder(argument);
    let found = VALUES.iter().find(|(of, _)| *of == placeholder);
    found.map(|(_, hint)| (*hint).to_owned())
}

/// What stands for the value of an argument: `TIME` of `--since <TIME>`.
fn placeholder(argument: &str) -> &str {
    bare(argument.split_whitespace().last().unwrap_or_default())
}

/// What to call an argument: `--since` of `--since <TIME>`, `ORG` of `[ORG]...`.
fn name(argument: &str) -> &str {
    bare(argument.split_whitespace().next().unwrap_or_default())
}

fn bare(argument: &str) -> &str {
    argument.trim_matches(['<', '>', '[', ']', '.'])
}

fn quoted(names: &[impl AsRef<str>], between: &str) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).join(between)
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    all(error, kind).into_iter().next()
}

fn all(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// What clap says by itself, without its own beginning.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in backticks and begins with our name.
    fn calls(hint: &str) -> impl Iterator<Item = &str> {
        hint.split('`').skip(1).step_by(2).filter(|code| code.starts_with("seatwatch "))
    }

    /// A hint leads to commands and options that there are.
    #[test]
    fn what_a_hint_says_to_write_is_right() {
        let root = definition::command();
        let of_words = COMMANDS.iter().chain(OPTIONS).map(|(_, hint)| hint);
        let hints = of_words.chain(VALUES.iter().map(|(_, hint)| hint));
        let mut seen = 0;
        for call in hints.flat_map(|hint| calls(hint)) {
            seen += 1;
            let (mut command, mut found) = (&root, false);
            for word in call.split(' ').skip(1) {
                if let Some(below) = command.find_subcommand(word) {
                    (command, found) = (below, true);
                } else if let Some(long) = word.strip_prefix("--") {
                    let mut arguments = command.get_arguments();
                    let known = arguments.any(|argument| argument.get_long() == Some(long));
                    assert!(known, "`{call}`");
                    found = true;
                }
            }
            assert!(found, "`{call}`");
        }
        assert!(seen > 20, "{seen}");
    }

    /// A word that a command has by now needs no hint, and would never get it.
    #[test]
    fn no_hint_is_for_a_command_that_there_is() {
        let root = definition::command();
        for word in COMMANDS.iter().flat_map(|(words, _)| *words) {
            assert!(root.find_subcommand(word).is_none(), "`{word}` is a command");
        }
    }
}

//! What is wrong with a command line, and what to write instead.
//!
//! clap knows what is near to a name. What people write who know other programs, or who look for
//! something under another word, stands in [`hints`].

mod hints;

use std::error::Error as _;
use std::ffi::OsString;
use std::path::Path;

use clap::Command;
use clap::builder::PossibleValue;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use itertools::Itertools as _;

use self::hints::{BELOW, COMMANDS, OPTIONS, VALUES};
use super::definition;
use super::exit::{Exit, Failure};
use crate::config::{did_you_mean, nearest};
use crate::organization::Service;

/// Says what is wrong with the arguments, the first of which is the name of the program.
pub(super) fn explain(error: &clap::Error, arguments: &[OsString]) -> Failure {
    let root = definition::command();
    let written = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let (path, command) = command_of(&root, arguments, &written);
    let (what, hint) = match error.kind() {
        ErrorKind::InvalidSubcommand => unknown_command(error, &path, &command),
        ErrorKind::UnknownArgument => {
            let (what, hint) = unknown_argument(error, &root, &path, &command);
            (what, as_value(&command, arguments, &written).or(hint))
        }
        ErrorKind::InvalidValue => wrong_value(error, &command, &written),
        ErrorKind::ValueValidation => refused_value(error, &command, &written),
        ErrorKind::MissingRequiredArgument => missing(error, &command),
        ErrorKind::TooManyValues => (
            format!("`{}` takes no value", name(&written)),
            text(error, ContextKind::InvalidValue).map(|value| format!("leave `={value}` out")),
        ),
        ErrorKind::ArgumentConflict => conflict(error, &written),
        _ => (first_line(error), None),
    };
    let hint = hint.unwrap_or_else(|| format!("`{path} --help` shows what there is"));
    Failure::new(Exit::Usage, format!("{path}: {what}")).with_hint(hint)
}

type Explained = (String, Option<String>);

fn unknown_command(error: &clap::Error, path: &str, command: &Command) -> Explained {
    let word = text(error, ContextKind::InvalidSubcommand).unwrap_or_default();
    let names = command.get_subcommands().map(Command::get_name);
    let names: Vec<&str> = names.filter(|name| *name != "help").collect();
    let suggested = || match all(error, ContextKind::SuggestedSubcommand).as_slice() {
        [] => near_or_all(&word, &names),
        // The nearest is last.
        near => {
            let near: Vec<&String> = near.iter().rev().collect();
            Some(format!("did you mean {}?", quoted(&near, " or ")))
        }
    };
    // Below, other commands go by the same words.
    let known = match path.strip_prefix("seatwatch ") {
        None => look_up(COMMANDS, &word),
        Some(above) => look_up(BELOW, &format!("{above} {word}")),
    };
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
        return (format!("`{word}` is too much: {takes}"), option_for(&word, path, command));
    }
    let near = || text(error, ContextKind::SuggestedArg);
    let hint = look_up(OPTIONS, &word)
        .or_else(|| near().map(|near| format!("did you mean `{near}`?")))
        .or_else(|| elsewhere(root, &word, path));
    (format!("there is no option `{word}`"), hint)
}

/// How to write a value that begins as an option does, after an option that takes one.
fn as_value(command: &Command, arguments: &[OsString], written: &str) -> Option<String> {
    let words = arguments.iter().filter_map(|word| word.to_str());
    let is_it = |(option, value): &(&str, &str)| {
        value.starts_with(written) && has_value_after(command, option)
    };
    let (option, value) = words.tuple_windows().find(is_it)?;
    Some(format!("if that is the value, write `{option}={value}`"))
}

/// The option that a word without one was to be: its name, or its value.
fn option_for(word: &str, path: &str, command: &Command) -> Option<String> {
    let is_config = Path::new(word).extension().is_some_and(|it| it == "yaml" || it == "yml");
    let is_option = command.get_arguments().any(|argument| argument.get_long() == Some(word));
    match (is_config, is_option) {
        (true, _) => Some(format!("write `{path} --config {word}`")),
        (_, true) => Some(format!("write `{path} --{word}`")),
        _ => None,
    }
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

fn wrong_value(error: &clap::Error, command: &Command, argument: &str) -> Explained {
    let name = name(argument);
    let known = all(error, ContextKind::ValidValue);
    let value = text(error, ContextKind::InvalidValue).filter(|value| !value.is_empty());
    let Some(value) = value else {
        let hint = (!known.is_empty()).then(|| format!("known here: {}", known.join(", ")));
        return (format!("`{name}` needs a value"), hint.or_else(|| value_hint(command, argument)));
    };
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    (format!("`{name}` cannot be `{value}`"), near_or_all(&value, &known))
}

fn refused_value(error: &clap::Error, command: &Command, argument: &str) -> Explained {
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
        "TIME" | "FROM" | "TO" if humantime::parse_duration(&value).is_ok() => {
            let option = argument.starts_with("--").then(|| format!("{name} "));
            Some(format!("write `{}\"{value} ago\"`", option.unwrap_or_default()))
        }
        _ => value_hint(command, argument),
    };
    (what, hint)
}

fn missing(error: &clap::Error, command: &Command) -> Explained {
    let arguments = all(error, ContextKind::InvalidArg);
    let names: Vec<String> = arguments.iter().map(|argument| name(argument).to_owned()).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    let hints = arguments.iter().filter_map(|it| value_hint(command, it));
    let hints: Vec<String> = hints.unique().collect();
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
    let mut words = words.take_while(|word| word.split('=').next() != Some(wrong));
    while let Some(word) = words.next() {
        if has_value_after(command, word) {
            words.next();
        } else {
            command = command.find_subcommand(word).unwrap_or(command);
        }
    }
    (command.get_bin_name().unwrap_or("seatwatch").to_owned(), command.clone())
}

/// Whether a word is an option whose value is the next word.
fn has_value_after(command: &Command, word: &str) -> bool {
    let Some(long) = word.strip_prefix("--") else { return false };
    let mut arguments = command.get_arguments();
    arguments.any(|it| it.get_long() == Some(long) && it.get_action().takes_values())
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

/// Where to find a value for an argument of a command, written as clap writes it:
/// `--since <TIME>`.
fn value_hint(command: &Command, argument: &str) -> Option<String> {
    let placeholder = placeholder(argument);
    if placeholder == "SERVICE" {
        return Some(format!("known here: {}", Service::ALL.map(Service::word).join(", ")));
    }
    let found = VALUES.iter().find(|(of, _)| *of == placeholder);
    found.map(|(_, hint)| (*hint).to_owned()).or_else(|| words_of(command, placeholder))
}

/// The values of an argument that is one of a few words.
fn words_of(command: &Command, placeholder: &str) -> Option<String> {
    let is_it = |name: &clap::builder::Str| name.as_str() == placeholder;
    let mut arguments = command.get_arguments();
    let argument = arguments.find(|it| it.get_value_names().is_some_and(|of| of.iter().any(is_it)));
    let words = argument?.get_possible_values();
    let words =
        words.iter().filter(|word| !word.is_hide_set()).map(PossibleValue::get_name).join(", ");
    (!words.is_empty()).then(|| format!("known here: {words}"))
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
        let of_words = COMMANDS.iter().chain(BELOW).chain(OPTIONS).map(|(_, hint)| hint);
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
                } else {
                    let stands_for_it = word == word.to_uppercase();
                    assert!(!command.has_subcommands() || stands_for_it, "`{call}`");
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
        for words in COMMANDS.iter().chain(BELOW).flat_map(|(words, _)| *words) {
            let mut words_of_it = words.split(' ');
            let last = words_of_it.next_back().unwrap();
            let above = words_of_it.fold(&root, |it, word| it.find_subcommand(word).unwrap());
            assert!(above.find_subcommand(last).is_none(), "`{words}` is a command");
        }
    }
}

//! The three templates of a mail: subject, text and HTML, built in or from files.
//!
//! A template is a program that somebody wrote, so it is kept on a short lead: what it does and
//! what it writes is bounded, a variable that does not exist is an error and not a gap in a mail,
//! and what goes into HTML is escaped. It is tried with [`sample`]s of all events when the
//! configuration is read; should it fail on a real one nevertheless, the mail waits and says why.
//!
//! Knows the [`Story`] and nothing of mail.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, escape_formatter};
use seatwatch_sdk::{Problem, read_file, shown};

use crate::EmailConfig;
use crate::config::Templates;
use crate::story::Story;

mod sample;

/// What a template may do, in steps of the engine and, roughly, in 64 bytes that it makes: more
/// than five times what the built-in ones need for the largest delivery.
const FUEL: u64 = 2_000_000;

/// What a template may write.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The longest template: a mistyped path may lead anywhere.
const MOST_FILE_BYTES: u64 = 256 * 1024;

/// The longest subject, in characters.
const LONGEST_SUBJECT: usize = 200;

/// A mail in words, ready to be put into parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// One line without control characters.
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    const ALL: [Self; 3] = [Self::Subject, Self::Text, Self::Html];

    /// The key in the configuration, which is also the engine's name for it.
    fn key(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
        }
    }

    fn built_in(self) -> &'static str {
        match self {
            Self::Subject => include_str!("../templates/subject.txt"),
            Self::Text => include_str!("../templates/mail.txt"),
            Self::Html => include_str!("../templates/mail.html"),
        }
    }

    fn path(self, templates: &Templates) -> Option<&Path> {
        match self {
            Self::Subject => templates.subject.as_deref(),
            Self::Text => templates.text.as_deref(),
            Self::Html => templates.html.as_deref(),
        }
    }
}

/// Why a mail cannot be put into words.
#[derive(Debug)]
pub(crate) struct TemplateError {
    part: Part,
    path: Option<PathBuf>,
    what: String,
}

impl std::error::Error for TemplateError {}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "the template `{}`", path.display())?,
            None => write!(f, "the built-in template for `{}`", self.part.key())?,
        }
        write!(f, " {}", self.what)
    }
}

/// Puts a story into words, with the templates as they are now.
///
/// May block: the files are read each time, so that a corrected one needs no reload.
pub(crate) fn render(story: &Story, templates: &Templates) -> Result<Rendered, TemplateError> {
    let context = Value::from(Serde(story));
    let subject = render_subject(templates, &context)?;
    let context = quoting(&subject, context);
    let text = render_part(Part::Text, templates, &context)?;
    let html = render_part(Part::Html, templates, &context)?;
    Ok(Rendered { subject, text, html })
}

/// What is wrong with the templates, tried with all that can happen.
pub(crate) fn problems(config: &EmailConfig) -> Vec<Problem> {
    let stories = sample::stories(config);
    let mut problems: Vec<Problem> = Vec::new();
    for part in Part::ALL.into_iter().filter(|part| part.path(&config.templates).is_some()) {
        let error = stories.iter().find_map(|story| {
            let context = Value::from(Serde(story));
            let found = match part {
                Part::Subject => render_subject(&config.templates, &context),
                Part::Text | Part::Html => {
                    render_part(part, &config.templates, &quoting("subject", context))
                }
            };
            found.err()
        });
        problems.extend(error.map(|error| {
            Problem::at(&["templates", part.key()], error.to_string())
                .with_hint("take the built-in template as a model; leave the key out to use it")
        }));
    }
    problems
}

fn error(part: Part, templates: &Templates, what: impl Into<String>) -> TemplateError {
    let path = part.path(templates).map(Path::to_owned);
    TemplateError { part, path, what: what.into() }
}

/// The subject, which sees only the story.
fn render_subject(templates: &Templates, context: &Value) -> Result<String, TemplateError> {
    let subject = render_part(Part::Subject, templates, context)?;
    one_line(&subject).ok_or_else(|| error(Part::Subject, templates, "gives an empty subject"))
}

/// What the text and the HTML see: they may quote the subject.
fn quoting(subject: &str, context: Value) -> Value {
    minijinja::context! { subject, ..context }
}

fn render_part(
    part: Part,
    templates: &Templates,
    context: &Value,
) -> Result<String, TemplateError> {
    let error = |what: String| error(part, templates, what);
    let source = match part.path(templates) {
        Some(path) => &read(path).map_err(error)?,
        None => part.built_in(),
    };
    let mut output = Bounded(Vec::new());
    let environment = environment();
    let template = environment.template_from_named_str(part.key(), source);
    let rendered =
        template.and_then(|template| template.render_captured_to(context.clone(), &mut output));
    match rendered {
        Ok(_) => Ok(String::from_utf8_lossy(&output.0).into_owned()),
        Err(found) => Err(error(explain(&found))),
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| match name {
        "html" => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    environment.set_formatter(|output, state, value| {
        // What a member does not have is a gap, and not the word `none`.
        if value.is_none() { Ok(()) } else { escape_formatter(output, state, value) }
    });
    environment.set_fuel(Some(FUEL));
    // A line with nothing but a statement on it leaves no line in the mail.
    let mut syntax = SyntaxConfig::builder();
    let syntax = syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.expect("only white space is treated otherwise"));
    environment
}

/// What the engine found, with its place.
fn explain(error: &minijinja::Error) -> String {
    use minijinja::ErrorKind;

    let what = match error.kind() {
        ErrorKind::OutOfFuel => "does not come to an end: it was stopped".to_owned(),
        ErrorKind::WriteFailure => {
            format!("writes more than {} MiB: it was stopped", MOST_BYTES / 1024 / 1024)
        }
        kind => {
            let detail = error.detail().map(|detail| format!(": {detail}"));
            format!("cannot be used: {kind}{}", detail.unwrap_or_default())
        }
    };
    match error.line() {
        Some(line) => format!("{what}, in line {line}"),
        None => what,
    }
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = read_file(path, MOST_FILE_BYTES).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

/// What a subject may be: one line, in which nothing hides; none if there is nothing in it.
fn one_line(text: &str) -> Option<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // `=?` would begin an encoded word (RFC 2047): who is let into a subject could hide in it.
    let line: String = shown(&line).replace("=?", "= ?").chars().take(LONGEST_SUBJECT).collect();
    Some(line).filter(|line| !line.is_empty())
}

/// Memory that takes so much and no more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The names of all variables in a value.
    fn names(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                found.push(name.clone());
                names(value, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| names(item, found)),
            _ => {}
        }
    }

    #[test]
    fn the_readme_names_all_that_templates_see() {
        let readme = include_str!("../templates/README.md");
        let config = json!({
            "server": {"host": "localhost"}, "from": "a@example.com", "to": ["b@example.com"],
        });
        let config: EmailConfig = serde_json::from_value(config).unwrap();
        let stories = serde_json::to_value(sample::stories(&config)).unwrap();
        let mut found = Vec::new();
        names(&stories, &mut found);
        assert!(found.len() > 1000, "the samples are empty");
        for name in found {
            assert!(readme.contains(&format!("`{name}`")), "`{name}` is not in the README");
        }
    }

    #[test]
    fn a_subject_is_one_short_line() {
        assert_eq!(one_line(" a\r\n\t b \n").unwrap(), "a b");
        assert_eq!(one_line(" \n"), None);
        assert_eq!(one_line("=?utf-8?q?x?=\u{202e}").unwrap(), "= ?utf-8?q?x?=\\u{202e}");
        assert_eq!(one_line(&"x ".repeat(500)).unwrap().chars().count(), LONGEST_SUBJECT);
    }
}

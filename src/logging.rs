//! What the daemon says of itself, line by line: on a terminal, as JSON, or in the journal, which
//! gets each field by itself, too.
//!
//! Commands other than `run` warn in words on stderr; what they report is no log.

use std::fmt::Debug;
use std::io;

use anstream::{AutoStream, ColorChoice};
use nix::sys::stat::fstat;
use systemd_journal_logger::{JournalLog, current_exe_identifier};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::text::shown;

/// How the daemon's lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// To the journal with its fields where stderr goes there, else as text.
    #[default]
    Auto,
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Starts to write the daemon's lines. `$RUST_LOG` says which; without it, all of ours but what is
/// for finding mistakes.
pub fn start(format: LogFormat) {
    let registry = tracing_subscriber::registry().with(filter("seatwatch=info"));
    match format {
        LogFormat::Auto if is_journal() => match Journal::open() {
            Ok(journal) => registry.with(journal).init(),
            Err(_) => registry.with(lines(false)).init(),
        },
        LogFormat::Auto | LogFormat::Text => registry.with(lines(!is_journal())).init(),
        LogFormat::Json => {
            let json = fmt::layer().json().flatten_event(true).with_current_span(false);
            registry.with(json.with_span_list(false).with_writer(io::stderr)).init();
        }
    }
}

/// Starts to write what a single command has to say beside its results: what `ours` lets pass,
/// unless `$RUST_LOG` says otherwise.
///
/// What a library has to say of a failure comes back as our error, with a hint.
pub fn start_for_command(ours: &str) {
    tracing_subscriber::registry().with(filter(ours)).with(lines(false)).init();
}

fn filter(ours: &str) -> EnvFilter {
    let asked = std::env::var("RUST_LOG").ok().filter(|asked| !asked.is_empty());
    EnvFilter::builder().parse_lossy(asked.as_deref().unwrap_or(ours))
}

/// Lines for people. The journal notes the time by itself.
fn lines<S>(with_time: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
        .with_target(false)
        .fmt_fields(Words);
    if with_time { layer.boxed() } else { layer.without_time().boxed() }
}

/// Writes what a line for people has to say.
struct Words;

impl<'w> FormatFields<'w> for Words {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'w>,
        fields: R,
    ) -> std::fmt::Result {
        let mut entry = Entry::default();
        fields.record(&mut entry);
        writer.write_str(&entry.words.join(" "))
    }
}

/// The journal: it gets the line that people read, which is all that `systemctl status` shows, and
/// each field by itself for who searches.
struct Journal(JournalLog);

impl Journal {
    fn open() -> io::Result<Self> {
        let program = current_exe_identifier().unwrap_or_else(|| "seatwatch".to_owned());
        Ok(Self(JournalLog::empty()?.with_syslog_identifier(program)))
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut entry = Entry::default();
        event.record(&mut entry);
        let (metadata, words) = (event.metadata(), entry.words.join(" "));
        let mut record = log::Record::builder();
        record.level(level(*metadata.level())).target(metadata.target());
        record.file(metadata.file()).line(metadata.line()).key_values(&entry.fields);
        // Where the journal takes nothing, there is nobody else to tell.
        drop(self.0.journal_send(&record.args(format_args!("{words}")).build()));
    }
}

/// What an event has to say.
#[derive(Default)]
struct Entry {
    words: Vec<String>,
    fields: Vec<(&'static str, String)>,
}

impl Visit for Entry {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        // Names, and what servers say, stand in the values as others chose them.
        if field.name() == "message" {
            self.words.push(shown(&value));
        } else {
            self.words.push(format!("{field}={}", shown(&value)));
            self.fields.push((field.name(), value));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.words.push(format!("{field}={}", quoted(value)));
        self.fields.push((field.name(), value.to_owned()));
    }
}

/// A text between quotes, which nothing in it ends.
///
/// The backslash of a `\u{` stays as it is: most of these were made harmless before, and would be
/// escaped twice.
fn quoted(text: &str) -> String {
    let text = shown(text);
    let mut quoted = String::from('"');
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '"' || (c == '\\' && !rest.as_str().starts_with("u{")) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

fn level(level: Level) -> log::Level {
    match level {
        Level::ERROR => log::Level::Error,
        Level::WARN => log::Level::Warn,
        Level::INFO => log::Level::Info,
        Level::DEBUG => log::Level::Debug,
        Level::TRACE => log::Level::Trace,
    }
}

/// Whether stderr is the journal's own pipe, as `$JOURNAL_STREAM` says
/// (<https://www.freedesktop.org/software/systemd/man/systemd.exec.html>).
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(stat) = fstat(io::stderr()) else { return false };
    stream == format!("{}:{}", stat.st_dev, stat.st_ino)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Keeps what people would read.
    struct Heard(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Heard {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut entry = Entry::default();
            event.record(&mut entry);
            self.0.lock().unwrap().extend(entry.words);
        }
    }

    #[test]
    fn a_text_is_made_harmless_once() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let subscriber = tracing_subscriber::registry().with(Heard(Arc::clone(&heard)));
        tracing::subscriber::with_default(subscriber, || {
            let (name, reason) = ("a\nb", shown("said \"no\"\n\u{202e}"));
            tracing::warn!(%name, reason, attempt = 2, "sink {name} failed");
        });
        insta::assert_snapshot!(heard.lock().unwrap().join("\n"), @r#"
        sink a\u{a}b failed
        name=a\u{a}b
        reason="said \"no\"\u{a}\u{202e}"
        attempt=2
        "#);
    }

    #[test]
    fn nothing_in_a_text_ends_it() {
        for (text, written) in [
            (r#"no" sink="audit"#, r#""no\" sink=\"audit""#),
            (r#"no\" sink="audit"#, r#""no\\\" sink=\"audit""#),
            (r#"no\\" sink="audit"#, r#""no\\\\\" sink=\"audit""#),
            (r#"\u{" sink="audit"#, r#""\u{\" sink=\"audit""#),
            (r#"\\u{a}" sink="audit"#, r#""\\\u{a}\" sink=\"audit""#),
            (r"C:\temp\", r#""C:\\temp\\""#),
            ("a\nb", r#""a\u{a}b""#),
            (r"a\u{a}b", r#""a\u{a}b""#),
        ] {
            assert_eq!(quoted(text), written, "{text}");
        }
    }
}

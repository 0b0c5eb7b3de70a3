//! A server, a sink that sends to it, and what arrived: the only part of the tests that knows the
//! API.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mail_parser::{Message, MessageParser, MimeHeaders as _};
use seatwatch_email::EmailConfig;
use seatwatch_sdk::{Delivery, Event, Failure, Origin, Outcome, Sink, SinkConfig as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Server, Setup};

pub(crate) const DELIVERY: &str = "01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88";

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) config: EmailConfig,
    pub(crate) sink: Box<dyn Sink>,
    directory: TempDir,
    keys: Value,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Setup::default(), json!({ "server": { "tls": "none" } }))
    }

    /// A world whose sink has these keys besides those that lead to the server.
    pub(crate) fn with(setup: Setup, keys: Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(setup);
        let mut all = json!({
            "server": { "host": "127.0.0.1", "port": server.address.port() },
            "from": "seatwatch <seatwatch@example.com>",
            "to": ["it-ops@example.com"],
        });
        merge(&mut all, keys);
        let config = configure(&all, directory.path());
        let sink = config.build(&config.lanes()[0]);
        Self { server, config, sink, directory, keys: all }
    }

    /// Changes keys, as a reload does.
    pub(crate) fn set(&mut self, keys: Value) {
        merge(&mut self.keys, keys);
        self.config = configure(&self.keys, self.directory.path());
        self.restart();
    }

    /// Forgets all that the sink knew.
    pub(crate) fn restart(&mut self) {
        self.sink = self.config.build(&self.config.lanes()[0]);
    }

    /// Of a file beside the config.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file beside the config, which only we can read.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) async fn deliver(&mut self, events: &[Event]) -> Outcome {
        self.deliver_within(Duration::from_secs(30), events).await
    }

    pub(crate) async fn deliver_within(&mut self, time: Duration, events: &[Event]) -> Outcome {
        let deadline = Instant::now() + time;
        self.sink.deliver(&Delivery { id: DELIVERY, attempt: 1, deadline, events }).await
    }

    pub(crate) async fn accepts(&mut self, events: &[Event]) {
        assert_eq!(self.deliver(events).await, Outcome::Accepted);
    }

    /// The outcome of one delivery in a word, and its reason.
    pub(crate) async fn outcome(&mut self, events: &[Event]) -> String {
        let outcome = self.deliver(events).await;
        self.told(&outcome)
    }

    pub(crate) fn told(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Accepted => "accepted".to_owned(),
            Outcome::Prefix { .. } => panic!("{outcome:?}"),
            Outcome::Refused { reason } => format!("refused: {}", self.filtered(reason)),
            Outcome::Partial { accepted, then } => {
                assert_eq!(*accepted, 0, "one mail is all or nothing");
                let word = match then {
                    Failure::Retry { .. } => "retry",
                    Failure::Reject { .. } => panic!("a mail is refused as a whole: {outcome:?}"),
                    Failure::Disable { .. } => "disable",
                };
                format!("{word}: {}", self.filtered(then.reason()))
            }
        }
    }

    /// What `check` has to say; nothing if all is well.
    pub(crate) async fn check(&mut self) -> String {
        let checked = self.sink.check().await;
        checked.map_or_else(|failure| self.filtered(failure.reason()), |()| String::new())
    }

    pub(crate) fn filtered(&self, text: &str) -> String {
        let text = text.replace(self.directory.path().to_str().unwrap(), "[DIR]");
        text.replace(&self.server.address.port().to_string(), "[PORT]")
    }

    /// The mails that the server has, as they came.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.server.taken().into_iter().map(|taken| Mail(taken.data)).collect()
    }

    /// The only mail that the server has.
    pub(crate) fn mail(&self) -> Mail {
        let mut mails = self.mails();
        assert_eq!(mails.len(), 1, "not one mail");
        mails.remove(0)
    }
}

fn configure(keys: &Value, directory: &Path) -> EmailConfig {
    let mut config: EmailConfig = serde_json::from_value(keys.clone()).unwrap();
    let timezone = chrono_tz::Europe::Berlin;
    config.resolve(&Origin {
        directory,
        instance: "prod",
        sink: "ops-mail",
        timezone,
        ..Origin::default()
    });
    assert_eq!(config.problems(), []);
    config
}

fn merge(keys: &mut Value, more: Value) {
    match (keys, more) {
        (Value::Object(keys), Value::Object(more)) => {
            for (key, value) in more {
                merge(keys.entry(key).or_insert(Value::Null), value);
            }
        }
        (place, more) => *place = more,
    }
}

/// A mail as it came over the wire.
pub(crate) struct Mail(pub(crate) Vec<u8>);

impl Mail {
    pub(crate) fn parsed(&self) -> Message<'_> {
        MessageParser::default().parse(&self.0).unwrap()
    }

    /// The head as it came, up to the first empty line.
    pub(crate) fn head(&self) -> String {
        let text = String::from_utf8(self.0.clone()).unwrap();
        text.split_once("\r\n\r\n").unwrap().0.replace("\r\n", "\n")
    }

    /// The value of a header, unfolded and decoded.
    pub(crate) fn header(&self, name: &str) -> String {
        let message = self.parsed();
        let raw = message.header_raw(name).unwrap_or_else(|| panic!("no {name}"));
        raw.trim().replace("\r\n", "")
    }

    pub(crate) fn subject(&self) -> String {
        self.parsed().subject().unwrap().to_owned()
    }

    pub(crate) fn text(&self) -> String {
        self.parsed().body_text(0).unwrap().replace("\r\n", "\n")
    }

    pub(crate) fn html(&self) -> String {
        self.parsed().body_html(0).unwrap().replace("\r\n", "\n")
    }

    /// The table's name and content, if there is one.
    pub(crate) fn table(&self) -> Option<(String, String)> {
        let message = self.parsed();
        let part = message.attachment(0)?;
        let name = part.attachment_name().unwrap().to_owned();
        Some((name, String::from_utf8(part.contents().to_vec()).unwrap()))
    }

    /// The ids of the events in the table.
    pub(crate) fn ids(&self) -> Vec<String> {
        let Some((_, table)) = self.table() else { return Vec::new() };
        let mut table = csv::Reader::from_reader(table.as_bytes());
        let id = table.headers().unwrap().iter().position(|it| it == "id").unwrap();
        table.records().map(|row| row.unwrap()[id].to_owned()).collect()
    }
}

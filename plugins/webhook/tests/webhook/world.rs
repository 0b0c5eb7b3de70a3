//! A receiver, and a sink that is pointed at it: the only part of the tests that knows the API.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use seatwatch_sdk::{Delivery, Event, Failure, Origin, Outcome, Problem, Sink, SinkConfig as _};
use seatwatch_webhook::{WebhookConfig, WebhookSink};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use crate::server::{Reply, Request, Server, answer};

/// 10:00:00 UTC on 23 November 2026.
pub(crate) const NOW: u64 = 1_795_428_000;

pub(crate) fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

type Respond = Box<dyn FnMut(&Request) -> Reply + Send>;

pub(crate) struct World {
    directory: TempDir,
    pub(crate) server: Server,
    keys: Value,
    sink: WebhookSink,
    respond: Arc<Mutex<Respond>>,
}

impl World {
    /// A receiver that accepts all.
    pub(crate) fn new() -> Self {
        Self::start("http", None)
    }

    pub(crate) fn with_tls(acceptor: TlsAcceptor) -> Self {
        Self::start("https", Some(acceptor))
    }

    fn start(scheme: &str, tls: Option<TlsAcceptor>) -> Self {
        let respond: Arc<Mutex<Respond>> =
            Arc::new(Mutex::new(Box::new(|_: &Request| answer(200, "", "ok"))));
        let script = Arc::clone(&respond);
        let script = Arc::new(move |request: &Request| (script.lock().unwrap())(request));
        let server = Server::start(script, tls);
        let keys = json!({ "url": format!("{scheme}://{}/in", server.address) });
        let sink = WebhookSink::new(read(&keys));
        Self { directory: tempfile::tempdir().unwrap(), server, keys, sink, respond }
    }

    /// Sets more keys, or other values of those that are there; null takes a key away.
    pub(crate) fn set(&mut self, keys: Value) -> &mut Self {
        let Value::Object(keys) = keys else { panic!("keys are an object") };
        for (key, value) in keys {
            if value.is_null() {
                self.keys.as_object_mut().unwrap().remove(&key);
            } else {
                self.keys[key] = value;
            }
        }
        self.sink = WebhookSink::new(self.config()).with_clock(clock);
        self
    }

    /// Lets the receiver answer like that from now on.
    pub(crate) fn script(
        &mut self,
        respond: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> &mut Self {
        *self.respond.lock().unwrap() = Box::new(respond);
        self
    }

    pub(crate) fn replies(&mut self, reply: Reply) -> &mut Self {
        self.script(move |_| reply.clone())
    }

    /// Writes a file that only we may read.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn config(&self) -> WebhookConfig {
        let mut config = read(&self.keys);
        config.resolve(&Origin { directory: self.directory.path(), ..Origin::default() });
        config
    }

    pub(crate) async fn deliver(&mut self, events: &[Event]) -> Outcome {
        self.deliver_within(events, Duration::from_secs(30)).await
    }

    pub(crate) async fn deliver_within(&mut self, events: &[Event], time: Duration) -> Outcome {
        let deadline = Instant::now() + time;
        self.sink.deliver(&Delivery { id: "delivery", attempt: 1, deadline, events }).await
    }

    pub(crate) async fn accepts(&mut self, events: &[Event]) {
        assert_eq!(self.deliver(events).await, Outcome::Accepted);
    }

    /// How a delivery ended, in one line.
    pub(crate) async fn told(&mut self, events: &[Event]) -> String {
        let outcome = self.deliver(events).await;
        self.line(outcome)
    }

    /// What `check` has to say.
    pub(crate) async fn check(&mut self) -> String {
        let checked = self.sink.check().await;
        let outcome = checked.map_or_else(Outcome::from, |()| Outcome::Accepted);
        self.line(outcome)
    }

    pub(crate) fn line(&self, outcome: Outcome) -> String {
        let line = match outcome {
            Outcome::Accepted => "accepted".to_owned(),
            Outcome::Prefix { accepted } => format!("accepted {accepted}"),
            Outcome::Partial { accepted: 0, then } => match then {
                Failure::Retry { after: None, reason } => format!("retry: {reason}"),
                Failure::Retry { after: Some(after), reason } => {
                    format!("retry after {after:?}: {reason}")
                }
                Failure::Reject { reason } => format!("reject: {reason}"),
                Failure::Disable { reason } => format!("disable: {reason}"),
            },
            outcome => panic!("{outcome:?}"),
        };
        self.shortened(&line)
    }

    /// What is wrong with the configuration, one a line.
    pub(crate) fn problems(&self) -> String {
        let config = self.config();
        let mut problems = config.problems();
        if problems.is_empty() {
            problems = config.file_problems();
        }
        let line = |Problem { keys, text, hint, .. }: &Problem| {
            let hint = hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
            format!("{}: {text}{hint}", keys.join("."))
        };
        self.shortened(&problems.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    fn shortened(&self, text: &str) -> String {
        let port = format!(":{}", self.server.address.port());
        text.replace(self.directory.path().to_str().unwrap(), "[DIR]").replace(&port, ":[PORT]")
    }
}

pub(crate) fn read(keys: &Value) -> WebhookConfig {
    serde_json::from_value(keys.clone()).unwrap()
}

pub(crate) fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id.clone()).collect()
}

//! The trials themselves, one after the other.

use std::future::Future;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use seatwatch_sdk::samples::{event, events};
use seatwatch_sdk::{Delivery, Event, io_reason};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::judge::{Seen, judge, not_tried, owned, size, speaks, well};
use super::record::Record;
use super::{Finding, Grade, Patience};
use crate::heard::{Ear as _, Heard, excerpt};
use crate::life::describe;
use crate::piece;
use crate::plugin::Plugin;
use crate::process::{Process, Trouble};
use crate::protocol::{self, FromPlugin, ToPlugin};
use crate::session::hello;
use crate::verdict::Verdict;

const OWNED: &str = "belongs to root or us, and nobody else may change it";
const READY: &str = "is ready within 10 s of hello";
const SPEAKS: &str = "speaks protocol 1";
const SIZE: &str = "says how many events it takes at once";
const PING: &str = "answers a ping";
const CHECK: &str = "answers a check";
const ONE: &str = "takes an event";
const NAMES: &str = "takes events with strange names";
const REPEAT: &str = "takes a repeated delivery";
const FIELDS: &str = "ignores fields that it does not know";
const TYPES: &str = "ignores messages that it does not know";
const MANY: &str = "takes as many events at once as it says";
const ASKED: &str = "answers what it was asked, and nothing else";
const SHUTDOWN: &str = "exits with code 0 within 5 s of shutdown";
const INPUT: &str = "exits within 5 s of the end of its input";
const QUIET: &str = "writes nothing but messages to its standard output";
const STDERR: &str = "what it wrote to its standard error";

/// What the ids of the deliveries begin with.
const DELIVERY: &str = "seatwatch-test-";

/// The trials that need a plugin that is ready, in their order.
const TRIALS: [&str; 8] = [PING, CHECK, ONE, NAMES, REPEAT, FIELDS, TYPES, MANY];

/// A plugin on trial.
pub(super) struct Trial {
    plugin: Plugin,
    patience: Patience,
    heard: Arc<Record>,
    /// The plugin that is ready; none after it has failed a trial.
    process: Option<Process>,
    max_events: usize,
    findings: Vec<Finding>,
}

impl Trial {
    pub(super) fn new(plugin: Plugin, patience: Patience) -> Self {
        let heard = Arc::default();
        let findings = Vec::new();
        Self { plugin, patience, heard, process: None, max_events: usize::MAX, findings }
    }

    /// Tries everything, in a fixed order.
    pub(super) async fn run(mut self, program: &Path) -> Vec<Finding> {
        self.note(OWNED, Ok(owned(program)));
        if self.is_ready().await {
            for promise in TRIALS {
                let seen = self.attempt(promise).await;
                self.note(promise, seen);
            }
            let asked = self.heard.about(|heard| &heard.unasked, "an answer that nobody asked for");
            self.note(ASKED, asked.map_or_else(|| Ok(well("every answer fits its question")), Err));
            let seen = self.shutdown().await;
            self.note(SHUTDOWN, seen);
            let seen = self.end_of_input().await;
            self.note(INPUT, seen);
        } else {
            for promise in TRIALS.into_iter().chain([ASKED, SHUTDOWN, INPUT]) {
                self.note(promise, Ok(not_tried()));
            }
        }
        self.process = None;
        let what = "something else, which seatwatch logs and skips";
        let noise = self.heard.about(|heard| &heard.noise, what);
        let quiet = noise.map_or_else(|| well("nothing else"), |noise| (Grade::Warning, noise));
        self.note(QUIET, Ok(quiet));
        let stderr = self.heard.about(|heard| &heard.stderr, "a log line");
        self.note(STDERR, Ok(well(&stderr.unwrap_or_else(|| "nothing".to_owned()))));
        self.findings
    }

    fn note(&mut self, promise: &'static str, seen: Seen) {
        let (grade, seen) = seen.unwrap_or_else(|why| (Grade::Failed, why));
        self.findings.push(Finding { promise, grade, seen });
    }

    /// The first three promises. Without them, there is nothing more to try.
    async fn is_ready(&mut self) -> bool {
        let start = Instant::now();
        let greeted = self.start().await;
        let took = start.elapsed().as_secs_f32();
        let why = match greeted {
            Ok(FromPlugin::Ready { protocol, name, version, max_events }) => {
                let name = name.as_deref().unwrap_or("a plugin without a name");
                let version = version.map_or_else(String::new, |version| format!(" {version}"));
                let name = excerpt(&format!("{name}{version}"));
                self.note(READY, Ok(well(&format!("{name} was ready after {took:.1} s"))));
                self.note(SPEAKS, speaks(protocol));
                self.note(SIZE, size(max_events));
                self.max_events =
                    max_events.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
                return self.findings.iter().all(|finding| finding.grade != Grade::Failed);
            }
            Ok(FromPlugin::Error { path, message }) => {
                let path = path.map_or_else(String::new, |path| format!("`{}`: ", excerpt(&path)));
                let message = excerpt(&message);
                format!(
                    "it refuses these settings: {path}{message}; give it others with \
                     `--settings '{{\"KEY\": …}}'`"
                )
            }
            Ok(other) => format!("it answered `{}`", other.type_name()),
            Err(why) => why,
        };
        self.note(READY, Err(why));
        for promise in [SPEAKS, SIZE] {
            self.note(promise, Ok(not_tried()));
        }
        false
    }

    /// Starts it and greets it.
    async fn start(&mut self) -> Result<FromPlugin, String> {
        let path = self.plugin.locate().map_err(|it| format!("{it}: {}", it.hint()))?;
        let process = Process::start(&self.plugin, &path, Arc::<Record>::clone(&self.heard));
        let mut process =
            process.map_err(|error| format!("it cannot be started: {}", io_reason(&error)))?;
        let greeted = {
            let hello = hello(&self.plugin);
            within(self.patience.hello, "`ready`", process.ask(&hello, Ok)).await
        };
        match greeted {
            Ok(greeted) => {
                self.process = Some(process);
                Ok(greeted)
            }
            Err(why) => Err(killed(&process, why)),
        }
    }

    /// A plugin that is ready: the one that is there, or another.
    async fn ready(&mut self) -> Result<Process, String> {
        if let Some(process) = self.process.take() {
            return Ok(process);
        }
        match self.start().await {
            Ok(FromPlugin::Ready { .. }) => {}
            Ok(other) => {
                return Err(format!("started again, it answered `{}` to hello", other.type_name()));
            }
            Err(why) => return Err(format!("started again: {why}")),
        }
        self.process.take().ok_or_else(|| "started again, it was not there".to_owned())
    }

    /// One of [`TRIALS`].
    async fn attempt(&mut self, promise: &'static str) -> Seen {
        let mut process = self.ready().await?;
        let seen = match promise {
            PING => self.ping(&mut process, &[]).await,
            CHECK => self.check(&mut process).await,
            ONE => self.deliver(&mut process, "seatwatch-test-1", 1, &[event()]).await,
            NAMES => self.deliver(&mut process, "seatwatch-test-2", 1, &self.some(32)).await,
            REPEAT => self.deliver(&mut process, "seatwatch-test-2", 2, &self.some(32)).await,
            FIELDS => {
                let ping = json!({"type": "ping", "n": 2, "of_a_later_version": {"n": [1, null]}});
                self.ping(&mut process, &[ping]).await
            }
            TYPES => {
                let later = json!({"type": "of_a_later_version", "n": 1});
                self.ping(&mut process, &[later, json!({"type": "ping", "n": 2})]).await
            }
            _ => self.deliver(&mut process, "seatwatch-test-3", 1, &self.some(1000)).await,
        };
        match seen {
            Ok(seen) => {
                self.process = Some(process);
                Ok(seen)
            }
            Err(why) => Err(killed(&process, why)),
        }
    }

    /// Samples, not more than it takes.
    fn some(&self, count: usize) -> Vec<Event> {
        events(count.min(self.max_events))
    }

    /// Sends some lines, of which the last is a ping with the number 2, or a plain ping.
    async fn ping(&self, process: &mut Process, messages: &[Value]) -> Seen {
        let line = match messages {
            [] => protocol::line(&ToPlugin::Ping { n: 2 }),
            _ => messages.iter().flat_map(|it| format!("{it}\n").into_bytes()).collect(),
        };
        let pong = process.ask_line(&line, |message| match message {
            FromPlugin::Pong { n } => Ok(n),
            other => Err(other),
        });
        match within(self.patience.pong, "`pong`", pong).await? {
            2 => Ok(well("`pong` with the same number")),
            n => Err(format!("`pong` came with `n` {n} instead of 2")),
        }
    }

    async fn check(&self, process: &mut Process) -> Seen {
        let check = ToPlugin::Check {};
        let checked = process.ask(&check, |message| match message {
            FromPlugin::Checked { error } => Ok(error),
            other => Err(other),
        });
        match within(self.patience.answer, "`checked`", checked).await? {
            None => Ok(well("it could deliver")),
            Some(error) => {
                Ok((Grade::Warning, format!("it could not deliver now: {}", excerpt(&error))))
            }
        }
    }

    async fn deliver(
        &self,
        process: &mut Process,
        id: &str,
        attempt: u32,
        events: &[Event],
    ) -> Seen {
        let deadline = Instant::now() + self.patience.answer;
        let delivery = Delivery { id, attempt, deadline, events };
        let Some(piece) = piece::cut(&delivery, deadline, usize::MAX) else {
            return Ok((Grade::Skipped, "the sample does not fit into a line".to_owned()));
        };
        let result = process.ask_line(&piece.line, |message| match message {
            // Another answer to a delivery before this one was not asked for; this one may come yet.
            FromPlugin::Result { id: ref answered, .. }
                if answered != id && answered.starts_with(DELIVERY) =>
            {
                Err(message)
            }
            FromPlugin::Result { id, accepted, retry, reject, disable } => {
                Ok((id, Verdict { accepted, retry, reject, disable }))
            }
            other => Err(other),
        });
        let what = format!("`result` of `{id}`");
        let (answered, verdict) = within(self.patience.answer, &what, result).await?;
        if answered != id {
            // Seatwatch would wait for the right one; here, it is known what is wrong.
            self.heard.hear(Heard::Unasked("result"));
            return Err(format!("instead of {what}, it answered that of `{}`", excerpt(&answered)));
        }
        let sent = piece.events;
        let outcome = verdict.outcome(sent, sent).map_err(|why| format!("it {why}"))?;
        Ok(judge(&outcome, sent))
    }

    async fn shutdown(&mut self) -> Seen {
        let mut process = self.ready().await?;
        process.close(Some(&ToPlugin::Shutdown {}));
        let status = self.exit(&process).await?;
        match status.code() {
            Some(0) => Ok(well("it did")),
            _ => Err(format!("it {}", describe(status))),
        }
    }

    async fn end_of_input(&mut self) -> Seen {
        let mut process = self.ready().await?;
        process.close(None);
        let status = self.exit(&process).await?;
        match status.code() {
            Some(_) => Ok(well(&format!("it {}", describe(status)))),
            None => Err(format!("it did not exit; it {}", describe(status))),
        }
    }

    async fn exit(&self, process: &Process) -> Result<ExitStatus, String> {
        let exit = self.patience.exit;
        timeout(exit, process.life().ended()).await.map_err(|_| {
            let why = format!("it was still running after {} s", exit.as_secs_f32());
            killed(process, why)
        })
    }
}

/// Ends a plugin that has failed a trial.
fn killed(process: &Process, why: String) -> String {
    process.life().kill();
    why
}

/// An answer within a time, or why there is none.
async fn within<T>(
    time: Duration,
    what: &str,
    answer: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, String> {
    match timeout(time, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Trouble::Unfit(why) | Trouble::Left(why) | Trouble::Broken(why))) => {
            Err(format!("instead of answering {what}, it {why}"))
        }
        Err(_) => Err(format!("no {what} came within {} s", time.as_secs_f32())),
    }
}

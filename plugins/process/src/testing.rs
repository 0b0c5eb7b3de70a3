//! Drives a plugin through all that it has to keep to, and tells what it found: what
//! `seatwatch plugin test` prints.
//!
//! Really delivers sample events, to wherever the settings lead. A plugin that fails one trial is
//! started again for the next, so that all that is wrong is told at once. Prints nothing itself.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use seatwatch_sdk::conformance::{event, events};
use seatwatch_sdk::{Delivery, Event, Failure, Origin, Outcome};
use serde_json::json;
use tokio::time::timeout;

use crate::external::ExternalSettings;
use crate::guard::GRACE;
use crate::heard::{Ear, Heard, excerpt};
use crate::piece;
use crate::plugin::{Owner, Plugin};
use crate::process::{Process, Trouble};
use crate::protocol::{FromPlugin, PROTOCOL, ToPlugin};
use crate::session::{HELLO_LIMIT, hello};
use crate::trust::{self, Rule};
use crate::verdict::Verdict;

/// One promise of a plugin, and whether it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What a plugin has to do: `answers a ping`.
    pub promise: &'static str,
    /// Whether it did.
    pub grade: Grade,
    /// What was seen, in words.
    pub seen: String,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// As promised.
    Ok,
    /// As promised, but somebody should look at it.
    Warning,
    /// Not as promised.
    Failed,
    /// It was not tried.
    Skipped,
}

/// How long the trials wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For `ready`.
    pub hello: Duration,
    /// For every other answer.
    pub answer: Duration,
    /// For the exit after `shutdown`, or after the end of the input.
    pub exit: Duration,
}

impl Default for Patience {
    /// As long as seatwatch itself.
    fn default() -> Self {
        Self { hello: HELLO_LIMIT, answer: Duration::from_secs(30), exit: GRACE }
    }
}

/// A program to try, with the settings that it gets.
#[derive(Clone)]
pub struct Candidate {
    /// The program, absolute.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What it is started with and told. Paths in it start at the directory of the origin.
    pub settings: ExternalSettings,
}

/// Tries the candidate; one finding a promise, always the same promises in the same order.
pub async fn run(candidate: &Candidate, origin: &Origin<'_>, patience: Patience) -> Vec<Finding> {
    let mut settings = candidate.settings.clone();
    settings.config.resolve(origin);
    let plugin = Plugin {
        program: candidate.program.clone(),
        arguments: candidate.arguments.clone(),
        rule: Rule::NotEverybodys,
        environment: settings.env,
        settings: settings.config.values().clone(),
        owner: Owner::of(origin),
    };
    Trial::new(plugin, patience).run(&candidate.program).await
}

const OWNED: &str = "belongs to root or us, and nobody else may change it";
const READY: &str = "is ready within 10 s of hello";
const SPEAKS: &str = "speaks protocol 1";
const SIZE: &str = "says how many events it takes at once";
/// The trials that need a plugin that is ready, in their order.
const TRIALS: [&str; 8] = [PING, CHECK, ONE, NAMES, REPEAT, FIELDS, TYPES, MANY];
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

/// What went well, or not so well; what failed is the `Err` beside it.
type Seen = Result<(Grade, String), String>;

struct Trial {
    plugin: Plugin,
    patience: Patience,
    heard: Arc<Record>,
    process: Option<Process>,
    max_events: usize,
    findings: Vec<Finding>,
}

impl Trial {
    fn new(plugin: Plugin, patience: Patience) -> Self {
        let heard = Arc::default();
        let findings = Vec::new();
        Self { plugin, patience, heard, process: None, max_events: usize::MAX, findings }
    }

    async fn run(mut self, program: &Path) -> Vec<Finding> {
        self.note(OWNED, owned(program));
        if self.is_ready().await {
            for promise in TRIALS {
                let seen = self.attempt(promise).await;
                self.note(promise, seen);
            }
            let asked = self.heard.about(|heard| &heard.unasked, "an answer that nobody asked for");
            self.note(ASKED, asked.map_or_else(|| well("every answer fits its question"), Err));
            let seen = self.shutdown().await;
            self.note(SHUTDOWN, seen);
            let seen = self.end_of_input().await;
            self.note(INPUT, seen);
        } else {
            for promise in TRIALS.into_iter().chain([ASKED, SHUTDOWN, INPUT]) {
                self.note(promise, not_tried());
            }
        }
        self.process = None;
        let noise = self
            .heard
            .about(|heard| &heard.noise, "something else, which seatwatch logs and skips");
        self.note(QUIET, noise.map_or_else(|| well("nothing else"), |it| Ok((Grade::Warning, it))));
        let stderr = self.heard.about(|heard| &heard.stderr, "a log line");
        self.note(STDERR, well(&stderr.unwrap_or_else(|| "nothing".to_owned())));
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
                self.note(READY, well(&format!("{name} was ready after {took:.1} s")));
                self.note(SPEAKS, speaks(protocol));
                self.note(SIZE, size(max_events));
                self.max_events =
                    max_events.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
                return self.findings.iter().all(|finding| finding.grade != Grade::Failed);
            }
            Ok(FromPlugin::Error { path, message }) => {
                let path = path.map_or_else(String::new, |path| format!("`{}`: ", excerpt(&path)));
                let message = excerpt(&message);
                format!("it refuses these settings: {path}{message}; give it others")
            }
            Ok(other) => format!("it answered `{}`", other.type_name()),
            Err(why) => why,
        };
        self.note(READY, Err(why));
        for promise in [SPEAKS, SIZE] {
            self.note(promise, not_tried());
        }
        false
    }

    /// Starts it and greets it.
    async fn start(&mut self) -> Result<FromPlugin, String> {
        let path = self.plugin.locate().map_err(|it| format!("{it}: {}", it.hint()))?;
        let process = Process::start(&self.plugin, &path, Arc::<Record>::clone(&self.heard));
        let mut process =
            process.map_err(|error| format!("it cannot be started: {}", trust::reason(&error)))?;
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
    async fn ping(&self, process: &mut Process, messages: &[serde_json::Value]) -> Seen {
        let line = match messages {
            [] => crate::protocol::line(&ToPlugin::Ping { n: 2 }),
            _ => messages.iter().flat_map(|it| format!("{it}\n").into_bytes()).collect(),
        };
        let pong = process.ask_line(&line, |message| match message {
            FromPlugin::Pong { n } => Ok(n),
            other => Err(other),
        });
        match within(self.patience.answer, "`pong`", pong).await? {
            2 => well("`pong` with the same number"),
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
            None => well("it could deliver"),
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
        let verdict = process.ask_line(&piece.line, |message| match message {
            FromPlugin::Result { id: answered, accepted, retry, reject, disable }
                if answered == id =>
            {
                Ok(Verdict { accepted, retry, reject, disable })
            }
            other => Err(other),
        });
        let verdict = within(self.patience.answer, &format!("`result` of `{id}`"), verdict).await?;
        let sent = piece.events;
        judge(&verdict.outcome(sent, sent).map_err(|why| format!("it {why}"))?, sent)
    }

    async fn shutdown(&mut self) -> Seen {
        let mut process = self.ready().await?;
        process.close(Some(&ToPlugin::Shutdown {}));
        let status = self.exit(&process).await?;
        match status.code() {
            Some(0) => well("it did"),
            _ => Err(format!("it {}", crate::life::describe(status))),
        }
    }

    async fn end_of_input(&mut self) -> Seen {
        let mut process = self.ready().await?;
        process.close(None);
        let status = self.exit(&process).await?;
        well(&format!("it {}", crate::life::describe(status)))
    }

    async fn exit(&self, process: &Process) -> Result<std::process::ExitStatus, String> {
        let exit = self.patience.exit;
        timeout(exit, process.life().ended()).await.map_err(|_| {
            let why = format!("it was still running after {} s", exit.as_secs_f32());
            killed(process, why)
        })
    }
}

fn well(seen: &str) -> Seen {
    Ok((Grade::Ok, seen.to_owned()))
}

fn not_tried() -> Seen {
    Ok((Grade::Skipped, "it never got ready".to_owned()))
}

/// Ends a plugin that has failed a trial.
fn killed(process: &Process, why: String) -> String {
    process.life().kill();
    why
}

fn owned(program: &Path) -> Seen {
    match trust::check(program, Rule::Ours) {
        Ok(()) => well("it is found in a directory of `plugin_dirs`"),
        Err(distrust) => {
            let seen = format!("not used from `plugin_dirs`: {distrust}: {}", distrust.hint());
            Ok((Grade::Warning, seen))
        }
    }
}

fn speaks(protocol: u32) -> Seen {
    let seen = format!("`protocol` is {protocol}");
    if protocol == PROTOCOL { well(&seen) } else { Err(seen) }
}

fn size(max_events: Option<u64>) -> Seen {
    match max_events {
        Some(0) => Err("`max_events` is 0: it takes no events at all".to_owned()),
        Some(count) => well(&format!("`max_events` is {count}")),
        None => well("no `max_events`: it gets as many as fit into a line of 1 MiB"),
    }
}

fn judge(outcome: &Outcome, sent: usize) -> Seen {
    let count =
        |count: usize| if count == 1 { "1 event".into() } else { format!("{count} events") };
    match outcome {
        Outcome::Accepted => well(&format!("it accepted {}", count(sent))),
        Outcome::Prefix { accepted } => {
            well(&format!("it accepted {accepted} of {}; it would get the rest next", count(sent)))
        }
        Outcome::Partial { accepted, then } => {
            let what = match then {
                Failure::Retry { .. } => "asked to come again",
                Failure::Reject { .. } => "rejected the next for good",
                Failure::Disable { .. } => "asked to be stopped",
            };
            let reason = then.reason();
            let seen = format!("it accepted {accepted} of {} and {what}: it {reason}", count(sent));
            Ok((Grade::Warning, seen))
        }
    }
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

/// Keeps what it hears.
#[derive(Default)]
struct Record(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    stderr: Few,
    noise: Few,
    unasked: Few,
}

/// The first few lines, and how many there were.
#[derive(Default)]
struct Few {
    first: Vec<String>,
    count: usize,
}

impl Few {
    const MOST: usize = 5;

    fn add(&mut self, line: &str) {
        self.count += 1;
        if self.first.len() < Self::MOST {
            self.first.push(excerpt(line));
        }
    }
}

impl Record {
    /// What there was of a kind, if anything.
    fn about(&self, of: impl Fn(&Lines) -> &Few, what: &str) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Few { first, count } = of(&lines);
        let more = if *count > first.len() { " and so on" } else { "" };
        let lines = first.iter().map(|line| format!("`{line}`")).collect::<Vec<_>>().join(", ");
        (*count > 0).then(|| format!("{count} × {what}: {lines}{more}"))
    }
}

impl Ear for Record {
    fn hear(&self, heard: Heard<'_>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match heard {
            Heard::Stderr(line) | Heard::Ended(line) => lines.stderr.add(line),
            Heard::Noise(line) => lines.noise.add(line),
            Heard::Unknown(name) => lines.noise.add(&format!("a message of type {name}")),
            Heard::Unasked(name) => lines.unasked.add(name),
        }
    }
}

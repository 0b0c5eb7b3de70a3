//! A conversation with a plugin that was greeted: one question at a time.
//!
//! What happens if nobody waits for an answer any more: the plugin is killed, because a late
//! answer could be taken for that to another question, and because nobody knows what it is still
//! doing. So every answer that is read here is to the question that was just asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use seatwatch_sdk::{Delivery, Failure, LONGEST_CHECK, Outcome, io_reason};
use tokio::task::spawn_blocking;
use tokio::time::{timeout, timeout_at};

use crate::heard::{Ear, Heard, excerpt};
use crate::life::Life;
use crate::piece;
use crate::plugin::Plugin;
use crate::process::{Process, Trouble};
use crate::protocol::{FromPlugin, MAX_LINE_BYTES, PROTOCOL, ToPlugin, line};
use crate::verdict::Verdict;

/// How long a plugin may take until it is ready.
pub(crate) const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// How long it may take to tell whether a delivery would get through.
pub(crate) const CHECK_LIMIT: Duration = Duration::from_secs(30);

// Whoever waits for a check hears from us which program it was that said nothing.
const _: () = assert!(HELLO_LIMIT.as_secs() + CHECK_LIMIT.as_secs() < LONGEST_CHECK.as_secs());

/// How long it may take to answer a ping.
pub(crate) const PING_LIMIT: Duration = Duration::from_secs(5);

/// After that long without a question, it is asked for a sign of life before it gets a delivery.
const LONG_IDLE: Duration = Duration::from_secs(60);

/// A plugin that was started, and what it said of itself.
pub(crate) struct Session {
    process: Process,
    ear: Arc<dyn Ear>,
    max_events: usize,
    /// A question is open. Dropped like that, the plugin is killed.
    asking: bool,
    last_answer: Instant,
}

impl Session {
    /// Starts the program. It has to be greeted before anything else.
    ///
    /// Not on a thread of the runtime: the program may lie on a file system that hangs. Dropped
    /// half-way, a program that starts all the same is killed before it was told anything.
    pub(crate) async fn start(plugin: &Plugin, ear: Arc<dyn Ear>) -> Result<Self, Trouble> {
        let plugin = plugin.clone();
        let started = spawn_blocking(move || Self::start_now(&plugin, ear)).await;
        let unfinished = |error| Err(Trouble::Broken(format!("could not be started: {error}")));
        started.unwrap_or_else(unfinished)
    }

    fn start_now(plugin: &Plugin, ear: Arc<dyn Ear>) -> Result<Self, Trouble> {
        let path = plugin.locate().map_err(|distrust| {
            Trouble::Broken(format!("is not started: {distrust}: {}", distrust.hint()))
        })?;
        let process = Process::start(plugin, &path, Arc::clone(&ear)).map_err(|error| {
            Trouble::Broken(format!("cannot be started: {}", io_reason(&error)))
        })?;
        let last_answer = Instant::now();
        Ok(Self { process, ear, max_events: usize::MAX, asking: true, last_answer })
    }

    /// Its end.
    pub(crate) fn life(&self) -> &Life {
        self.process.life()
    }

    /// Tells it what it is for, and waits until it is ready.
    pub(crate) async fn greet(
        &mut self,
        plugin: &Plugin,
        deadline: Instant,
    ) -> Result<(), Trouble> {
        let hello = hello(plugin);
        if line(&hello).len() > MAX_LINE_BYTES {
            let text = format!("has settings of more than {MAX_LINE_BYTES} bytes: shorten them");
            return Err(Trouble::Unfit(text));
        }
        let greeted = self.process.ask(&hello, |message| match message {
            FromPlugin::Ready { .. } | FromPlugin::Error { .. } => Ok(message),
            other => Err(other),
        });
        let start = Instant::now();
        let limit = deadline.min(start + HELLO_LIMIT);
        let Ok(greeted) = timeout_at(limit.into(), greeted).await else {
            let seconds = (limit - start).as_secs_f32().ceil();
            let last = self.process.stderr_so_far();
            return Err(Trouble::Broken(format!(
                "was not ready within {seconds} s and was killed{last}"
            )));
        };
        self.max_events = max_events(greeted?)?;
        self.answered();
        Ok(())
    }

    /// Makes sure that it is still there after a long silence.
    ///
    /// # Errors
    ///
    /// It is not, or does not answer.
    pub(crate) async fn wake(&mut self, now: Instant) -> Result<(), Trouble> {
        if let Some(status) = self.life().status() {
            return Err(self.process.end_of(status).await);
        }
        if now.saturating_duration_since(self.last_answer) < LONG_IDLE {
            return Ok(());
        }
        self.ping(1).await
    }

    /// Asks for a sign of life.
    async fn ping(&mut self, n: u64) -> Result<(), Trouble> {
        self.asking = true;
        let ping = ToPlugin::Ping { n };
        let answer = self.process.ask(&ping, |message| match message {
            FromPlugin::Pong { n: answered } if answered == n => Ok(()),
            other => Err(other),
        });
        match timeout(PING_LIMIT, answer).await {
            Ok(answer) => answer?,
            Err(_) => {
                return Err(Trouble::Broken("did not answer a ping and was killed".to_owned()));
            }
        }
        self.answered();
        Ok(())
    }

    /// Asks whether a delivery would get through; if not, why.
    pub(crate) async fn check(&mut self) -> Result<Option<String>, Trouble> {
        self.asking = true;
        let checked = self.process.ask(&ToPlugin::Check {}, |message| match message {
            FromPlugin::Checked { error } => Ok(error),
            other => Err(other),
        });
        let Ok(error) = timeout(CHECK_LIMIT, checked).await else {
            let seconds = CHECK_LIMIT.as_secs();
            let text = format!("did not answer a check within {seconds} s and was killed");
            return Err(Trouble::Broken(text));
        };
        let error = error?.map(|error| excerpt(&error));
        self.answered();
        Ok(error)
    }

    /// Hands over what it takes of a delivery at once.
    pub(crate) async fn deliver(
        &mut self,
        delivery: &Delivery<'_>,
        deadline: Instant,
    ) -> Result<Outcome, Trouble> {
        let Some(piece) = piece::cut(delivery, deadline, self.max_events) else {
            let reason = format!(
                "cannot be given the event: it takes more than a line of {MAX_LINE_BYTES} bytes"
            );
            return Ok(Failure::Reject { reason }.into());
        };
        self.asking = true;
        let verdict = self.process.ask_line(&piece.line, |message| match message {
            FromPlugin::Result { id, accepted, retry, reject, disable } if id == delivery.id => {
                Ok(Verdict { accepted, retry, reject, disable })
            }
            other => Err(other),
        });
        let outcome = verdict.await?.outcome(piece.events, delivery.events.len());
        let outcome = outcome.map_err(Trouble::Broken)?;
        self.answered();
        Ok(outcome)
    }

    fn answered(&mut self) {
        self.asking = false;
        self.last_answer = Instant::now();
    }

    /// Tells whoever listens that it ended on its own.
    pub(crate) fn tell_end(&self, how: &str) {
        self.ear.hear(Heard::Ended(how));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.asking {
            self.life().kill();
        }
    }
}

/// The first message.
pub(crate) fn hello(plugin: &Plugin) -> ToPlugin<'_> {
    ToPlugin::Hello {
        protocol: PROTOCOL,
        instance: &plugin.owner.instance,
        sink: &plugin.owner.sink,
        config: &plugin.settings,
    }
}

/// How many events a plugin takes at once that has answered the greeting.
fn max_events(greeted: FromPlugin) -> Result<usize, Trouble> {
    match greeted {
        FromPlugin::Ready { protocol: PROTOCOL, max_events, .. } => match max_events {
            Some(0) => {
                Err(Trouble::Broken("says that it takes no events: `max_events` is 0".into()))
            }
            Some(count) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
            None => Ok(usize::MAX),
        },
        FromPlugin::Ready { protocol, .. } => Err(Trouble::Unfit(format!(
            "speaks protocol {protocol}, and seatwatch {PROTOCOL}: update the older of them"
        ))),
        FromPlugin::Error { path, message } => {
            let path = path.map_or_else(String::new, |path| format!("`{}`: ", excerpt(&path)));
            let message = excerpt(&message);
            Err(Trouble::Unfit(format!("refuses its configuration: {path}{message}")))
        }
        other => {
            Err(Trouble::Broken(format!("answered the greeting with `{}`", other.type_name())))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::pin::pin;

    use serde_json::Map;

    use super::*;
    use crate::environment::Environment;
    use crate::heard::Log;
    use crate::plugin::Owner;
    use crate::trust::Rule;

    fn shell(script: &str) -> Plugin {
        Plugin {
            program: "sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            rule: Rule::NotEverybodys,
            environment: Environment::default(),
            settings: Map::new(),
            owner: Owner::default(),
        }
    }

    /// What waking gives after a minute of silence, of a shell that answers a ping like that.
    async fn woken(pong: &str) -> Result<(), Trouble> {
        let plugin = shell(&format!(
            r#"read -r hello; echo '{{"type":"ready","protocol":1}}'; read -r ping; {pong}; read -r end"#
        ));
        let now = Instant::now();
        let mut session = Session::start(&plugin, Arc::new(Log::new("test"))).await?;
        session.greet(&plugin, now + HELLO_LIMIT).await?;
        session.wake(now).await?; // A moment ago it was still there.
        session.wake(now + 2 * LONG_IDLE).await
    }

    /// The only thread on which something may hang is taken: so it starts when that is free again.
    #[test]
    fn what_hangs_while_a_program_is_looked_for_is_not_the_runtime() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let (free, taken) = std::sync::mpsc::channel::<()>();
            let taken = spawn_blocking(move || taken.recv());
            let plugin = shell("read -r end");
            let mut start = pin!(Session::start(&plugin, Arc::new(Log::new("test"))));
            tokio::select! {
                biased;
                _ = &mut start => panic!("it was started on the runtime's own thread"),
                () = ready(()) => free.send(()).unwrap(),
            }
            taken.await.unwrap().unwrap();
            assert!(start.await.is_ok());
        });
    }

    #[tokio::test]
    async fn after_a_long_silence_a_plugin_is_asked_for_a_sign_of_life() {
        assert_eq!(woken(r#"echo '{"type":"pong","n":1}'"#).await, Ok(()));
        let Err(Trouble::Broken(why)) = woken("exit 3").await else { panic!() };
        assert_eq!(why, "exited with code 3");
        let Err(Trouble::Broken(why)) = woken("read -r answer").await else { panic!() };
        assert_eq!(why, "did not answer a ping and was killed");
    }
}

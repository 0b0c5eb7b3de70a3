//! The sink: a plugin that is started when it is needed, and again when it has ended.
//!
//! While something is asked, the session is out of its place. It comes back with an answer; in
//! every other case, a dropped future among them, it is dropped, which kills the plugin, and the
//! next attempt starts a new one. Dropping the idle sink lets the plugin end in peace; closing it
//! also waits for that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use seatwatch_sdk::{Delivery, Failure, Outcome, Sink, async_trait};
use tokio::time::{timeout, timeout_at};

use crate::guard::GRACE;
use crate::heard::{Ear, Log};
use crate::life::Life;
use crate::plugin::Plugin;
use crate::process::Trouble;
use crate::session::{CHECK_LIMIT, HELLO_LIMIT, Session};

/// How long before the deadline a delivery is given up, so that the reason gets through.
const MARGIN: Duration = Duration::from_millis(500);

/// How long the end of a plugin is waited for that was told to end: until TERM, until KILL, and a
/// moment for that to work.
const END_LIMIT: Duration = GRACE.saturating_mul(2).saturating_add(Duration::from_secs(1));

/// The sink that a [`ProcessConfig`](crate::ProcessConfig) or an
/// [`ExternalConfig`](crate::ExternalConfig) describes.
pub struct ProcessSink {
    plugin: Plugin,
    ear: Arc<dyn Ear>,
    session: Option<Session>,
    /// The plugin that was started last, and may still be ending.
    last: Option<Life>,
}

impl ProcessSink {
    /// A sink that has started nothing yet.
    pub(crate) fn new(plugin: Plugin) -> Self {
        let ear = Arc::new(Log::new(&plugin.owner.sink));
        Self { plugin, ear, session: None, last: None }
    }

    /// A plugin that is ready, taken out of its place.
    async fn ready(&mut self, deadline: Instant) -> Result<Session, Trouble> {
        if let Some(mut session) = self.session.take() {
            match session.wake(Instant::now()).await {
                Ok(()) => return Ok(session),
                Err(Trouble::Left(_)) => {}
                Err(Trouble::Broken(how)) => session.tell_end(&how),
                Err(unfit @ Trouble::Unfit(_)) => return Err(unfit),
            }
        }
        if let Some(last) = &self.last {
            // Two of them at once could get into each other's way.
            last.ended().await;
        }
        let mut session = Session::start(&self.plugin, Arc::clone(&self.ear)).await?;
        self.last = Some(session.life().clone());
        session.greet(&self.plugin, deadline).await?;
        Ok(session)
    }

    async fn hand_over(
        &mut self,
        delivery: &Delivery<'_>,
        deadline: Instant,
    ) -> Result<Outcome, Trouble> {
        let was_running = self.session.is_some();
        match self.hand_over_once(delivery, deadline).await {
            // It was leaving when it was asked. Nobody knows whether it has read the question, so
            // that for the next one this is a repeat.
            Err(Trouble::Left(_)) if was_running => {
                let attempt = delivery.attempt.saturating_add(1);
                self.hand_over_once(&Delivery { attempt, ..*delivery }, deadline).await
            }
            handed_over => handed_over,
        }
    }

    async fn hand_over_once(
        &mut self,
        delivery: &Delivery<'_>,
        deadline: Instant,
    ) -> Result<Outcome, Trouble> {
        let mut session = self.ready(deadline).await?;
        let outcome = session.deliver(delivery, deadline).await?;
        self.session = Some(session);
        Ok(outcome)
    }

    async fn ask(&mut self, deadline: Instant) -> Result<Option<String>, Trouble> {
        let mut session = self.ready(deadline).await?;
        let error = session.check().await?;
        self.session = Some(session);
        Ok(error)
    }

    fn failure(&self, trouble: Trouble) -> Failure {
        match trouble {
            Trouble::Unfit(what) => Failure::Disable { reason: self.told(&what) },
            Trouble::Left(what) | Trouble::Broken(what) => Failure::retry(self.told(&what)),
        }
    }

    /// What the plugin did or said, as a sentence about it.
    fn told(&self, what: &str) -> String {
        let name = self.plugin.program.file_name().unwrap_or(self.plugin.program.as_os_str());
        format!("`{}` {what}", name.display())
    }

    /// The outcome, where its reason is a sentence about the plugin.
    fn named(&self, outcome: Outcome) -> Outcome {
        let Outcome::Partial { accepted, then } = outcome else { return outcome };
        let reason = self.told(then.reason());
        let then = match then {
            Failure::Retry { after, .. } => Failure::Retry { after, reason },
            Failure::Reject { .. } => Failure::Reject { reason },
            Failure::Disable { .. } => Failure::Disable { reason },
        };
        Outcome::Partial { accepted, then }
    }
}

#[async_trait]
impl Sink for ProcessSink {
    /// Starts the plugin if it is not running, whatever became of it before: somebody wants to
    /// know.
    async fn check(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + HELLO_LIMIT + CHECK_LIMIT;
        match timeout_at(deadline.into(), self.ask(deadline)).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(error))) => Err(Failure::retry(self.told(&format!("says: {error}")))),
            Ok(Err(trouble)) => Err(self.failure(trouble)),
            Err(_) => Err(Failure::retry(self.told("did not end when it was killed"))),
        }
    }

    /// Likewise: who waits between two attempts is the dispatcher, as with every sink.
    async fn deliver(&mut self, delivery: &Delivery<'_>) -> Outcome {
        let now = Instant::now();
        let left = delivery.deadline.saturating_duration_since(now);
        let deadline = now + usable(left);
        match timeout_at(deadline.into(), self.hand_over(delivery, deadline)).await {
            Ok(Ok(outcome)) => self.named(outcome),
            Ok(Err(trouble)) => self.failure(trouble).into(),
            Err(_) => {
                let seconds = left.as_secs_f32().ceil();
                let what = format!("gave no result within {seconds} s and was killed");
                self.failure(Trouble::Broken(what)).into()
            }
        }
    }

    /// Tells the plugin to end, and waits until it has: the next one never runs beside it.
    async fn close(&mut self) {
        self.session = None;
        if let Some(last) = &self.last {
            // What even KILL does not end, it is no use to wait for.
            let _ended = timeout(END_LIMIT, last.ended()).await;
        }
    }
}

/// Of the time until a deadline, what the plugin may use.
fn usable(left: Duration) -> Duration {
    left.saturating_sub(MARGIN.min(left / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_delivery_that_got_stuck_comes_before_the_deadline() {
        for (left, expected) in [(30_000, 29_500), (5_000, 4_500), (1_000, 900), (0, 0)] {
            assert_eq!(usable(Duration::from_millis(left)), Duration::from_millis(expected));
        }
    }
}

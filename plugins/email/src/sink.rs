//! A delivery from end to end: the mail is written, a connection found, the mail handed over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lettre::Message;
use seatwatch_sdk::{Delivery, Failure, Outcome, Sink, async_trait};
use tokio::task::spawn_blocking;

use crate::smtp::{Failed, Parked, Session};
use crate::{EmailConfig, mail};

/// How long a check may take.
const CHECK: Duration = Duration::from_secs(20);

/// How long before the deadline a mail that got stuck is given up, so that its reason is told.
const MARGIN: Duration = Duration::from_secs(2);

/// The sink that an [`EmailConfig`] describes, for one of its recipients.
#[derive(Debug)]
pub struct EmailSink {
    config: Arc<EmailConfig>,
    lane: String,
    parked: Parked,
}

impl EmailSink {
    /// A sink that has touched nothing yet.
    pub fn new(config: EmailConfig, lane: &str) -> Self {
        Self { config: Arc::new(config), lane: lane.to_owned(), parked: Parked::default() }
    }

    /// The mail of a delivery. Templates are files and programs, so it is written where that may
    /// take a moment.
    async fn write(&self, delivery: &Delivery<'_>) -> Result<Message, String> {
        let config = Arc::clone(&self.config);
        let (lane, id) = (self.lane.clone(), delivery.id.to_owned());
        let events = delivery.events.to_vec();
        let written = spawn_blocking(move || {
            let recipient = config.recipient(&lane);
            let recipient =
                recipient.ok_or_else(|| format!("`{lane}` is no recipient any more"))?;
            mail::write(&config, recipient, &id, &events)
        });
        let unwritten = |error| Err(format!("the mail could not be written: {error}"));
        written.await.unwrap_or_else(unwritten)
    }

    async fn send(&mut self, mail: &Message, until: Instant) -> Result<(), Failed> {
        // Taken out of its place, a session is closed where this future is dropped: nobody could
        // tell how far it came.
        let mut session = match self.parked.take(until).await {
            Some(session) => session,
            None => Session::open(&self.config.server, until).await?,
        };
        let sent = session.send(mail, until).await;
        let is_usable = match &sent {
            Ok(()) => true,
            Err(failed) => failed.is_refusal() && session.reset().await,
        };
        if is_usable {
            self.parked.put(session);
        }
        sent
    }
}

#[async_trait]
impl Sink for EmailSink {
    async fn check(&mut self) -> Result<(), Failure> {
        let server = &self.config.server;
        let until = Instant::now() + CHECK;
        let opened = Session::open(server, until).await;
        let mut session = opened.map_err(|failed| failed.into_failure(server))?;
        let is_alive = session.is_alive(until).await;
        session.quit().await;
        if is_alive {
            return Ok(());
        }
        Err(Failure::retry(format!("`{server}` took the connection and then gave no sign of life")))
    }

    async fn deliver(&mut self, delivery: &Delivery<'_>) -> Outcome {
        let mail = match self.write(delivery).await {
            Ok(mail) => mail,
            Err(reason) => return Failure::retry(reason).into(),
        };
        match self.send(&mail, until(delivery.deadline)).await {
            Ok(()) => Outcome::Accepted,
            Err(failed) => match failed.into_failure(&self.config.server) {
                // A mail is refused as a whole: one by one, its events would fare no better.
                Failure::Reject { reason } => Outcome::Refused { reason },
                failure => failure.into(),
            },
        }
    }

    /// Bids the server farewell.
    async fn close(&mut self) {
        self.parked.close().await;
    }
}

/// When to give up: a moment before the deadline, or most of the way to one that is near.
fn until(deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline.checked_sub(MARGIN.min(left / 4)).unwrap_or(deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For a deadline that is so far away, in milliseconds, it is given up that long before it.
    #[test]
    fn the_reason_of_a_mail_that_got_stuck_comes_before_the_deadline() {
        for (left, expected) in [(30_000, 2_000), (8_000, 2_000), (4_000, 1_000), (100, 25)] {
            let deadline = Instant::now() + Duration::from_millis(left);
            // The clock has gone on since, and the margin of a near deadline is a part of what is
            // left.
            let margin = deadline - until(deadline);
            let expected = Duration::from_millis(expected);
            assert!(margin <= expected && margin > Duration::ZERO, "{left}: {margin:?}");
        }
        let past = Instant::now();
        assert_eq!(until(past), past);
    }
}

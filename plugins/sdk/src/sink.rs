//! The contract between the dispatcher and a sink: two questions, and one of a few answers.

use std::time::{Duration, Instant};

use crate::{Event, async_trait};

/// For how long a check is waited for. A sink that waits for somebody gives up sooner, so that it
/// can say for whom.
pub const LONGEST_CHECK: Duration = Duration::from_secs(60);

/// A place that events are delivered to, in the order of the log.
///
/// Delivery is at least once: after a crash the same events come again under the same ids.
/// Pass the ids on where the receiver can drop a repeat.
///
/// Each lane has an instance of its own, so that nothing is shared between lanes. Dropping a
/// future of either method must leave the receiver in a state that the next attempt can take
/// up: the dispatcher drops it at the deadline and at shutdown.
#[async_trait]
pub trait Sink: Send {
    /// Tells whether a delivery would get through, without making one. Takes less than
    /// [`LONGEST_CHECK`].
    ///
    /// # Errors
    ///
    /// What stands in the way, in words that say what to do.
    async fn check(&mut self) -> Result<(), Failure>;

    /// Delivers the events in order; the outcome says how many the receiver has taken over.
    ///
    /// Neither retries nor logs: the dispatcher does both, for every sink alike.
    async fn deliver(&mut self, delivery: &Delivery<'_>) -> Outcome;

    /// Ends what the sink has started, such as a connection or a program, before it is dropped
    /// for good; the dispatcher waits for it, within its grace.
    ///
    /// A sink that is dropped without it leaves nothing behind either, but may take longer.
    async fn close(&mut self) {}
}

/// Events on their way to one receiver.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// Names this delivery: the same on every attempt.
    pub id: &'a str,
    /// 1 for the first attempt. From 2 on, the receiver may already have some of the events.
    pub attempt: u32,
    /// When the dispatcher will stop waiting.
    pub deadline: Instant,
    /// At least one, in the order of the log.
    pub events: &'a [Event],
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has taken over all events.
    Accepted,
    /// It has taken over the first `accepted` of them, possibly none; the rest will be a new
    /// delivery. A prefix, because order matters.
    Partial {
        /// How many, counted from the first.
        accepted: usize,
        /// What became of the event after those. Where all were accepted, only
        /// [`Disable`](Failure::Disable) says something.
        then: Failure,
    },
    /// It takes a delivery as a whole, and this one it will never take: each of its events becomes
    /// a dead letter. One that takes single events rejects the head alone, with `Partial`.
    Refused {
        /// What happened and what to do, without secrets.
        reason: String,
    },
    /// It has taken over the first of them, at least one, and takes no more at once: nothing went
    /// wrong, and the rest, which it has not seen, will be a new delivery right away.
    Prefix {
        /// How many, counted from the first.
        accepted: usize,
    },
}

impl From<Failure> for Outcome {
    /// Nothing was accepted.
    fn from(then: Failure) -> Self {
        Self::Partial { accepted: 0, then }
    }
}

/// What the dispatcher does about an event that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may be accepted later: time-out, refused connection, 429, 5xx. Waits `after` or longer.
    Retry {
        /// How long the receiver itself asked to wait.
        after: Option<Duration>,
        /// What happened and what to do, without secrets.
        reason: String,
    },
    /// It never will be: malformed, too large, unknown recipient. Becomes a dead letter.
    Reject {
        /// What happened and what to do, without secrets.
        reason: String,
    },
    /// Nothing will be until a person acts: the receiver is gone. Stops the sink.
    Disable {
        /// What happened and what to do, without secrets.
        reason: String,
    },
}

impl Failure {
    /// A failure that may pass by itself; the dispatcher decides how long to wait.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { after: None, reason: reason.into() }
    }

    /// What happened and what to do.
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry { reason, .. } | Self::Reject { reason } | Self::Disable { reason } => {
                reason
            }
        }
    }
}

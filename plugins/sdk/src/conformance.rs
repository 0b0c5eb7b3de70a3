//! What every sink promises, as one suite that each sink runs against its own receiver.
//!
//! A sink's tests implement [`Receiver`] for the other end (a file, a mail server on loopback)
//! and call [`run`]. The suite plays the dispatcher: it delivers, repeats, loses answers, drops
//! deliveries half-way, and then asks the receiver what it has. A broken promise is a panic that
//! names it.
//!
//! Knows no sink and no async runtime: it only polls what the sink gives it.

use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::{Delivery, Event, Failure, Outcome, Sink, SinkConfig};

pub use crate::samples::{event, events};

/// How long the suite takes `Retry` for an answer before it calls the sink stuck.
const PATIENCE: Duration = Duration::from_secs(20);

/// The other end of a sink, as its tests have set it up: fresh and empty.
pub trait Receiver {
    /// A sink configuration that leads to this receiver.
    fn config(&self) -> Box<dyn SinkConfig>;

    /// The ids of the events that the receiver has, in its order, repeats included.
    fn received(&self) -> Vec<String>;

    /// Whether a repeated event leaves no second trace here. Where it does (a mailbox), the
    /// suite asks only that the first traces are complete and in order.
    fn drops_repeats(&self) -> bool {
        true
    }

    /// Lets the receiver fail once, after that many more events. Does nothing where it cannot.
    fn fail_after(&self, _events: usize) {}

    /// Everything at the receiver that a `check` could have touched.
    fn traces(&self) -> String {
        format!("{:?}", self.received())
    }

    /// What is secret in [`config`](Self::config).
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Holds a sink to all its promises, each on a receiver of its own.
///
/// # Panics
///
/// At the first promise that is broken, with what was promised and what was found.
pub async fn run<R: Receiver>(fresh: impl Fn() -> R) {
    debug_shows_no_secret(&fresh());
    check_leaves_no_trace(&fresh()).await;
    repeats_are_dropped(&fresh()).await;
    accepted_prefixes_sum_up(&fresh()).await;
    a_dropped_delivery_can_be_taken_up(&fresh()).await;
}

fn debug_shows_no_secret(receiver: &impl Receiver) {
    let config = receiver.config();
    let shown = format!("{config:?} {config:#?}");
    for secret in receiver.secrets() {
        assert!(!shown.contains(&secret), "the config's `Debug` shows a secret: {shown}");
    }
}

/// On an empty receiver and on one that has events: `check` says yes and changes nothing.
async fn check_leaves_no_trace(receiver: &impl Receiver) {
    let mut sink = sink(receiver);
    for round in events(2).chunks(1) {
        let before = receiver.traces();
        assert_eq!(sink.check().await, Ok(()), "`check` refuses a receiver that works");
        assert_eq!(receiver.traces(), before, "`check` left a trace at the receiver");
        deliver(sink.as_mut(), receiver, round, 1).await;
    }
}

/// The answer to a delivery got lost, once to the same sink and once to one after a restart.
async fn repeats_are_dropped(receiver: &impl Receiver) {
    let events = events(9);
    let mut first = sink(receiver);
    for (index, delivery) in events.chunks(3).enumerate() {
        deliver(first.as_mut(), receiver, delivery, 1).await;
        deliver(first.as_mut(), receiver, delivery, 2).await;
        deliver(sink(receiver).as_mut(), receiver, delivery, 3).await;
        assert_received(receiver, &events[..3 * (index + 1)], "after repeats");
    }
}

/// Wherever the receiver fails, what was accepted and what is delivered later make the whole.
async fn accepted_prefixes_sum_up(receiver: &impl Receiver) {
    let events = events(20);
    let mut sink = sink(receiver);
    for (index, delivery) in events.chunks(5).enumerate() {
        receiver.fail_after(index);
        deliver(sink.as_mut(), receiver, delivery, 1).await;
    }
    assert_received(receiver, &events, "after failures half-way");
}

/// The future is dropped after every number of polls that it can take; then comes a repeat, to
/// the same sink and to a new one by turns, as after a deadline and after a reload.
async fn a_dropped_delivery_can_be_taken_up(receiver: &impl Receiver) {
    let events = events(3 * 32);
    let mut sink = sink(receiver);
    for (polls, delivery) in events.chunks(3).enumerate() {
        let whole = {
            let delivery = &delivery_of(delivery, 1);
            poll_at_most(polls, sink.deliver(delivery)).await
        };
        if polls % 2 == 1 {
            sink = self::sink(receiver);
        }
        deliver(sink.as_mut(), receiver, delivery, 2).await;
        assert_received(receiver, &events[..3 * (polls + 1)], "after a dropped delivery");
        if whole.is_some() && polls > 3 {
            break;
        }
    }
}

fn sink(receiver: &impl Receiver) -> Box<dyn Sink> {
    let config = receiver.config();
    let lane = config.lanes().into_iter().next().expect("every sink has a lane");
    config.build(&lane)
}

fn delivery_of(events: &[Event], attempt: u32) -> Delivery<'_> {
    let id = events.first().map_or("", |event| event.id.as_str());
    Delivery { id, attempt, deadline: Instant::now() + PATIENCE, events }
}

/// Delivers as the dispatcher does, less the waiting: retries what may be retried, and makes a
/// new delivery of what a receiver left over.
async fn deliver(sink: &mut dyn Sink, receiver: &impl Receiver, events: &[Event], attempt: u32) {
    let max_events = receiver.config().max_events();
    assert!(max_events > 0, "`max_events` is 0: no delivery is small enough");
    let give_up = Instant::now() + PATIENCE;
    let (mut rest, mut attempt) = (events, attempt);
    while !rest.is_empty() {
        let head = &rest[..rest.len().min(max_events)];
        match sink.deliver(&delivery_of(head, attempt)).await {
            Outcome::Accepted => {
                rest = &rest[head.len()..];
                attempt = 1;
            }
            Outcome::Prefix { accepted } => {
                assert!((1..head.len()).contains(&accepted), "`Prefix` accepts none or all");
                rest = &rest[accepted..];
                attempt = 1;
            }
            Outcome::Partial { accepted, then: Failure::Retry { reason, .. } } => {
                assert!(accepted < head.len(), "`Partial` accepts the whole delivery: {reason}");
                assert!(!reason.is_empty(), "a failure without a reason");
                assert!(Instant::now() < give_up, "the sink keeps asking for a retry: {reason}");
                rest = &rest[accepted..];
                attempt = if accepted == 0 { attempt + 1 } else { 1 };
                yield_now().await;
            }
            failed @ (Outcome::Partial { .. } | Outcome::Refused { .. }) => {
                panic!("a receiver that works made the sink fail for good: {failed:?}")
            }
        }
    }
}

#[track_caller]
fn assert_received(receiver: &impl Receiver, events: &[Event], when: &str) {
    let mut found = receiver.received();
    if !receiver.drops_repeats() {
        let mut seen = HashSet::new();
        found.retain(|id| seen.insert(id.clone()));
    }
    let sent: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(found, sent, "{when}: the receiver has not every event once, in order");
}

/// What a future gives within that many polls; after them it is dropped.
async fn poll_at_most<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Lets other tasks of the runtime run.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests;

//! What becomes of a delivery after an attempt.
//!
//! No I/O: the delivery, its events, the outcome and the time in; how far the cursor moves, what
//! stays to be tried, what died and what stops out. Only a wait and an id are drawn by chance. The
//! lane writes it down in one transaction.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use chrono::{DateTime, TimeDelta, Utc};
use seatwatch_sdk::{Event, Failure, Outcome};

use super::answer::{self, Answer, Rest};
use crate::clock::uuid_v7;
use crate::store::{Cut, DeadLetter, Failed};

/// The shortest wait before another attempt.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait after the first failure; it doubles with each more.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest wait of all that we choose.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// The longest wait that a receiver may ask for.
const LONGEST_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// How much of the time in which nothing was tried counts as time in which it failed.
const LONGEST_PAUSE: TimeDelta = TimeDelta::days(1);

/// What to write down after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// The sequence of the last event that the lane is done with, if it is done with any.
    pub(super) done: Option<u64>,
    /// How many events that are: taken or dead.
    pub(super) gone: usize,
    /// What stays to be tried, if anything.
    pub(super) rest: Option<Cut>,
    /// Events that the receiver will not take.
    pub(super) dead: Vec<DeadLetter>,
    /// Why the lane stops.
    pub(super) disabled: Option<String>,
}

impl Settled {
    /// The first `gone` events are taken, and that is all.
    fn gone(done: Option<u64>, gone: usize) -> Self {
        Self { done, gone, rest: None, dead: Vec::new(), disabled: None }
    }
}

/// Decides what becomes of a delivery of `events`. What failed before this attempt is in `cut`.
pub(super) fn settle(
    cut: &Cut,
    events: &[Event],
    outcome: Outcome,
    give_up_after: Option<Duration>,
    now: DateTime<Utc>,
) -> Settled {
    let Answer { taken: accepted, rest } = answer::read(outcome, events.len());
    let (taken, left) = events.split_at(accepted);
    let done = taken.last().map(|event| event.sequence);
    let then = match (rest, left.first()) {
        (Some(Rest::Failed(Failure::Disable { reason })), None) => {
            let disabled = Some(reason);
            return Settled { disabled, ..Settled::gone(Some(cut.last), taken.len()) };
        }
        (None, _) | (_, None) => return Settled::gone(Some(cut.last), taken.len()),
        (Some(Rest::Refused(reason)), _) => {
            let dead = left.iter().map(|event| letter(event, reason.clone(), now)).collect();
            return Settled { dead, ..Settled::gone(Some(cut.last), events.len()) };
        }
        (Some(Rest::Unseen), Some(next)) => {
            // The receiver has not seen the rest, unless in an attempt before this one.
            let rest = Cut { attempt: cut.attempt.min(2), ..fresh(cut, next.sequence, now) };
            return Settled { rest: Some(rest), ..Settled::gone(done, taken.len()) };
        }
        (Some(Rest::Failed(then)), Some(_)) => then,
    };
    let head = Head { cut, left, untouched: accepted == 0, give_up_after, now };
    let bury = |reason: String| {
        let Buried { letter, rest, done } = bury(cut, left, reason, now);
        let gone = taken.len() + 1;
        Settled { done: Some(done), gone, rest, dead: vec![letter], disabled: None }
    };
    match then {
        Failure::Reject { reason } => bury(reason),
        Failure::Retry { reason, .. } if is_over(head.failing_since(), give_up_after, now) => {
            bury(format!("given up: {reason}"))
        }
        Failure::Retry { after, reason } => {
            let rest = Some(head.again(reason, after));
            Settled { rest, ..Settled::gone(done, accepted) }
        }
        Failure::Disable { reason } => {
            let rest = Some(head.again(reason.clone(), None));
            Settled { rest, disabled: Some(reason), ..Settled::gone(done, accepted) }
        }
    }
}

/// The first event that was not taken, before those that were behind it in the delivery.
struct Head<'a> {
    cut: &'a Cut,
    left: &'a [Event],
    /// Whether it was the first of the delivery too: what failed before this attempt was this event.
    untouched: bool,
    give_up_after: Option<Duration>,
    now: DateTime<Utc>,
}

impl Head<'_> {
    /// Its failures before this one.
    fn failed(&self) -> Option<&Failed> {
        self.cut.failed.as_ref().filter(|_| self.untouched)
    }

    fn failing_since(&self) -> DateTime<Utc> {
        self.failed().map_or(self.now, |failed| failing_since(failed, self.now))
    }

    /// What is tried next, after a wait that is no shorter than what the receiver asks for.
    fn again(&self, reason: String, after: Option<Duration>) -> Cut {
        let first_failed_at = self.failing_since();
        let wait = self.wait().max(after.unwrap_or_default().min(LONGEST_AFTER));
        let next_attempt_at = TimeDelta::from_std(wait)
            .ok()
            .and_then(|wait| self.now.checked_add_signed(wait))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        let failed = Some(Failed { first_failed_at, next_attempt_at, reason });
        if self.untouched {
            let attempt = self.cut.attempt.saturating_add(1);
            Cut { attempt, failed, ..self.cut.clone() }
        } else {
            Cut { failed, ..fresh(self.cut, self.left[0].sequence, self.now) }
        }
    }

    /// How long to wait where the receiver does not say.
    fn wait(&self) -> Duration {
        let (since, now) = (self.failing_since(), self.now);
        let attempts = if self.untouched { self.cut.attempt } else { 1 };
        let wait = wait(attempts, (now - since).to_std().unwrap_or_default());
        // An attempt that somebody wanted sooner puts off none that was to come anyway.
        let planned = self.failed().and_then(|failed| (failed.next_attempt_at - now).to_std().ok());
        let planned = planned.filter(|planned| !planned.is_zero());
        let wait = planned.map_or(wait, |planned| wait.min(planned.max(SHORTEST_WAIT)));
        wait.min(left_until_given_up(since, self.give_up_after, now))
    }
}

/// What to write down where the first event of a delivery becomes a dead letter.
pub(super) struct Buried {
    pub(super) letter: DeadLetter,
    /// What stays to be tried, if anything.
    pub(super) rest: Option<Cut>,
    /// The sequence of the last event that the lane is done with.
    pub(super) done: u64,
}

/// Gives up the first of the events that are `left` of a delivery, at least one.
pub(super) fn bury(cut: &Cut, left: &[Event], reason: String, now: DateTime<Utc>) -> Buried {
    let (head, next) = (&left[0], left.get(1));
    let letter = letter(head, reason, now);
    let rest = next.map(|next| fresh(cut, next.sequence, now));
    let done = if rest.is_some() { head.sequence } else { cut.last };
    Buried { letter, rest, done }
}

fn letter(event: &Event, reason: String, now: DateTime<Utc>) -> DeadLetter {
    let text = serde_json::to_string(event).expect("an event is JSON");
    DeadLetter { sequence: event.sequence, event: text, reason, died_at: now }
}

/// What is left of a delivery, as a new one. All of it was in an attempt before, so the receiver
/// may have some of it: its next attempt is not the first.
fn fresh(cut: &Cut, first: u64, now: DateTime<Utc>) -> Cut {
    Cut { id: uuid_v7(now).to_string(), first, attempt: 2, failed: None, ..cut.clone() }
}

/// From when on the failures count. While the daemon was down, the machine slept, or the clock
/// leapt, the receiver had no chance to take anything: that alone must not cost an event.
fn failing_since(failed: &Failed, now: DateTime<Utc>) -> DateTime<Utc> {
    let untried = (now - failed.next_attempt_at - LONGEST_PAUSE).max(TimeDelta::zero());
    failed.first_failed_at.checked_add_signed(untried).map_or(now, |since| since.min(now))
}

fn is_over(since: DateTime<Utc>, limit: Option<Duration>, now: DateTime<Utc>) -> bool {
    limit.is_some_and(|limit| (now - since).to_std().is_ok_and(|passed| passed >= limit))
}

/// How long it is at most until an attempt is the last one. Where that is less than a wait, the last
/// attempt comes sooner, and not the end of the event later.
fn left_until_given_up(
    since: DateTime<Utc>,
    limit: Option<Duration>,
    now: DateTime<Utc>,
) -> Duration {
    let failing = (now - since).to_std().unwrap_or_default();
    limit.map_or(Duration::MAX, |limit| limit.saturating_sub(failing).max(SHORTEST_WAIT))
}

/// What is known of the failures once a pause is over: nothing was tried since it began, and what
/// waits is tried at once.
pub(super) fn after_pause(failed: Failed, since: DateTime<Utc>, now: DateTime<Utc>) -> Failed {
    let untried = (now - since.max(failed.first_failed_at)).max(TimeDelta::zero());
    let first_failed_at = failed.first_failed_at.checked_add_signed(untried).unwrap_or(now);
    Failed { first_failed_at, next_attempt_at: now, ..failed }
}

/// random(1 s … min(1 h, 5 s·2ⁿ)) after the n-th attempt, counted from 0.
///
/// Those that follow each other by themselves take about so long together. Where many more were made
/// by hand, they say nothing of how long it will take: no wait is longer than 5 s and twice the time
/// for which it is `failing`.
fn wait(attempts: u32, failing: Duration) -> Duration {
    let longest = ExponentialBuilder::new()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_factor(2.0)
        .without_max_times()
        .build()
        .nth(attempts.saturating_sub(1).min(32) as usize)
        .unwrap_or(LONGEST_WAIT)
        .min(failing.saturating_mul(2).saturating_add(FIRST_WAIT));
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(fastrand::u64(millis(SHORTEST_WAIT)..=millis(longest)))
}

#[cfg(test)]
mod tests;

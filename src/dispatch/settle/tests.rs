//! What becomes of a delivery: whatever the receiver says, no event is lost, none overtakes
//! another, and none is tried after it is done with.

use proptest::collection::btree_set;
use proptest::prelude::*;
use seatwatch_sdk::{Data, EventKind};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(100)
}

fn event(sequence: u64) -> Event {
    let data = Data::of_instance(EventKind::Joined);
    Event {
        id: format!("sync-{sequence:04}"),
        source: String::new(),
        subject: None,
        time: now(),
        sequence,
        correlationid: "sync".to_owned(),
        data,
    }
}

fn cut(first: u64, last: u64, attempt: u32, failed: Option<Failed>) -> Cut {
    Cut { id: "cut".to_owned(), first, last, filter: "{}".to_owned(), attempt, failed }
}

fn failed(days_ago: i64) -> Failed {
    let first_failed_at = now() - TimeDelta::days(days_ago);
    Failed { first_failed_at, next_attempt_at: now(), reason: "before".to_owned() }
}

fn retry() -> Failure {
    Failure::retry("down")
}

fn reject() -> Failure {
    Failure::Reject { reason: "malformed".to_owned() }
}

fn disable() -> Failure {
    Failure::Disable { reason: "gone".to_owned() }
}

fn after(accepted: usize, then: Failure) -> Outcome {
    Outcome::Partial { accepted, then }
}

/// What is written down after a first attempt at the events 3, 5 and 6, of a delivery that ends
/// with 7, as the receiver said.
#[track_caller]
fn check(outcome: Outcome, expected: &str) {
    let events = [3, 5, 6].map(event);
    let settled = settle(&cut(3, 7, 1, None), &events, outcome, Some(DAY), now());
    assert_eq!(shown(&settled), expected);
}

fn shown(settled: &Settled) -> String {
    let mut words = Vec::new();
    words.extend(settled.done.map(|done| format!("done {done}")));
    words.extend(settled.dead.iter().map(|dead| format!("dead {} {}", dead.sequence, dead.reason)));
    words.extend(settled.rest.as_ref().map(|rest| {
        let id = if rest.id == "cut" { "again" } else { "new" };
        let failed = if rest.failed.is_some() { " failed" } else { "" };
        format!("{id} {}–{} attempt {}{failed}", rest.first, rest.last, rest.attempt)
    }));
    words.extend(settled.disabled.as_ref().map(|reason| format!("disabled {reason}")));
    words.join(", ")
}

#[test]
fn what_a_receiver_says_is_written_down() {
    check(Outcome::Accepted, "done 7");
    check(after(3, retry()), "done 7");
    check(after(9, reject()), "done 7"); // It claims more than it was given.
    check(after(3, disable()), "done 7, disabled gone");

    check(after(0, retry()), "again 3–7 attempt 2 failed");
    check(after(1, retry()), "done 3, new 5–7 attempt 2 failed");
    check(after(2, retry()), "done 5, new 6–7 attempt 2 failed");

    check(after(0, reject()), "done 3, dead 3 malformed, new 5–7 attempt 2");
    check(after(1, reject()), "done 5, dead 5 malformed, new 6–7 attempt 2");
    check(after(2, reject()), "done 7, dead 6 malformed");

    let refused = Outcome::Refused { reason: "no such mailbox".to_owned() };
    check(
        refused,
        "done 7, dead 3 no such mailbox, dead 5 no such mailbox, dead 6 no such mailbox",
    );

    check(Outcome::Prefix { accepted: 0 }, "again 3–7 attempt 2 failed");
    check(Outcome::Prefix { accepted: 1 }, "done 3, new 5–7 attempt 1");
    check(Outcome::Prefix { accepted: 3 }, "done 7");
    check(Outcome::Prefix { accepted: 9 }, "done 7");

    check(after(0, disable()), "again 3–7 attempt 2 failed, disabled gone");
    check(after(2, disable()), "done 5, new 6–7 attempt 2 failed, disabled gone");
}

/// What is left of a repeat was in an attempt before, so its receiver may have it.
#[test]
fn what_is_left_of_a_repeat_is_a_repeat() {
    let events = [3, 5].map(event);
    let cut = cut(3, 5, 4, Some(failed(0)));
    let settle = |outcome| shown(&settle(&cut, &events, outcome, None, now()));
    assert_eq!(settle(after(0, reject())), "done 3, dead 3 malformed, new 5–5 attempt 2");
    assert_eq!(settle(after(1, retry())), "done 3, new 5–5 attempt 2 failed");
    assert_eq!(settle(after(0, retry())), "again 3–5 attempt 5 failed");
    assert_eq!(settle(Outcome::Prefix { accepted: 1 }), "done 3, new 5–5 attempt 2");
}

/// The time is that of the head: it starts anew when another event is at the head.
#[test]
fn a_head_that_failed_for_long_is_given_up() {
    let events = [3, 5].map(event);
    let settle = |days, accepted, give_up_after| {
        let cut = cut(3, 5, 9, Some(failed(days)));
        shown(&settle(&cut, &events, after(accepted, retry()), give_up_after, now()))
    };
    assert_eq!(settle(0, 0, Some(DAY)), "again 3–5 attempt 10 failed");
    assert_eq!(settle(1, 0, Some(DAY)), "done 3, dead 3 given up: down, new 5–5 attempt 2");
    assert_eq!(settle(1, 1, Some(DAY)), "done 3, new 5–5 attempt 2 failed");
    assert_eq!(settle(1000, 0, None), "again 3–5 attempt 10 failed");
    // The clock was set back.
    assert_eq!(settle(-1, 0, Some(DAY)), "again 3–5 attempt 10 failed");
}

#[test]
fn an_event_is_not_given_up_for_time_in_which_it_was_not_tried() {
    let events = [3, 5].map(event);
    let settle = |first_days_ago, next_days_ago| {
        let next_attempt_at = now() - TimeDelta::days(next_days_ago);
        let failed = Failed { next_attempt_at, ..failed(first_days_ago) };
        let cut = cut(3, 5, 9, Some(failed));
        settle(&cut, &events, after(0, retry()), Some(14 * DAY), now())
    };
    // A minute after the first failure the clock leapt by a year, or the machine was off for it.
    let rest = settle(365, 365).rest.unwrap();
    assert_eq!(rest.failed.unwrap().first_failed_at, now() - TimeDelta::days(1));
    assert!(!settle(20, 6).dead.is_empty(), "fourteen days of failures, and one of the six");
    assert!(settle(19, 7).dead.is_empty(), "twelve, and one of the seven");
}

/// How long the lane waits after the n-th attempt at a delivery, over many tries.
#[track_caller]
fn waits(attempt: u32, own: Option<u64>, seconds: std::ops::RangeInclusive<u64>) {
    let events = [event(1)];
    for _ in 0..200 {
        let then = Failure::Retry { after: own.map(Duration::from_secs), reason: String::new() };
        let settled =
            settle(&cut(1, 1, attempt, Some(failed(1))), &events, after(0, then), None, now());
        let failed = settled.rest.and_then(|rest| rest.failed).expect("it is tried again");
        let wait = (failed.next_attempt_at - now()).to_std().expect("it lies ahead");
        let range = Duration::from_secs(*seconds.start())..=Duration::from_secs(*seconds.end());
        assert!(range.contains(&wait), "{wait:?} after attempt {attempt}");
    }
}

#[test]
fn waits_grow_up_to_an_hour() {
    waits(1, None, 1..=5);
    waits(2, None, 1..=10);
    waits(3, None, 1..=20);
    waits(10, None, 1..=2560);
    waits(11, None, 1..=3600);
    waits(u32::MAX, None, 1..=3600);
    waits(1, Some(60), 60..=60);
    waits(1, Some(0), 1..=5);
}

/// A person who tries and tries does not keep the lane from trying soon by itself.
#[test]
fn attempts_that_were_made_by_hand_put_nothing_off() {
    let wait = |attempt, failing_secs, planned_secs, own: Option<u64>| {
        let failed = Failed {
            first_failed_at: now() - TimeDelta::seconds(failing_secs),
            next_attempt_at: now() + TimeDelta::seconds(planned_secs),
            ..failed(0)
        };
        let then = Failure::Retry { after: own.map(Duration::from_secs), reason: String::new() };
        let cut = cut(1, 1, attempt, Some(failed));
        let settled = settle(&cut, &[event(1)], after(0, then), None, now());
        (settled.rest.unwrap().failed.unwrap().next_attempt_at - now()).num_seconds()
    };
    for _ in 0..200 {
        assert!(wait(20, 100_000, 7, None) <= 7, "there was to be an attempt by then");
        assert!(wait(26, 3, 0, None) <= 11, "it fails for three seconds only");
        assert_eq!(wait(20, 100_000, 7, Some(60)), 60, "the receiver asks for more");
    }
}

/// Whoever gives an event up after a minute waits for its end no hour.
#[test]
fn the_last_attempt_comes_when_the_event_is_given_up() {
    let failed = Failed { first_failed_at: now() - TimeDelta::seconds(50), ..failed(0) };
    let cut = cut(1, 1, 20, Some(failed));
    let limit = Some(Duration::from_secs(60));
    let longest = (0..200).map(|_| {
        let settled = settle(&cut, &[event(1)], after(0, retry()), limit, now());
        settled.rest.unwrap().failed.unwrap().next_attempt_at - now()
    });
    assert_eq!(longest.max(), Some(TimeDelta::seconds(10)));
}

#[test]
fn a_pause_is_not_time_in_which_it_failed() {
    let minute = TimeDelta::minutes(1);
    let check = |since, first_failed_at| {
        let paused = after_pause(failed(3), now() - TimeDelta::days(since), now());
        assert_eq!((paused.first_failed_at, paused.next_attempt_at), (first_failed_at, now()));
    };
    check(2, now() - TimeDelta::days(1)); // It failed for a day before.
    check(3, now());
    check(4, now()); // The attempt that failed was under way when the pause began.
    check(-1, failed(3).first_failed_at); // The clock was set back.
    let rest = |days| {
        let failed = after_pause(failed(20), now() - TimeDelta::days(days), now());
        let cut = cut(1, 1, 9, Some(failed));
        settle(&cut, &[event(1)], after(0, retry()), Some(14 * DAY), now() + minute).rest
    };
    assert!(rest(7).is_some(), "thirteen days of failures");
    assert!(rest(6).is_none(), "fourteen");
}

#[test]
fn a_receiver_that_asks_for_ever_is_asked_again_after_a_day() {
    let then = Failure::Retry { after: Some(Duration::MAX), reason: String::new() };
    let settled = settle(&cut(1, 1, 1, None), &[event(1)], after(0, then), None, now());
    let next = settled.rest.unwrap().failed.unwrap().next_attempt_at;
    assert_eq!(next, now() + TimeDelta::days(1));
}

fn failures() -> impl Strategy<Value = Failure> {
    let own = prop::option::of((0u64..10_000).prop_map(Duration::from_secs));
    prop_oneof![
        own.prop_map(|after| Failure::Retry { after, reason: "down".to_owned() }),
        Just(reject()),
        Just(disable()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Done, dead and what is left are all events of the delivery, each once and in order; and
    /// what the sink claims to have is never tried again.
    #[test]
    fn nothing_is_lost_and_nothing_is_repeated(
        sequences in btree_set(1u64..40, 1..10),
        beyond in 0u64..3,
        attempt in 1u32..50,
        days_ago in prop::option::of(0i64..30),
        accepted in 0usize..12,
        then in prop::option::of(failures()),
        give_up_after in prop::option::of((0u32..30).prop_map(|days| DAY * days)),
    ) {
        let events: Vec<Event> = sequences.iter().copied().map(event).collect();
        let (first, last) = (*sequences.first().unwrap(), *sequences.last().unwrap() + beyond);
        let cut = cut(first, last, attempt, days_ago.map(failed));
        let outcome = then.clone().map_or(Outcome::Accepted, |then| after(accepted, then));
        let accepted = if then.is_some() { accepted.min(events.len()) } else { events.len() };
        let settled = settle(&cut, &events, outcome, give_up_after, now());

        let taken = &events[..accepted];
        let done: Vec<u64> = sequences.iter().copied().filter(|s| settled.done.is_some_and(|done| *s <= done)).collect();
        let rest: Vec<u64> = sequences
            .iter()
            .copied()
            .filter(|s| settled.rest.as_ref().is_some_and(|rest| (rest.first..=rest.last).contains(s)))
            .collect();
        prop_assert_eq!([done.clone(), rest.clone()].concat(), sequences.iter().copied().collect::<Vec<_>>());
        let buried: Vec<u64> = settled.dead.iter().map(|dead| dead.sequence).collect();
        let accepted: Vec<u64> = taken.iter().map(|event| event.sequence).collect();
        prop_assert_eq!([accepted, buried].concat(), done, "done is what was accepted and what died");

        match &settled.rest {
            None => prop_assert_eq!(settled.done, Some(cut.last), "the cursor passes what the filter left out"),
            Some(rest) => {
                prop_assert_eq!((rest.last, &rest.filter), (cut.last, &cut.filter));
                prop_assert_eq!(rest.id == cut.id, settled.done.is_none(), "a part is a new delivery");
                prop_assert!(sequences.contains(&rest.first));
            }
        }
        prop_assert_eq!(settled.disabled.is_some(), matches!(then, Some(Failure::Disable { .. })));
        if let Some(failed) = settled.rest.as_ref().and_then(|rest| rest.failed.as_ref()) {
            let started = cut.failed.as_ref().filter(|_| settled.done.is_none());
            prop_assert_eq!(failed.first_failed_at, started.map_or(now(), |failed| failed.first_failed_at));
            prop_assert!(failed.next_attempt_at >= now() + TimeDelta::seconds(1));
        }
    }
}

//! The suite itself: it lets a sink pass that keeps its promises, and names the one that is broken.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use super::*;
use crate::{Origin, async_trait};

/// What is wrong with the sink under test.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    RepeatsEvents,
    CountsWrong,
    ChecksByWriting,
    LosesRepeats,
}

#[derive(Default)]
struct Shelf {
    ids: Vec<String>,
    fail_after: Option<usize>,
}

#[derive(Clone)]
struct MemoryConfig {
    flaw: Flaw,
    shelf: Arc<Mutex<Shelf>>,
}

impl std::fmt::Debug for MemoryConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryConfig { key: *** }")
    }
}

impl SinkConfig for MemoryConfig {
    fn resolve(&mut self, _origin: &Origin<'_>) {}

    fn build(&self, _lane: &str) -> Box<dyn Sink> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Sink for MemoryConfig {
    async fn check(&mut self) -> Result<(), Failure> {
        if self.flaw == Flaw::ChecksByWriting {
            self.shelf.lock().unwrap().ids.push("check".to_owned());
        }
        Ok(())
    }

    async fn deliver(&mut self, delivery: &Delivery<'_>) -> Outcome {
        let lost = self.flaw == Flaw::LosesRepeats && delivery.attempt > 1;
        for (index, event) in delivery.events.iter().enumerate() {
            yield_now().await;
            let mut stock = self.shelf.lock().unwrap();
            if stock.fail_after == Some(0) {
                stock.fail_after = None;
                let accepted = if self.flaw == Flaw::CountsWrong { 0 } else { index };
                return Outcome::Partial { accepted, then: Failure::retry("full") };
            }
            stock.fail_after = stock.fail_after.map(|left| left - 1);
            let repeated = self.flaw != Flaw::RepeatsEvents
                && self.flaw != Flaw::CountsWrong
                && stock.ids.contains(&event.id);
            if !repeated && !lost {
                stock.ids.push(event.id.clone());
            }
        }
        Outcome::Accepted
    }
}

impl Receiver for MemoryConfig {
    fn config(&self) -> Box<dyn SinkConfig> {
        Box::new(self.clone())
    }

    fn received(&self) -> Vec<String> {
        self.shelf.lock().unwrap().ids.clone()
    }

    fn fail_after(&self, events: usize) {
        self.shelf.lock().unwrap().fail_after = Some(events);
    }

    fn secrets(&self) -> Vec<String> {
        vec!["hunter2".to_owned()]
    }
}

/// Polls a future to its end. The sinks here never wait for anything but their own turn.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

#[track_caller]
fn check(flaw: Flaw, complaint: Option<&str>) {
    let fresh = || MemoryConfig { flaw, shelf: Arc::default() };
    let end = catch_unwind(AssertUnwindSafe(|| block_on(run(fresh))));
    let found = end.err().map(|panic| {
        panic.downcast_ref::<String>().cloned().expect("the suite panics with a text")
    });
    match (found, complaint) {
        (None, None) => {}
        (Some(found), Some(complaint)) if found.contains(complaint) => {}
        (found, _) => panic!("{flaw:?}: {found:?}"),
    }
}

#[test]
fn a_sink_that_keeps_its_promises_passes() {
    check(Flaw::None, None);
}

#[test]
fn a_broken_promise_is_named() {
    check(Flaw::ChecksByWriting, Some("`check` left a trace"));
    check(Flaw::RepeatsEvents, Some("after repeats"));
    check(Flaw::LosesRepeats, Some("has not every event once"));
}

#[test]
fn a_wrong_count_is_found_where_repeats_are_not_dropped() {
    let receiver = MemoryConfig { flaw: Flaw::CountsWrong, shelf: Arc::default() };
    let end = catch_unwind(AssertUnwindSafe(|| block_on(accepted_prefixes_sum_up(&receiver))));
    assert!(end.is_err(), "events stand twice: {:?}", receiver.received());
}

#[test]
fn a_future_is_polled_no_more_often_than_asked() {
    let polls = Cell::new(0);
    let endless = poll_fn(|context| {
        polls.set(polls.get() + 1);
        context.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    assert_eq!(block_on(poll_at_most(3, endless)), None);
    assert_eq!(polls.get(), 3);
}

#[test]
fn sample_events_are_all_different_and_of_all_kinds() {
    let events = events(100);
    let ids: HashSet<_> = events.iter().map(|event| &event.id).collect();
    let kinds: HashSet<_> = events.iter().map(|event| event.data.event).collect();
    assert_eq!((ids.len(), kinds.len()), (100, crate::EventKind::ALL.len()));
    assert!(events.is_sorted_by_key(|event| event.sequence));
}

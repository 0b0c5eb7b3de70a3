//! A batch that is refused: what is wrong with one event, or with their number, must not bury the
//! others.

use std::collections::VecDeque;
use std::time::Duration;

use seatwatch_sdk::samples::events;
use seatwatch_sdk::{Event, Failure, Outcome};
use serde_json::json;

use crate::server::{Reply, Request, answer};
use crate::world::{World, ids};

/// Delivers as the dispatcher does, and gives what was accepted and what was rejected.
async fn deliver_all(
    world: &mut World,
    events: &[Event],
    batch: usize,
) -> (Vec<String>, Vec<String>) {
    let mut queue: VecDeque<Event> = events.iter().cloned().collect();
    let (mut accepted, mut rejected) = (Vec::new(), Vec::new());
    while !queue.is_empty() {
        let count = queue.len().min(batch);
        let delivery = &queue.make_contiguous()[..count];
        let (taken, refused) = match world.deliver(delivery).await {
            Outcome::Accepted => (count, 0),
            Outcome::Prefix { accepted } => (accepted, 0),
            Outcome::Partial { accepted, then: Failure::Reject { .. } } => (accepted, 1),
            outcome => panic!("{outcome:?}"),
        };
        accepted.extend(queue.drain(..taken).map(|event| event.id));
        rejected.extend(queue.drain(..refused).map(|event| event.id));
    }
    (accepted, rejected)
}

fn refusing(status: u16, poison: Vec<String>) -> impl FnMut(&Request) -> Reply {
    move |request| {
        let is_bad = request.ids().iter().any(|id| poison.contains(id));
        if is_bad { answer(status, "", "I do not like that") } else { answer(200, "", "") }
    }
}

#[tokio::test]
async fn only_the_event_that_is_refused_is_rejected() {
    let events = events(100);
    for (status, poison) in
        [(400, vec![0]), (422, vec![57]), (413, vec![99]), (400, vec![3, 4, 50])]
    {
        let poison = ids(&poison.into_iter().map(|it| events[it].clone()).collect::<Vec<_>>());
        let mut world = World::new();
        world.set(json!({ "batch": 32 })).script(refusing(status, poison.clone()));
        let (accepted, rejected) = deliver_all(&mut world, &events, 32).await;
        assert_eq!(rejected, poison);
        let others = ids(&events).into_iter().filter(|id| !poison.contains(id));
        assert_eq!(accepted, others.collect::<Vec<_>>());
        let posted = world.server.posts().into_iter().map(|post| post.ids());
        let taken = posted.filter(|ids| ids.iter().all(|id| !poison.contains(id)));
        assert_eq!(taken.flatten().collect::<Vec<_>>(), accepted, "not everything once");
    }
}

#[tokio::test]
async fn a_delivery_asks_at_most_so_often_as_it_can_be_halved() {
    let events = events(64);
    let mut world = World::new();
    world.set(json!({ "batch": 64 })).script(refusing(400, ids(&events[..1])));
    let outcome = world.deliver(&events).await;
    assert!(matches!(outcome, Outcome::Partial { accepted: 0, then: Failure::Reject { .. } }));
    let sizes: Vec<_> = world.server.posts().iter().map(|it| it.ids().len()).collect();
    assert_eq!(sizes, [64, 32, 16, 8, 4, 2, 1]);
}

#[tokio::test]
async fn a_receiver_that_takes_less_gets_less() {
    let events = events(40);
    let mut world = World::new();
    world.set(json!({ "batch": 20 })).script(|request| {
        let is_large = request.ids().len() > 6;
        if is_large { answer(413, "", "too large") } else { answer(200, "", "") }
    });
    let (accepted, rejected) = deliver_all(&mut world, &events, 20).await;
    assert_eq!((accepted, rejected), (ids(&events), Vec::new()));
    // No more than one request in vain for each that was accepted, after the first few.
    let posts = world.server.posts();
    let vain = posts.iter().filter(|it| it.ids().len() > 6).count();
    assert!(2 * vain <= posts.len() + 2, "{vain} of {}", posts.len());
}

/// Else a receiver that remembers ids would drop the rest when the whole comes again.
#[tokio::test]
async fn a_part_of_a_delivery_has_an_id_of_its_own() {
    let events = events(4);
    let mut world = World::new();
    world.set(json!({ "batch": 4 })).script(refusing(400, ids(&events[3..])));
    assert_eq!(world.deliver(&events).await, Outcome::Prefix { accepted: 2 });
    let posts = world.server.posts();
    let ids: Vec<_> = posts.iter().map(|it| it.header("webhook-id").unwrap()).collect();
    assert_eq!(ids, ["delivery", "delivery-first-2"]);
}

/// A trouble that passes says nothing about the events: they are all tried again.
#[tokio::test]
async fn what_may_pass_is_not_searched_for() {
    let mut world = World::new();
    world.set(json!({ "batch": 8 })).replies(answer(500, "", ""));
    let told = world.told(&events(8)).await;
    assert!(told.starts_with("retry: "), "{told}");
    assert_eq!(world.server.posts().len(), 1);
}

/// The search goes on at the next attempt where the deadline ended it.
#[tokio::test]
async fn a_slow_receiver_does_not_make_the_search_start_over() {
    let events = events(8);
    let mut world = World::new();
    world.set(json!({ "batch": 8 }));
    assert_eq!(world.check().await, "accepted"); // The client is made in its own time.
    world.script({
        let mut requests = 0;
        move |_| {
            requests += 1;
            if requests % 2 == 1 { answer(400, "", "no") } else { Reply::Hang }
        }
    });
    for _ in 0..2 {
        let outcome = world.deliver_within(&events, Duration::from_secs(2)).await;
        let told = world.line(outcome);
        assert!(told.contains("no answer within"), "{told}");
    }
    let sizes: Vec<_> = world.server.posts().iter().map(|it| it.ids().len()).collect();
    assert_eq!(sizes, [8, 4, 4, 2]);
}

#[tokio::test]
async fn no_request_is_made_without_time_for_it() {
    let mut world = World::new();
    let outcome = world.deliver_within(&events(1), Duration::from_millis(100)).await;
    let told = world.line(outcome);
    assert_eq!(told, "retry: no time was left to post to `http://127.0.0.1:[PORT]/in`");
    assert!(world.server.requests().is_empty());
}

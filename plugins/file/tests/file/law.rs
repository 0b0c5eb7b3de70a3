//! The law that all cases follow from: whatever is cut, repeated and lost on the way, in the end
//! the file has every event once, in order.

use proptest::prelude::*;
use seatwatch_file::Format;
use seatwatch_sdk::Outcome;
use seatwatch_sdk::samples::events;

use crate::world::{World, ids};

/// One delivery, and what happens to it before the dispatcher knows that it was accepted.
#[derive(Clone, Debug)]
struct Story {
    events: usize,
    crashes: Vec<Crash>,
}

/// The process dies, or only the answer gets lost; of what was written, a part survives.
#[derive(Clone, Debug)]
struct Crash {
    survives_percent: u64,
    restart: bool,
}

fn stories() -> impl Strategy<Value = Vec<Story>> {
    let crash = (0..=100_u64, any::<bool>())
        .prop_map(|(survives_percent, restart)| Crash { survives_percent, restart });
    let story = (1..12_usize, prop::collection::vec(crash, 0..3))
        .prop_map(|(events, crashes)| Story { events, crashes });
    prop::collection::vec(story, 1..6)
}

async fn play(format: Format, stories: &[Story]) {
    let events = events(stories.iter().map(|story| story.events).sum());
    let mut world = World::new(format);
    let mut rest = &events[..];
    for story in stories {
        let (delivery, later) = rest.split_at(story.events);
        let start = world.length();
        world.accepts(delivery).await;
        for (attempt, crash) in (2..).zip(&story.crashes) {
            let written = world.length() - start;
            world.truncate(start + written * crash.survives_percent / 100);
            if crash.restart {
                world.restart();
            }
            assert_eq!(world.deliver(delivery, attempt).await, Outcome::Accepted);
        }
        rest = later;
    }
    assert_eq!(world.ids(), ids(&events));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_event_is_in_the_file_once_and_in_order(
        format in prop::sample::select(vec![Format::Ndjson, Format::Csv]),
        stories in stories(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(format, &stories));
    }
}

//! The price of care: against a plain append of the same bytes with the same syncs.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use seatwatch_file::Format;
use seatwatch_sdk::samples::events;

use crate::world::World;

const DELIVERY_EVENTS: usize = 100;

/// Times depend on the machine, so this runs on demand only.
#[tokio::test]
#[ignore = "a measurement: `cargo test -p seatwatch-file --release -- --ignored`"]
async fn a_delivery_takes_less_than_twice_a_plain_append() {
    let events = events(100 * DELIVERY_EVENTS);
    let mut world = World::new(Format::Ndjson);
    let (mut plain, mut ours) = (Duration::ZERO, Duration::ZERO);
    let path = world.directory().join("plain");
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    // By turns, so that whatever else the disk does hits both alike.
    for delivery in events.chunks(DELIVERY_EVENTS) {
        let start = Instant::now();
        let mut bytes = Vec::new();
        for event in delivery {
            serde_json::to_writer(&mut bytes, event).unwrap();
            bytes.push(b'\n');
        }
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        plain += start.elapsed();

        let start = Instant::now();
        world.accepts(delivery).await;
        ours += start.elapsed();
    }
    let report = format!("{} events: {ours:?}, plain {plain:?}", events.len());
    assert!(ours < 2 * plain, "{report}");
}

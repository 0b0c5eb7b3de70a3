//! What a delivery costs beside the receiver.

use std::io::Write as _;
use std::time::Instant;

use seatwatch_sdk::samples::events;
use serde_json::json;

use crate::request::SECRET;
use crate::world::World;

/// Times depend on the machine, so this runs on demand only, and only tells.
#[tokio::test]
#[ignore = "a measurement: `cargo test -p seatwatch-webhook --release -- --ignored --nocapture`"]
async fn events_a_second() {
    for (batch, deliveries) in [(None, 2_000), (Some(100), 200), (Some(1000), 50)] {
        let mut world = World::new();
        world.set(json!({ "secret_file": world.file("secret", SECRET) }));
        if let Some(batch) = batch {
            world.set(json!({ "batch": batch }));
        }
        let events = events(batch.unwrap_or(1));
        world.accepts(&events).await;
        let start = Instant::now();
        for _ in 0..deliveries {
            world.accepts(&events).await;
        }
        let rate = (deliveries * events.len()) as u128 * 1_000_000 / start.elapsed().as_micros();
        writeln!(std::io::stderr(), "batch {batch:?}: {rate} events/s").unwrap();
    }
}

//! The promises of every sink, kept by a well-behaved plugin.

use std::fs;

use seatwatch_sdk::SinkConfig;
use seatwatch_sdk::conformance::{Receiver, run};

use crate::world::World;

impl Receiver for World {
    fn config(&self) -> Box<dyn SinkConfig> {
        Box::new(self.config.clone())
    }

    fn received(&self) -> Vec<String> {
        self.lines("events")
    }

    /// What a killed plugin was writing may come between the lines of the next.
    fn drops_repeats(&self) -> bool {
        false
    }

    fn traces(&self) -> String {
        let entries = fs::read_dir(self.directory()).unwrap().map(|entry| {
            let entry = entry.unwrap();
            format!("{} {:?}", entry.file_name().display(), entry.metadata().unwrap().modified())
        });
        entries.chain(self.lines("events")).collect()
    }

    fn secrets(&self) -> Vec<String> {
        vec!["t0ken".to_owned(), "pa55word".to_owned()]
    }
}

#[tokio::test]
async fn a_good_plugin_makes_a_good_sink() {
    run(World::good).await;
}

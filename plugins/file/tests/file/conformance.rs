//! The promises of every sink, kept in both formats.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use seatwatch_file::{FileConfig, Format};
use seatwatch_sdk::conformance::{Receiver, run};
use seatwatch_sdk::{Origin, SinkConfig};

use crate::world::World;

impl Receiver for World {
    fn config(&self) -> Box<dyn SinkConfig> {
        Box::new(self.config.clone())
    }

    fn received(&self) -> Vec<String> {
        self.ids()
    }

    fn traces(&self) -> String {
        let entries = fs::read_dir(self.directory()).unwrap().map(|entry| {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            let (mode, modified) = (metadata.permissions().mode(), metadata.modified().unwrap());
            format!("{} {mode:o} {modified:?}", entry.file_name().display())
        });
        entries.chain(fs::read_to_string(self.path())).collect()
    }
}

#[tokio::test]
async fn ndjson_keeps_the_promises_of_a_sink() {
    run(|| World::new(Format::Ndjson)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv_keeps_the_promises_of_a_sink() {
    run(|| World::new(Format::Csv)).await;
}

#[test]
fn the_config_is_strict_and_short() {
    let parse = |text| serde_json::from_str::<FileConfig>(text);
    let origin =
        |directory: &'static str| Origin { directory: directory.as_ref(), ..Origin::default() };
    let mut config = parse(r#"{"path":"log/events.ndjson"}"#).unwrap();
    assert_eq!(config.format, Format::Ndjson);
    config.resolve(&origin("/etc/seatwatch"));
    assert_eq!(*config.path, *std::path::Path::new("/etc/seatwatch/log/events.ndjson"));
    config.resolve(&origin("/elsewhere"));
    assert_eq!(*config.path, *std::path::Path::new("/etc/seatwatch/log/events.ndjson"));

    assert_eq!(parse(r#"{"path":"/x","format":"csv"}"#).unwrap().format, Format::Csv);
    assert!(parse(r#"{"path":"/x","formt":"csv"}"#).is_err());
    assert!(parse(r#"{"format":"csv"}"#).is_err());
}

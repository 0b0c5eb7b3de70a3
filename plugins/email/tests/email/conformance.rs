//! The promises of every sink.

use seatwatch_sdk::SinkConfig;
use seatwatch_sdk::conformance::{Receiver, run};
use serde_json::json;

use crate::server::{Act, Setup};
use crate::world::World;

impl Receiver for World {
    fn config(&self) -> Box<dyn SinkConfig> {
        Box::new(self.config.clone())
    }

    fn received(&self) -> Vec<String> {
        self.mails().iter().flat_map(crate::world::Mail::ids).collect()
    }

    /// A mailbox keeps whatever comes.
    fn drops_repeats(&self) -> bool {
        false
    }

    /// A mail is all or nothing, so whenever the server fails, it is before the first event.
    fn fail_after(&self, _events: usize) {
        self.server.once(".", Act::Say("451 4.3.0 try again"));
    }

    fn secrets(&self) -> Vec<String> {
        vec!["pass word".to_owned()]
    }
}

/// Every mail has the table, by which the suite can tell which events arrived.
fn fresh() -> World {
    let users = vec![("seatwatch".to_owned(), "pass word".to_owned())];
    let setup = Setup { auth: "PLAIN LOGIN", users, ..Setup::default() };
    let login = json!({ "tls": "none", "username": "seatwatch", "password_file": "password" });
    let world = World::with(setup, json!({ "attach_above": 1, "server": login }));
    world.write("password", "pass word\n");
    world
}

#[tokio::test]
async fn the_promises_of_a_sink_are_kept() {
    run(fresh).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promises_of_a_sink_are_kept_on_many_threads() {
    run(fresh).await;
}

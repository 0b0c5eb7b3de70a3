//! The promises of every sink, kept with single events and in batches.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use seatwatch_sdk::SinkConfig;
use seatwatch_sdk::conformance::{Receiver, run};
use serde_json::{Value, json};

use crate::server::{Reply, Request, Server, answer};
use crate::world::read;

const QUERY: &str = "t0ken-in-the-query";

/// A receiver as one should be: it takes a request as a whole, and every event once.
struct Inbox {
    server: Server,
    state: Arc<Mutex<State>>,
    batch: Option<usize>,
}

#[derive(Default)]
struct State {
    ids: Vec<String>,
    seen: HashSet<String>,
    fail_after: Option<usize>,
}

impl State {
    fn take(&mut self, request: &Request) -> Reply {
        if !request.line.starts_with("POST ") {
            return answer(405, "", "");
        }
        let ids = request.ids();
        if let Some(left) = &mut self.fail_after {
            if ids.len() > *left {
                self.fail_after = None;
                return answer(503, "", "not now");
            }
            *left -= ids.len();
        }
        let seen = &mut self.seen;
        self.ids.extend(ids.into_iter().filter(|id| seen.insert(id.clone())));
        answer(202, "", "thanks")
    }
}

impl Inbox {
    fn new(batch: Option<usize>) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let script = Arc::clone(&state);
        let script = Arc::new(move |request: &Request| script.lock().unwrap().take(request));
        Self { server: Server::start(script, None), state, batch }
    }
}

impl Receiver for Inbox {
    fn config(&self) -> Box<dyn SinkConfig> {
        let url = format!("http://{}/in?key={QUERY}", self.server.address);
        let mut keys = json!({ "url": url, "headers": { "X-Key": "t0ken-in-a-header" } });
        if let Some(batch) = self.batch {
            keys["batch"] = Value::from(batch);
        }
        Box::new(read(&keys))
    }

    fn received(&self) -> Vec<String> {
        self.state.lock().unwrap().ids.clone()
    }

    fn fail_after(&self, events: usize) {
        self.state.lock().unwrap().fail_after = Some(events);
    }

    fn secrets(&self) -> Vec<String> {
        vec![QUERY.to_owned(), "t0ken-in-a-header".to_owned()]
    }
}

#[tokio::test]
async fn single_events_keep_the_promises_of_a_sink() {
    run(|| Inbox::new(None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_keep_the_promises_of_a_sink() {
    run(|| Inbox::new(Some(4))).await;
}

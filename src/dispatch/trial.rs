//! Tries a sink with an event that says that it is one, and that is never in the log.
//!
//! It goes through an instance of its own: nothing that is queued moves, and the workers go on.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use seatwatch_sdk::{Data, Delivery, Event, EventKind, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::lane::in_time;
use super::settle::TOOK_NOTHING;
use crate::clock::uuid_v7;
use crate::config::SinkEntry;

/// How long each receiver may take.
const ONE_TRIAL: Duration = Duration::from_secs(30);

/// What came of trying one lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The lane's name.
    pub lane: String,
    /// Why the receiver did not take the event, if it did not.
    pub failure: Option<String>,
}

/// Sends a trial to every lane of a sink, all at the same time.
pub async fn trial(entry: &SinkEntry, instance: &str, now: DateTime<Utc>) -> Vec<Tried> {
    let event = event(entry, instance, now);
    let lanes = entry.config.lanes().into_iter().map(|lane| {
        let event = event.clone();
        async move {
            let mut sink = entry.config.build(&lane);
            let deadline = Instant::now() + ONE_TRIAL;
            let id = uuid_v7(now).to_string();
            let delivery = Delivery { id: &id, attempt: 1, deadline, events: &[event] };
            let failure = match in_time(sink.as_mut(), &delivery).await {
                Outcome::Accepted
                | Outcome::Prefix { accepted: 1.. }
                | Outcome::Partial { accepted: 1.., .. } => None,
                Outcome::Prefix { .. } => Some(TOOK_NOTHING.to_owned()),
                Outcome::Refused { reason } => Some(reason),
                Outcome::Partial { then, .. } => Some(then.reason().to_owned()),
            };
            Tried { lane, failure }
        }
    });
    join_all(lanes).await
}

fn event(entry: &SinkEntry, instance: &str, now: DateTime<Utc>) -> Event {
    let sync = uuid_v7(now);
    let message = format!("a trial of the sink `{}`: nothing has changed", entry.name);
    let details = json!({ "sink": entry.name, "message": message });
    Event {
        id: format!("{sync}-0000"),
        source: format!("/seatwatch/{instance}"),
        subject: None,
        time: now,
        sequence: 0,
        correlationid: sync.to_string(),
        data: Data { details: Some(details), ..Data::of_instance(EventKind::Test) },
    }
}

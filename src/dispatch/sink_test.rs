//! Tests a sink with an event that says that it is a test, and that is never in the log.
//!
//! Nothing that is queued moves. Where a worker serves the sink, the event goes out between two of
//! its deliveries, so that a receiver never sees two of us.

use std::time::Instant;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use seatwatch_sdk::{Data, Delivery, Event, EventKind, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ONE_DELIVERY;
use super::answer::{self, Rest};
use super::lane::in_time;
use crate::clock::uuid_v7;
use crate::config::SinkEntry;

/// What came of the test of one lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tested {
    /// The lane's name.
    pub lane: String,
    /// Why the receiver did not take the event, if it did not.
    pub failure: Option<String>,
}

/// Sends a test event to every lane of a sink that no worker serves, all at the same time. Touches
/// nothing that is queued.
pub async fn test_sink(entry: &SinkEntry, instance: &str, now: DateTime<Utc>) -> Vec<Tested> {
    let event = test_event(entry, instance, now);
    let lanes = entry.config.lanes().into_iter().map(|lane| {
        let event = event.clone();
        async move {
            let mut sink = entry.config.build(&lane);
            let id = uuid_v7(now).to_string();
            let deadline = Instant::now() + ONE_DELIVERY;
            let delivery = Delivery { id: &id, attempt: 1, deadline, events: &[event] };
            let outcome = in_time(sink.as_mut(), &delivery).await;
            sink.close().await;
            Tested::of(lane, outcome)
        }
    });
    join_all(lanes).await
}

impl Tested {
    /// What came of the one event that a receiver was offered.
    pub(super) fn of(lane: String, outcome: Outcome) -> Self {
        let answer = answer::read(outcome, 1);
        let failure = match answer.rest {
            _ if answer.taken == 1 => None,
            None | Some(Rest::Unseen) => None,
            Some(Rest::Refused(reason)) => Some(reason),
            Some(Rest::Failed(then)) => Some(then.reason().to_owned()),
        };
        Self { lane, failure }
    }
}

/// The event that says that it is a test, and that nothing has changed.
pub(super) fn test_event(entry: &SinkEntry, instance: &str, now: DateTime<Utc>) -> Event {
    let sync = uuid_v7(now);
    let message = format!("a test of the sink `{}`: nothing has changed", entry.name);
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

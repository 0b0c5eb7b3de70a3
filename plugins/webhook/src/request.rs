//! One request: the first events of a delivery, in the form that the receiver is asked to take.
//!
//! The form is that of the HTTP binding of CloudEvents 1.0, structured or batched:
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use seatwatch_sdk::{Delivery, Event};

use crate::sign::{Key, signatures};

/// What is posted, less the headers that every request has.
#[derive(Debug)]
pub(crate) struct Payload {
    id: String,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Payload {
    /// An event by itself, under its own id.
    pub(crate) fn single(event: &Event) -> Self {
        let body = serde_json::to_vec(event).expect("an event is always JSON");
        let content_type = "application/cloudevents+json";
        Self { id: event.id.clone(), content_type, body }
    }

    /// The first `count` events as an array, under the delivery's id.
    ///
    /// A part of a delivery has an id of its own. Else a receiver that remembers ids would take
    /// the whole delivery, when it comes again, for the part that it has, and the rest were lost.
    pub(crate) fn batch(delivery: &Delivery<'_>, count: usize) -> Self {
        let events = &delivery.events[..count];
        let body = serde_json::to_vec(events).expect("events are always JSON");
        let is_whole = count == delivery.events.len();
        let id = if is_whole {
            delivery.id.to_owned()
        } else {
            format!("{}-first-{count}", delivery.id)
        };
        Self { id, content_type: "application/cloudevents-batch+json", body }
    }

    /// Its headers and its body, signed as of `timestamp`, in seconds since 1970.
    pub(crate) fn sign(self, keys: &[Key], timestamp: u64) -> (HeaderMap, Vec<u8>) {
        let signature = signatures(keys, &self.id, timestamp, &self.body);
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static(self.content_type)),
            (HeaderName::from_static("webhook-id"), header(&self.id)),
            (HeaderName::from_static("webhook-timestamp"), timestamp.into()),
        ]);
        if let Some(signature) = signature {
            headers.insert("webhook-signature", header(&signature));
        }
        (headers, self.body)
    }
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids and signatures are ASCII")
}

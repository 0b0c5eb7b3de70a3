//! The built-in sink `webhook`: events posted over HTTP as CloudEvents, signed after Standard
//! Webhooks.
//!
//! A delivery is one straight pass, and ends with the first request that was accepted:
//!
//! ```text
//! read secrets, certificates ─► head of the events ─► sign ─► POST ─► judge the answer
//!                                      ▲                                    │
//!                                      └── half as many, if it was refused ─┘
//! ```
//!
//! So a receiver that refuses a batch because of its size, or because of one event in it, gets
//! smaller ones until it takes one or until the event stands alone; only that one is rejected.
//! Whatever else goes wrong is told in words. Knows no retries and no other sink.

mod address;
mod answer;
mod client;
mod config;
mod headers;
mod material;
mod off_limits;
mod proxy;
mod request;
mod sign;
mod sink;
mod trouble;
mod value;

pub use address::Address;
pub use config::WebhookConfig;
pub use headers::Headers;
pub use proxy::ProxyAddress;
pub use sink::WebhookSink;
pub use value::{BatchSize, Timeout};

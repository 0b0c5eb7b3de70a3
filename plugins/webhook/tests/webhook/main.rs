//! The webhook sink against receivers on loopback: a module per story.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may fail like tests")]

mod answers;
mod batch;
mod closed_port;
mod config;
mod conformance;
mod connection;
mod proxy;
mod request;
mod rotation;
mod server;
mod speed;
mod tls;
mod world;

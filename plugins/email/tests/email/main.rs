//! The email sink against a mail server on loopback: a module per story.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may fail like tests")]

mod conformance;
mod server;
mod world;

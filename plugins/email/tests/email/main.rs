//! The email sink against a mail server on loopback: a module per story.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may fail like tests")]

mod closed_port;
mod config;
mod conformance;
mod connection;
mod endless;
mod failures;
mod hostile;
mod login;
mod mails;
mod samples;
mod server;
mod templates;
mod tls;
mod world;

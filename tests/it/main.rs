//! The program seen from outside: one binary, a module per story.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api_faults;
mod canned;
mod client;
mod commands;
mod config;
mod file_sink;
mod health;
mod hold;
mod seats;
mod secrets;
mod simulator;
mod store;
mod story;
mod world;

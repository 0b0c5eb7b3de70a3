//! The program seen from outside: one binary, a module per story.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api_faults;
mod at;
mod canned;
mod client;
mod closed_port;
mod commands;
mod config;
mod crash;
mod daemon;
mod demo;
mod discover;
mod file_sink;
mod health;
mod history;
mod hold;
mod house;
mod http;
mod interrupt;
mod large;
mod ledger;
mod metrics;
mod plugins;
mod preflight;
mod receivers;
mod report;
mod review;
mod seats;
mod secrets;
mod simulator;
mod store;
mod story;
mod tls;
mod truth;
mod upkeep;
mod usage;
mod world;
mod year;

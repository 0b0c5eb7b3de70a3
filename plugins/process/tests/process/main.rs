//! The process sink with real programs: a module per story.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may fail like tests")]

mod answers;
mod config;
mod conformance;
mod crash;
mod ends;
mod plugins;
mod protocol;
mod trial;
mod world;

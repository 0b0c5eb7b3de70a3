//! The file sink on real files: a module per story.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may fail like tests")]

mod conformance;
mod end;
mod full;
mod law;
mod place;
mod rotation;
mod speed;
mod world;

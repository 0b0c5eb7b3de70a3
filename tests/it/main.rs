//! The whole-program tests: one binary, a module per story.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod simulator;

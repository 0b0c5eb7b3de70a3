//! The program seen from outside: one binary, a module per story.

#![expect(clippy::unwrap_used, reason = "helpers of tests, too, stop at what cannot go on")]

mod config;

//! The whole-program tests: one binary, a module per story.

mod simulator;

//! seatwatch reads the member rosters of Codecov organizations, remembers them, and tells
//! people and machines what changed.
//!
//! ```text
//! fetch ─► diff ─► guard ─► commit ═ log ═ dispatch ─► sink
//! codecov   pure    pure    one transaction  cursors   plugins/
//! ```
//!
//! The arrows are plain calls, and they go one way. The log in SQLite divides them: left of it a
//! sync ends in one transaction, right of it a delivery begins from rows. So a dead receiver
//! never delays a sync, and a dead Codecov never delays a delivery.
//!
//! # Who may know whom
//!
//! A part knows others on the lines below its own, and nobody on its own line or above it (`config`
//! and `sinks` are one: what a sink's keys are, only the sink knows). A test holds them to it.
//!
//! ```text
//! cli
//! daemon preflight
//! control http
//! upkeep evidence pages
//! exit dispatch discover standing tables
//! people servers sync metrics
//! schedule
//! config+sinks coverage dormant words
//! store codecov simulator identity chart logging
//! chain clock organization roster rows templates text
//! ```

/// A named point where a test can make the program die, as if the power had failed. It is
/// nothing unless the program is built for its tests.
macro_rules! crash_point {
    ($name:literal) => {
        fail::fail_point!($name, |_| std::process::abort())
    };
}

mod chain;
pub mod chart;
pub mod cli;
pub mod clock;
pub mod codecov;
pub mod config;
pub mod control;
pub mod coverage;
pub mod daemon;
pub mod discover;
pub mod dispatch;
pub mod dormant;
pub mod evidence;
pub mod exit;
pub mod http;
pub mod identity;
pub mod logging;
pub mod metrics;
pub mod organization;
pub mod pages;
pub mod people;
pub mod preflight;
pub mod roster;
mod rows;
pub mod schedule;
pub mod servers;
pub mod simulator;
pub mod sinks;
pub mod standing;
pub mod store;
pub mod sync;
mod tables;
mod templates;
mod text;
pub mod upkeep;
mod words;

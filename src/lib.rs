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

pub mod cli;
pub mod clock;
pub mod organization;
pub mod roster;
pub mod simulator;

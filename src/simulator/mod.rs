//! A stand-in for Codecov's user API: the same answers, from a world that can be edited.
//!
//! `CODECOV_API.md` says how the real server answers; a test replays every recorded answer
//! against this one, byte for byte. On top of that come what a recording cannot hold: people who
//! come and go between two pages, or between the count and the rows of one page, and the faults
//! of a bad day.
//!
//! ```text
//! Simulator ─► request ─► api ─► World           the honest answer
//!  sockets                 └─ hooks, churn       a world that changes meanwhile
//!      └──────► faults ─► bend                   what becomes of the answer on the way
//! ```
//!
//! It never knows the client, the store or the sinks: whatever they assume about Codecov has to
//! be true of these answers too.

mod answer;
mod api;
mod bend;
mod change;
mod churn;
mod door;
mod faults;
mod listing;
mod paging;
mod people;
mod request;
mod script;
mod seat_patch;
mod server;
mod world;

pub use change::{Action, Change, ChangeError};
pub use churn::Churn;
pub use faults::{Fault, RetryAfter, Route, When, WrongDate};
pub use listing::Row;
pub use script::Script;
pub use server::{LoggedRequest, Moment, Options, Recorded, Simulator};
pub use world::{GitHost, OwnerId, Person, World};

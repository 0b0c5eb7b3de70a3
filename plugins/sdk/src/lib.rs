//! What a sink sees of seatwatch: [`Event`], [`Delivery`], [`Outcome`] and the [`Sink`] trait.
//!
//! A sink is one crate on this one alone. It never learns about the store, Codecov, the
//! scheduler or other sinks; retries, backoff, dead letters, metrics and logging belong to the
//! dispatcher, for every sink alike.

#[cfg(feature = "conformance")]
pub mod conformance;
mod event;
mod sink;
mod text;

pub use async_trait::async_trait;
pub use event::{
    Data, Event, EventKind, Member, Organization, Profile, Status, Totals, UnknownEvent, Unnamed,
};
pub use sink::{Delivery, Failure, Outcome, Sink, SinkConfig};
pub use text::{formula_safe, is_unseen};

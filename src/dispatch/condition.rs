//! Whether a lane delivers, in one of four words.
//!
//! Pure.

use super::LaneStatus;

/// How a lane goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Whatever comes is delivered.
    Delivering,
    /// The last attempt failed, and others follow.
    Failing,
    /// Nothing is tried until a person acts.
    Stopped,
    /// A person wants it to be left alone.
    Paused,
}

impl Condition {
    /// For machines, and in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivering => "ok",
            Self::Failing => "failing",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
        }
    }
}

impl LaneStatus {
    /// How it goes on: of several words, the one that a person has to act on first.
    pub fn condition(&self) -> Condition {
        match self {
            Self { paused: Some(_), .. } => Condition::Paused,
            Self { disabled: Some(_), .. } => Condition::Stopped,
            Self { failed: Some(_), .. } => Condition::Failing,
            _ => Condition::Delivering,
        }
    }
}

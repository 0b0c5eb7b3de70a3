//! Reads the rosters of organizations from Codecov's user API.
//!
//! A [`Server`] is one installation of Codecov, a [`Session`] all requests of one sync of one
//! organization, and [`Owners`] those for which organizations there are. What the API really
//! answers, and why nothing of it is believed at first sight, stands in `docs/CODECOV_API.md`; its
//! field names exist in this module only.
//!
//! What holds:
//!
//! - Only GET is ever sent, because the token that reads a roster could change it too.
//! - Page numbers are our own: neither `next` nor a redirect is followed, for the token would go
//!   along.
//! - A [`Complete`] roster comes only from a walk whose pages fit together.
//! - No error, log line or `Debug` output holds the token or anybody's personal data.
//!
//! Knows neither the store nor the config file, and decides nothing about what a roster means.

mod answer;
mod asker;
mod complete;
mod error;
mod list;
mod log_ins;
mod owners;
mod quote;
mod repeat;
mod request;
mod retry;
mod route;
mod sent;
mod server;
mod session;
mod shape;
mod skew;
mod walk;
mod wire;

pub use self::complete::{Complete, Digest};
pub use self::error::{Error, Reason, UnknownReason};
pub use self::log_ins::{SessionRow, Sessions};
pub use self::owners::{Owner, Owners};
pub use self::retry::Policy;
pub use self::route::can_be_looked_up;
pub use self::server::{Authorities, Observer, Server, Settings, is_loopback};
pub use self::session::{AdminProof, Progress, Session};
pub use self::walk::{LastRead, Reading};

//! The HTTP endpoints of the daemon: its pages, `/metrics`, `/-/healthy`, `/-/ready`.
//!
//! They only read, and a client can neither hold up the daemon nor another client: a connection
//! carries one request, and all that it takes has a limit. Who calls the server by a name that is
//! not its own is sent away, so that no web page can read it through a visitor's browser. Where a
//! web configuration says so, TLS is spoken, and users have passwords ([`Protection`]).
//!
//! Knows of the daemon only what [`Daemon`] says.

mod certificate;
mod clients;
mod hosts;
mod listening;
mod places;
mod protection;
mod routes;
mod server;
mod users;

use std::error::Error;
use std::sync::Arc;

pub(crate) use self::listening::{cannot_listen, is_taken};
pub use self::protection::{Protection, ProtectionError};
pub use self::server::{Limits, serve};
use crate::pages::{Asked, Page};

/// What the endpoints tell of the daemon.
pub trait Daemon: Send + Sync + 'static {
    /// Whether its loops are alive; if not, what is wrong. Does not block.
    ///
    /// # Errors
    ///
    /// A sentence for people.
    fn healthy(&self) -> Result<(), String>;

    /// Whether it has started and is not about to stop. Does not block.
    fn ready(&self) -> bool;

    /// All series, in the format of [`CONTENT_TYPE`](crate::metrics::CONTENT_TYPE). May block.
    ///
    /// # Errors
    ///
    /// They cannot be told now. Why is for the log, not for clients.
    fn metrics(&self) -> Result<String, Box<dyn Error + Send + Sync>>;

    /// Whether there are pages; if not, why. Does not block.
    ///
    /// # Errors
    ///
    /// Lines for people, with what to do.
    fn has_pages(&self) -> Result<(), String>;

    /// A page. May block.
    ///
    /// # Errors
    ///
    /// It cannot be made now. Why is for the log, not for clients.
    fn page(&self, asked: &Asked) -> Result<Page, Box<dyn Error + Send + Sync>>;

    /// The names in `http.hosts`, as they are now: a reload may change them.
    fn hosts(&self) -> Arc<[String]>;
}

//! What a sink sees of seatwatch: [`Event`], [`Delivery`], [`Outcome`] and the [`Sink`] trait.
//!
//! A sink is one crate on this one alone. It never learns about the store, Codecov, the
//! scheduler or other sinks; retries, backoff, dead letters, metrics and logging belong to the
//! dispatcher, for every sink alike.
//!
//! What sinks would otherwise each have for themselves stands here as well: reading files, quoting
//! what a stranger says, rows of a table and, with the feature `tls`, whose certificates
//! are trusted and why one is not. The client of Codecov's API takes that from here, too.

#[cfg(feature = "tls")]
mod authorities;
#[cfg(feature = "tls")]
mod certificate;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod event;
mod file;
mod members;
mod path;
mod quote;
mod retry_after;
#[cfg(feature = "samples")]
pub mod samples;
mod secret;
mod sink;
mod table;
mod text;
mod written;

pub use async_trait::async_trait;
#[cfg(feature = "tls")]
pub use authorities::with_bundled_authorities;
#[cfg(feature = "tls")]
pub use certificate::{CertificateKeys, Untrusted};
pub use config::{BuiltIn, Origin, Problem, SinkConfig};
pub use event::{
    Data, Event, EventKind, Member, Organization, Profile, Status, Totals, UnknownEvent, Unnamed,
};
pub use file::{FileError, open_at_once, read_certificates, read_file};
pub use members::whole_members;
pub use path::FilePath;
pub use quote::quote;
pub use retry_after::retry_after;
pub use secret::{Secret, SecretError, SecretSource};
pub use sink::{Delivery, Failure, LONGEST_CHECK, Outcome, Sink};
pub use table::{TABLE_COLUMNS, write_table_header, write_table_row};
pub use text::{formula_safe, io_reason, is_unseen, shown};
pub use written::{AS_WRITTEN, read_as_written, read_text};

/// The page about writing a sink, whose example is compiled and run.
#[cfg(all(doctest, feature = "conformance"))]
#[doc = include_str!("../../../docs/writing-a-sink.md")]
pub struct WritingASink;

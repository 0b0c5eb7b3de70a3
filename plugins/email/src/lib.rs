//! The built-in sink `email`: one mail a delivery, to one mailbox a lane.
//!
//! A mail is made and sent in three steps, and nothing is remembered between two deliveries but a
//! connection that is closed soon:
//!
//! ```text
//! events ─► story: what happened, in words ─► templates ─► mail ─► smtp
//! ```
//!
//! Whether a mailbox has got a mail is known to its server alone, and its answer can be lost. So
//! the repeat of a delivery carries the same `Message-ID`, and whoever drops repeats can.
//!
//! Knows no retries and no other lane: a mailbox that is refused keeps no other one waiting.

mod config;
mod mail;
mod sink;
mod smtp;
mod story;
mod template;

pub use config::{EmailConfig, Host, Mailbox, Port, ServerConfig, Templates, Tls, Username};
pub use sink::EmailSink;

//! The built-in sink `file`: events appended to a file, one a line, each of them once.
//!
//! A delivery is one straight pass over the file, and nothing is remembered between two:
//!
//! ```text
//! open ─► lock ─► look at the end, cut half a line ─► append what is missing ─► fsync
//! ```
//!
//! The file itself is the only memory. So log rotation, a crash at any byte, a repeat and a
//! deadline in mid-write are no cases of their own: the next pass finds what is there and adds
//! what is not. Knows no retries and no other sink, and never touches what it has not written.

mod append;
mod batch;
mod check;
mod config;
mod format;
mod lock;
mod place;
mod sink;
mod tail;

pub use config::{FileConfig, Format};
pub use sink::FileSink;

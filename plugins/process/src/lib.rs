//! The built-in sink `process`: any program as a sink, and the host of external plugins.
//!
//! A program is started when it is first needed, greeted, and then asked one thing at a time, a
//! JSON object a line:
//!
//! ```text
//! sink ─► session ─► process ─► guard ─► the program
//! cuts,   hello,     pipes,     ends it and all that it forked,
//! judges  asks       threads    also when the daemon is gone
//! ```
//!
//! What has a deadline is async; what must go on while the runtime shuts down is a thread; what
//! must go on after a crash of ours is a process. Knows no store and no other sink, and runs
//! nothing through a shell.

mod config;
pub mod discover;
mod environment;
mod external;
pub mod guard;
mod heard;
mod life;
mod lines;
mod piece;
mod plugin;
mod process;
pub mod protocol;
mod session;
mod settings;
mod sink;
pub mod testing;
mod trust;
mod verdict;

pub use config::{Argv, ProcessConfig};
pub use environment::Environment;
pub use external::{ExternalConfig, ExternalSettings};
pub use guard::set_guard;
pub use life::all_ended;
pub use settings::Settings;
pub use sink::ProcessSink;
pub use trust::Distrust;

//! The daemon, run as a process and spoken to as systemd, a shell and an operator would.

mod asking;
mod delivering;
mod editing;
mod ending;
mod logging;
mod process;
mod reloading;
mod supervised;
mod watching;

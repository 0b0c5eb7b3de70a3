//! The daemon, run as a process and spoken to as systemd, a shell and an operator would.

mod asking;
mod by_hand;
mod checking;
mod day;
mod delivering;
mod discovering;
mod editing;
mod ending;
mod full;
mod logging;
mod ordering;
mod pages;
mod process;
mod protecting;
mod receiving;
mod reloading;
mod supervised;
mod unit;
mod waiting;
mod watching;

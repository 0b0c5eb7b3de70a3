//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Crash points come from the environment; without its tests the program has none.
    let _scenario = fail::FailScenario::setup();
    seatwatch::cli::run(std::env::args_os()).into()
}

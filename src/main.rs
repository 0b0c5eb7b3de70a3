//! Arguments in, exit code out.

use std::process::ExitCode;

use seatwatch::exit::Exit;

fn main() -> ExitCode {
    if let Some(code) = seatwatch::sinks::guard(std::env::args_os()) {
        return code;
    }
    // Crash points come from the environment; without its tests the program has none.
    let _scenario = fail::FailScenario::setup();
    // The panic hook has said what happened; the exit code says whose fault it is.
    std::panic::catch_unwind(|| seatwatch::cli::run(std::env::args_os()))
        .unwrap_or(Exit::Internal)
        .into()
}

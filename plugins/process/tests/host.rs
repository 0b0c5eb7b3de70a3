//! For the tests of this crate: the guard to start plugins with, and a daemon that can be killed.
//!
//! `guard -- PROGRAM …` is the guard. `host CONFIG` starts the plugin of that configuration (JSON)
//! and says `ready`; at the end of its standard input it drops the sink and ends at once. `patient
//! CONFIG` waits for the plugin then, and `unguarded CONFIG` does that without a guard.

use std::env::{args_os, current_exe};
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use seatwatch_process::{ProcessConfig, all_ended, guard, set_guard};
use seatwatch_sdk::{Origin, SinkConfig as _};

fn main() -> ExitCode {
    let mut arguments = args_os().skip(1);
    let mode = arguments.next().expect("a mode");
    if mode == "guard" {
        return guard::run(arguments);
    }
    if mode != "unguarded" {
        set_guard(vec![current_exe().expect("we have a file").into(), "guard".into()]);
    }
    let config = arguments.next().expect("a configuration");
    host(&config.to_string_lossy(), mode != "host");
    ExitCode::SUCCESS
}

#[tokio::main]
async fn host(config: &str, is_patient: bool) {
    let mut config: ProcessConfig = serde_json::from_str(config).expect("a configuration");
    config.resolve(&Origin::default());
    let mut sink = config.build("main");
    sink.check().await.expect("the plugin is well");
    std::io::stdout().write_all(b"ready\n").expect("somebody reads");
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).expect("it is a pipe");
    drop(sink);
    if is_patient {
        all_ended().await;
    }
}

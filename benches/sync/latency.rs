//! From the server's last byte to the line in the file.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::measure;
use crate::pages::{Edition, Scale};
use crate::program::Instance;
use crate::server::Server;

/// Syncs a changed roster, and looks for the first new line meanwhile.
///
/// The server's clock stops a little early, when the last answer is handed to its socket; the
/// reader's stops a little late, for it looks every 100 µs.
pub(crate) fn probe(scale: Scale, rounds: usize) -> String {
    let server = Server::start(scale);
    let mut all = Vec::new();
    for _ in 0..rounds {
        let directory = measure::directory();
        let instance = Instance::new(directory.path(), scale);
        let sync = |edition| {
            let command = instance.sync(&server.base_url(edition));
            let mut program = Command::new(&command[0]);
            program.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null());
            program.spawn().unwrap()
        };
        assert!(sync(Edition::Before).wait().unwrap().success());
        let length = || fs::metadata(instance.events()).unwrap().len();
        let before = length();
        server.take_counts();
        let mut program = sync(Edition::After);
        while length() == before && program.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(100));
        }
        let seen_nanos = measure::now_nanos();
        assert!(program.wait().unwrap().success());
        assert!(length() > before, "nothing was told");
        all.push(seen_nanos.saturating_sub(server.take_counts().last_nanos) / 1_000);
    }
    all.sort_unstable();
    let micros = all[all.len() / 2];
    let Scale { members, .. } = scale;
    format!(
        "{members} members, from the server's last byte to the line in the file: {}.{} ms (target: below 100)",
        micros / 1_000,
        micros % 1_000 / 100
    )
}

//! A directory with the sink's file in it: the only part of the tests that knows the API.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use seatwatch_file::{FileConfig, Format};
use seatwatch_sdk::{Delivery, Event, Failure, Outcome, Sink, SinkConfig as _};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct World {
    directory: TempDir,
    sink: Box<dyn Sink>,
    pub(crate) config: FileConfig,
}

impl World {
    pub(crate) fn new(format: Format) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        Self::at(directory, path, format)
    }

    /// A world whose sink is pointed at `path`, which may be anywhere.
    pub(crate) fn at(directory: TempDir, path: PathBuf, format: Format) -> Self {
        let config = FileConfig { path: path.into(), format };
        Self { directory, sink: config.build("main"), config }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.config.path
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Forgets all that the process knew.
    pub(crate) fn restart(&mut self) {
        self.sink = self.config.build("main");
    }

    pub(crate) async fn deliver(&mut self, events: &[Event], attempt: u32) -> Outcome {
        let deadline = Instant::now() + Duration::from_secs(30);
        self.sink.deliver(&Delivery { id: "d", attempt, deadline, events }).await
    }

    pub(crate) async fn accepts(&mut self, events: &[Event]) {
        assert_eq!(self.deliver(events, 1).await, Outcome::Accepted);
    }

    /// The reason for which the first event is not accepted now.
    pub(crate) async fn refuses(&mut self, events: &[Event]) -> String {
        match self.deliver(events, 1).await {
            Outcome::Partial { accepted: 0, then: Failure::Retry { reason, after: None } } => {
                self.shortened(&reason)
            }
            outcome => panic!("{outcome:?}"),
        }
    }

    /// What `check` has to say; nothing if all is well.
    pub(crate) async fn check(&mut self) -> String {
        let checked = self.sink.check().await;
        checked.map_or_else(|failure| self.shortened(failure.reason()), |()| String::new())
    }

    fn shortened(&self, reason: &str) -> String {
        reason.replace(self.directory().to_str().unwrap(), "[DIR]")
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    /// The ids of the events in the file. Every line must be an event.
    pub(crate) fn ids(&self) -> Vec<String> {
        ids_in(self.path(), self.config.format)
    }

    /// Writes as somebody else.
    pub(crate) fn append(&self, bytes: &[u8]) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path()).unwrap();
        file.write_all(bytes).unwrap();
    }

    pub(crate) fn length(&self) -> u64 {
        fs::metadata(self.path()).map_or(0, |metadata| metadata.len())
    }

    /// Loses the end of the file, as a crash can.
    pub(crate) fn truncate(&self, length: u64) {
        File::options().write(true).open(self.path()).unwrap().set_len(length).unwrap();
    }
}

pub(crate) fn ids_in(path: &Path, format: Format) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "half a line at the end: {text}");
    match format {
        Format::Ndjson => {
            let event = |line| serde_json::from_str::<Value>(line).unwrap();
            text.lines().map(|line| event(line)["id"].as_str().unwrap().to_owned()).collect()
        }
        Format::Csv => {
            let mut table = csv::Reader::from_reader(text.as_bytes());
            let id = |headers: &csv::StringRecord| headers.iter().position(|it| it == "id");
            let id = table.headers().map(id).unwrap();
            table.records().map(|row| row.unwrap()[id.unwrap()].to_owned()).collect()
        }
    }
}

pub(crate) fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id.clone()).collect()
}

/// Runs the test of that name in a process of its own, after a line of shell or as another user,
/// for what must not be done to the process that runs all tests.
///
/// True in that process; false in the outer one, once the inner one has passed.
pub(crate) fn in_a_process(test: &str, prepare: &str, user: Option<u32>) -> bool {
    use std::os::unix::process::CommandExt as _;

    const INNER: &str = "SEATWATCH_FILE_TEST_INNER";
    if std::env::var_os(INNER).is_some() {
        return true;
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{prepare}; exec \"$0\" \"$@\"")]);
    shell.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    if let Some(user) = user {
        shell.uid(user).gid(user);
    }
    let output = shell.env(INNER, "1").output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
    false
}

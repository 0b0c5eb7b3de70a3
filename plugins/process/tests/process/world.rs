//! A directory, a plugin and its sink: the only part of the tests that knows the API.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, Once};
use std::time::{Duration, Instant};

use seatwatch_process::{ProcessConfig, set_guard};
use seatwatch_sdk::samples::events;
use seatwatch_sdk::{Delivery, Failure, Origin, Outcome, Sink, SinkConfig as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

pub(crate) const HOST: &str = env!("CARGO_BIN_EXE_seatwatch-process-test-host");

pub(crate) fn plugin(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/plugins").join(name)
}

pub(crate) struct World {
    directory: TempDir,
    pub(crate) config: ProcessConfig,
    sink: Box<dyn Sink>,
    /// The name of the sink, by which its log lines are told from those of others.
    name: String,
}

impl World {
    /// With the plugin that misbehaves in that way.
    pub(crate) fn bad(mode: &str) -> Self {
        Self::of(|directory| {
            json!({
                "command": ["python3", plugin("bad.py"), mode],
                "env": {"WORLD": directory},
            })
        })
    }

    /// With the well-behaved plugin.
    pub(crate) fn good() -> Self {
        Self::of(|directory| {
            json!({
                "command": [plugin("good.py"), "--token=t0ken"],
                "env": {"PASSWORD": "pa55word"},
                "config": {"path": directory.join("events"), "url": "https://t0ken@example.com"},
            })
        })
    }

    pub(crate) fn of(config: impl FnOnce(&Path) -> Value) -> Self {
        prepare();
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path()).to_string();
        let mut config: ProcessConfig = serde_json::from_str(&config).unwrap();
        let name = directory.path().file_name().unwrap().to_str().unwrap().to_owned();
        let origin = Origin { directory: directory.path(), sink: &name, ..Origin::default() };
        config.resolve(&origin);
        let sink = config.build("main");
        Self { directory, config, sink, name }
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Delivers that many samples, with all the time that is needed.
    pub(crate) async fn deliver(&mut self, count: usize) -> Outcome {
        self.deliver_within(count, 1, Duration::from_secs(30)).await
    }

    pub(crate) async fn deliver_within(
        &mut self,
        count: usize,
        attempt: u32,
        time: Duration,
    ) -> Outcome {
        self.deliver_events(&events(count), attempt, time).await
    }

    pub(crate) async fn deliver_events(
        &mut self,
        events: &[seatwatch_sdk::Event],
        attempt: u32,
        time: Duration,
    ) -> Outcome {
        let deadline = Instant::now() + time;
        self.sink.deliver(&Delivery { id: "d", attempt, deadline, events }).await
    }

    /// What becomes of a delivery of three events, as a text.
    pub(crate) async fn delivered(&mut self) -> String {
        let outcome = self.deliver(3).await;
        self.text(&outcome)
    }

    pub(crate) async fn check(&mut self) -> Result<(), Failure> {
        self.sink.check().await
    }

    /// An outcome in short.
    pub(crate) fn text(&self, outcome: &Outcome) -> String {
        let Outcome::Partial { accepted, then } = outcome else { return format!("{outcome:?}") };
        let word = match then {
            Failure::Retry { after: None, .. } => "retry".to_owned(),
            Failure::Retry { after: Some(after), .. } => format!("retry after {after:?}"),
            Failure::Reject { .. } => "reject".to_owned(),
            Failure::Disable { .. } => "disable".to_owned(),
        };
        let reason = then.reason().replace(self.directory().to_str().unwrap(), "[DIR]");
        format!("{accepted} accepted, {word}: {reason}")
    }

    /// Takes the sink away, as a reload or the end of the daemon does.
    pub(crate) fn drop_sink(&mut self) {
        self.sink = self.config.build("main");
    }

    /// Closes the sink, as a reload does before it starts another one.
    pub(crate) async fn close(&mut self) {
        self.sink.close().await;
    }

    /// The lines of a file that the plugin writes.
    pub(crate) fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.directory().join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// All processes that the plugin is or has started.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.lines("pids").iter().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Waits until none of the plugin's processes is there any more.
    pub(crate) async fn all_gone(&self) {
        until("all processes are gone", || self.pids().iter().all(|pid| is_gone(*pid))).await;
    }

    /// What was logged of the plugin.
    pub(crate) fn logged(&self) -> Vec<String> {
        LOG.lock().unwrap().get(&self.name).cloned().unwrap_or_default()
    }
}

/// Nothing of a test stays, also where it fails.
impl Drop for World {
    fn drop(&mut self) {
        for pid in self.pids() {
            if is_plugin(pid) {
                let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
                let _gone = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
            }
        }
    }
}

/// Whether the number is still that of one of our programs, and not somebody else's by now.
fn is_plugin(pid: u32) -> bool {
    let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.contains("bad.py") || command.contains("SIG_IGN")
}

/// Whether a process has ended; one that nobody has waited for yet counts as ended.
pub(crate) fn is_gone(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    status.map_or(true, |status| status.contains("State:\tZ"))
}

/// Who has started a process; of a plugin, its guard.
pub(crate) fn parent(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    parent.trim().parse().unwrap()
}

/// Whether somebody has waited for a process that ended, so that its end is known.
pub(crate) fn is_reaped(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < give_up, "it does not come to this: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Log lines by sink.
static LOG: LazyLock<Mutex<HashMap<String, Vec<String>>>> = LazyLock::new(Mutex::default);

struct Recorder;

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        LOG.lock().unwrap().entry(line.sink).or_default().push(line.text);
    }
}

#[derive(Default)]
struct Line {
    sink: String,
    text: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "sink" => self.sink = format!("{value:?}"),
            "message" => self.text.insert_str(0, &format!("{value:?}")),
            name => write!(self.text, " {name}={value:?}").unwrap(),
        }
    }
}

pub(crate) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_guard(vec![HOST.into(), "guard".into()]);
        let subscriber = tracing_subscriber::registry().with(Recorder);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

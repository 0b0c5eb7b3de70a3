//! The one helper that knows how to run the program: a made-up Codecov, a config, a state
//! directory and a file sink. The cases know only the domain.

#![allow(dead_code, reason = "for all stories; each uses a part")]

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;
use seatwatch::organization::OrganizationId;
use seatwatch::simulator::{self, Fault, OwnerId, Simulator, When};
use seatwatch_sdk::EventKind;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The organization that a story is about where it names none.
pub(crate) const ACME: &str = "github/acme";

/// The program, a Codecov that it reads, and a file that it writes.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    /// Runs the simulator; the program has a runtime of its own.
    pub(crate) runtime: Runtime,
    directory: TempDir,
    /// More lines for the top level of the config.
    top: String,
    /// More lines for `codecov`, each indented by two.
    codecov: String,
    /// More lines for the organization, each indented by four.
    organization: String,
    /// More lines for the file sink, each indented by four.
    sink: String,
    /// More organizations, as items of the list.
    organizations: String,
    /// More sinks, each indented by two.
    sinks: String,
    /// Where the server is, if not at the simulator.
    base_url: Option<String>,
    /// What must never be read in anything that the program writes.
    secrets: RefCell<Vec<String>>,
    environment: Vec<(String, String)>,
}

/// What one run of the program wrote, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// None where a signal ended it.
    pub(crate) code: Option<i32>,
}

impl Ran {
    /// All of it, as a person sees it: output, then errors, then the exit code unless it is 0.
    pub(crate) fn shown(&self) -> String {
        let code = match self.code {
            Some(0) => String::new(),
            Some(code) => format!("exit code {code}\n"),
            None => "killed\n".to_owned(),
        };
        format!("{}{}{code}", self.stdout, self.stderr)
    }

    /// The same run, which must have ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.shown());
        self
    }

    /// The rows of `--format json`.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Value> {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl World {
    /// `github/acme` with these members: `"ann* bob! cat"` are three, ann has a seat, bob is an
    /// admin. The token is the organization's own, which counts as an admin's.
    pub(crate) fn start(members: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut world = simulator::World::default();
        let acme = world.organization(&ACME.parse().unwrap());
        world.set_members(acme, members);
        let token = world.issue_token("admin", acme);
        let listen = "127.0.0.1:0".parse().unwrap();
        let simulator = runtime.block_on(Simulator::start(world, listen)).unwrap();
        let directory = TempDir::new().unwrap();
        let world = Self {
            simulator,
            runtime,
            directory,
            top: String::new(),
            codecov: String::new(),
            organization: String::new(),
            sink: String::new(),
            organizations: String::new(),
            sinks: String::new(),
            base_url: None,
            secrets: RefCell::default(),
            environment: Vec::new(),
        };
        world.write_token(&token);
        world
    }

    /// `github/acme` with so many made-up people.
    pub(crate) fn populated(members: usize) -> Self {
        let world = Self::start("");
        world.simulator.edit(|world| {
            let acme = world.organization(&acme());
            world.populate(acme, members);
        });
        world
    }

    /// Sets the members of `github/acme`, in the notation of [`start`](Self::start).
    pub(crate) fn members(&self, members: &str) -> &Self {
        self.simulator.edit(|world| {
            let acme = world.organization(&acme());
            world.set_members(acme, members);
        });
        self
    }

    /// Adds lines to the top level of the config.
    pub(crate) fn with_config(mut self, lines: &str) -> Self {
        self.top.push_str(lines);
        self.top.push('\n');
        self
    }

    /// Adds a `key: value` to `codecov`.
    pub(crate) fn with_codecov(mut self, line: &str) -> Self {
        writeln!(self.codecov, "  {line}").unwrap();
        self
    }

    /// Adds a `key: value` to the organization.
    pub(crate) fn with_organization(mut self, line: &str) -> Self {
        writeln!(self.organization, "    {line}").unwrap();
        self
    }

    /// Lets the file sink take every event, `updated` too.
    pub(crate) fn with_all_events(self) -> Self {
        let words: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
        self.with_sink(&format!("events: [{}]", words.join(", ")))
    }

    /// Adds a `key: value` to the file sink.
    pub(crate) fn with_sink(mut self, line: &str) -> Self {
        writeln!(self.sink, "    {line}").unwrap();
        self
    }

    /// Takes all lines of the organization away that were added so far, and adds one.
    pub(crate) fn reset_organization(&mut self, line: &str) {
        self.organization = format!("    {line}\n");
    }

    /// Takes all lines of the top level away that were added so far, and adds these.
    pub(crate) fn reset_config(&mut self, lines: &str) {
        self.top = format!("{lines}\n");
    }

    /// Takes all lines of the server away that were added so far, and adds one.
    pub(crate) fn reset_codecov(&mut self, line: &str) {
        self.codecov = format!("  {line}\n");
    }

    /// Adds another organization to the config.
    pub(crate) fn with_other(mut self, organization: &str) -> Self {
        writeln!(self.organizations, "  - {organization}").unwrap();
        self
    }

    /// Adds another sink, in one line: `name: { type: file, path: name }`.
    pub(crate) fn with_other_sink(mut self, line: &str) -> Self {
        writeln!(self.sinks, "  {line}").unwrap();
        self
    }

    /// Takes the other organizations out of the config.
    pub(crate) fn without_others(mut self) -> Self {
        self.organizations.clear();
        self
    }

    /// Takes the other sinks out of the config.
    pub(crate) fn without_other_sinks(mut self) -> Self {
        self.sinks.clear();
        self
    }

    /// Looks for the server elsewhere from now on.
    pub(crate) fn set_base_url(&mut self, base_url: &str) {
        self.base_url = Some(base_url.to_owned());
    }

    /// Looks for the server at the simulator again.
    pub(crate) fn reset_base_url(&mut self) {
        self.base_url = None;
    }

    /// Changes the world of the simulator; the organization is `github/acme`.
    pub(crate) fn edit<T>(&self, edit: impl FnOnce(&mut simulator::World, OwnerId) -> T) -> T {
        self.simulator.edit(|world| {
            let organization = world.organization(&acme());
            edit(world, organization)
        })
    }

    /// Lets something happen to every request from now on.
    pub(crate) fn fault(&self, fault: Fault) -> &Self {
        self.simulator.fault(When::always(), fault);
        self
    }

    /// Lets nothing happen to any request from now on.
    pub(crate) fn calm(&self) -> &Self {
        self.simulator.calm();
        self
    }

    /// The requests since this was last called, without what is the same in all of them.
    pub(crate) fn asked(&self) -> Vec<String> {
        let log = self.simulator.log();
        self.simulator.clear_log();
        let short = |target: &str| target.replace("/api/v2/", "").replace("github/acme/", "");
        log.iter().map(|request| short(&request.target)).collect()
    }

    /// The hold of `github/acme`, as `status` names it.
    #[track_caller]
    pub(crate) fn hold(&self) -> String {
        let rows = self.run(&["status", "--format", "json"]).ok().rows();
        rows[0]["hold"].as_str().unwrap_or_else(|| panic!("not held: {rows:?}")).to_owned()
    }

    /// Sets a variable for every run from now on.
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Puts a token where the config names it.
    pub(crate) fn write_token(&self, token: &str) {
        self.write_token_to("token", token);
    }

    /// Puts a token where the config of another organization names it: a name that ends so.
    pub(crate) fn write_token_to(&self, name: &str, token: &str) {
        assert!(name.ends_with("token"));
        let path = self.path(name);
        fs::write(&path, token).unwrap();
        if !token.trim().is_empty() {
            self.secrets.borrow_mut().push(token.trim().to_owned());
        }
        let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
        fs::set_permissions(path, mode).unwrap();
    }

    /// A path in the directory where config, state and events are.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.path("state")
    }

    /// The program with this text for a config.
    pub(crate) fn command_with(&self, config: &str, arguments: &[&str]) -> Command {
        let command = self.command(arguments);
        fs::write(self.path("seatwatch.yaml"), config).unwrap();
        command
    }

    /// Gives everything that is there to another user. Only root can.
    pub(crate) fn give_to(&self, user: u32) {
        give(self.directory.path(), user);
    }

    /// Runs `seatwatch sync`.
    pub(crate) fn sync(&self) -> Ran {
        self.run(&["sync"])
    }

    /// Runs the program with its config.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.ran(&mut self.command(arguments))
    }

    /// Runs a command that was made with [`command`](Self::command).
    pub(crate) fn ran(&self, command: &mut Command) -> Ran {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            self.assert_no_secret(&text, "the output");
            self.filtered(&text)
        };
        Ran { stdout: text(stdout), stderr: text(stderr), code: status.code() }
    }

    /// The program with its config, to be started otherwise.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let config = self.path("seatwatch.yaml");
        let text = self.config();
        // Another run may be reading it.
        if fs::read_to_string(&config).ok().as_ref() != Some(&text) {
            fs::write(&config, text).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_seatwatch"));
        command.args(arguments).arg("--config").arg(config).stdin(Stdio::null());
        for name in
            ["SEATWATCH_CONFIG", "CREDENTIALS_DIRECTORY", "FAILPOINTS", "HTTP_PROXY", "RUST_LOG"]
        {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The config as the next run will read it.
    pub(crate) fn config(&self) -> String {
        let base_url = self.base_url.clone().unwrap_or_else(|| self.simulator.base_url());
        let Self { top, organization, sink, codecov, organizations, sinks, .. } = self;
        format!(
            "instance: test\nstate_dir: state\n\
             codecov:\n  base_url: {base_url}\n  token_file: token\n  requests_per_second: 1000\n{codecov}\
             organizations:\n  - service: github\n    owner: acme\n{organization}{organizations}\
             sinks:\n  events:\n    type: file\n    path: events.ndjson\n{sink}{sinks}{top}listen: 127.0.0.1:0\n"
        )
    }

    /// The events in the file, in order.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        read_events(&self.path("events.ndjson"))
    }

    /// The events in the file as `event member`, one a line, such as `left ann`.
    #[track_caller]
    pub(crate) fn told(&self) -> String {
        self.events().iter().map(|event| in_words(event) + "\n").collect()
    }

    /// Puts words in the place of what differs from run to run.
    pub(crate) fn filtered(&self, text: &str) -> String {
        let directory = self.directory.path().display().to_string();
        let text = text.replace(&directory, "[DIR]").replace(&self.simulator.base_url(), "[URL]");
        let elsewhere = self.base_url.as_deref().unwrap_or("[URL]");
        let text = text.replace(elsewhere, "[URL]");
        FILTERS
            .iter()
            .fold(text, |text, (differs, word)| differs.replace_all(&text, *word).into_owned())
    }

    #[track_caller]
    fn assert_no_secret(&self, text: &str, place: &str) {
        for secret in self.secrets.borrow().iter() {
            assert!(!text.contains(secret), "a token stands in {place}: {text}");
        }
    }
}

/// The token stands in its file and nowhere else, and took nobody's seat.
impl Drop for World {
    fn drop(&mut self) {
        for request in self.simulator.log().iter().filter(|_| !std::thread::panicking()) {
            assert_eq!(request.method, "GET", "only GET is ever sent: {request:?}");
        }
        let mut directories = vec![self.directory.path().to_owned()];
        while let Some(directory) = directories.pop().filter(|_| !std::thread::panicking()) {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    directories.push(path);
                } else if !path.to_string_lossy().ends_with("token") {
                    let text = fs::read(&path).unwrap_or_default();
                    let text = String::from_utf8_lossy(&text);
                    self.assert_no_secret(&text, &path.display().to_string());
                }
            }
        }
    }
}

/// What differs from run to run, and the word for it.
static FILTERS: LazyLock<[(Regex, &str); 4]> = LazyLock::new(|| {
    [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "[SYNC]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? [A-Z]{3,4}\b", "[TIME]"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d", "[TIME]"),
    ]
    .map(|(differs, word)| (Regex::new(differs).unwrap(), word))
});

/// A user who is neither root nor the owner of anything.
pub(crate) const NOBODY: u32 = 65534;

/// Whether tests can act as another user; says so where they cannot.
pub(crate) fn is_root(needed_for: &str) -> bool {
    let is_root = nix::unistd::Uid::effective().is_root();
    if !is_root {
        skipped(&format!("needs root: {needed_for}"));
    }
    is_root
}

/// Says that a test was not run here.
#[expect(clippy::print_stderr, reason = "the one who runs the tests has to see it")]
pub(crate) fn skipped(why: &str) {
    eprintln!("skipped, {why}");
}

/// Gives a file or directory, and all that is in it, to another user and the group of that number.
pub(crate) fn give(path: &Path, user: u32) {
    std::os::unix::fs::lchown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), user);
        }
    }
}

/// Waits until it is so while the program runs.
#[track_caller]
pub(crate) fn until(program: &mut Child, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    loop {
        // First, so that what it did at its very end counts.
        let ended = program.try_wait().unwrap();
        if is_so() {
            return;
        }
        assert_eq!(ended, None, "it ended before it was so");
        assert!(begun.elapsed() < Duration::from_secs(60), "it never is so");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The events of a file sink; a missing file has none.
#[track_caller]
pub(crate) fn read_events(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

/// The lines of a file that somebody is writing: those that have come to their end. A missing file
/// has none.
pub(crate) fn whole_lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
    whole.lines().map(str::to_owned).collect()
}

/// `left ann`, `renamed ann → anna`, `baselined`.
pub(crate) fn in_words(event: &Value) -> String {
    let data = &event["data"];
    let kind = data["event"].as_str().unwrap();
    let username = |side: &str| data[side]["username"].as_str().map(str::to_owned);
    match (username("before"), username("after"), username("member")) {
        (Some(before), Some(after), _) if before != after => format!("{kind} {before} → {after}"),
        (_, _, Some(member)) => format!("{kind} {member}"),
        (_, _, None) => kind.to_owned(),
    }
}

/// The identity of [`ACME`].
pub(crate) fn acme() -> OrganizationId {
    ACME.parse().unwrap()
}

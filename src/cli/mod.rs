//! The command line: a file per command, which reads arguments and writes results.
//!
//! Results go to stdout, all else to stderr. No decision is made here; commands call those who
//! decide.

mod approve;
mod ask;
mod backup;
mod check;
mod completions;
mod definition;
mod demo;
mod diff;
mod discover;
mod examples;
mod history;
mod instance;
mod left;
mod log_ins;
mod man;
mod order;
mod org;
mod outbox;
mod output;
mod past;
mod plugin;
mod progress;
mod reload;
mod report;
mod roster;
mod run;
mod schema;
mod simulate;
mod sink;
mod status;
mod sync;
mod synced;
mod unseen;
mod waiting;
mod when;
mod wrong;

use std::io::{self, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand, ValueHint};
use signal_hook::consts::SIGXFSZ;

pub use output::Format;

use crate::config;
use crate::exit::{self, Exit, Failure, Stop};
use crate::logging;

/// What stands above the options that every command has.
const GLOBAL: &str = "Options of all commands";

/// Watches the seats, members and admins of Codecov organizations and tells what changed.
///
/// It reads the member rosters of organizations on a schedule and remembers them. Who joined or
/// left, who took or lost a paid seat, and who became an admin goes to sinks: files, mailboxes,
/// webhooks, programs of your own. A failure is never mistaken for a change, and a change is never
/// lost.
#[derive(Debug, Parser)]
#[command(name = "seatwatch", version, max_term_width = 100)]
pub struct Arguments {
    /// The configuration.
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        env = "SEATWATCH_CONFIG",
        hide_env_values = true,
        default_value = config::DEFAULT_PATH
    )]
    config: PathBuf,

    /// For whom to write: people, or machines.
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t)]
    format: Format,

    #[command(subcommand)]
    command: Command,
}

// Of each, the first paragraph is its line in the overview: it fits 65 characters.
#[derive(Debug, Subcommand)]
enum Command {
    /// Watches on schedule and delivers what changes: the daemon.
    ///
    /// It stays in the foreground until TERM or Ctrl-C, and logs to stderr; `RUST_LOG` says how
    /// much. HUP, or `seatwatch reload`, lets it read its configuration again.
    Run(run::Run),
    /// Reads the rosters once, commits what changed, and delivers it.
    ///
    /// Where a daemon runs, it does so. What a sink does not take stays queued, is named on
    /// stderr, and does not change the exit code.
    Sync(sync::Sync),
    /// Says whether the configuration is right, and what it means.
    ///
    /// Creates nothing. With `--online` it also looks at the machine (user, directories, database,
    /// free space, clock, `listen`), and asks every token and every sink whether it would work.
    Check(check::Check),
    /// Lists the organizations that the token sees.
    ///
    /// It says which of them the configuration names already, and what to write into it for the
    /// others. The configuration need not name an organization yet.
    Discover(discover::Discover),
    /// Shows how every organization and every sink stands.
    ///
    /// It asks nobody, and never waits for the daemon. It ends with 0 whatever it shows: scripts read
    /// `state` in `--format json`.
    Status,
    /// Lists the members of an organization, now or as of a time.
    ///
    /// It tells since when each of them is what they are. What is listed is what was read last:
    /// Codecov is not asked.
    Roster(roster::Roster),
    /// Tells what changed, in one organization or in all.
    History(history::History),
    /// Tells the net change of an organization between two times.
    Diff(diff::Diff),
    /// Writes an evidence pack for a review: who had access when.
    ///
    /// It tells who had access between two times, what changed, what it costs, and when nobody
    /// looked.
    Report(report::Report),
    /// Accepts a held roster: exactly the losses that were shown.
    ///
    /// `seatwatch status` shows what is held and why. The roster is read again; it passes if what
    /// it loses beyond the hold is within the bounds of `guard`.
    Approve(approve::Approve),
    /// Says that a held roster is wrong: it stays held, quietly.
    ///
    /// There are no more reminders of it. The next roster that is within the bounds of `guard`
    /// passes by itself.
    Reject(approve::Reject),
    /// Lets the daemon read its configuration again.
    ///
    /// It waits until the new one is in use, and fails with the reason where it cannot be.
    Reload,
    /// Copies the database to a file, also while it is written.
    Backup(backup::Backup),
    /// Shows what waits for delivery or was given up; tries or drops it.
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    /// Tries a sink, or lets it be for a while.
    #[command(subcommand)]
    Sink(sink::Sink),
    /// Delivers to a sink anew what happened since a time.
    ///
    /// The events come in their order and under the same ids, newer ones after them.
    Replay(sink::Replay),
    /// Lists the types of sinks, and tries a program that is to be one.
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Erases an organization that is not in the config any more.
    #[command(subcommand)]
    Org(org::Org),
    /// Prints the JSON Schema of the config, of events, or of plugins.
    Schema(schema::Schema),
    /// Serves a made-up Codecov on loopback, to try things out.
    ///
    /// The answers are those of the real server. The people are made up, the same ones every time.
    /// Nothing leaves this machine.
    ///
    /// To let the daemon watch it: `seatwatch simulate --change-every 10s --write-config DIR`, and
    /// in another terminal `seatwatch run --config DIR/seatwatch.yaml`.
    Simulate(simulate::Simulate),
    /// Shows all of it in a minute, without a token.
    ///
    /// A made-up Codecov and the daemon run in one process, and a story is played to them.
    Demo(demo::Demo),
    /// Prints a script that completes commands in a shell.
    ///
    /// Commands, options and their words are completed, and files where a file is meant.
    Completions(completions::Completions),
    /// Prints a manual page, or writes all of them to a directory.
    ///
    /// It is printed as a manual is written; to read it: `seatwatch man seatwatch-sync | man -l -`.
    Man(man::Man),
}

impl Command {
    /// What the program says of itself meanwhile, in the words of `RUST_LOG`.
    fn log(&self) -> &'static str {
        match self {
            // What syncs have to say is what it shows.
            Self::Demo(_) => "seatwatch=warn,seatwatch::daemon::told=off",
            _ => "seatwatch=warn",
        }
    }
}

/// Runs the command line and says how the process ends.
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Exit {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let arguments = match definition::parse(&arguments) {
        Ok(arguments) => arguments,
        // Without a command there is no mistake to point at: what there is says more.
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            drop(error.print());
            return Exit::Usage;
        }
        Err(error) if error.use_stderr() => {
            complain(&wrong::explain(&error, &arguments).to_string());
            return Exit::Usage;
        }
        Err(error) => {
            // Help and version are no errors, and a closed pipe is none either.
            drop(error.print());
            return Exit::Ok;
        }
    };
    match &arguments.command {
        Command::Run(run) => logging::start(run.log_format),
        command => logging::start_for_command(command.log()),
    }
    if let Err(error) = fail_writes_beyond_the_limit() {
        complain(&format!("warning: a limit on file sizes will end the program: {error}"));
    }
    match arguments.run() {
        Ok(exit) => exit,
        Err(stop) => {
            complain(&stop.to_string());
            stop.exit()
        }
    }
}

impl Arguments {
    fn run(self) -> Result<Exit, Stop> {
        let Self { config, format, command } = self;
        match command {
            Command::Run(_) => run::run(&config),
            Command::Reload => reload::run(&config, format),
            Command::Sync(command) => command.run(&config, format),
            Command::Check(command) => command.run(&config, format),
            Command::Discover(command) => command.run(&config, format),
            Command::Status => status::run(&config, format),
            Command::Roster(command) => command.run(&config, format),
            Command::History(command) => command.run(&config, format),
            Command::Diff(command) => command.run(&config, format),
            Command::Report(command) => command.run(&config, format),
            Command::Approve(command) => command.run(&config, format),
            Command::Reject(command) => command.run(&config, format),
            Command::Backup(command) => command.run(&config, format),
            Command::Outbox(command) => command.run(&config, format),
            Command::Sink(command) => command.run(&config, format),
            Command::Replay(command) => command.run(&config, format),
            Command::Plugin(command) => command.run(&config, format),
            Command::Org(command) => command.run(&config, format),
            Command::Schema(command) => command.run(),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
            Command::Demo(command) => command.run(),
            Command::Simulate(command) => {
                let done = runtime()?.block_on(simulate::run(command));
                done.map(|()| Exit::Ok).map_err(|error| stop(&error))
            }
        }
    }
}

/// A write beyond `RLIMIT_FSIZE` sends SIGXFSZ, which would kill us. With a handler, it fails
/// like one to a full disk.
fn fail_writes_beyond_the_limit() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Several workers, so that a sync of many organizations parses on more than one core; and two where
/// there is one: a call to the system that hangs must not keep a signal from being heard.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(cores.max(2)).enable_all().build().map_err(|error| {
        Failure::new(Exit::Internal, format!("cannot start the async runtime: {error}"))
    })
}

fn stop(error: &anyhow::Error) -> Stop {
    match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::BrokenPipe) => Stop::ClosedPipe,
        Some(io::ErrorKind::AddrInUse) => Failure::new(Exit::Unavailable, format!("{error:#}"))
            .with_hint("another program is there: `--listen 127.0.0.1:0` takes a free port")
            .into(),
        // A wrong script: what was asked for on the command line cannot be had.
        _ => Failure::new(Exit::Usage, format!("{error:#}")).into(),
    }
}

/// Writes to stderr. That nobody reads it is no reason to fail.
fn complain(text: &str) {
    let mut err = anstream::stderr().lock();
    for line in text.lines() {
        // Names of keys, files and members stand in it as others chose them.
        let line = output::shown(line);
        let (style, word, rest) = match line.split_once(": ") {
            Some(("error", rest)) => (anstyle::AnsiColor::Red, "error", rest),
            Some(("warning", rest)) => (anstyle::AnsiColor::Yellow, "warning", rest),
            Some(("hint", rest)) => (anstyle::AnsiColor::Cyan, "hint", rest),
            _ => {
                drop(writeln!(err, "{line}"));
                continue;
            }
        };
        let style = style.on_default().bold();
        drop(writeln!(err, "{style}{word}{style:#}: {rest}"));
    }
}

/// Writes to stdout at once, for whoever watches it: with colours where that is a terminal.
fn say(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The common way to stdout: locked and buffered.
///
/// No result has colours, and what strips them would take control characters out of
/// names, which machines get as they are.
fn stdout() -> impl Write {
    io::BufWriter::new(io::stdout().lock())
}

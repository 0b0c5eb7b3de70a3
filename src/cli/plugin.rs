//! `seatwatch plugin`: which kinds of sinks there are, and whether a program keeps to the protocol.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use seatwatch_process::ExternalSettings;
use seatwatch_process::testing::{self, Candidate, Finding, Grade, Patience};
use seatwatch_sdk::{Origin, io_reason};

use super::exit::{Exit, Failure, Stop};
use super::output::{Format, Row, count, row, shown, table, write_rows, write_table};
use super::sync::interruptible;
use crate::config;
use crate::sinks::{self, Found};

/// Commands about plugins.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Plugin {
    /// Lists the types of sinks: those that come with seatwatch, and the external plugins.
    List,
    /// Drives a program through all that an external plugin has to do, and says what fails.
    ///
    /// It really delivers sample events, to wherever the settings lead.
    Test(Test),
}

/// Arguments of `plugin test`.
#[derive(Debug, clap::Args)]
pub(super) struct Test {
    /// The name of a plugin in one of the `plugin_dirs`, or else the path of a program.
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::ExecutablePath)]
    program: PathBuf,

    /// What it gets as its config, as a JSON object; `env` in it is for its environment.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
}

impl Plugin {
    pub(super) fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        match self {
            Self::List => list(config, format),
            Self::Test(command) => command.run(config, format),
        }
    }
}

/// Where plugins are looked for. A configuration that does not tell is no reason to find none.
fn directories(config: &Path) -> Vec<PathBuf> {
    config::plugin_dirs(config).unwrap_or_else(|| {
        let config = config.display();
        super::complain(&format!(
            "warning: {config}: does not tell its `plugin_dirs`, so the default ones are looked at\n\
             hint: `seatwatch check` says what is wrong with it"
        ));
        config::default_plugin_dirs()
    })
}

fn list(config: &Path, format: Format) -> Result<Exit, Stop> {
    let directories = directories(config);
    let found = sinks::list_plugins(&directories);
    let mut out = super::stdout();
    if format == Format::Table {
        let mut table = table(&["TYPE", "WHERE"]);
        for kind in sinks::KINDS {
            table.add_row(vec![kind.name.to_owned(), "comes with seatwatch".to_owned()]);
        }
        for Found { name, path, problem } in &found {
            let where_ = match problem {
                Some(problem) => format!("{} (not used: {problem})", path.display()),
                None => path.display().to_string(),
            };
            table.add_row(vec![shown(name), shown(&where_)]);
        }
        write_table(&table, &mut out)?;
        if found.is_empty() {
            let directories: Vec<_> =
                directories.iter().map(|one| one.display().to_string()).collect();
            writeln!(out, "\nno external plugins in {}", directories.join(", "))?;
        }
    } else {
        let built_in = sinks::KINDS.iter().map(|kind| row! { type: kind.name, built_in: true });
        let external = found.iter().map(|found| {
            row! {
                type: found.name,
                built_in: false,
                path: found.path.display().to_string(),
                problem: found.problem,
            }
        });
        let rows: Vec<Row> = built_in.chain(external).collect();
        write_rows(format, &["type", "built_in", "path", "problem"], &rows, &mut out)?;
    }
    out.flush()?;
    Ok(Exit::Ok)
}

impl Test {
    fn run(self, config: &Path, format: Format) -> Result<Exit, Stop> {
        let program = self.program(config)?;
        let settings: ExternalSettings = serde_json::from_str(&self.settings).map_err(|error| {
            let message = format!("`--settings` is not what a plugin can get: {error}");
            let hint = "a JSON object, such as `{\"urls\": [\"json://127.0.0.1:8080\"]}`";
            Failure::new(Exit::Usage, message).with_hint(hint)
        })?;
        let directory = std::env::current_dir()?;
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let origin = Origin {
            directory: &directory,
            credentials: credentials.as_deref(),
            ..Origin::default()
        };
        let candidate = Candidate { program, arguments: Vec::new(), settings };
        let trial = async { Ok(testing::run(&candidate, &origin, Patience::default()).await) };
        let findings = super::runtime()?.block_on(interruptible("the plugin ends, too", trial))?;
        write_findings(&findings, format)?;
        let failed = findings.iter().any(|finding| finding.grade == Grade::Failed);
        Ok(if failed { Exit::Protocol } else { Exit::Ok })
    }

    /// The program, absolute: the plugin of that name, as a shell finds a command, or else that at
    /// the path.
    fn program(&self, config: &Path) -> Result<PathBuf, Stop> {
        if let Some(name) = self.program.to_str().filter(|name| !name.contains('/')) {
            let mut found = sinks::list_plugins(&directories(config)).into_iter();
            let found = found.find(|found| found.name == name && found.problem.is_none());
            if let Some(found) = found {
                return Ok(found.path);
            }
        }
        std::fs::canonicalize(&self.program).map_err(|error| {
            let message = format!("`{}`: {}", self.program.display(), io_reason(&error));
            let hint = "name the program by its path, or as `seatwatch plugin list` shows it";
            Failure::new(Exit::Usage, message).with_hint(hint).into()
        })
    }
}

fn write_findings(findings: &[Finding], format: Format) -> Result<(), Stop> {
    let mut out = super::stdout();
    if format == Format::Table {
        let mut table = table(&["RESULT", "A PLUGIN", "WHAT WAS SEEN"]);
        for Finding { promise, grade, seen } in findings {
            let (promise, seen) = ((*promise).to_owned(), shown(seen));
            table.add_row(vec![word(*grade).to_owned(), promise, seen]);
        }
        write_table(&table, &mut out)?;
        let failed = findings.iter().filter(|finding| finding.grade == Grade::Failed).count();
        let says = match failed {
            0 => "it can be used".to_owned(),
            failed => format!("{} broken", count(failed as u64, "promise")),
        };
        writeln!(out, "\n{says}")?;
    } else {
        let row = |Finding { promise, grade, seen }: &Finding| {
            row! {
                result: word(*grade),
                promise: promise,
                seen: seen,
            }
        };
        let rows: Vec<Row> = findings.iter().map(row).collect();
        write_rows(format, &["result", "promise", "seen"], &rows, &mut out)?;
    }
    Ok(out.flush()?)
}

fn word(grade: Grade) -> &'static str {
    match grade {
        Grade::Ok => "ok",
        Grade::Warning => "warning",
        Grade::Failed => "FAILED",
        Grade::Skipped => "skipped",
    }
}

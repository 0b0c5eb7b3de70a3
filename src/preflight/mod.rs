//! Whether this machine is fit for the daemon: its user, its directories, the database, free space,
//! the clock, the certificate, and the address to listen on.
//!
//! Looks at what is there and creates nothing, so that it can be asked before the first start and
//! while the daemon runs. What Codecov and sinks say is asked by those who know them.

mod certificate;
mod clock;
mod directories;
mod space;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use nix::unistd::Uid;
use tokio::net::TcpSocket;

pub use clock::clock;

use crate::config::Config;
use crate::control::{self, Answer, Question};
use crate::exit::{Exit, Failure};
use crate::http;
use crate::sinks;
use crate::store::{self, StoreError};
use crate::text::count;

/// The time for an answer of the daemon, whose loop may be at work.
const ANSWER: Duration = Duration::from_secs(5);

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is, in a word or two.
    pub check: &'static str,
    /// What was found.
    pub result: Found,
}

/// What was found.
#[derive(Clone, Debug)]
pub enum Found {
    /// All is well, in words.
    Good(String),
    /// The daemon would work, for now.
    Warning {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The daemon would not work.
    Bad(Failure),
}

impl Found {
    fn warning(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Warning { message: message.into(), hint: hint.into() }
    }

    fn bad(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Bad(Failure::new(exit, message).with_hint(hint))
    }
}

impl From<&StoreError> for Found {
    fn from(error: &StoreError) -> Self {
        Self::Bad(error.into())
    }
}

/// Looks at the machine, for the daemon of a config that would run as the present user.
/// `runtime_dir` is where the daemon's socket is to be, if not in the state directory.
pub async fn look(config: &Config, runtime_dir: Option<&Path>, now: DateTime<Utc>) -> Vec<Finding> {
    let state_dir = &config.state_dir;
    let us = Uid::effective();
    let mut findings = Vec::new();
    let mut find = |check, result| findings.push(Finding { check, result });
    match store::owner(state_dir) {
        Ok(Some(owner)) if owner != us => {
            find("user", Found::from(&StoreError::wrong_user(state_dir, owner, us)));
        }
        Ok(_) => {
            find("user", Found::Good(store::user_name(us)));
            find("state directory", directories::state(state_dir));
            find("database", database(state_dir));
            find("daemon", daemon(state_dir, runtime_dir));
        }
        Err(error) => {
            find("user", Found::Good(store::user_name(us)));
            find("state directory", Found::from(&error));
        }
    }
    // The configuration would not have been read otherwise.
    find("secrets", Found::Good("can all be read".to_owned()));
    // One that cannot be read is an error of the configuration, too.
    if let Some(tls) = config.read_web().ok().and_then(|web| web.tls) {
        find("certificate", certificate::look(&tls.files, now, config.timezone));
    }
    find("plugins", plugins(config));
    find("listen", listen(config.listen, &listening(state_dir).await));
    let filled = config.sinks.iter().filter_map(|entry| entry.config.fills());
    for result in space::look(state_dir, filled) {
        find("free space", result);
    }
    findings
}

/// Says that there is too little room on the disk of a state directory, if so.
pub fn lack_of_space(state_dir: &Path) -> Option<Failure> {
    space::look(state_dir, std::iter::empty()).into_iter().find_map(|found| match found {
        Found::Bad(failure) => Some(failure),
        Found::Good(_) | Found::Warning { .. } => None,
    })
}

fn database(state_dir: &Path) -> Found {
    match store::examine(state_dir) {
        Ok(None) => Found::Good("none yet".to_owned()),
        Ok(Some((found, known))) if found == known => {
            Found::Good(format!("schema version {found}"))
        }
        Ok(Some((found, known))) => Found::Good(format!(
            "schema version {found}: the next start brings it up to {known}; make a backup first"
        )),
        Err(error) => Found::from(&error),
    }
}

/// Whether one runs, and where it is or would be asked.
fn daemon(state_dir: &Path, runtime_dir: Option<&Path>) -> Found {
    if control::is_up(state_dir) {
        return Found::Good("runs".to_owned());
    }
    match runtime_dir {
        Some(directory) => directories::writable(directory)
            .map_or_else(|found| found, |()| Found::Good("does not run".to_owned())),
        None if store::is_locked(state_dir) => {
            Found::Good("does not run; a command is at work".to_owned())
        }
        None => Found::Good("does not run".to_owned()),
    }
}

fn plugins(config: &Config) -> Found {
    let all = sinks::list_plugins(&config.plugin_dirs);
    let problem = all.iter().find_map(|it| Some((&it.path, it.problem.as_ref()?)));
    match problem {
        Some((path, problem)) => Found::warning(
            format!("`{}`: {problem}", path.display()),
            "`seatwatch plugin list` shows all of them; what no sink names is not started",
        ),
        None if all.is_empty() => Found::Good("none".to_owned()),
        None => Found::Good(count(all.len() as u64, "plugin")),
    }
}

/// What the daemon says of where it listens.
enum Listening {
    /// There.
    On(SocketAddr),
    /// One runs, and does not say.
    Somewhere,
    /// None runs.
    Nowhere,
}

/// Asks the daemon, if one runs.
async fn listening(state_dir: &Path) -> Listening {
    let ask = async {
        let daemon = control::connect(state_dir).ok()??;
        let mut answers = control::ask(daemon, Question::Listen).await.ok()?;
        match answers.next().await {
            Ok(Some(Answer::Listens(address))) => Some(address),
            _ => None,
        }
    };
    match tokio::time::timeout(ANSWER, ask).await.ok().flatten() {
        Some(address) => Listening::On(address),
        None if control::is_up(state_dir) => Listening::Somewhere,
        None => Listening::Nowhere,
    }
}

/// Binds the address without listening on it, so that nobody is answered by us.
fn listen(address: SocketAddr, daemon: &Listening) -> Found {
    let error = match bind(address) {
        Ok(()) => return Found::Good(format!("{address} is free")),
        Err(error) => error,
    };
    match daemon {
        _ if !http::is_taken(&error) => Found::Bad(http::cannot_listen(address, &error)),
        Listening::On(there) if *there == address => {
            Found::Good(format!("{address}, where the daemon listens"))
        }
        Listening::On(there) if there.port() == address.port() => Found::warning(
            format!("{address} is in use while the daemon listens on {there}"),
            "a reload cannot move it there: restart the daemon, or give `listen` another port",
        ),
        Listening::Somewhere => Found::warning(
            format!("{address} is in use: by the daemon, if it listens there already"),
            "it did not say so in time; if another program is there, give `listen` another port",
        ),
        Listening::On(_) | Listening::Nowhere => Found::Bad(http::cannot_listen(address, &error)),
    }
}

fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As the daemon does it: what lingers of the one before is no obstacle.
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

//! Who does what a command asks for: the daemon that runs, or the command itself.

use std::path::Path;

use tokio::net::UnixStream;

use crate::chain::chain;
use crate::config::{self, Config};
use crate::control::{self, Answer, Answers, ControlError, Question, Trouble};
use crate::exit::{Exit, Failure, Stop};
use crate::store::LockedDirectory;

/// Who does it.
pub(super) enum Doer {
    /// The daemon: ask it.
    Daemon(UnixStream),
    /// The command: nobody else writes.
    Us(LockedDirectory),
}

/// Finds the daemon, or takes its place. Called on a runtime, which the socket needs.
pub(super) fn doer(config: &Config) -> Result<Doer, Stop> {
    match connect(&config.state_dir)? {
        Some(daemon) => Ok(Doer::Daemon(daemon)),
        None => Ok(Doer::Us(LockedDirectory::lock(&config.state_dir)?)),
    }
}

/// Finds the daemon that reads a config, also where the config is broken.
pub(super) fn daemon_of(path: &Path) -> Result<UnixStream, Stop> {
    let runtime = super::run::runtime_directory();
    let state = config::state_dir(path);
    for directory in [runtime, state.clone()].into_iter().flatten() {
        if let Some(daemon) = connect(&directory)? {
            return Ok(daemon);
        }
    }
    let Some(state) = state else {
        // What is wrong with the config hides where the daemon is, so it is what has to be told.
        config::load_without_secrets(path)?;
        return Err(Failure::new(Exit::Unavailable, "no daemon runs").into());
    };
    let message = format!("no daemon runs in `{}`", state.display());
    let failure = Failure::new(Exit::Unavailable, message);
    Err(failure
        .with_hint(
            "start it with `seatwatch run`, under systemd with `systemctl start seatwatch`, or name \
             its config with `--config`",
        )
        .into())
}

/// Connects to the daemon of a state directory; none where no daemon listens.
pub(super) fn connect(directory: &Path) -> Result<Option<UnixStream>, Stop> {
    control::connect(directory).map_err(|error| {
        let message = format!("cannot ask the daemon in `{}`: {error}", directory.display());
        let hint = "run the command as root, or as the user that the daemon runs as";
        Failure::new(Exit::NoPermission, message).with_hint(hint).into()
    })
}

/// Asks the daemon, and hands the parts of its answer to `take`.
///
/// What the daemon could not do is said, and the first of it is how the command ends; what else it
/// could do is taken all the same.
pub(super) async fn ask(
    daemon: UnixStream,
    question: Question,
    mut take: impl FnMut(Answer) -> Result<(), Stop>,
) -> Result<Option<Exit>, Stop> {
    let broken = |error: ControlError| {
        let hint = "its log says why; what was committed is in `seatwatch status`";
        Stop::from(Failure::new(Exit::TryAgain, chain(&error)).with_hint(hint))
    };
    let mut answers: Answers = control::ask(daemon, question).await.map_err(broken)?;
    let mut failed = None;
    loop {
        match answers.next().await {
            Ok(Some(Answer::Failed(Trouble { exit, text }))) => {
                super::complain(&text);
                failed.get_or_insert(exit);
            }
            Ok(Some(answer)) => take(answer)?,
            Ok(None) => return Ok(failed),
            // Who is not heard is told why, and nothing more.
            Err(_) if failed.is_some() => return Ok(failed),
            Err(error) => return Err(broken(error)),
        }
    }
}

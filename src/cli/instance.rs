//! Puts the parts together that commands share: config, state, servers, organizations.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit::{Exit, Failure, Stop};
use crate::config::{self, Config, Organization};
use crate::discover;
use crate::organization::OrganizationId;
use crate::store::{self, Reader, Store, StoreError, View};
use crate::upkeep;
use nix::unistd::{Gid, Uid, User};

/// Loads the config, for a command that works on the state directory: as the user that owns it.
///
/// Root becomes that user first, so that no file there comes to belong to root; anybody else is
/// refused. Secrets are read when they are used: one that is gone fails the syncs that need it,
/// and those alone.
///
/// What the config warns of is for those to say who act by all of it: see [`say_warnings`].
pub(super) fn load(path: &Path) -> Result<Config, Stop> {
    // First of all: whose a plugin may be depends on who we are.
    become_owner(path)?;
    let config = config::load_without_secrets(path)?;
    let user = Uid::effective();
    match store::owner(&config.state_dir)? {
        Some(owner) if owner != user => {
            return Err(StoreError::wrong_user(&config.state_dir, owner, user).into());
        }
        _ => {}
    }
    with_discovered(config, Reader::open)
}

/// Loads the config with all its secrets, as the user that will need them, and makes no file.
pub(super) fn load_with_secrets(path: &Path) -> Result<Config, Stop> {
    become_owner(path)?;
    let config = config::load(path)?;
    say_warnings(&config);
    with_discovered(config, Reader::glance)
}

/// Loads the config for the command that helps to write it: it need not name an organization.
pub(super) fn load_unfinished(path: &Path) -> Result<Config, Stop> {
    become_owner(path)?;
    let config = config::load_unfinished(path)?;
    with_discovered(config, Reader::open)
}

/// The config with what its rules have found until now.
fn with_discovered(
    config: Config,
    open: fn(&Path) -> Result<Reader, StoreError>,
) -> Result<Config, Stop> {
    if config.discover.is_empty() {
        return Ok(config);
    }
    match open(&config.state_dir) {
        Ok(reader) => Ok(reader.read(|view| discover::watched(config, view))?),
        // Whoever opens the store to write makes one, or brings it up to date; whoever only reads
        // will hear what is wrong with it.
        Err(_) => Ok(config),
    }
}

/// Says what in the config is no mistake and may not be meant.
pub(super) fn say_warnings(config: &Config) {
    if !config.warnings.problems.is_empty() {
        super::complain(&config.warnings.to_string());
    }
}

/// As root, becomes the user that owns the state directory which the config names. What is wrong
/// with either is not what this is about.
fn become_owner(path: &Path) -> Result<(), Failure> {
    if !Uid::effective().is_root() {
        return Ok(());
    }
    match config::state_dir(path).map(|state_dir| store::owner(&state_dir)) {
        Some(Ok(Some(owner))) if !owner.is_root() => become_user(owner),
        _ => Ok(()),
    }
}

/// Gives up root for good. Called before any thread is started.
fn become_user(uid: Uid) -> Result<(), Failure> {
    let failed = |error: nix::Error| {
        Failure::new(Exit::NoPermission, format!("cannot become user #{uid}: {error}"))
            .with_hint("run the command as the user that owns `state_dir`")
    };
    let user = User::from_uid(uid).map_err(failed)?;
    let gid = user.as_ref().map_or(Gid::from_raw(uid.as_raw()), |user| user.gid);
    match user.and_then(|user| std::ffi::CString::new(user.name).ok()) {
        Some(name) => nix::unistd::initgroups(&name, gid).map_err(failed)?,
        None => nix::unistd::setgroups(&[gid]).map_err(failed)?,
    }
    nix::unistd::setgid(gid).map_err(failed)?;
    nix::unistd::setuid(uid).map_err(failed)
}

/// The organizations that the arguments name, in config order; all of them without arguments.
pub(super) fn select<'a>(
    config: &'a Config,
    names: &[OrganizationId],
) -> Result<Vec<&'a Organization>, Failure> {
    for name in names {
        if config.find(name).is_none() {
            let known: Vec<String> = config
                .organizations
                .iter()
                .map(|organization| organization.id.to_string())
                .collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let message = format!("{name}: not among the organizations of the config");
            return Err(Failure::new(Exit::Usage, message)
                .with_hint(config::did_you_mean(&name.to_string(), &known)));
        }
    }
    let wanted =
        |organization: &&Organization| names.is_empty() || names.contains(&organization.id);
    Ok(config.organizations.iter().filter(wanted).collect())
}

/// Takes the config over: see [`upkeep::take_over`].
pub(super) async fn take_over(config: &Config, store: &Store) -> Result<(), StoreError> {
    let moved = upkeep::take_over(store, config).await?;
    for (old, new) in moved.both_known {
        super::complain(&format!(
            "warning: {new}: was {old} (`formerly`), but there is a history under both names; \
             that of {new} goes on\n\
             hint: take the line `formerly` out, and `seatwatch org forget {old}` if it is of no use"
        ));
    }
    say_unknown_sinks(moved.sinks_unknown);
    for (old, new) in moved.sinks_both_known {
        super::complain(&format!(
            "warning: sink {new}: was {old} (`formerly`), but has a place in the log of its own, \
             and goes on from there\n\
             hint: take the line `formerly` out; `seatwatch replay {new} --since TIME` goes back"
        ));
    }
    Ok(())
}

/// Says which sinks will be new though the config says what they were called before; silent where
/// nothing has happened yet that they could go on with, or no state can be read.
pub(super) fn foresee_unknown_sinks(config: &Config) {
    let unknown = |view: &View<'_>| match view.log_state()?.end {
        0 => Ok(Vec::new()),
        _ => upkeep::unknown_sinks(view, config),
    };
    let unknown = Reader::glance(&config.state_dir).and_then(|reader| reader.read(unknown));
    say_unknown_sinks(unknown.unwrap_or_default());
}

fn say_unknown_sinks(names: Vec<(String, String)>) {
    for (old, new) in names {
        super::complain(&format!(
            "warning: sink {new}: was {old} (`formerly`), of which nothing is known: it starts at \
             the end of the log"
        ));
    }
}

/// The number of an organization in the store, of the config or not: under its name, or under
/// the one that it had before where its history has not been carried over yet.
pub(super) fn find(
    view: &View<'_>,
    config: &Config,
    id: &OrganizationId,
) -> rusqlite::Result<Option<store::Organization>> {
    let of_config = config.find(id);
    view.find_renamed(id, of_config.and_then(|organization| organization.formerly.as_ref()))
}

/// The machine's clock, as those who need one take it.
pub(super) fn clock() -> Arc<dyn crate::clock::Clock> {
    Arc::new(crate::clock::SystemClock)
}

/// Lets Ctrl-C, TERM or a closed terminal end what is under way, so that nothing half made is left
/// behind: calls `stop`, and says in the flag that one of them came.
pub(super) fn stop_on_signals(
    stop: impl Fn() + Send + 'static,
) -> Result<Arc<AtomicBool>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Internal, format!("cannot listen for signals: {error}"))
    };
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
    let came = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&came);
    let wait = move || {
        for _ in &mut signals {
            came.store(true, Ordering::Relaxed);
            stop();
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(failed)?;
    Ok(stopped)
}

//! An order about a sink, done by the daemon that runs or by the command itself.

use std::sync::Arc;

use nix::unistd::Uid;

use super::ask::{Doer, ask, doer};
use super::instance;
use super::sync::{GOES_ON, interruptible};
use crate::config::{self, Config, SinkEntry};
use crate::control::{Answer, Question};
use crate::dispatch::{self, Act, Acted, Tested};
use crate::exit::{Exit, Failure, Stop};
use crate::store::{self, Store};

/// What Ctrl-C leaves of an order that a command does by itself.
const NOT_DONE: &str = "what was not done by then is as it was";

/// The sink of that name.
pub(super) fn sink<'a>(config: &'a Config, name: &str) -> Result<&'a SinkEntry, Failure> {
    if let Some(entry) = config.sinks.iter().find(|entry| entry.name == name) {
        return Ok(entry);
    }
    let known: Vec<&str> = config.sinks.iter().map(|entry| entry.name.as_str()).collect();
    let message = format!("`{name}` is not among the sinks of the config");
    let failure = Failure::new(Exit::Usage, message);
    Err(if known.is_empty() {
        failure.with_hint("the config has no sinks")
    } else {
        failure.with_hint(config::did_you_mean(name, &known))
    })
}

/// Does it, or lets the daemon do it. What the daemon could not do was said, and is how the command
/// ends.
pub(super) fn act(config: &Config, sink: &str, act: Act) -> Result<Result<Acted, Exit>, Stop> {
    super::runtime()?.block_on(async {
        match doer(config)? {
            Doer::Daemon(daemon) => {
                let question = Question::Act { sink: sink.to_owned(), act };
                let mut acted = None;
                let failed = ask(daemon, question, |answer| {
                    if let Answer::Acted(answer) = answer {
                        acted = Some(answer);
                    }
                    Ok(())
                });
                answered(interruptible(GOES_ON, failed).await?, acted)
            }
            Doer::Us(directory) => {
                let store = Arc::new(Store::open(directory)?);
                instance::take_over(config, &store).await?;
                let entry = config.sinks.iter().find(|entry| entry.name == sink);
                let work = async {
                    match (entry, act) {
                        (Some(entry), act) => {
                            Ok(dispatch::act(&store, &instance::clock(), entry, &act).await?)
                        }
                        (None, Act::Drop { ids }) => {
                            Ok(dispatch::drop_letters(&store, sink, ids).await?)
                        }
                        (None, _) => Err(self::sink(config, sink)
                            .err()
                            .map_or_else(|| unreachable!("it was not found"), Stop::from)),
                    }
                };
                interruptible(NOT_DONE, work).await.map(Ok)
            }
        }
    })
}

/// Tries a sink, or lets the daemon try it: its secrets may be the daemon's alone.
pub(super) fn test_sink(
    config: &Config,
    sink: &SinkEntry,
) -> Result<Result<Vec<Tested>, Exit>, Stop> {
    super::runtime()?.block_on(async {
        let Some(daemon) = super::ask::connect(&config.state_dir)? else {
            if Uid::effective().is_root() && store::owner(&config.state_dir)?.is_none() {
                super::complain(
                    "warning: nothing has run here yet, so the test is done as root: a file that \
                     it makes belongs to root, and another user's daemon cannot write to it",
                );
            }
            let now = instance::clock().now();
            let work = async { Ok(dispatch::test_sink(sink, &config.instance, now).await) };
            return interruptible("the test may have reached a receiver", work).await.map(Ok);
        };
        let mut tried = None;
        let failed = ask(daemon, Question::Test { sink: sink.name.clone() }, |answer| {
            if let Answer::Tested(answer) = answer {
                tried = Some(answer);
            }
            Ok(())
        });
        answered(interruptible(GOES_ON, failed).await?, tried)
    })
}

fn answered<T>(failed: Option<Exit>, answer: Option<T>) -> Result<Result<T, Exit>, Stop> {
    match (failed, answer) {
        (Some(exit), _) => Ok(Err(exit)),
        (None, Some(answer)) => Ok(Ok(answer)),
        (None, None) => {
            Err(Failure::new(Exit::Internal, "the daemon's answer is to another question").into())
        }
    }
}

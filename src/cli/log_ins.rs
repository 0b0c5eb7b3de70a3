//! Who is logged in at Codecov, asked now: for the commands that tell of dormant seats.

use super::exit::{Failure, Stop};
use super::instance;
use crate::codecov::{Policy, Sessions};
use crate::config::{Config, Organization};
use crate::servers::Servers;
use crate::sync::{self, NotSynced};

/// Asks for the log-in sessions of some organizations, one after the other. The outer failure
/// concerns all of them, the inner ones one each.
pub(super) async fn ask(
    config: &Config,
    organizations: &[&Organization],
) -> Result<Vec<Result<Sessions, Failure>>, Stop> {
    let all = organizations.iter().copied();
    let servers = Servers::of(config, all, &Servers::default(), Policy::default(), None)?;
    let mut answers = Vec::new();
    for organization in organizations {
        let (server, clock) = (servers.get(organization), instance::clock());
        let read = sync::read_log_ins(organization, server, clock, config.sync_timeout);
        answers.push(read.await.map_err(|error| {
            let NotSynced { reason, message, hint, .. } = NotSynced::from(&error);
            let message =
                format!("{}: who is logged in is not known: {reason}: {message}", organization.id);
            Failure::new(reason.into(), message).with_hint(hint)
        }));
    }
    Ok(answers)
}

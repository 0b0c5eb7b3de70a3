//! What a person orders about a sink.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Daemon;
use crate::dispatch::{self, Act, Acted, Tested};
use crate::exit::{Exit, Failure, Stop};

impl Daemon {
    /// Lets the workers of the sink do it, each after the delivery that is under way; the loop does
    /// not wait for them.
    pub(super) fn act(
        &mut self,
        sink: &str,
        act: Act,
        answer: oneshot::Sender<Result<Acted, Stop>>,
    ) {
        if let Some(acting) = self.workers.act(sink, &act) {
            let ended = ended(sink);
            self.chores.spawn(async move {
                let acted = acting.await.map(|acted| acted.map_err(Stop::from));
                drop(answer.send(acted.unwrap_or_else(|| Err(ended.into()))));
            });
        } else if let Act::Drop { ids } = act {
            // A sink that is gone may have left dead letters; one that is new has none yet.
            let (store, overview) = (Arc::clone(&self.store), Arc::clone(&self.overview));
            let sink = sink.to_owned();
            self.chores.spawn(async move {
                let acted = match dispatch::drop_letters(&store, &sink, ids).await {
                    Ok(Acted { dropped: 0, .. }) => Err(not_served(&sink).into()),
                    acted => acted.map_err(Stop::from),
                };
                overview.changed();
                drop(answer.send(acted));
            });
        } else {
            drop(answer.send(Err(not_served(sink).into())));
        }
    }

    /// Lets its workers send a test event; the loop does not wait for them.
    pub(super) fn test_sink(
        &mut self,
        sink: &str,
        answer: oneshot::Sender<Result<Vec<Tested>, Stop>>,
    ) {
        let Some(testing) = self.workers.test_sink(sink, &self.config.instance) else {
            drop(answer.send(Err(not_served(sink).into())));
            return;
        };
        let ended = ended(sink);
        self.chores.spawn(async move {
            drop(answer.send(testing.await.ok_or_else(|| ended.into())));
        });
    }
}

fn not_served(sink: &str) -> Failure {
    Failure::new(Exit::TryAgain, format!("sink {sink}: the daemon does not serve it"))
        .with_hint("if it is new in the config, run `seatwatch reload`")
}

fn ended(sink: &str) -> Failure {
    let message = format!("sink {sink}: its config changed meanwhile, or the daemon is stopping");
    Failure::new(Exit::TryAgain, message)
        .with_hint("`seatwatch status` and `seatwatch outbox list` show what was done; try again")
}

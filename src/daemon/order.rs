//! What a person orders about a sink, while its workers are away for a moment.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Daemon;
use crate::config::SinkEntry;
use crate::dispatch::{self, Act, Acted, Tried};
use crate::exit::{Exit, Failure, Stop};

impl Daemon {
    /// Does it between two workers; the loop does not wait for it.
    pub(super) fn act(
        &mut self,
        sink: &str,
        act: Act,
        answer: oneshot::Sender<Result<Acted, Stop>>,
    ) {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.around.clock));
        let entry = match (self.served(sink), act) {
            (Ok(entry), act) => (entry, act),
            // One that is gone may have left dead letters.
            (Err(_), Act::Drop { ids }) => {
                let sink = sink.to_owned();
                self.chores.spawn(async move {
                    let dropped = dispatch::drop_letters(&store, &sink, ids).await;
                    drop(answer.send(dropped.map_err(Stop::from)));
                });
                return;
            }
            (Err(unknown), _) => {
                drop(answer.send(Err(unknown.into())));
                return;
            }
        };
        let (entry, act) = entry;
        let work = async move { dispatch::act(&store, &clock, &entry, act).await };
        let done = self.workers.between(sink, work).expect("every sink of the config is served");
        self.overview.show(&self.config, self.workers.watch());
        self.chores.spawn(async move {
            if let Ok(acted) = done.await {
                drop(answer.send(acted.map_err(Stop::from)));
            }
        });
    }

    /// Tries it beside its workers, which go on.
    pub(super) fn try_sink(
        &mut self,
        sink: &str,
        answer: oneshot::Sender<Result<Vec<Tried>, Stop>>,
    ) {
        let entry = match self.served(sink) {
            Ok(entry) => entry,
            Err(unknown) => {
                drop(answer.send(Err(unknown.into())));
                return;
            }
        };
        let (instance, now) = (self.config.instance.clone(), self.around.clock.now());
        self.chores.spawn(async move {
            drop(answer.send(Ok(dispatch::trial(&entry, &instance, now).await)));
        });
    }

    fn served(&self, sink: &str) -> Result<SinkEntry, Failure> {
        let entry = self.config.sinks.iter().find(|entry| entry.name == sink);
        entry.cloned().ok_or_else(|| {
            Failure::new(Exit::TryAgain, format!("sink {sink}: the daemon does not serve it"))
                .with_hint("if it is new in the config, run `seatwatch reload`")
        })
    }
}

//! What the daemon answers on its control socket: the same that a command would do by itself.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::Orders;
use crate::clock::Clock;
use crate::control::{self, Answer, Asked, Question};
use crate::exit::{Exit, Failure, Stop};
use crate::organization::OrganizationId;
use crate::store::Store;
use crate::sync;

pub(super) struct Answers {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    orders: Orders,
}

impl Answers {
    pub(super) fn new(store: Arc<Store>, clock: Arc<dyn Clock>, orders: Orders) -> Self {
        Self { store, clock, orders }
    }

    /// Syncs, sends the reports in the order in which they come, then what no sink took.
    async fn sync(&self, organizations: Vec<OrganizationId>, asked: &Asked) {
        let (report, mut reports) = mpsc::unbounded_channel();
        self.orders.sync(organizations, report).await;
        while let Some(report) = reports.recv().await {
            // Who asked may be gone: the syncs go on.
            let answer = match report {
                Ok(report) => Answer::Report(Box::new(report)),
                Err(lost) => Answer::Lost(lost),
            };
            drop(asked.send(answer).await);
        }
        for undelivered in self.orders.hurry().await {
            drop(asked.send(Answer::Undelivered(undelivered)).await);
        }
    }

    async fn act(&self, question: Question, asked: &Asked) -> Result<(), Stop> {
        let now = self.clock.now();
        match question {
            Question::Sync { organizations } => self.sync(organizations, asked).await,
            Question::Approve { organization, hold } => {
                match sync::approve(&self.store, &organization, hold, now).await? {
                    Ok(()) => self.sync(vec![organization], asked).await,
                    Err(refused) => drop(asked.send(Answer::Refused(refused)).await),
                }
            }
            Question::Reject { organization } => {
                let answer = match sync::reject(&self.store, &organization, now).await? {
                    Ok(hold) => Answer::Rejected(hold),
                    Err(refused) => Answer::Refused(refused),
                };
                drop(asked.send(answer).await);
            }
            Question::Forget { organization } => {
                let erased = self.orders.forget(organization).await.ok_or_else(stopping)??;
                let erased = erased.map(control::Forgotten::from);
                drop(asked.send(Answer::Forgotten(erased)).await);
            }
            Question::Act { sink, act } => {
                let acted = self.orders.act(sink, act).await.ok_or_else(stopping)??;
                drop(asked.send(Answer::Acted(acted)).await);
            }
            Question::Test { sink } => {
                let tried = self.orders.test_sink(sink).await.ok_or_else(stopping)??;
                drop(asked.send(Answer::Tested(tried)).await);
            }
            Question::Listen => {
                let address = self.orders.address().await.ok_or_else(stopping)?;
                drop(asked.send(Answer::Listens(address)).await);
            }
            Question::Reload => match self.orders.reload().await {
                Some(reloaded) => drop(asked.send(Answer::Reloaded(reloaded?)).await),
                None => return Err(stopping().into()),
            },
        }
        Ok(())
    }
}

fn stopping() -> Failure {
    Failure::new(Exit::TryAgain, "the daemon is stopping")
        .with_hint("once it has stopped, the command does it by itself")
}

#[async_trait]
impl control::Daemon for Answers {
    async fn answer(&self, question: Question, asked: Asked) {
        if let Err(stop) = self.act(question, &asked).await {
            drop(asked.send(Answer::Failed(stop.into())).await);
        }
    }
}

//! The keys of a sink of type `email`. Their comments are the reference text.

use std::time::Duration;

use chrono_tz::Tz;
use schemars::JsonSchema;
use seatwatch_sdk::{BuiltIn, Origin, Problem, Sink, SinkConfig};
use serde::Deserialize;

use crate::{EmailSink, smtp, template};

mod mailbox;
mod server;
mod templates;

pub use mailbox::Mailbox;
pub use server::{Host, Port, ServerConfig, Tls, Username};
pub use templates::Templates;

/// Sends mails that say what happened, to each recipient on their own.
///
/// A recipient who is refused keeps nobody else waiting. What happens within `wait` comes in one
/// mail. A mail that may have arrived is sent again under the same `Message-ID`.
///
/// What the server refuses for now (4yz) is tried again. What it refuses for good (5yz) becomes a
/// dead letter if that is about the recipient or the mail; a refusal of the connection, the login
/// or the sender, or one of the recipient that is about us (503, 530, 534, 535, 538, or an enhanced
/// code 5.1.7, 5.1.8, 5.5.x or 5.7.x), concerns every mail and is tried again until somebody sets
/// it right.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// The server that takes the mails: your relay or your provider's submission server.
    pub server: ServerConfig,
    /// The sender: an address such as `seatwatch@example.com`, or
    /// `seatwatch <seatwatch@example.com>`. Reports of failed deliveries go there too.
    pub from: Mailbox,
    /// The recipients, at least one. Each gets a mail of their own.
    #[schemars(length(min = 1))]
    pub to: Vec<Mailbox>,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<Mailbox>,
    /// From so many events on, a mail has them all as an attached table, `seatwatch-events.csv`,
    /// and shows only the first ones of each organization itself.
    #[serde(default = "attach_above")]
    pub attach_above: usize,
    /// Your own words and looks.
    #[serde(default)]
    pub templates: Templates,
    /// Whose mails these are; known once the configuration is resolved.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) whose: Whose,
}

/// What a mail says of where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whose {
    pub(crate) instance: String,
    pub(crate) sink: String,
    /// The zone in which its readers read times.
    pub(crate) timezone: Tz,
}

impl Default for Whose {
    fn default() -> Self {
        Self::of(&Origin::default())
    }
}

impl Whose {
    fn of(origin: &Origin<'_>) -> Self {
        Self {
            instance: origin.instance.to_owned(),
            sink: origin.sink.to_owned(),
            timezone: origin.timezone,
        }
    }
}

fn attach_above() -> usize {
    50
}

impl EmailConfig {
    /// The recipient that a lane is for.
    pub(crate) fn recipient(&self, lane: &str) -> Option<&Mailbox> {
        self.to.iter().find(|mailbox| mailbox.lane() == lane)
    }
}

impl SinkConfig for EmailConfig {
    fn resolve(&mut self, origin: &Origin<'_>) {
        self.whose = Whose::of(origin);
        self.server.resolve(origin);
        self.templates.resolve(origin);
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.server.problems();
        if self.to.is_empty() {
            problems.push(Problem::new("to", "found nobody, expected at least one recipient"));
        }
        for (index, mailbox) in self.to.iter().enumerate() {
            let is_same = |other: &&Mailbox| other.lane() == mailbox.lane();
            if let Some(first) = self.to.iter().take(index).position(|other| is_same(&other)) {
                let text =
                    format!("`{}` is a recipient already, in `to[{first}]`", mailbox.email());
                let hint = "letter case makes no difference; leave one of the two out";
                problems.push(Problem::at(&["to", &index.to_string()], text).with_hint(hint));
            }
        }
        problems
    }

    fn file_problems(&self) -> Vec<Problem> {
        let mut problems = smtp::file_problems(&self.server);
        problems.extend(template::problems(self));
        problems
    }

    fn lanes(&self) -> Vec<String> {
        self.to.iter().map(Mailbox::lane).collect()
    }

    fn build(&self, lane: &str) -> Box<dyn Sink> {
        Box::new(EmailSink::new(self.clone(), lane))
    }
}

impl BuiltIn for EmailConfig {
    const TYPE: &'static str = "email";
    /// What a sync finds is many events, and people want one mail.
    const WAIT: Duration = Duration::from_secs(30);
}

//! The Unix socket between the command line and a running daemon.
//!
//! One question a connection: the client sends a line of JSON, the daemon answers with lines of
//! JSON until it is done. Only root and the user that the daemon runs as are heard. Client and
//! daemon are one program; one of another version is refused by name.
//!
//! Knows what is asked and what is answered; not how it is shown, and not who does it.

mod client;
mod server;
mod socket;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

pub use client::{Answers, ControlError, ask, connect, is_up};
pub use server::{Asked, Control, Daemon};
pub use socket::SocketError;

use crate::dispatch::{Act, Acted, Tested, Undelivered};
use crate::exit::{Exit, Failure, Stop};
use crate::organization::OrganizationId;
use crate::store::{self, Hold};
use crate::sync::{Refused, Report};
use crate::upkeep::Erased;

/// The longest line in either direction. A report names everybody who came or went.
const LONGEST_LINE: usize = 256 * 1024 * 1024;

/// What a command asks of the daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Syncs these organizations now, and tries what every sink has before it.
    Sync {
        /// All of the config if there is none.
        organizations: Vec<OrganizationId>,
    },
    /// Approves a held roster, then syncs.
    Approve {
        /// Whose.
        organization: OrganizationId,
        /// Which hold, where it has changed since it was told.
        hold: Option<String>,
    },
    /// Rejects a held roster.
    Reject {
        /// Whose.
        organization: OrganizationId,
    },
    /// Reads the config again.
    Reload,
    /// Says where its HTTP endpoints are.
    Listen,
    /// Does what a person ordered about a sink.
    Act {
        /// Its name.
        sink: String,
        /// What.
        act: Act,
    },
    /// Sends a test event to every lane of a sink.
    Test {
        /// Its name.
        sink: String,
    },
    /// Erases what is known of an organization that is no longer watched.
    Forget {
        /// Whose.
        organization: OrganizationId,
    },
}

/// A part of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// How one sync ended.
    Report(Box<Report>),
    /// How one sync ended is not known.
    Lost(Lost),
    /// What a sink did not take.
    Undelivered(Undelivered),
    /// The hold that is rejected now.
    Rejected(Hold),
    /// The person's word was not taken.
    Refused(Refused),
    /// What came of a reload.
    Reloaded(Reloaded),
    /// Where its HTTP endpoints are.
    Listens(SocketAddr),
    /// What became of an order about a sink.
    Acted(Acted),
    /// What came of a test of a sink.
    Tested(Vec<Tested>),
    /// What was erased; none where nothing was known.
    Forgotten(Option<Forgotten>),
    /// It could not be done.
    Failed(Trouble),
    /// There is no more.
    Done,
}

/// What came of a reload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reloaded {
    /// What differs now, in words: one line a kind of thing, and one that says so where nothing
    /// does.
    pub changes: Vec<String>,
    /// What in the config is no mistake and may not be meant, as it is shown.
    pub warnings: Option<String>,
}

/// A sync of which nobody knows how it ended, as the store failed. That stops no other.
#[derive(Debug, Serialize, Deserialize)]
pub struct Lost {
    /// Whose.
    pub organization: OrganizationId,
    /// Why.
    pub trouble: Trouble,
}

/// What was erased of an organization.
#[derive(Debug, Serialize, Deserialize)]
pub struct Forgotten {
    /// How much.
    pub forgotten: store::Forgotten,
    /// Why traces of it may still stand in free space of the file.
    pub traces: Option<Trouble>,
}

impl From<Erased> for Forgotten {
    fn from(Erased { forgotten, traces }: Erased) -> Self {
        Self { forgotten, traces: traces.map(|error| Stop::from(error).into()) }
    }
}

/// Why something could not be done, as the command would have said it by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trouble {
    /// How the command ends.
    pub exit: Exit,
    /// Lines for people: what happened, and what to do.
    pub text: String,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self { exit: failure.exit, text: failure.to_string() }
    }
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self { exit: stop.exit(), text: stop.to_string() }
    }
}

/// A question with what is needed to understand it.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope {
    version: String,
    question: Question,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

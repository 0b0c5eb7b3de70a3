//! Exit codes, and failures that end a command.
//!
//! The codes are those of `sysexits.h`, so that cron, systemd and scripts can tell a wrong
//! config (do not retry) from a server that is down (do).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::chain::chain;
use crate::codecov::Reason;
use crate::config::Problems;
use crate::store::{StoreError, StoreErrorKind};

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// The command line is wrong.
    Usage = 64,
    /// A roster is held or empty; what was asked for does not fit what is stored.
    Data = 65,
    /// Codecov, a receiver or the daemon cannot be reached.
    Unavailable = 69,
    /// The program is wrong.
    Internal = 70,
    /// A file cannot be created.
    CannotCreate = 73,
    /// The disk fails.
    Io = 74,
    /// Trying again later may help.
    TryAgain = 75,
    /// Codecov, or a plugin, answered something else.
    Protocol = 76,
    /// A right is missing.
    NoPermission = 77,
    /// The configuration is wrong.
    Config = 78,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// All of them, by number.
    pub const ALL: [Self; 12] = [
        Self::Ok,
        Self::Usage,
        Self::Data,
        Self::Unavailable,
        Self::Internal,
        Self::CannotCreate,
        Self::Io,
        Self::TryAgain,
        Self::Protocol,
        Self::NoPermission,
        Self::Config,
        Self::Interrupted,
    ];

    /// What it says to whoever started the program: a part of a sentence, for the help and the
    /// manual.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "all is well",
            Self::Usage => "the command line is wrong",
            Self::Data => "a roster is held or empty, or what is asked for is not stored",
            Self::Unavailable => "Codecov, a receiver or the daemon cannot be reached",
            Self::Internal => "seatwatch itself is wrong",
            Self::CannotCreate => "a file or directory cannot be made",
            Self::Io => "the disk fails or is full",
            Self::TryAgain => "later it may work: rate limit, roster in motion, state in use",
            Self::Protocol => "Codecov or a plugin answered what it should not",
            Self::NoPermission => "a right is missing: token, not an admin, wrong user",
            Self::Config => "the config is wrong, or names what Codecov does not know",
            Self::Interrupted => "ended by Ctrl-C or TERM",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Reason> for Exit {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Empty => Self::Data,
            Reason::Unreachable | Reason::Timeout | Reason::Tls | Reason::ServerError => {
                Self::Unavailable
            }
            Reason::RateLimited | Reason::Inconsistent => Self::TryAgain,
            Reason::BadResponse => Self::Protocol,
            Reason::TokenRefused | Reason::TokenNotAdmin | Reason::NotAMember => Self::NoPermission,
            Reason::OrganizationNotFound => Self::Config,
        }
    }
}

/// Why a command ends before it is done.
#[derive(Clone, Debug)]
pub struct Failure {
    /// With which code.
    pub exit: Exit,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without advice.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// The same failure with advice.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

/// Why a command stops: nobody reads what it writes any more, or it failed.
#[derive(Debug)]
pub enum Stop {
    /// The reader of the output is gone: a quiet end.
    ClosedPipe,
    /// Something to tell.
    Failure(Failure),
    /// The configuration is wrong, in one or many places.
    Config(Problems),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Problems> for Stop {
    fn from(problems: Problems) -> Self {
        Self::Config(problems)
    }
}

impl fmt::Display for Stop {
    /// The lines that people read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedPipe => Ok(()),
            Self::Failure(failure) => failure.fmt(f),
            Self::Config(problems) => problems.fmt(f),
        }
    }
}

impl Stop {
    /// With which code the process ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::ClosedPipe => Exit::Ok,
            Self::Failure(failure) => failure.exit,
            Self::Config(_) => Exit::Config,
        }
    }
}

impl From<crate::codecov::Error> for Stop {
    /// Of preparing to ask, which only the configuration can spoil.
    fn from(error: crate::codecov::Error) -> Self {
        Self::Failure(Failure::new(Exit::Config, chain(&error)).with_hint(error.hint()))
    }
}

impl From<std::io::Error> for Stop {
    /// Of writing to stdout, which is the only I/O that a command does by itself.
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::ClosedPipe;
        }
        Self::Failure(Failure::new(Exit::Io, format!("cannot write the output: {error}")))
    }
}

impl From<&StoreError> for Failure {
    fn from(error: &StoreError) -> Self {
        let exit = match &error.kind {
            StoreErrorKind::InUse | StoreErrorKind::Busy(_) => Exit::TryAgain,
            StoreErrorKind::WrongUser { .. } => Exit::NoPermission,
            StoreErrorKind::Open(_) | StoreErrorKind::ReadOnly(_) | StoreErrorKind::Exists => {
                Exit::CannotCreate
            }
            StoreErrorKind::Newer { .. } | StoreErrorKind::Older { .. } => Exit::Config,
            StoreErrorKind::NotADatabase
            | StoreErrorKind::Gone
            | StoreErrorKind::Full(_)
            | StoreErrorKind::Corrupt(_)
            | StoreErrorKind::Sqlite(_) => Exit::Io,
        };
        Self::new(exit, chain(error)).with_hint(error.hint())
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failure(Failure::from(&error))
    }
}

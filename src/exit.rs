//! Exit codes, and failures that end a command.
//!
//! The codes are those of `sysexits.h`, so that cron, systemd and scripts can tell a wrong
//! config (do not retry) from a server that is down (do).

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::chain::chain;
use crate::codecov::Reason;
use crate::config::Problems;
use crate::people;
use crate::store::{StoreError, StoreErrorKind};

/// Makes the enum of lines that say of each code what it means, once for the code, the help and the
/// manual.
macro_rules! exits {
    ($($name:ident = $code:literal, $meaning:literal;)+) => {
        /// How the process ends.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Exit {
            $(#[doc = $meaning] $name = $code,)+
        }

        impl Exit {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What it says to whoever started the program: a part of a sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)+
                }
            }
        }
    };
}

exits! {
    Ok = 0, "the command did what it is for";
    Usage = 64, "the command line is wrong";
    Data = 65, "a roster is held or empty, or what is asked for is not stored";
    Unavailable = 69, "Codecov, a receiver or the daemon cannot be reached";
    Internal = 70, "seatwatch itself is wrong";
    CannotCreate = 73, "a file or directory cannot be made";
    Io = 74, "the disk fails or is full";
    TryAgain = 75, "later it may work: rate limit, roster in motion, state in use";
    Protocol = 76, "Codecov or a plugin answered what it should not";
    NoPermission = 77, "a right is missing: token, not an admin, wrong user";
    Config = 78, "the config is wrong, or names what Codecov does not know";
    Interrupted = 130, "ended by Ctrl-C or TERM";
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

    /// The same failure, of which it is said whom it concerns.
    #[must_use]
    pub fn of(self, whom: &impl fmt::Display) -> Self {
        Self { message: format!("{whom}: {}", self.message), ..self }
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

impl From<io::Error> for Stop {
    /// Of writing to stdout, which is the only I/O that a command does by itself.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
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

impl From<&people::Error> for Failure {
    fn from(error: &people::Error) -> Self {
        let exit = match &error.kind {
            people::ErrorKind::Unreadable(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Exit::Usage,
                io::ErrorKind::PermissionDenied => Exit::NoPermission,
                _ => Exit::Io,
            },
            people::ErrorKind::NotRegular | people::ErrorKind::NoSuchColumn { .. } => Exit::Usage,
            _ => Exit::Data,
        };
        Self::new(exit, error.to_string()).with_hint(error.hint())
    }
}

impl From<people::Error> for Stop {
    fn from(error: people::Error) -> Self {
        Self::Failure(Failure::from(&error))
    }
}

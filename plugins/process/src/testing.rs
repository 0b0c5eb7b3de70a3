//! Drives a plugin through all that it has to keep to, and tells what it found: what
//! `seatwatch plugin test` prints.
//!
//! Really delivers sample events, to wherever the settings lead. A plugin that fails one trial is
//! started again for the next, so that all that is wrong is told at once. Prints nothing itself.

use std::path::PathBuf;
use std::time::Duration;

use seatwatch_sdk::Origin;

use crate::external::ExternalSettings;
use crate::guard::GRACE;
use crate::plugin::{Owner, Plugin};
use crate::session::{HELLO_LIMIT, PING_LIMIT};
use crate::trust::Rule;

mod judge;
mod record;
mod trial;

/// One promise of a plugin, and whether it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What a plugin has to do: `answers a ping`.
    pub promise: &'static str,
    /// Whether it did.
    pub grade: Grade,
    /// What was seen, in words.
    pub seen: String,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// As promised.
    Ok,
    /// As promised, but somebody should look at it.
    Warning,
    /// Not as promised.
    Failed,
    /// It was not tried.
    Skipped,
}

/// How long the trials wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For `ready`.
    pub hello: Duration,
    /// For `pong`.
    pub pong: Duration,
    /// For every other answer.
    pub answer: Duration,
    /// For the exit after `shutdown`, or after the end of the input.
    pub exit: Duration,
}

impl Default for Patience {
    /// As long as seatwatch itself.
    fn default() -> Self {
        let answer = Duration::from_secs(30);
        Self { hello: HELLO_LIMIT, pong: PING_LIMIT, answer, exit: GRACE }
    }
}

/// A program to try, with the settings that it gets.
#[derive(Clone)]
pub struct Candidate {
    /// The program, absolute.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What it is started with and told. Paths in it start at the directory of the origin.
    pub settings: ExternalSettings,
}

/// Tries the candidate; one finding a promise, always the same promises in the same order.
pub async fn run(candidate: &Candidate, origin: &Origin<'_>, patience: Patience) -> Vec<Finding> {
    let mut settings = candidate.settings.clone();
    settings.config.resolve(origin);
    let plugin = Plugin {
        program: candidate.program.clone(),
        arguments: candidate.arguments.clone(),
        rule: Rule::NotEverybodys,
        environment: settings.env,
        settings: settings.config.values().clone(),
        owner: Owner::of(origin),
    };
    trial::Trial::new(plugin, patience).run(&candidate.program).await
}

//! What a plugin said beside its answers while it was tried.

use std::sync::{Mutex, PoisonError};

use crate::heard::{Ear, Heard, excerpt};

/// Keeps what it hears.
#[derive(Default)]
pub(super) struct Record(Mutex<Lines>);

#[derive(Default)]
pub(super) struct Lines {
    pub(super) stderr: Few,
    pub(super) noise: Few,
    pub(super) unasked: Few,
}

/// The first few lines, and how many there were.
#[derive(Default)]
pub(super) struct Few {
    first: Vec<String>,
    count: usize,
}

impl Few {
    const MOST: usize = 5;

    fn add(&mut self, line: &str) {
        self.count += 1;
        if self.first.len() < Self::MOST {
            self.first.push(excerpt(line));
        }
    }
}

impl Record {
    /// What there was of a kind, if anything.
    pub(super) fn about(&self, of: impl Fn(&Lines) -> &Few, what: &str) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Few { first, count } = of(&lines);
        let more = if *count > first.len() { " and so on" } else { "" };
        let lines = first.iter().map(|line| format!("`{line}`")).collect::<Vec<_>>().join(", ");
        (*count > 0).then(|| format!("{count} × {what}: {lines}{more}"))
    }
}

impl Ear for Record {
    fn hear(&self, heard: Heard<'_>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match heard {
            Heard::Stderr(line) | Heard::Ended(line) => lines.stderr.add(line),
            Heard::Noise(line) => lines.noise.add(line),
            Heard::Unknown(name) => lines.noise.add(&format!("a message of type {name}")),
            Heard::Unasked(name) => lines.unasked.add(name),
        }
    }
}

//! Reads what the file sink wrote, as it grows: the same as `tail -F` would show.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use seatwatch_sdk::{Data, EventKind};
use serde::Deserialize;

use super::super::exit::{Exit, Failure};

/// One event, as far as the demo shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    pub(super) time: DateTime<Utc>,
    pub(super) data: Data,
}

impl Told {
    /// `github/acme`; nothing for the whole instance.
    pub(super) fn organization(&self) -> String {
        let organization = self.data.organization.as_ref();
        organization.map(ToString::to_string).unwrap_or_default()
    }
}

/// The file of a sink, read as far as it is written.
pub(super) struct Sink {
    path: PathBuf,
    file: Option<File>,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
    pub(super) counts: BTreeMap<EventKind, u64>,
    pub(super) last_line: String,
}

impl Sink {
    pub(super) fn new(path: PathBuf) -> Self {
        let (rest, counts, last_line) = (Vec::new(), BTreeMap::new(), String::new());
        Self { path, file: None, rest, counts, last_line }
    }

    /// The events that were written since it was read last.
    pub(super) fn read_on(&mut self) -> Result<Vec<Told>, Failure> {
        let read = self.read();
        read.map_err(|error| {
            let path = self.path.display();
            Failure::new(Exit::Io, format!("cannot read `{path}`: {error}"))
        })
    }

    fn read(&mut self) -> io::Result<Vec<Told>> {
        if self.file.is_none() {
            self.file = match File::open(&self.path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                opened => Some(opened?),
            };
        }
        let Some(file) = &mut self.file else { return Ok(Vec::new()) };
        file.read_to_end(&mut self.rest)?;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(Vec::new());
        };
        let rest = self.rest.split_off(end + 1);
        let lines = String::from_utf8(std::mem::replace(&mut self.rest, rest));
        let lines = lines.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        lines.lines().map(|line| self.take(line)).collect()
    }

    fn take(&mut self, line: &str) -> io::Result<Told> {
        let told: Told = serde_json::from_str(line)?;
        *self.counts.entry(told.data.event).or_default() += 1;
        line.clone_into(&mut self.last_line);
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_line_is_read_once_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.ndjson");
        let mut sink = Sink::new(path.clone());
        assert!(sink.read_on().unwrap().is_empty()); // There is no file yet.

        let line = r#"{"time":"2026-11-23T10:00:00Z","data":{"event":"heartbeat","totals":null,"previous_totals":null,"since":null}}"#;
        let mut file = File::create(&path).unwrap();
        file.write_all(format!("{line}\n{{\"time\":").as_bytes()).unwrap();
        assert_eq!(sink.read_on().unwrap().len(), 1);
        file.write_all(line.strip_prefix("{\"time\":").unwrap().as_bytes()).unwrap();
        assert!(sink.read_on().unwrap().is_empty());
        file.write_all(b"\n").unwrap();
        assert_eq!(sink.read_on().unwrap().len(), 1);
        assert_eq!(sink.counts[&EventKind::Heartbeat], 2);
        assert_eq!(sink.last_line, line);
    }
}

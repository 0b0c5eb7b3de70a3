//! A config and a state directory, whose lanes can be set back to the start of the log.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use seatwatch::config;
use seatwatch::store::{LockedDirectory, Reader, Store};

use crate::stock;

/// An instance with a log full of events.
pub(crate) struct Instance {
    directory: tempfile::TempDir,
    /// How many.
    pub(crate) events: usize,
    /// Where its daemon answers.
    pub(crate) address: SocketAddr,
}

impl Instance {
    /// On a real disk, where an fsync costs what it does.
    pub(crate) fn new(events: usize) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let token = directory.path().join("token");
        fs::write(&token, "6b3bbf0c-7b1f-4a3e-9d5a-000000000001").unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        // Nobody else takes it in the moment between: whoever asks for any port gets another one.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let instance = Self { directory, events, address: listener.local_addr().unwrap() };
        stock::fill(&instance.store(), events);
        instance
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("seatwatch.yaml")
    }

    fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    fn store(&self) -> Store {
        Store::open(LockedDirectory::lock(&self.state()).unwrap()).unwrap()
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(&self.state()).unwrap()
    }

    /// A file that is not there yet.
    pub(crate) fn output(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        drop(fs::remove_file(&path));
        path
    }

    /// Makes these all sinks, by name and config, and gives each the whole log.
    ///
    /// Its one organization is on a server that refuses all, and due again on the next 29 February.
    pub(crate) fn configure(&self, sinks: &[(&str, &str)]) {
        let sinks: Vec<_> =
            sinks.iter().map(|(name, sink)| format!("  {name}: {sink}\n")).collect();
        let text = format!(
            "instance: bench\nstate_dir: state\nlisten: {}\nschedule: \"0 0 29 2 *\"\n\
             codecov:\n  base_url: http://127.0.0.1:9\n  token_file: token\n\
             organizations: [github/org-0]\nsinks:\n{}",
            self.address,
            sinks.concat()
        );
        fs::write(self.config(), text).unwrap();
        let config = config::load_without_secrets(&self.config()).unwrap();
        let lanes = config.sinks.into_iter().flat_map(|entry| {
            let lanes = entry.config.lanes().into_iter();
            lanes.map(move |lane| (entry.name.clone(), lane))
        });
        let lanes: Vec<_> = lanes.collect();
        stock::write(&self.store(), move |tx| {
            for (sink, lane) in &lanes {
                let lane = tx.lane(sink.as_str(), lane)?;
                tx.set_cut(&lane, None)?;
                tx.set_cursor(&lane, 0)?;
            }
            Ok(())
        });
    }

    /// How many events a sink has behind it that has one lane.
    pub(crate) fn cursor(reader: &Reader, sink: &str, lane: &str) -> u64 {
        let lane = reader.read(|view| view.find_lane(sink, lane));
        lane.unwrap().map_or(0, |lane| lane.cursor)
    }

    /// The one lane of a sink.
    pub(crate) fn lane(&self, sink: &str) -> String {
        let config = config::load_without_secrets(&self.config()).unwrap();
        let entry = config.sinks.iter().find(|entry| entry.name == sink).unwrap();
        entry.config.lanes().remove(0)
    }
}

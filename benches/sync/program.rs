//! seatwatch as its users run it, on a state directory of its own.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::pages::{self, Scale};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_seatwatch");

/// A config, a state directory and a file that events go to.
pub(crate) struct Instance {
    directory: PathBuf,
    scale: Scale,
}

/// The newest rows of a store: what comes after them is new.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Newest {
    run: i64,
    event: i64,
}

impl Instance {
    pub(crate) fn new(directory: &Path, scale: Scale) -> Self {
        let token = directory.join("token");
        fs::write(&token, "6b3bbf0c-7b1f-4a3e-9d5a-000000000001").unwrap();
        let mut permissions = fs::metadata(&token).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
        fs::set_permissions(&token, permissions).unwrap();
        Self { directory: directory.to_owned(), scale }
    }

    /// The command that syncs all organizations once.
    pub(crate) fn sync(&self, base_url: &str) -> Vec<String> {
        let config = self.directory.join("seatwatch.yaml");
        fs::write(&config, self.config(base_url)).unwrap();
        let config = config.display().to_string();
        [PROGRAM, "--config", &config, "sync"].map(str::to_owned).to_vec()
    }

    pub(crate) fn events(&self) -> PathBuf {
        self.directory.join("events.ndjson")
    }

    fn config(&self, base_url: &str) -> String {
        let mut config = format!(
            "instance: bench\nstate_dir: state\n\
             codecov:\n  base_url: {base_url}\n  token_file: token\n  requests_per_second: 1000000\n\
             sinks:\n  events:\n    type: file\n    path: events.ndjson\n\
             organizations:\n"
        );
        for organization in 0..self.scale.organizations {
            let owner = pages::organization_name(organization);
            writeln!(config, "  - {{service: github, owner: {owner}, on_first_sync: emit}}")
                .unwrap();
        }
        config
    }

    fn database(&self) -> Option<Connection> {
        let database = self.directory.join("state/seatwatch.db");
        database.exists().then(|| Connection::open(database).unwrap())
    }

    /// What is there now.
    pub(crate) fn newest(&self) -> Newest {
        let Some(database) = self.database() else { return Newest::default() };
        let max = |sql| database.query_row(sql, [], |row| row.get(0)).unwrap();
        Newest {
            run: max("SELECT coalesce(max(id), 0) FROM runs"),
            event: max("SELECT coalesce(max(sequence), 0) FROM log"),
        }
    }

    /// How many rows of members and of the log were written since: states that began or ended
    /// (which is a row gone here and one more there), and events.
    pub(crate) fn rows_since(&self, newest: Newest) -> u64 {
        let Some(database) = self.database() else { return 0 };
        let count =
            |sql, than| -> u64 { database.query_row(sql, [than], |row| row.get(0)).unwrap() };
        count("SELECT count(*) FROM states WHERE began > ?1", newest.run)
            + 2 * count("SELECT count(*) FROM past_states WHERE ended > ?1", newest.run)
            + count("SELECT count(*) FROM log WHERE sequence > ?1", newest.event)
    }
}

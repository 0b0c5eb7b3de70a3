//! Changes that are asked for at the same time share a transaction, and nothing else.

use std::sync::{Arc, mpsc};

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::RwLock;

use super::super::schema;
use super::*;

/// A store with a table of words, where a note can be left that no word has: that is found out
/// only when it is committed.
struct World {
    runtime: Runtime,
    directory: TempDir,
    writer: Writer,
    gate: Arc<RwLock<()>>,
}

impl World {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("database");
        let mut connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        schema::migrate(&mut connection, &path).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE words (word TEXT PRIMARY KEY);
                 CREATE TABLE notes (word TEXT REFERENCES words DEFERRABLE INITIALLY DEFERRED);
                 PRAGMA foreign_keys = ON",
            )
            .unwrap();
        let writer = Writer::start(connection, LogState { end: 0, erasures: 0 }).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        Self { runtime, directory, writer, gate: Arc::default() }
    }

    /// Asks for changes that are all queued before the first of them is made, and tells what
    /// became of each.
    fn write(&self, changes: &[&'static str]) -> Vec<String> {
        let (queued, all_are_queued) = mpsc::channel::<()>();
        let mut all_are_queued = Some(all_are_queued);
        let writes = changes.iter().map(|&sql| {
            let wait = all_are_queued.take();
            let open = Arc::clone(&self.gate).try_read_owned().unwrap();
            self.writer.write(open, move |tx| {
                wait.map(|all_are_queued| all_are_queued.recv());
                tx.0.0.execute_batch(sql)
            })
        });
        let writes = futures_util::future::join_all(writes.map(|write| async {
            let result = write.await;
            // Who hears of a change finds it on the disk, and those that were made with it.
            (result.map_or_else(|error| error.to_string(), |()| "ok".to_owned()), self.words())
        }));
        let release = async { drop(queued) };
        let (results, ()) = self.runtime.block_on(async { tokio::join!(writes, release) });
        let words = self.words();
        results
            .into_iter()
            .map(|(result, seen)| {
                assert_eq!(seen, words, "an answer came before the commit");
                result
            })
            .collect()
    }

    /// As another connection sees them: what is committed.
    fn words(&self) -> String {
        let connection = Connection::open(self.directory.path().join("database")).unwrap();
        let sql = "SELECT coalesce(group_concat(word, ' ' ORDER BY word), '') FROM words";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

#[test]
fn changes_that_wait_for_one_another_are_committed_together() {
    let world = World::start();
    let insert = ["INSERT INTO words VALUES ('a')", "INSERT INTO words VALUES ('b')"];
    assert_eq!(world.write(&insert), ["ok", "ok"]);
    assert_eq!(world.words(), "a b");
}

#[test]
fn a_change_that_fails_does_not_harm_the_others() {
    let world = World::start();
    let results = world.write(&[
        "INSERT INTO words VALUES ('a')",
        "INSERT INTO words VALUES ('b'); INSERT INTO words VALUES ('a')",
        "INSERT INTO words VALUES ('c')",
    ]);
    assert_eq!(results, ["ok", "UNIQUE constraint failed: words.word", "ok"]);
    assert_eq!(world.words(), "a c");

    // So it is with the first, which the others would have been committed with.
    let results = world.write(&["INSERT INTO words VALUES ('d'), ('a')"]);
    assert_eq!(results, ["UNIQUE constraint failed: words.word"]);
    assert_eq!(world.words(), "a c");
    assert_eq!(world.write(&["INSERT INTO words VALUES ('d')"]), ["ok"]);
}

#[test]
fn a_commit_that_fails_fails_all_of_them() {
    let world = World::start();
    let results = world.write(&[
        "INSERT INTO words VALUES ('a')",
        "INSERT INTO notes VALUES ('x')",
        "INSERT INTO words VALUES ('b'), ('b')",
    ]);
    let failed = "FOREIGN KEY constraint failed";
    assert_eq!(results, [failed, failed, "UNIQUE constraint failed: words.word"]);
    assert_eq!(world.words(), "");
    assert_eq!(world.write(&["INSERT INTO words VALUES ('a')"]), ["ok"]);
}

/// As a full disk does, or one that cannot be read.
#[test]
fn a_failure_that_takes_the_transaction_along_fails_all_of_them() {
    let world = World::start();
    let results = world.write(&[
        "INSERT INTO words VALUES ('a')",
        "INSERT INTO words VALUES ('b'); ROLLBACK; INSERT INTO words VALUES (x)",
    ]);
    assert!(results.iter().all(|result| result.starts_with("no such column: x")), "{results:?}");
    assert_eq!(world.words(), "");
    assert_eq!(world.write(&["INSERT INTO words VALUES ('a')"]), ["ok"]);
}

#[test]
fn who_follows_the_log_is_told_of_what_comes_and_goes_alone() {
    let world = World::start();
    let mut log = world.writer.follow_log();
    let event = "INSERT INTO log (sync, position, event, source, time, data)
                 VALUES (zeroblob(16), 0, 'heartbeat', '/', 0, '{}')";
    assert_eq!(world.write(&["INSERT INTO words VALUES ('a')"]), ["ok"]);
    assert!(!log.has_changed().unwrap());
    assert_eq!(world.write(&[event, event]), ["ok", "ok"]);
    assert!(log.has_changed().unwrap());
    assert_eq!(*log.borrow_and_update(), LogState { end: 2, erasures: 0 });
    assert_eq!(world.write(&["INSERT INTO meta VALUES ('erasures', 1)"]), ["ok"]);
    assert_eq!(*log.borrow_and_update(), LogState { end: 2, erasures: 1 });
    let lost = "INSERT INTO log (sync, position, event, source, time, data)
                VALUES (zeroblob(16), 0, 'heartbeat', '/', 0, '{}'); INSERT INTO words VALUES (x)";
    world.write(&["INSERT INTO words VALUES ('b')", lost]);
    assert!(!log.has_changed().unwrap());
    drop(world);
    assert!(log.has_changed().is_err(), "there will be no more");
}

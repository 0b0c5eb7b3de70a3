//! The file is written anew between two changes, never beside one.

use std::sync::mpsc;

use futures_util::FutureExt as _;

use super::super::LockedDirectory;
use super::*;

/// As where a sync is broken off, or nobody waits longer for a note: the change is made all the
/// same.
#[tokio::test]
async fn a_purge_waits_for_a_change_that_nobody_waits_for_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(LockedDirectory::lock(directory.path()).unwrap()).unwrap();
    let (release, released) = mpsc::channel::<()>();
    let asked = store.write(move |tx| {
        released.recv().ok();
        tx.0.0.execute("INSERT INTO meta VALUES ('made', 1)", [])
    });
    // Asked for, and dropped before the answer.
    assert!(asked.now_or_never().is_none());
    assert!(store.gate.try_write().is_err(), "it is still to be made");
    drop(release);
    store.purge().await.unwrap();
    let sql = "SELECT value FROM meta WHERE name = 'made'";
    let made = store.read(|view| view.0.query_row(sql, [], |row| row.get::<_, u32>(0)));
    assert_eq!(made.unwrap(), 1);
}

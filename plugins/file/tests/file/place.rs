//! What can be at the path, or in its way. `check` and a delivery agree, and neither ever hangs.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use nix::sys::stat::Mode;
use nix::unistd::{Uid, mkfifo};
use seatwatch_file::{FileConfig, Format};
use seatwatch_sdk::SinkConfig as _;
use seatwatch_sdk::samples::events;

use crate::world::{World, in_a_process};

/// After `set_up`, both questions have this answer, and nothing has come into being.
async fn refused(set_up: impl FnOnce(&World), reason: &str) {
    let mut world = World::new(Format::Ndjson);
    set_up(&world);
    assert_eq!(world.check().await, reason);
    assert_eq!(world.refuses(&events(1)).await, reason);
}

/// So that two sinks cannot write one file without knowing of each other.
#[test]
fn a_file_is_the_same_under_every_name() {
    let world = World::new(Format::Ndjson);
    let directory = world.directory();
    symlink(directory, directory.join("link")).unwrap();
    fs::create_dir(directory.join("other")).unwrap();
    let receiver = |path: &str| {
        let path = directory.join(path);
        FileConfig { path: path.into(), format: Format::Csv }.receiver().unwrap()
    };
    for path in ["./events", "link/events", "other/../events"] {
        assert_eq!(receiver(path), receiver("events"), "{path}");
    }
    for path in ["other/events", "event", "missing/events"] {
        assert_ne!(receiver(path), receiver("events"), "{path}");
    }
}

#[tokio::test]
async fn only_a_regular_file_will_do() {
    refused(
        |world| fs::create_dir(world.path()).unwrap(),
        "`[DIR]/events` is a directory: set `path` to a regular file",
    )
    .await;
    refused(
        |world| mkfifo(world.path(), Mode::S_IRWXU).unwrap(),
        "`[DIR]/events` is a FIFO: set `path` to a regular file",
    )
    .await;
    refused(
        |world| drop(UnixListener::bind(world.path()).unwrap()),
        "`[DIR]/events` is a socket: set `path` to a regular file",
    )
    .await;
    refused(
        |world| {
            fs::write(world.directory().join("target"), "").unwrap();
            symlink("target", world.path()).unwrap();
        },
        "`[DIR]/events` is a symbolic link: set `path` to a regular file",
    )
    .await;
    refused(
        |world| symlink("nowhere", world.path()).unwrap(),
        "`[DIR]/events` is a symbolic link: set `path` to a regular file",
    )
    .await;
}

#[tokio::test]
async fn a_device_is_never_opened() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::at(directory, "/dev/full".into(), Format::Ndjson);
    let reason = "`/dev/full` is a device: set `path` to a regular file";
    assert_eq!(world.check().await, reason);
    assert_eq!(world.refuses(&events(1)).await, reason);
}

#[tokio::test]
async fn the_directory_must_exist() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gone/events");
    let mut world = World::at(directory, path, Format::Ndjson);
    let reason = "cannot create `[DIR]/gone/events`: no such file or directory; \
                  create the directory `[DIR]/gone`";
    assert_eq!(world.check().await, reason);
    assert_eq!(world.refuses(&events(1)).await, reason);
    fs::create_dir(world.directory().join("gone")).unwrap();
    assert_eq!(world.check().await, "");
    world.accepts(&events(1)).await;
}

#[tokio::test]
async fn a_file_is_no_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file/events");
    fs::write(directory.path().join("file"), "").unwrap();
    let mut world = World::at(directory, path, Format::Ndjson);
    let reason = "cannot open `[DIR]/file/events`: not a directory; \
                  make `[DIR]/file` a directory, or set another `path`";
    assert_eq!(world.check().await, reason);
    assert_eq!(world.refuses(&events(1)).await, reason);
}

/// Root may write everywhere, so the test becomes somebody else first.
#[tokio::test]
async fn rights_are_missed_before_anything_is_written() {
    let nobody = Uid::effective().is_root().then_some(65534);
    if !in_a_process("place::rights_are_missed_before_anything_is_written", ":", nobody) {
        return;
    }
    let hint = "permission denied; \
                let the user that seatwatch runs as read and write it and `[DIR]`";
    let lock = |world: &World| {
        fs::set_permissions(world.directory(), Permissions::from_mode(0o555)).unwrap();
    };
    refused(lock, &format!("cannot create `[DIR]/events`: {hint}")).await;

    let protect = |world: &World| {
        fs::write(world.path(), "").unwrap();
        fs::set_permissions(world.path(), Permissions::from_mode(0o440)).unwrap();
    };
    refused(protect, &format!("cannot open `[DIR]/events`: {hint}")).await;
}

#[tokio::test]
async fn a_new_file_has_its_mode_whatever_the_umask() {
    if !in_a_process("place::a_new_file_has_its_mode_whatever_the_umask", "umask 077", None) {
        return;
    }
    let mut world = World::new(Format::Ndjson);
    world.accepts(&events(1)).await;
    let mode = fs::metadata(world.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640, "{mode:o}");
}

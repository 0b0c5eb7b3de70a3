//! Log rotation: the file goes, by whatever way, and the next event starts a new one.

use std::fs;

use seatwatch_file::Format;
use seatwatch_sdk::samples::events;

use crate::world::{World, ids, ids_in};

#[tokio::test]
async fn a_renamed_file_is_left_alone() {
    let events = events(3);
    let mut world = World::new(Format::Ndjson);
    world.accepts(&events[..1]).await;
    let rotated = world.directory().join("events.1");
    fs::rename(world.path(), &rotated).unwrap();
    world.accepts(&events[1..2]).await;
    world.accepts(&events[2..]).await;
    assert_eq!(ids_in(&rotated, Format::Ndjson), ids(&events[..1]));
    assert_eq!(world.ids(), ids(&events[1..]));
}

#[tokio::test]
async fn a_recreated_file_keeps_its_mode_and_gets_a_header() {
    use std::os::unix::fs::PermissionsExt as _;

    let events = events(2);
    let mut world = World::new(Format::Csv);
    world.accepts(&events[..1]).await;
    fs::rename(world.path(), world.directory().join("events.1")).unwrap();
    fs::write(world.path(), "").unwrap();
    fs::set_permissions(world.path(), fs::Permissions::from_mode(0o600)).unwrap();
    world.accepts(&events[1..]).await;
    assert_eq!(world.ids(), ids(&events[1..]));
    let mode = fs::metadata(world.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the mode of a file that somebody else made is theirs");
}

#[tokio::test]
async fn a_deleted_file_is_made_anew() {
    let events = events(2);
    let mut world = World::new(Format::Ndjson);
    world.accepts(&events[..1]).await;
    fs::remove_file(world.path()).unwrap();
    world.accepts(&events[1..]).await;
    assert_eq!(world.ids(), ids(&events[1..]));
}

/// As logrotate does with `copytruncate`.
#[tokio::test]
async fn a_truncated_file_goes_on_from_its_start() {
    let events = events(2);
    for format in [Format::Ndjson, Format::Csv] {
        let mut world = World::new(format);
        world.accepts(&events[..1]).await;
        world.truncate(0);
        world.accepts(&events[1..]).await;
        assert_eq!(world.ids(), ids(&events[1..]));
    }
}

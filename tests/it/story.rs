//! One organization over a few syncs: what the file says is what happened, each exactly once.

use crate::world::{World, acme};

/// Runs the story of the design: everything that can happen to a member, and nothing twice.
#[test]
fn every_change_is_told_once() {
    let world = World::start("ann* bob! cat");
    world.sync().ok();
    assert_eq!(world.told(), "baselined\n");

    let steps = [
        ("ann* bob! cat dan*", "joined dan\nseat_gained dan\n"),
        ("ann* bob! cat dan*", ""),
        ("bob! cat dan*", "left ann\nseat_lost ann\n"),
        ("bob! cat* dan", "seat_gained cat\nseat_lost dan\n"),
        ("bob! cat*! dan", "admin_granted cat\n"),
        ("bob cat*! dan", "admin_revoked bob\n"),
    ];
    let mut told = world.told();
    for (members, events) in steps {
        world.members(members).sync().ok();
        told.push_str(events);
        assert_eq!(world.told(), told, "after {members}");
    }

    world.simulator.edit(|world| {
        let service = acme().service();
        let dan = world.find(service, "dan").unwrap();
        world.rename(dan, "daniel");
    });
    world.sync().ok();
    told.push_str("renamed dan → daniel\n");
    assert_eq!(world.told(), told);
}

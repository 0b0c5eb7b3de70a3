//! A large organization, in many pages, through the whole program.

use crate::ledger::{Ledger, listed};
use crate::world::{World, acme};

#[test]
fn many_thousand_members_are_read_and_compared() {
    let world = World::populated(20_000).with_codecov("page_size: 2000").with_all_events();
    insta::assert_snapshot!(world.sync().ok().shown(), @r"
    github/acme  20000 members  12000 seats  500 admins  baseline
      baselined
    ");
    let mut ledger = Ledger::after_baseline(&world);
    insta::assert_snapshot!(world.sync().ok().shown(), @"github/acme  20000 members  12000 seats  500 admins");

    world.simulator.edit(|world| {
        let acme = world.organization(&acme());
        let people = world.listed(acme).to_vec();
        world.grant_admin(acme, people[1]);
        world.unseat(acme, people[10_000]);
        world.rename(people[15_000], "zz-top");
        world.leave(acme, people[19_999]);
    });
    insta::assert_snapshot!(world.sync().ok().shown(), @r"
    github/acme  19999 members (−1)  11999 seats (−1)  501 admins (+1)
      left           hana-haddad50
      renamed        ada-grunwald37 → zz-top
      seat_lost      quinn-eklund25
      admin_granted  bela-brandt
    ");
    insta::assert_snapshot!(world.told(), @r"
    baselined
    admin_granted bela-brandt
    left hana-haddad50
    seat_lost quinn-eklund25
    renamed ada-grunwald37 → zz-top
    ");
    ledger.read(&world);
    assert_eq!(ledger.roster, listed(&world));
}

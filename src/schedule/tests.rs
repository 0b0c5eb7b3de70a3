//! What the tests of this directory share, and the smallest of them.

mod page;
mod year;

use std::path::Path;

use super::*;
use crate::config;

/// An organization on GitHub with this schedule.
pub(super) fn organization(owner: &str, schedule: &str, zone: Tz) -> Organization {
    let text = "{ codecov: { token_file: token }, organizations: [ github/acme ] }";
    let config = config::parse(text, Path::new("/etc/seatwatch/seatwatch.yaml")).unwrap();
    Organization {
        id: format!("github/{owner}").parse().unwrap(),
        schedule: schedule.parse().unwrap(),
        timezone: zone,
        ..config.organizations.into_iter().next().unwrap()
    }
}

#[test]
fn the_share_is_fixed_and_below_the_splay() {
    let acme: OrganizationId = "github/acme".parse().unwrap();
    let splay = Duration::from_secs(600);
    assert_eq!(share(&acme, splay), share(&acme, splay));
    assert!(share(&acme, splay) < TimeDelta::minutes(10));
    assert_eq!(share(&acme, Duration::ZERO), TimeDelta::zero());
    assert_eq!(share(&acme, Duration::from_millis(900)), TimeDelta::zero());
}

#[test]
fn the_splay_shifts_an_organization_by_its_share() {
    let acme = organization("acme", "0 6 * * *", Tz::Europe__Berlin);
    let splay = Duration::from_secs(7200);
    let share = share(&acme.id, splay);
    assert!(share > TimeDelta::zero(), "or this test shows nothing");
    let six: DateTime<Utc> = "2026-11-23T05:00:00Z".parse().unwrap();
    assert_eq!(next_run(&acme, Duration::ZERO, six - TimeDelta::hours(1)), Some(six));
    // Past 06:00 it is still due today, until its share has passed too.
    assert_eq!(next_run(&acme, splay, six), Some(six + share));
    let tomorrow = six + TimeDelta::days(1) + share;
    assert_eq!(next_run(&acme, splay, six + share), Some(tomorrow));
}

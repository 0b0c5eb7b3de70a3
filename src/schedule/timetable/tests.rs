use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::schedule::next_run;
use crate::schedule::tests::organization;

const DAILY: &str = "0 6 * * *";
const HOURLY: &str = "0 * * * *";

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A time on the day on which these stories happen.
fn at(clock: &str) -> DateTime<Utc> {
    time(&format!("2026-11-23T{clock}Z"))
}

fn in_utc(owner: &str, schedule: &str) -> Organization {
    organization(owner, schedule, chrono_tz::UTC)
}

/// Very many organizations with one schedule.
fn many(count: usize, schedule: &str) -> Vec<Organization> {
    let one = in_utc("one", schedule);
    let named = |index| format!("github/organization-{index}").parse().unwrap();
    (0..count).map(|index| Organization { id: named(index), ..one.clone() }).collect()
}

/// A timetable that starts at `now`, when the last sync of all began at `last`.
fn start(
    organizations: &[Organization],
    last: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Timetable {
    let mut timetable = Timetable::new();
    timetable.set(organizations, Duration::ZERO, |_| last, now);
    timetable
}

/// Who is due, by owner.
fn due(timetable: &mut Timetable, now: DateTime<Utc>) -> String {
    let due = timetable.due(now);
    let owners: Vec<&str> = due.organizations.iter().map(OrganizationId::owner).collect();
    owners.join(" ")
}

/// Looks every second after `from` for `seconds`; who was due, how many seconds after `from`.
fn watch(
    timetable: &mut Timetable,
    from: DateTime<Utc>,
    seconds: i64,
) -> Vec<(i64, OrganizationId)> {
    let look = |second| {
        let due = timetable.due(from + TimeDelta::seconds(second));
        assert_eq!(due.jump, None);
        due.organizations.into_iter().map(move |id| (second, id))
    };
    (1..=seconds).flat_map(look).collect()
}

#[test]
fn an_organization_is_due_at_its_time_and_once() {
    let mut timetable = start(&[in_utc("acme", DAILY)], Some(at("04:00:00")), at("05:00:00"));
    assert_eq!(timetable.earliest(), Some(at("06:00:00")));
    assert_eq!(due(&mut timetable, at("05:59:59")), "");
    assert_eq!(due(&mut timetable, at("06:00:00")), "acme");
    assert_eq!(due(&mut timetable, at("06:00:00")), "");
    assert_eq!(due(&mut timetable, at("06:00:01")), "");
    assert_eq!(timetable.earliest(), Some(time("2026-11-24T06:00:00Z")));
}

#[test]
fn a_timetable_of_nobody_is_never_due() {
    let mut timetable = Timetable::new();
    assert_eq!(timetable.due(at("05:00:00")), Due::default());
    assert_eq!(timetable.earliest(), None);
    assert_eq!(timetable.next(&"github/acme".parse().unwrap()), None);
}

#[test]
fn who_never_synced_is_due_at_once() {
    let three = ["acme", "beta", "coda"].map(|owner| in_utc(owner, DAILY));
    let mut timetable = start(&three, None, at("08:00:00"));
    assert_eq!(due(&mut timetable, at("08:00:00")), "acme beta coda");
    assert_eq!(timetable.earliest(), Some(time("2026-11-24T06:00:00Z")));
}

#[test]
fn after_days_of_being_down_each_is_due_once() {
    let [acme, beta] = [in_utc("acme", HOURLY), in_utc("beta", "0 0 1 * *")];
    let last = Some(time("2026-11-20T09:00:00.412Z"));
    let mut timetable = start(&[acme, beta], last, at("08:20:00"));
    // The first of the month was not missed.
    assert_eq!(due(&mut timetable, at("08:20:00")), "acme");
    assert_eq!(due(&mut timetable, at("08:59:59")), "");
    assert_eq!(due(&mut timetable, at("09:00:00")), "acme");
}

#[test]
fn a_restart_between_two_times_makes_nobody_due() {
    let acme = in_utc("acme", HOURLY);
    let mut timetable = start(&[acme], Some(at("08:00:00.310")), at("08:20:00"));
    assert_eq!(due(&mut timetable, at("08:20:00")), "");
    assert_eq!(timetable.earliest(), Some(at("09:00:00")));
}

#[test]
fn very_many_spread_over_a_minute_and_each_always_has_its_second() {
    let organizations = many(10_000, DAILY);
    let of_last = |last| {
        let mut timetable = start(&organizations, last, at("08:00:00"));
        let mut found = watch(&mut timetable, at("07:59:59"), 90);
        let busiest = (1..=90).map(|second| found.iter().filter(|due| due.0 == second).count());
        let busiest = busiest.max().unwrap();
        assert!(busiest < 10_000 / 60 * 2, "{busiest} in one second");
        assert_eq!(found.last().unwrap().0, 60);
        found.sort_by(|one, other| one.1.cmp(&other.1));
        assert_eq!(found.len(), 10_000);
        assert!(found.windows(2).all(|pair| pair[0].1 != pair[1].1), "each once");
        found
    };
    assert_eq!(of_last(None), of_last(Some(time("2026-11-01T00:00:00Z"))));
}

#[test]
fn fewer_than_twenty_are_due_at_once_and_a_hundred_spread_over_ten_seconds() {
    let mut timetable = start(&many(19, DAILY), None, at("08:00:00"));
    assert_eq!(timetable.due(at("08:00:00")).organizations.len(), 19);
    let mut timetable = start(&many(100, DAILY), None, at("08:00:00"));
    let found = watch(&mut timetable, at("07:59:59"), 30);
    assert_eq!(found.len(), 100);
    assert_eq!(found.last().unwrap().0, 10);
}

/// A last sync that lies in the future was noted by a clock that went wrong.
#[test]
fn a_last_sync_in_the_future_is_not_waited_for() {
    let mut timetable =
        start(&[in_utc("acme", HOURLY)], Some(time("2031-01-01T00:00:00Z")), at("08:20:00"));
    assert_eq!(due(&mut timetable, at("08:20:00")), "");
    assert_eq!(timetable.earliest(), Some(at("09:00:00")));
    // But the clock may be a little behind the one that noted it.
    let timetable = start(&[in_utc("acme", HOURLY)], Some(at("09:00:00.1")), at("08:59:58"));
    assert_eq!(timetable.earliest(), Some(at("10:00:00")));
}

#[test]
fn a_small_step_back_makes_nothing_due_twice() {
    let mut timetable = start(&[in_utc("acme", HOURLY)], Some(at("08:00:00")), at("08:30:00"));
    timetable.due(at("08:59:59"));
    assert_eq!(due(&mut timetable, at("09:00:00")), "acme");
    for back in ["08:59:58", "08:55:00"] {
        assert_eq!(timetable.due(at(back)), Due::default());
        assert_eq!(timetable.due(at("09:00:00")), Due::default());
    }
    assert_eq!(timetable.earliest(), Some(at("10:00:00")));
}

#[test]
fn a_jump_forward_makes_each_that_missed_a_time_due_once() {
    let organizations =
        [in_utc("acme", HOURLY), in_utc("beta", DAILY), in_utc("coda", "0 22 * * *")];
    let mut timetable = start(&organizations, Some(at("02:30:00")), at("02:30:00"));
    let found = timetable.due(at("11:30:00"));
    assert_eq!(found.jump, Some(TimeDelta::hours(9)));
    let owners: Vec<&str> = found.organizations.iter().map(OrganizationId::owner).collect();
    assert_eq!(owners, ["acme", "beta"]);
    assert_eq!(due(&mut timetable, at("11:30:01")), "");
    assert_eq!(timetable.earliest(), Some(at("12:00:00")));
}

#[test]
fn many_that_missed_a_time_in_a_jump_forward_spread() {
    let mut timetable = start(&many(10_000, DAILY), Some(at("02:30:00")), at("02:30:00"));
    let now = at("11:30:00");
    let found = timetable.due(now);
    assert_eq!(found.jump, Some(TimeDelta::hours(9)));
    assert!(found.organizations.len() < 10_000 / 60 * 2, "{}", found.organizations.len());
    let rest = watch(&mut timetable, now, 90);
    assert_eq!(found.organizations.len() + rest.len(), 10_000);
    assert_eq!(rest.last().unwrap().0, 59);
}

#[test]
fn five_minutes_without_a_look_are_no_jump_yet() {
    let mut timetable = start(&[in_utc("acme", HOURLY)], Some(at("08:00:00")), at("08:58:00"));
    let found = timetable.due(at("09:03:00"));
    assert_eq!((found.organizations.len(), found.jump), (1, None));
    let found = timetable.due(at("09:08:00.001"));
    assert_eq!(found.jump, Some(TimeDelta::milliseconds(300_001)));
    assert_eq!(found.organizations, []);
}

#[test]
fn a_jump_back_lets_nobody_wait_for_hours() {
    let mut timetable = start(&[in_utc("acme", HOURLY)], Some(at("12:00:00")), at("12:30:00"));
    timetable.due(at("12:30:01"));
    assert_eq!(timetable.due(at("09:30:01")).jump, Some(TimeDelta::hours(-3)));
    assert_eq!(timetable.earliest(), Some(at("10:00:00")));
    // A clock that went to the future and came back is the same.
    assert_eq!(due(&mut timetable, time("2031-01-01T00:30:00Z")), "acme");
    assert_eq!(due(&mut timetable, at("09:30:05")), "");
    assert_eq!(timetable.earliest(), Some(at("10:00:00")));
}

#[test]
fn who_was_wanted_before_a_jump_back_waits_no_longer_than_before() {
    let splay = Duration::from_secs(1800);
    let acme = in_utc("acme", DAILY);
    let mut timetable = Timetable::new();
    timetable.set(std::slice::from_ref(&acme), splay, |_| Some(at("05:00:00")), at("05:00:00"));
    let share = share(&acme.id, splay);
    assert!(share > TimeDelta::seconds(10), "or this test shows nothing");
    timetable.due(at("06:00:04"));
    timetable.due(at("03:00:04"));
    assert_eq!(timetable.earliest(), Some(at("03:00:00") + share));
    let found = timetable.due(at("03:00:00") + share);
    assert_eq!(found.organizations, [acme.id]);
    assert_eq!(timetable.earliest(), Some(at("06:00:00") + share));
}

#[test]
fn a_reload_keeps_who_is_unchanged_and_lets_go_who_is_gone() {
    let [acme, beta] = [in_utc("acme", HOURLY), in_utc("beta", HOURLY)];
    let mut timetable = start(&[acme.clone(), beta.clone()], Some(at("08:00:00")), at("08:30:00"));
    let asked = |_: &OrganizationId| panic!("its place is known");
    timetable.set(std::slice::from_ref(&acme), Duration::ZERO, asked, at("08:40:00"));
    assert_eq!(timetable.next(&acme.id), Some(at("09:00:00")));
    assert_eq!(timetable.next(&beta.id), None);
    assert_eq!(due(&mut timetable, at("09:00:00")), "acme");
    // Put back after a time that it missed, it is due at once; and so is who was never here.
    let all = [acme, beta, in_utc("coda", DAILY)];
    let last = |id: &OrganizationId| (id.owner() == "beta").then(|| at("08:00:00"));
    timetable.set(&all, Duration::ZERO, last, at("09:10:00"));
    assert_eq!(due(&mut timetable, at("09:10:00")), "beta coda");
}

#[test]
fn a_reload_that_changes_a_schedule_counts_from_now() {
    let mut timetable = start(&[in_utc("acme", DAILY)], Some(at("06:00:00")), at("08:30:00"));
    let mut change = |organization: Organization, splay, now| {
        timetable.set(&[organization], Duration::from_secs(splay), |_| Some(at("06:00:00")), now);
        timetable.earliest().unwrap()
    };
    // Neither is it late for what the new schedule would have wanted.
    assert_eq!(change(in_utc("acme", HOURLY), 0, at("08:40:00")), at("09:00:00"));
    let berlin = organization("acme", "30 10 * * *", chrono_tz::Europe::Berlin);
    assert_eq!(change(berlin.clone(), 0, at("08:40:00")), at("09:30:00"));
    let share = share(&berlin.id, Duration::from_secs(3600));
    assert_eq!(change(berlin.clone(), 3600, at("08:40:00")), at("09:30:00") + share);
    // What was wanted already stays due, whatever happens to the schedule meanwhile.
    let wanted = at("09:30:00") + share;
    assert!(wanted > at("09:32:00"), "or this test shows nothing");
    assert_eq!(change(berlin, 7200, at("09:30:01")), wanted);
    assert_eq!(change(in_utc("acme", DAILY), 0, at("09:30:02")), wanted);
    // But a long splay that was shortened is not waited for.
    assert_eq!(change(in_utc("acme", "* * * * *"), 0, at("09:30:03")), at("09:31:00"));
    assert_eq!(due(&mut timetable, at("09:31:00")), "acme");
    assert_eq!(timetable.earliest(), Some(at("09:32:00")));
}

#[test]
fn a_reload_does_not_drop_those_who_wait_to_catch_up() {
    let mut organizations = many(1000, DAILY);
    let mut timetable = start(&organizations, None, at("08:00:00"));
    let before = watch(&mut timetable, at("07:59:59"), 10).len();
    for organization in &mut organizations {
        organization.schedule = HOURLY.parse().unwrap();
    }
    timetable.set(&organizations, Duration::ZERO, |_| panic!("known"), at("08:00:10"));
    let after = watch(&mut timetable, at("08:00:09"), 60).len();
    assert_eq!(before + after, 1000);
}

/// If a look asked for everybody's next time, this would take hours.
#[test]
fn looking_costs_nothing_while_nobody_is_due() {
    let mut timetable = start(&many(10_000, DAILY), Some(at("06:00:00")), at("06:00:00"));
    assert_eq!(watch(&mut timetable, at("06:00:00"), 86_399), []);
    let found = watch(&mut timetable, at("06:00:00") + TimeDelta::seconds(86_399), 1);
    assert_eq!(found.len(), 10_000);
}

const SCHEDULES: &[&str] =
    &[DAILY, HOURLY, "*/15 * * * *", "* * * * *", "*/20 * * * * *", "30 2 * * 1-5", "0 */6 * * *"];

fn organizations() -> impl Strategy<Value = Vec<Organization>> {
    let zones = [chrono_tz::UTC, chrono_tz::Europe::Berlin, chrono_tz::America::New_York];
    let one = (proptest::sample::select(SCHEDULES), proptest::sample::select(zones.to_vec()));
    vec(one, 1..30).prop_map(|all| {
        let named = |(index, (schedule, zone)): (usize, (&str, _))| {
            organization(&format!("organization-{index}"), schedule, zone)
        };
        all.into_iter().enumerate().map(named).collect()
    })
}

/// How the clock goes from one look to the next, in seconds.
fn steady() -> impl Strategy<Value = i64> {
    prop_oneof![10 => 1..3_i64, 3 => 1..300_i64, 2 => -300..0_i64, 1 => 300..200_000_i64]
}

fn wild() -> impl Strategy<Value = i64> {
    prop_oneof![4 => steady(), 1 => -200_000..200_000_i64]
}

fn law() -> ProptestConfig {
    ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(law())]

    /// However long the gaps between the looks, and whatever small steps back there are: each
    /// time that a schedule names is served by exactly one run, and no run serves none.
    #[test]
    fn no_time_is_lost_and_none_is_served_twice(
        organizations in organizations(),
        splay in 0..4000_u64,
        steps in vec(steady(), 1..60),
    ) {
        let splay = Duration::from_secs(splay);
        let start = time("2026-10-24T20:00:00Z");
        let mut timetable = Timetable::new();
        timetable.set(&organizations, splay, |_| Some(start), start);
        let mut now = start;
        let mut end = start;
        let mut runs: Vec<(DateTime<Utc>, OrganizationId)> = Vec::new();
        // Long enough for the clock to be where it was before all steps back.
        let back: i64 = steps.iter().filter(|step| **step < 0).map(|step| -step).sum();
        let more = 40 + usize::try_from(back).unwrap() / 10;
        for step in steps.into_iter().chain(std::iter::repeat_n(10, more)) {
            now += TimeDelta::seconds(step);
            end = end.max(now);
            runs.extend(timetable.due(now).organizations.into_iter().map(|id| (now, id)));
        }
        for organization in &organizations {
            let mut unserved = next_run(organization, splay, start).unwrap();
            for (run, _) in runs.iter().filter(|(_, id)| *id == organization.id) {
                prop_assert!(unserved <= *run, "{} ran for nothing", organization.id);
                unserved = next_run(organization, splay, *run).unwrap();
            }
            prop_assert!(unserved > now - TimeDelta::seconds(61), "{} was lost", organization.id);
        }
    }

    /// Whatever the clock does, a look finds nobody twice, and afterwards everybody is due in the
    /// future, but not later than schedule and catching up ask for.
    #[test]
    fn nobody_waits_for_a_clock_that_went_wrong(
        organizations in organizations(),
        splay in 0..4000_u64,
        steps in vec(wild(), 1..60),
    ) {
        let splay = Duration::from_secs(splay);
        let mut now = time("2026-03-28T20:00:00Z");
        let mut timetable = Timetable::new();
        timetable.set(&organizations, splay, |_| Some(now), now);
        // The latest time that was seen since the clock last jumped back.
        let mut latest = now;
        for step in steps {
            now += TimeDelta::seconds(step);
            let found = timetable.due(now);
            prop_assert_eq!(found.jump, Some(TimeDelta::seconds(step)).filter(|_| step.abs() > 300));
            latest = if step < -300 { now } else { latest.max(now) };
            let mut ids = found.organizations;
            ids.sort();
            let count = ids.len();
            ids.dedup();
            prop_assert_eq!(ids.len(), count);
            for organization in &organizations {
                let next = timetable.next(&organization.id).unwrap();
                let regular = next_run(organization, splay, latest).unwrap();
                let caught_up = latest + TimeDelta::from_std(splay).unwrap() + TimeDelta::minutes(1);
                prop_assert!(next > now);
                prop_assert!(next <= regular.max(caught_up), "{} at {next}", organization.id);
            }
            prop_assert_eq!(
                timetable.earliest(),
                organizations.iter().filter_map(|one| timetable.next(&one.id)).min()
            );
        }
    }
}

//! Whole mails, as people read them. Each is a snapshot: read it before it is accepted.

use insta::{assert_snapshot, with_settings};
use seatwatch_sdk::{Event, EventKind, Profile, SinkConfig as _};
use serde_json::json;

use crate::samples::Log;
use crate::server::Setup;
use crate::world::{Mail, World};

/// The mail that these events make.
pub(crate) async fn mail(events: &[Event]) -> Mail {
    let mut world = World::new();
    world.accepts(events).await;
    let mail = world.mail();
    keep(&mail);
    mail
}

/// Leaves the mail where `$SEATWATCH_MAILS` says, for those who want to look at it in a browser.
fn keep(mail: &Mail) {
    let Some(directory) = std::env::var_os("SEATWATCH_MAILS") else { return };
    let test = std::thread::current().name().unwrap().replace("::", "-");
    let path = std::path::Path::new(&directory).join(test);
    std::fs::write(path.with_extension("html"), mail.html()).unwrap();
    std::fs::write(path.with_extension("eml"), &mail.0).unwrap();
}

/// Head, text, and what of the HTML is not the same in all mails.
fn shown(mail: &Mail) -> String {
    let html = mail.html();
    let body = html.split_once("<body").unwrap().1.split_once('>').unwrap().1;
    let styles =
        regex::Regex::new(r#" (style|role|width|valign|align|cellpadding|cellspacing)="[^"]*""#)
            .unwrap();
    let body = styles.replace_all(body, "");
    let table = mail.table().map_or_else(String::new, |(name, table)| {
        format!("\n--- {name}, {} lines\n", table.lines().count())
    });
    let (head, text) = (mail.head(), mail.text());
    format!("{}\n{head}\n--- text\n{text}--- html\n{body}{table}", mail.subject())
}

macro_rules! assert_mail {
    ($mail:expr) => {
        let shown = shown(&$mail);
        with_settings!({
            filters => [
                (r"Date: .*", "Date: [DATE]"),
                (r#"boundary="[^"]*""#, "boundary=[BOUNDARY]"),
            ],
            omit_expression => true,
        }, { assert_snapshot!(shown) })
    };
}

#[tokio::test]
async fn one_seat_lost() {
    let log = Log::new().totals(42, 30, 3).member(EventKind::SeatLost, "mona-lisa");
    assert_mail!(mail(&log.events()).await);
}

/// Who is deleted leaves a row without a name, which may hold the seat.
#[tokio::test]
async fn a_seat_that_a_deleted_account_holds_is_not_free() {
    let log = |lost: &[&str], unnamed| {
        let log = Log::new().totals(42 - lost.len() as u64, 31 - lost.len() as u64, 3);
        lost.iter().fold(log.unnamed(unnamed, unnamed), |log, username| {
            log.member(EventKind::Left, username).member(EventKind::SeatLost, username)
        })
    };
    let about_seats = async |log: Log| {
        let text = mail(&log.events()).await.text();
        let is_meant = |line: &&str| line.contains("still count") || line.contains("freed");
        text.lines().filter(is_meant).map(str::trim).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(about_seats(log(&["fay"], 2)).await, @"→ 1 seat that was lost is held by a row without a name now, as a deleted account is: it still counts as in use.");
    assert_snapshot!(about_seats(log(&["fay", "gus", "ian"], 3)).await, @"
    → 1 seat was freed. Unless somebody else gets it, it need not be paid for any longer: compare with the seats that you have bought.
    → 2 of the lost seats are held by rows without a name now, as deleted accounts are: they still count as in use.
    ");
    assert_snapshot!(about_seats(log(&["fay", "gus"], 0)).await, @"→ 2 seats were freed. Those that nobody else gets need not be paid for any longer: compare with the seats that you have bought.");
}

#[tokio::test]
async fn somebody_left_with_a_seat_and_as_an_admin() {
    let log = Log::new()
        .totals(41, 30, 2)
        .member(EventKind::Left, "erik-admin")
        .member(EventKind::SeatLost, "erik-admin")
        .member(EventKind::AdminRevoked, "erik-admin");
    assert_mail!(mail(&log.events()).await);
}

/// Two syncs of one organization and one each of others: who came and went is told in order, and
/// the totals are from before the first to after the last.
#[tokio::test]
async fn much_in_many_organizations() {
    let renamed = |username: &str| Profile {
        username: username.to_owned(),
        name: Some("Dana".to_owned()),
        email: Some("dana@acme.example".to_owned()),
        seat: true,
        admin: false,
    };
    let updated =
        Profile { name: None, email: Some("new@acme.example".to_owned()), ..renamed("fay") };
    let log = Log::new()
        .totals(43, 32, 3)
        .member(EventKind::Joined, "ann")
        .member(EventKind::SeatGained, "ann")
        .change(EventKind::Renamed, renamed("dana"), renamed("dana2"))
        .later()
        .totals(42, 31, 4)
        .notice(
            EventKind::SyncRecovered,
            json!({"failures": 4, "failing_since": "2026-11-23T06:00:00Z"}),
        )
        .notice(EventKind::RosterReleased, json!({"hold": "h1", "how": "approved"}))
        .member(EventKind::Left, "ann")
        .member(EventKind::SeatLost, "ann")
        .member(EventKind::AdminGranted, "bea")
        .change(EventKind::Updated, renamed("fay"), updated)
        .organization("gitlab", "example-group:sub")
        .totals(42, 32, 4)
        .member(EventKind::SeatGained, "cem")
        .organization("github", "beta")
        .first()
        .notice(EventKind::Baselined, json!({"on_first_sync": "quiet"}));
    assert_mail!(mail(&log.events()).await);
}

#[tokio::test]
async fn a_roster_is_held() {
    let details = json!({
        "hold": "h7", "leavers": 61, "seat_losers": 1, "last_admin": true, "members": 80,
        "members_found": 19, "seats": 70, "seats_found": 12, "names": ["ann", "bea", "cem"],
    });
    assert_mail!(mail(&Log::new().notice(EventKind::RosterHeld, details).events()).await);
}

#[tokio::test]
async fn syncs_keep_failing() {
    let details = json!({
        "reason": "token_refused", "failures": 3, "since": "2026-11-23T07:00:00Z",
        "message": "Codecov refused the token in `/etc/seatwatch/codecov-token`",
        "hint": "make a new token on Codecov's settings page and put it into the file",
        "last_success": "2026-11-23T06:00:00Z",
    });
    assert_mail!(mail(&Log::new().notice(EventKind::SyncFailing, details).events()).await);
}

/// What is over by the end of a mail is told, but asks for nothing: who would obey is too late.
#[tokio::test]
async fn what_is_over_asks_for_nothing() {
    let failing = json!({
        "reason": "unreachable", "failures": 3, "since": "2026-11-23T07:00:00Z",
        "message": "`codecov.example.com` refused the connection",
        "hint": "check `codecov.base_url`",
    });
    let recovered = json!({"failures": 4, "failing_since": "2026-11-23T07:00:00Z"});
    let held = json!({"hold": "h1", "leavers": 61, "members": 80, "names": ["ann", "bea"]});
    let log = Log::new()
        .notice(EventKind::SyncFailing, failing)
        .later()
        .notice(EventKind::SyncRecovered, recovered)
        .notice(EventKind::RosterHeld, held.clone())
        .later()
        .notice(EventKind::RosterReleased, json!({"hold": "h1", "how": "approved"}))
        .later()
        .notice(EventKind::RosterHeld, held)
        .organization("github", "beta")
        .notice(EventKind::RosterReleased, json!({"hold": "h2", "how": "approved"}));
    let text = mail(&log.events()).await.text();
    assert_snapshot!(text);
}

#[tokio::test]
async fn an_organization_has_vanished() {
    let details = json!({ "last_seen": "2026-11-23T06:00:00Z" });
    assert_mail!(mail(&Log::new().notice(EventKind::OrganizationVanished, details).events()).await);
}

#[tokio::test]
async fn the_seat_limit_is_reached() {
    let details = json!({"used": 50, "limit": 50, "warn_at": 45});
    let log = Log::new()
        .totals(61, 49, 3)
        .later()
        .totals(61, 50, 3)
        .notice(EventKind::SeatLimitReached, details)
        .member(EventKind::SeatGained, "gus");
    assert_mail!(mail(&log.events()).await);
}

#[tokio::test]
async fn a_heartbeat() {
    let details = json!({
        "organizations": {"connected": 12, "held": 0, "failing": 1, "new": 0},
        "queued_events": 4, "dead_letters": 2,
    });
    assert_mail!(mail(&Log::new().of_instance(EventKind::Heartbeat, Some(details)).events()).await);
}

#[tokio::test]
async fn a_test() {
    assert_mail!(mail(&Log::new().of_instance(EventKind::Test, None).events()).await);
}

/// Where a mail has a part of a sync, or its sink is not told of everything, its totals are of more
/// than it tells, and it says so.
#[tokio::test]
async fn totals_that_count_more_than_the_mail_tells_are_explained() {
    use EventKind as E;

    async fn check(log: Log, told: impl Fn(&Event) -> bool, adds_up: bool) {
        let events: Vec<_> = log.events().into_iter().filter(told).collect();
        let mail = mail(&events).await;
        for body in [mail.text(), mail.html()] {
            let is_explained = body.contains("Not all changes that these totals count");
            assert_eq!(is_explained, !adds_up, "{body}");
        }
    }
    let all = |_: &Event| true;
    let but = |kind| move |event: &Event| event.data.event != kind;
    let before = |count| move |event: &Event| event.sequence < count;

    let joined = || {
        let log = Log::new().totals(44, 32, 3).member(E::Joined, "ann").member(E::Joined, "bea");
        log.member(E::SeatGained, "bea")
    };
    check(joined(), all, true).await;
    check(joined(), but(E::SeatGained), false).await;
    check(joined(), before(2), false).await;

    let baselined = || Log::new().totals(2, 1, 0).first().notice(E::Baselined, json!({}));
    check(baselined(), all, true).await;
    let emitted = || baselined().member(E::Joined, "ann").member(E::Joined, "bea");
    check(emitted(), all, true).await;
    check(emitted(), before(3), false).await;
    let changed = || baselined().later().totals(1, 1, 0).member(E::Left, "ann");
    check(changed(), all, true).await;

    let admins = || {
        let log = Log::new().later().totals(42, 31, 4).member(E::AdminGranted, "ann");
        let log = log.later().totals(43, 31, 4).member(E::Joined, "bea");
        log.later().totals(43, 31, 3).member(E::AdminRevoked, "ann")
    };
    check(admins(), all, true).await;
    check(admins(), but(E::Joined), false).await;
    check(admins().member(E::Updated, "bea"), all, true).await;
}

#[tokio::test]
async fn more_than_a_mail_shows() {
    let log = (0..60).fold(Log::new().totals(102, 31, 3), |log, number| {
        log.member(EventKind::Joined, &format!("member-{number}"))
    });
    let events = log.events();
    let mail = mail(&events).await;
    let ids: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(mail.ids(), ids);
    assert_mail!(mail);
}

/// What a list of mails shows of each: whom it is about, and the most important first.
#[tokio::test]
async fn a_subject_says_what_happened() {
    use EventKind as E;

    let seats =
        |log: Log, owner: &str| log.organization("github", owner).member(E::SeatLost, "ann");
    let limit = || json!({"used": 45, "limit": 50, "warn_at": 45});
    let logs = [
        Log::new().member(E::SeatLost, "a").member(E::Left, "b").member(E::SeatLost, "b"),
        seats(seats(Log::new(), "acme"), "beta"),
        seats(seats(seats(Log::new(), "acme"), "beta"), "gamma").notice(E::RosterHeld, json!({})),
        seats(seats(Log::new(), "acme").organization("gitlab", "acme"), "acme"),
        seats(Log::new().organization("gitlab", "acme").member(E::Joined, "bea"), "acme"),
        seats(seats(Log::new(), &"a".repeat(30)), &"b".repeat(30)),
        seats(Log::new(), &"a".repeat(200)),
        Log::new().notice(E::SyncFailing, json!({})).notice(E::RosterHeld, json!({})),
        Log::new().notice(E::SyncFailing, json!({})).later().notice(E::SyncRecovered, json!({})),
        Log::new().notice(E::SyncRecovered, json!({})).later().notice(E::SyncFailing, json!({})),
        Log::new().notice(E::SeatLimitNear, limit()).member(E::SeatGained, "ann"),
        Log::new()
            .notice(E::OrganizationVanished, json!({}))
            .organization("github", "beta")
            .notice(E::OrganizationVanished, json!({})),
        Log::new().of_instance(E::Heartbeat, Some(json!({"dead_letters": 0}))),
        Log::new().member(E::AdminGranted, "a").member(E::AdminRevoked, "b"),
    ];
    let mut subjects = Vec::new();
    for log in logs {
        subjects.push(mail(&log.events()).await.subject());
    }
    assert_snapshot!(subjects.join("\n"), @"
    [acme] 2 seats lost, 1 member left
    [acme, beta] 2 seats lost
    [3 organizations] roster held for approval in 1 organization, 3 seats lost
    [acme] 2 seats lost
    [gitlab/acme, github/acme] 1 seat lost, 1 member joined
    [2 organizations] 2 seats lost
    [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…] 1 seat lost
    [acme] roster held for approval, syncs keep failing
    [acme] syncs work again
    [acme] syncs keep failing
    [acme] seat limit near (45 of 50 seats), 1 seat gained
    [acme, beta] 2 organizations vanished
    [seatwatch prod] heartbeat
    [acme] 1 admin right granted, 1 admin right revoked
    ");
}

/// Of an `updated` that a sink gets without names and addresses, nothing is left to be compared.
#[tokio::test]
async fn a_change_that_is_redacted_is_told_all_the_same() {
    let profile =
        Profile { username: "fay".to_owned(), name: None, email: None, seat: true, admin: false };
    let log = Log::new().change(EventKind::Updated, profile.clone(), profile);
    let text = mail(&log.events()).await.text();
    assert!(text.contains("has another name or address"), "{text}");
}

/// The table comes from `attach_above` events on, and not before.
#[tokio::test]
async fn the_table_comes_from_so_many_events_on() {
    let log = |count| {
        let start = Log::new();
        (0..count).fold(start, |log, number| log.member(EventKind::Left, &format!("m{number}")))
    };
    assert_eq!(mail(&log(49).events()).await.table(), None);
    let (name, table) = mail(&log(50).events()).await.table().unwrap();
    assert_eq!((name.as_str(), table.lines().count()), ("seatwatch-events.csv", 51));
}

/// The most that one delivery can hold, all of it shown: in one organization, and each event in
/// another one.
#[tokio::test]
async fn the_largest_delivery_fits_into_a_mail() {
    let most = World::new().config.max_events();
    let add = |log: Log, number: usize| log.member(EventKind::Left, &format!("member-{number}"));
    let one = (0..most).fold(Log::new(), add);
    let many = (0..most).fold(Log::new(), |log, number| {
        add(log.organization("github", &format!("org-{number}")), number)
    });
    for log in [one, many] {
        let keys = json!({ "server": { "tls": "none" }, "attach_above": most + 1 });
        let mut world = World::with(Setup::default(), keys);
        world.accepts(&log.events()).await;
        let mail = world.mail();
        assert_eq!(mail.table(), None);
        for body in [mail.text(), mail.html()] {
            assert!(body.contains(&format!("member-{}", most - 1)), "the last one is missing");
        }
    }
}

/// Every kind of event makes a mail that names it, whatever of its details is missing.
#[tokio::test]
async fn every_event_is_told() {
    for kind in EventKind::ALL.iter().copied().chain([EventKind::Test]) {
        let log = match kind {
            EventKind::Heartbeat | EventKind::Test => Log::new().of_instance(kind, None),
            _ if kind < EventKind::Joined => Log::new().notice(kind, json!({})),
            _ => Log::new().member(kind, "ann"),
        };
        let mail = mail(&log.events()).await;
        let (subject, text) = (mail.subject(), mail.text());
        let (label, headline) = subject.split_once("] ").unwrap();
        assert!(["[acme", "[seatwatch prod"].contains(&label), "{kind}: {subject}");
        assert!(!headline.is_empty() && text.starts_with(&subject), "{kind}: {text}");
        assert!(text.lines().count() >= 5, "{kind}: {text}");
        assert!(kind < EventKind::Joined || kind == EventKind::Test || text.contains("ann (Ann)"));
    }
}

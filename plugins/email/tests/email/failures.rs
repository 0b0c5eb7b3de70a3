//! What each misfortune comes to: whether the mail is tried again, and what is told.

use std::time::Duration;

use insta::assert_snapshot;
use seatwatch_sdk::EventKind;
use seatwatch_sdk::samples::events;
use tokio::task::JoinSet;

use crate::closed_port::ClosedPort;
use crate::samples::Log;
use crate::server::Act::{self, Bye, Close, Hang, Say, Trickle};
use crate::world::World;

/// The outcome where the server does this when it hears the verb; afterwards, the mail gets
/// through.
async fn outcome(verb: &'static str, act: Act) -> String {
    let mut world = World::new();
    world.server.once(verb, act);
    let events = events(2);
    let outcome = world.outcome(&events).await;
    assert_eq!(world.server.taken().len(), 0, "{outcome}");
    world.accepts(&events).await;
    format!("{verb}: {outcome}")
}

async fn outcomes<const N: usize>(cases: [(&'static str, Act); N]) -> String {
    let mut lines = Vec::new();
    for (verb, act) in cases {
        lines.push(outcome(verb, act).await);
    }
    lines.join("\n")
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let said = outcomes([
        ("connect", Say("421 4.3.2 come back later")),
        ("EHLO", Say("451 4.7.0 busy")),
        ("MAIL", Say("452 4.3.1 no space")),
        ("RCPT", Say("450 4.2.0 greylisted")),
        ("RCPT", Say("451 4.7.1 greylisted, see you in five minutes")),
        ("DATA", Say("451 4.3.0 queue is down")),
        (".", Say("451 4.3.0 try again")),
        (".", Bye("421 4.3.2 going down")),
    ]);
    assert_snapshot!(said.await);
}

/// A dead letter of every event would be all that is left of a day with a wrong password.
#[tokio::test]
async fn what_is_about_us_buries_no_event() {
    let said = outcomes([
        ("connect", Say("554 5.7.1 you are on a list")),
        ("EHLO", Say("550 5.7.1 who are you")),
        ("MAIL", Say("553 5.7.1 not owned by you")),
        ("MAIL", Say("550 no such sender")),
        ("MAIL", Say("530 5.7.0 log in first")),
        ("RCPT", Say("554 5.7.1 relay access denied")),
        ("RCPT", Say("530 5.7.0 log in first")),
        ("RCPT", Say("550 5.1.8 bad sender")),
        ("RCPT", Say("503 5.5.1 MAIL first")),
        ("DATA", Say("550 5.7.23 SPF validation failed")),
        (".", Say("550 5.7.26 this mail is unauthenticated")),
        (".", Say("550 5.7.20 no passing DKIM signature found")),
        (".", Say("550 5.7.30 REQUIRETLS support required")),
        (".", Say("553 5.1.8 sender address rejected: domain not found")),
        (".", Say("553 5.1.7 bad sender address")),
    ]);
    assert_snapshot!(said.await);
}

#[tokio::test]
async fn what_is_about_the_recipient_or_the_mail_is_given_up() {
    let said = outcomes([
        ("RCPT", Say("550 5.1.1 no such user")),
        ("RCPT", Say("550 no such user here")),
        ("RCPT", Say("551 user not local")),
        ("RCPT", Say("552 5.2.2 mailbox full")),
        ("DATA", Say("554 no valid recipients")),
        (".", Say("554 5.7.1 looks like spam")),
        (".", Say("554 5.7.19 ?")),
        (".", Say("554 5.7.31 ?")),
        (".", Say("550 5.1.1 no such user")),
        (".", Say("552 5.3.4 too large")),
    ]);
    assert_snapshot!(said.await);
}

/// A server may die at any point; only after the final dot may it have the mail.
#[tokio::test]
async fn a_connection_that_ends_is_tried_again() {
    let said = outcomes([
        ("connect", Close),
        ("EHLO", Close),
        ("MAIL", Close),
        ("RCPT", Close),
        ("DATA", Close),
        (".", Close),
    ]);
    assert_snapshot!(said.await);
}

/// An answer that fits another step would be taken for one to the mail, one step on.
#[tokio::test]
async fn an_answer_out_of_place_is_no_acceptance() {
    let said = outcomes([
        ("DATA", Say("250 ok")),
        (".", Say("354 go ahead")),
        ("MAIL", Say("354 go ahead")),
        ("RCPT", Say("220 hello")),
        ("EHLO", Say("hello there")),
        (".", Say("999 ?")),
    ]);
    assert_snapshot!(said.await);
}

/// After so long, a delivery does not end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing that a server does or does not do keeps the sink for ever, and the reason is told.
#[tokio::test]
async fn a_server_that_hangs_or_trickles_is_left() {
    let steps = ["connect", "EHLO", "MAIL", "RCPT", "DATA", "."].map(|step| (step, Hang));
    let mut stuck = JoinSet::new();
    for (place, (verb, act)) in steps.into_iter().chain([("RCPT", Trickle)]).enumerate() {
        stuck.spawn(async move {
            let mut world = World::new();
            world.server.once(verb, act);
            let events = events(1);
            let delivered = world.deliver_within(Duration::from_secs(6), &events);
            let outcome = tokio::time::timeout(PATIENCE, delivered).await;
            let outcome = outcome.unwrap_or_else(|_| panic!("{verb}: still at it"));
            (place, format!("{verb}: {}", world.told(&outcome)))
        });
    }
    let mut told = stuck.join_all().await;
    told.sort();
    let lines: Vec<_> = told.into_iter().map(|(_, line)| line).collect();
    assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn where_nobody_listens_the_mail_waits() {
    let mut world = World::new();
    let closed = ClosedPort::hold();
    let port = closed.address.port();
    world.set(serde_json::json!({ "server": { "port": port } }));
    let told = world.outcome(&events(1)).await.replace(&port.to_string(), "[FREE]");
    assert_snapshot!(told, @"retry: cannot connect to `127.0.0.1:[FREE]`: connection refused");
    let told = world.check().await.replace(&port.to_string(), "[FREE]");
    assert_snapshot!(told, @"cannot connect to `127.0.0.1:[FREE]`: connection refused");
}

/// The answer got lost, so the mail comes again, and whoever has it can tell.
#[tokio::test]
async fn a_repeat_has_the_same_names() {
    let mut world = World::new();
    let events = Log::new().member(EventKind::Left, "ann").events();
    world.accepts(&events).await;
    world.restart();
    world.accepts(&events).await;
    world.set(serde_json::json!({ "to": ["boss@example.com"] }));
    world.accepts(&events).await;
    let names = |name: &str| world.mails().iter().map(|mail| mail.header(name)).collect::<Vec<_>>();
    let ids = names("Message-ID");
    assert_eq!(ids[0], ids[1], "a repeat has another Message-ID");
    assert_ne!(ids[0], ids[2], "two recipients' mails have one Message-ID");
    let threads = names("References");
    assert!(threads.iter().all(|thread| *thread == threads[0]), "{threads:?}");
    assert_eq!(threads, names("In-Reply-To"));
}

/// `check` goes through all but a mail, and leaves none.
#[tokio::test]
async fn a_check_sends_nothing() {
    let mut world = World::new();
    assert_eq!(world.check().await, "");
    assert_eq!(world.server.heard(), "connect EHLO NOOP QUIT");
    world.server.once("NOOP", Close);
    assert_snapshot!(world.check().await, @"`127.0.0.1:[PORT]` took the connection and then gave no sign of life");
    assert_eq!(world.server.taken().len(), 0);
}

//! Answers without end, which must neither fill memory nor keep the sink from telling of them.

use insta::assert_snapshot;
use seatwatch_sdk::samples::events;

use crate::server::Act::{self, Flood};
use crate::tls::encrypted;
use crate::world::World;

/// More than is read, and than fits into all buffers on the way.
const MUCH_BYTES: usize = 32 * 1024 * 1024;

/// A line that does not end.
const LINE: Act = Flood("250 x");

/// Lines of which none is the last.
const LINES: Act = Flood("250-x\r\n");

/// The outcome where the server does this when it hears the verb; afterwards, the mail gets
/// through.
async fn outcome(mut world: World, verb: &'static str, act: Act) -> String {
    world.server.once(verb, act);
    let told = world.outcome(&events(1)).await;
    let bytes = world.server.flooded_bytes();
    assert!(bytes < MUCH_BYTES, "{verb}: {bytes} bytes were read: {told}");
    assert!(told.starts_with("retry: "), "{verb}: {told}");
    world.accepts(&events(1)).await;
    format!("{verb}: {told}")
}

#[tokio::test]
async fn an_endless_line_is_left() {
    let mut told = Vec::new();
    for verb in ["connect", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        told.push(outcome(World::new(), verb, LINE).await);
    }
    assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn lines_without_a_last_one_are_left() {
    let mut told = Vec::new();
    for verb in ["connect", "EHLO", "RCPT", "."] {
        told.push(outcome(World::new(), verb, LINES).await);
    }
    assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn encryption_makes_no_difference() {
    let mut told = Vec::new();
    for (mode, verb, act) in [
        ("tls", "connect", LINE),
        ("tls", "EHLO", LINE),
        ("tls", "RCPT", LINES),
        ("tls", ".", LINE),
        ("starttls", "connect", LINE),
        ("starttls", "STARTTLS", LINE),
        ("starttls", "RCPT", LINES),
        ("starttls", ".", LINE),
    ] {
        let outcome = outcome(encrypted(mode, "127.0.0.1"), verb, act).await;
        told.push(format!("{mode}, {outcome}"));
    }
    assert_snapshot!(told.join("\n"));
}

/// A connection that was kept is nothing to rely on, and no mail is lost with it.
#[tokio::test]
async fn an_endless_sign_of_life_is_none() {
    for verb in ["NOOP", "RSET"] {
        let mut world = World::new();
        world.server.once("RCPT", Act::Say("550 5.1.1 no such user"));
        world.server.once(verb, LINE);
        assert!(world.outcome(&events(1)).await.starts_with("refused: "));
        world.accepts(&events(1)).await;
        assert!(world.server.flooded_bytes() < MUCH_BYTES);
        assert_eq!(world.server.connections(), 2, "{verb}");
    }
}

/// What is long but ends is an answer, at every step anew.
#[tokio::test]
async fn long_answers_are_heard_out() {
    let line = "x".repeat(500);
    let long = format!("250-{line}\r\n").repeat(24) + "250 ok";
    let long: &str = Box::leak(long.into_boxed_str());
    for mut world in [World::new(), encrypted("tls", "127.0.0.1")] {
        for _ in 0..3 {
            for verb in ["EHLO", "MAIL", "RCPT", ".", "NOOP"] {
                world.server.once(verb, Act::Say(long));
            }
            world.accepts(&events(1)).await;
        }
        assert_eq!(world.server.connections(), 1);
    }
}
